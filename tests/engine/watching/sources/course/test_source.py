"""engine.watching.sources.course: dictionaries of several years' homework."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.events.runs import Status
from engine.watching.sources import base
from engine.watching.sources.base import Description, Ended, LoggedWeights, Measured
from engine.watching.sources.discovery import FolderScan
from tests.engine.watching.sources.course.course_support import (
    WEIGHTS,
    curve,
    numbers,
    one_run,
    part3,
    part4,
    part5,
    problems,
    save,
    sources,
    variants,
)
from tests.engine.watching.sources.log_support import read_all

STEPS = (10, 20, 30, 40)


@pytest.mark.parametrize("ending", [".json", ".pkl", ".pickle", ".p", ".PKL"])
def test_part_3(tmp_path: Path, ending: str) -> None:
    save(tmp_path / f"part3_mlp_1{ending}", part3())
    (source,) = sources(tmp_path).values()
    assert source.key == f"part3_mlp_1{ending}#mlp_1"
    assert not source.is_live
    entries = read_all(source)
    description, *measured, weights, tested, end = entries
    assert isinstance(description, Description)
    assert description.grouping == source.grouping
    assert (source.grouping.experiment, source.grouping.variant) == ("Course dictionaries, part 3", "mlp_1")
    assert (description.steps, description.epochs, description.steps_per_epoch) == (40, 0, 0)
    assert len(measured) == 4
    assert numbers(entries, "training_loss") == list(zip(STEPS, (2.0, 1.75, 1.5, 1.25), strict=True))
    assert numbers(entries, "training_accuracy") == list(zip(STEPS, (0.2, 0.3, 0.4, 0.5), strict=True))
    assert numbers(entries, "validation_accuracy") == list(zip(STEPS, (0.1, 0.2, 0.3, 0.4), strict=True))
    assert isinstance(weights, LoggedWeights)
    assert (weights.step, weights.layer, weights.input_shape) == (40, "first layer", (32, 32, 1))
    np.testing.assert_array_equal(weights.values, WEIGHTS)
    assert weights.values.dtype == np.float32
    assert tested == base.Tested(0.375)
    assert end == Ended(Status.FINISHED)
    assert source.sizes == {f"part3_mlp_1{ending}": (tmp_path / f"part3_mlp_1{ending}").stat().st_size}
    assert list(source.read()) == []


def test_part_4_has_a_run_for_each_activation(tmp_path: Path) -> None:
    save(tmp_path / "part4_cnn_3.pkl", part4(tanh_loss_curve=curve(), logistic_loss_curve=[]))
    found = sources(tmp_path)
    names = {f"part4_cnn_3.pkl#cnn_3/{name}": f"cnn_3/{name}" for name in ("relu", "sigmoid", "tanh")}
    assert {key: source.grouping.variant for key, source in found.items()} == names
    entries = read_all(found["part4_cnn_3.pkl#cnn_3/sigmoid"])
    assert numbers(entries, "training_loss") == list(zip(STEPS, (3.0, 2.75, 2.5, 2.25), strict=True))
    norms = [entry.gradient_norms for entry in entries if isinstance(entry, Measured)]
    assert norms == [{"first layer": norm} for norm in (1.0, 1.5, 2.0, 2.5)]


def test_part_5_has_a_run_for_each_learning_rate(tmp_path: Path) -> None:
    rates = {"loss_curve_2_5": curve(), "loss_curve_0.05": curve(), "val_acc_curve_1_0": curve()}
    save(tmp_path / "part5.json", part5(**rates))
    found = sources(tmp_path)
    assert [source.grouping.variant for source in found.values()] == [
        *("cnn_4/0.1", "cnn_4/0.01", "cnn_4/0.001"),
        *("cnn_4/2.5", "cnn_4/0.05", "cnn_4/1"),
    ]
    entries = read_all(found["part5.json#cnn_4/0.001"])
    assert numbers(entries, "training_loss")[0] == (10, 4.0)
    assert numbers(entries, "validation_accuracy")[-1] == (40, 0.7)
    assert {rate for _, rate in numbers(entries, "learning_rate")} == {0.001}
    (description,) = (entry for entry in entries if isinstance(entry, Description))
    assert description.settings == {"homework part": "5", "learning rate": "0.001"}


@pytest.mark.parametrize(
    ("values", "records", "epochs", "steps_per_epoch"),
    [
        (part3(), 1350, 15, 900),  # of CIFAR-10
        (part3(), 1349, 15, 900),
        (part3(), 1620, 15, 1080),  # of Fashion-MNIST, until 2022
        (part3(), 1800, 0, 0),
        (part3(), 2490, 0, 0),
        (part5(), 1800, 20, 900),
        (part5(), 2160, 20, 1080),
        (part5(), 1350, 0, 0),
    ],
)
def test_epochs_are_told_where_the_records_fit(
    tmp_path: Path, values: dict[str, Any], records: int, epochs: int, steps_per_epoch: int
) -> None:
    kept = {key: curve(records, step=0.0) for key in values if key.startswith("loss_curve")}
    save(tmp_path / "part.json", {"name": "mlp_1"} | kept)
    entries = read_all(next(iter(sources(tmp_path).values())))
    (description,) = (entry for entry in entries if isinstance(entry, Description))
    assert (description.epochs, description.steps_per_epoch) == (epochs, steps_per_epoch)
    measured = [entry for entry in entries if isinstance(entry, Measured)]
    assert len(measured) == records
    if steps_per_epoch:
        assert [each.epoch for each in measured if each.step % steps_per_epoch == 0][:3] == [1, 2, 3]
        assert measured[steps_per_epoch // 10].epoch == 2


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("CNN3", "cnn_3"),
        ("mlp-1", "mlp_1"),
        ("Cnn_5", "cnn_5"),
        ("cnn_9", "cnn_9"),
        ("arch_1", "arch_1"),
        ("", "mlp_2"),
    ],
)
def test_architectures_are_named_as_ours(tmp_path: Path, name: str, expected: str) -> None:
    save(tmp_path / "result_MLP2.json", part3(name=name))
    assert variants(tmp_path) == [expected]


def test_folders_have_experiments_of_their_own_unless_they_separate_architectures(tmp_path: Path) -> None:
    for place in ("", "Ada/results", "Bob", "results_mlp1/old"):
        save(tmp_path / place / "part3.json", part3())
    found = {source.key: source for source in FolderScan(tmp_path).discover(())}
    assert {key.removesuffix("part3.json#mlp_1"): source.grouping.experiment for key, source in found.items()} == {
        "": "Course dictionaries, part 3",
        "Ada/results/": "Course dictionaries, part 3 (Ada)",
        "Bob/": "Course dictionaries, part 3 (Bob)",
        "results_mlp1/old/": "Course dictionaries, part 3",
    }
    for source in found.values():
        (description,) = (entry for entry in read_all(source) if isinstance(entry, Description))
        assert description.grouping == source.grouping


@pytest.mark.parametrize("name", ["cnn4_001", "cnn_4_lr01", "CNN4 lr=0.1"])
def test_a_name_that_repeats_a_rate(tmp_path: Path, name: str) -> None:
    save(tmp_path / "q5.json", part5(name=name))
    assert variants(tmp_path) == ["cnn_4/0.1", "cnn_4/0.01", "cnn_4/0.001"]


def test_a_name_that_repeats_the_activation(tmp_path: Path) -> None:
    save(tmp_path / "q4.json", {"name": "cnn4_sigmoid", "relu_loss_curve": [], "sigmoid_loss_curve": curve()})
    assert variants(tmp_path) == ["cnn_4/sigmoid"]


@pytest.mark.parametrize("kind", ["list", "dictionary"])
def test_one_file_for_all_architectures(tmp_path: Path, kind: str) -> None:
    names = ("mlp_1", "cnn_3", "cnn_3")
    values: Any = [part3(name=name) for name in names]
    if kind == "dictionary":
        values = {
            f"{name}_{n}": {key: part3()[key] for key in ("loss_curve", "test_acc")} for n, name in enumerate(names)
        }
    save(tmp_path / "results.pkl", values)
    found = list(sources(tmp_path))
    assert found == (
        ["results.pkl#mlp_1", "results.pkl#cnn_3", "results.pkl#cnn_3 (2)"]
        if kind == "list"
        else ["results.pkl#mlp_1_0", "results.pkl#cnn_3_1", "results.pkl#cnn_3_2"]
    )


@pytest.mark.parametrize("is_transposed", [False, True])
def test_curves_of_every_run(tmp_path: Path, is_transposed: bool) -> None:
    losses = np.array([curve(200), curve(200, start=5.0)])
    tests = [40.0, 60.0]
    save(
        tmp_path / "part3_mlp_1.pkl",
        part3(loss_curves=losses.T if is_transposed else losses, val_acc_curve=curve(200), test_acc=tests),
    )
    found = sources(tmp_path)
    assert list(found) == ["part3_mlp_1.pkl#mlp_1/1", "part3_mlp_1.pkl#mlp_1/2"]
    assert [source.grouping.repeat for source in found.values()] == [1, 2]
    first, second = (read_all(source) for source in found.values())
    assert numbers(first, "training_loss")[0] == (10, 2.0)
    assert numbers(second, "training_loss")[0] == (10, 5.0)
    assert [entry for entry in (*first, *second) if isinstance(entry, base.Tested)] == [
        base.Tested(0.4),
        base.Tested(0.6),
    ]
    assert any(isinstance(entry, LoggedWeights) for entry in second), "they are of the run with the best test accuracy"
    assert not any(isinstance(entry, LoggedWeights) for entry in first)
    assert any("validation accuracy was left out, as it isn't of every run" in sentence for sentence in problems(first))


def test_of_several_test_accuracies_the_best_counts(tmp_path: Path) -> None:
    save(tmp_path / "part3.json", part3(test_acc=[37.5, 40.0, None, 39.0]))
    assert base.Tested(0.4) in one_run(tmp_path)
    save(tmp_path / "part3.json", part3(test_acc=[None]))
    assert not any(isinstance(entry, base.Tested) for entry in one_run(tmp_path))


def test_curves_of_another_length(tmp_path: Path) -> None:
    values = part3(loss_curve=curve(100), val_acc_curve=[10.0, 20.0], train_acc_curve=curve(99, start=50.0, step=0.0))
    save(tmp_path / "part3.json", values | {"val_loss_curve": curve(7)})
    entries = one_run(tmp_path)
    assert numbers(entries, "validation_accuracy") == [(500, 0.1), (1000, 0.2)], "one an epoch"
    assert numbers(entries, "training_accuracy")[-1] == (990, 0.5)
    assert problems(entries) == [
        "part3.json: its validation loss was left out, as it has 7 values and another curve 100."
    ]


@pytest.mark.parametrize("ending", [".json", ".pkl"])
def test_curves_of_a_logged_run_are_at_their_steps(tmp_path: Path, ending: str) -> None:
    steps = {"loss_curve_steps": [5, 10, 15, 20], "train_acc_curve_steps": [1, 2, 3, 4]}
    values = part3(val_acc_curve=[50.0], val_acc_curve_steps=[20], **steps)
    save(tmp_path / f"part3{ending}", values)
    entries = one_run(tmp_path)
    assert numbers(entries, "training_loss") == list(zip([5, 10, 15, 20], curve(), strict=True))
    assert numbers(entries, "validation_accuracy") == [(20, 0.5)]
    assert [step for step, _ in numbers(entries, "training_accuracy")] == [1, 2, 3, 4]
    assert problems(entries) == []


def test_units_are_told_apart_curve_by_curve(tmp_path: Path) -> None:
    save(tmp_path / "part3.json", part3(train_acc_curve=[0.25, 0.5, 0.75, 1.0], test_acc=0.5))
    entries = one_run(tmp_path)
    assert numbers(entries, "training_accuracy") == list(zip(STEPS, (0.25, 0.5, 0.75, 1.0), strict=True))
    assert numbers(entries, "validation_accuracy")[0] == (10, 0.1)
    assert base.Tested(0.5) in entries


def test_numbers_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "part3.json").write_text('{"name": "m", "loss_curve": [1.5, NaN, null, Infinity]}')
    values = [value for _, value in numbers(one_run(tmp_path), "training_loss")]
    assert values[0] == 1.5 and math.isnan(values[1]) and math.isnan(values[2]) and values[3] == math.inf


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"loss_curve": ["a", "b"]}, "its 'loss_curve' was left out, as it holds something other than numbers."),
        ({"loss_curve": [True]}, "its 'loss_curve' was left out, as it holds something other than numbers."),
        ({"loss_curve": [10**400]}, "its 'loss_curve' was left out, as it holds something other than numbers."),
        ({"loss_curve_steps": [1, 2, 2, 3]}, "its 'loss_curve' was left out, as its steps don't rise with its values."),
        ({"loss_curve_steps": [1, 2]}, "its 'loss_curve' was left out, as its steps don't rise with its values."),
        ({"loss_curve": {"a": 1}}, "its 'loss_curve' was left out, as it holds something other than numbers."),
        ({"loss_curve": [[1.0, 2.0], [1.0]]}, "its 'loss_curve' was left out, as its rows have different lengths."),
        ({"loss_curve": [[[1.0, 2.0]] * 2] * 2}, "its 'loss_curve' was left out, as it has more than two dimensions."),
        ({"test_acc": 375}, "test accuracy 375 is neither a fraction nor a percentage."),
        ({"test_acc": "good"}, "its 'test_acc' was left out, as it holds something other than numbers."),
        (
            {"weights": [[[1.0]]]},
            "its 'weights' were left out, as they are neither of a dense layer nor of a convolution.",
        ),
        ({"grad_curve": [-1.0, 1.0]}, "its gradient norm was left out, as a norm is never negative."),
    ],
)
def test_what_cant_be_understood_is_left_out(tmp_path: Path, change: dict[str, Any], problem: str) -> None:
    save(tmp_path / "part3_m.json", part3() | change)
    entries = [entry for source in sources(tmp_path).values() for entry in read_all(source)]
    assert problems(entries) == [f"part3_m.json: {problem}"]
    assert len(numbers(entries, "validation_accuracy")) == 4, "the rest is read"


@pytest.mark.parametrize(
    ("weights", "shape", "input_shape"),
    [
        (np.zeros((16, 1, 3, 3)), (16, 1, 3, 3), (0, 0, 1)),
        (np.zeros((64, 784)), (64, 784), (28, 28, 1)),
        (np.zeros((32, 3072)), (32, 3072), (32, 32, 3)),
        (np.zeros((1024, 32)), (32, 1024), (32, 32, 1)),  # as Keras has them
        (np.zeros((5, 10)), (5, 10), (10,)),
    ],
)
def test_weights(tmp_path: Path, weights: Any, shape: tuple[int, ...], input_shape: tuple[int, ...]) -> None:
    save(tmp_path / "part3_m.pkl", part3(weights=weights))
    (found,) = (entry for entry in one_run(tmp_path) if isinstance(entry, LoggedWeights))
    assert (found.values.shape, found.input_shape) == (shape, input_shape)

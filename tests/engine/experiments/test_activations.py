"""engine.experiments.activations: part 4 of the homework, planned and trained."""

from __future__ import annotations

import csv
import json
import math
import pickletools
from typing import Any

import numpy as np
import pytest

from engine.analysis.results import load_results
from engine.analysis.statistics import mean_and_deviation
from engine.analysis.styles import Style
from engine.config.specs import RunSpec
from engine.events.runs import Record, Status, Weights
from engine.events.tasks import Event
from engine.executors.tasks import TrainTask
from engine.experiments.activations import ACTIVATIONS_EXPERIMENT
from engine.experiments.activations.experiment import ActivationsSpec, course_dictionaries, plan
from engine.storage.store import Store
from engine.utils.errors import SpecError
from tests.engine.support import (
    CompletedExperiment,
    ScriptedExecutor,
    carry_out,
    finished,
    of,
    record,
    run_session,
    started,
)

pytestmark = pytest.mark.long

WRITTEN = "small[Conv-5x5x4, Sigmoid, MaxPool-4x4, FC-8, ReLU]"


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> CompletedExperiment:
    """Two networks with two activations, twice each: 52 steps, a record every ten."""
    return carry_out(
        ACTIVATIONS_EXPERIMENT,
        tmp_path_factory.mktemp("activations"),
        architectures=["mlp_1", WRITTEN],
        epochs=2,
        repeats=2,
        seed=4,
    )


def small(**changes: Any) -> ActivationsSpec:
    return ActivationsSpec.build({"architectures": ["mlp_1", "cnn_5"], "repeats": 2, "seed": 7} | changes)


# The plan


def test_every_architecture_is_planned_with_every_activation_side_by_side() -> None:
    assert [(run.variant, run.repeat, run.seed) for run in plan(small())] == [
        *(("mlp_1/relu", 1, 7), ("mlp_1/sigmoid", 1, 7), ("cnn_5/relu", 1, 7), ("cnn_5/sigmoid", 1, 7)),
        *(("mlp_1/relu", 2, 8), ("mlp_1/sigmoid", 2, 8), ("cnn_5/relu", 2, 8), ("cnn_5/sigmoid", 2, 8)),
    ]


def test_the_runs_of_a_network_differ_in_their_activation_alone() -> None:
    relu, sigmoid = plan(small(architectures=["cnn_5"], repeats=1))
    assert (relu.network.activation, sigmoid.network.activation) == ("relu", "sigmoid")
    changed: dict[str, Any] = {"variant": "", "network": relu.network.model_dump()}
    assert relu.replace(**changed) == sigmoid.replace(**changed)
    assert relu.counts_dead_units


def test_activations_written_in_a_network_give_way_to_those_compared() -> None:
    runs = plan(small(architectures=[WRITTEN], activations=["gelu"]))
    assert {run.architecture for run in runs} == {"small[Conv-5x5x4, Act, MaxPool-4x4, FC-8, Act]"}
    assert {run.variant for run in runs} == {"small/gelu"}


def test_the_course_preset_is_the_protocol_of_the_homework() -> None:
    course = ACTIVATIONS_EXPERIMENT.preset("course")
    assert isinstance(course, ActivationsSpec)
    assert (course.architectures, course.activations) == (
        ("mlp_1", "mlp_2", "cnn_3", "cnn_4", "cnn_5"),
        ("relu", "sigmoid"),
    )
    assert (course.dataset, course.optimizer, course.learning_rate) == ("cifar10", "sgd", 0.01)
    assert (course.epochs, course.batch_size, course.record_every, course.initializer) == (15, 50, 10, "course")
    assert course.normalization == "half"


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        ([], "activations: choose at least one activation."),
        (["relu", "relu"], "activations: name each activation once."),
        (
            ["relu", "softmax"],
            "activations can't be 'softmax'; it takes a list of relu | sigmoid | tanh | elu | gelu | silu | "
            "leaky_relu.",
        ),
    ],
)
def test_activations_are_known_and_named_once(names: list[str], reason: str) -> None:
    with pytest.raises(SpecError) as error:
        small(activations=names)
    assert str(error.value) == reason


# Trained


def test_all_runs_finish_and_are_stored_with_their_own_models(done: CompletedExperiment) -> None:
    assert (done.outcome.status, done.outcome.reason) == (Status.FINISHED, "")
    assert [(variant.name, len(variant.tested), variant.probe) for variant in done.result.variants] == [
        (name, 2, False) for name in ("mlp_1/relu", "mlp_1/sigmoid", "small/relu", "small/sigmoid")
    ]
    models = {run.run.model for variant in done.result.variants for run in variant.runs}
    assert len(models) == 8
    assert all(model is not None and model.is_file() for model in models)


def test_the_courses_dictionary_has_its_keys_and_a_number_for_each_record(done: CompletedExperiment) -> None:
    found = done.course("part4_mlp_1")
    assert list(found) == ["name", "relu_loss_curve", "sigmoid_loss_curve", "relu_grad_curve", "sigmoid_grad_curve"]
    assert found["name"] == "mlp_1"
    assert all(len(curve) == 5 for key, curve in found.items() if key != "name")
    assert all(isinstance(value, float) for value in found["relu_grad_curve"])


def test_other_activations_have_keys_formed_the_same_way(store: Store) -> None:
    spec = small(activations=["tanh", "leaky_relu"], architectures=["mlp_1"], repeats=1)
    run_session(store, ScriptedExecutor(), spec, experiment=ACTIVATIONS_EXPERIMENT)
    ((name, found),) = course_dictionaries(load_results(store, 1))
    assert name == "part4_mlp_1"
    assert list(found)[1:] == ["tanh_loss_curve", "leaky_relu_loss_curve", "tanh_grad_curve", "leaky_relu_grad_curve"]


def test_an_activation_without_a_record_has_no_keys(store: Store) -> None:
    def answer(task: TrainTask) -> list[Event]:
        if task.spec.network.activation == "sigmoid":
            return [finished(task.run, Status.CANCELLED, test_accuracy=None, confusion=None)]
        return [started(task.run), record(task.run), finished(task.run)]

    run_session(store, ScriptedExecutor(answer), small(repeats=1), experiment=ACTIVATIONS_EXPERIMENT)
    assert [list(found) for _, found in course_dictionaries(load_results(store, 1))] == [
        ["name", "relu_loss_curve", "relu_grad_curve"]
    ] * 2


def test_its_curves_are_means_over_the_runs(done: CompletedExperiment) -> None:
    variant = done.result.variant("small/sigmoid")
    assert variant is not None
    found = done.course("part4_small")
    records = [run.records for run in variant.runs]
    loss = np.mean([[record.training_loss for record in run] for run in records], axis=0)
    gradient = np.mean([[record.gradient_norms[0] for record in run] for run in records], axis=0)
    assert found["sigmoid_loss_curve"] == pytest.approx(loss.tolist())
    assert found["sigmoid_grad_curve"] == pytest.approx(gradient.tolist())


def test_its_json_says_the_same_and_its_pickle_is_made_of_plain_values(done: CompletedExperiment) -> None:
    text = (done.folder / "course" / "part4_small.json").read_text(encoding="utf-8")
    assert json.loads(text) == done.course("part4_small")
    data = (done.folder / "course" / "part4_small.pkl").read_bytes()
    assert "GLOBAL" not in {operation.name.removeprefix("STACK_") for operation, _, _ in pickletools.genops(data)}


def test_the_figures_are_the_courses_and_a_map_of_gradients_for_each_network(done: CompletedExperiment) -> None:
    names = {path.name for path in done.folder.glob("*.png")}
    of_networks = {f"{figure}_{name}.png" for figure in ("gradients", "network") for name in ("mlp_1", "small")}
    assert names == {"part4.png", *of_networks}


def test_the_networks_of_a_seed_start_alike_and_see_the_same_batches(done: CompletedExperiment) -> None:
    """Differences are then due to the activations alone."""
    first = {(event.run, event.layer): event.values for event in of(Weights, done.events) if event.step == 0}
    relu, sigmoid = (done.result.variant(name) for name in ("mlp_1/relu", "mlp_1/sigmoid"))
    assert relu is not None
    assert sigmoid is not None
    for a, b in zip(relu.runs, sigmoid.runs, strict=True):
        assert np.array_equal(first[a.run.id, "dense_1"], first[b.run.id, "dense_1"])
        assert a.records[0].training_loss != b.records[0].training_loss


def test_dead_units_are_counted_for_each_activation_at_every_record(done: CompletedExperiment) -> None:
    activations = {"mlp_1/relu": 1, "small/relu": 2, "mlp_1/sigmoid": 1, "small/sigmoid": 2}
    for variant in done.result.variants:
        for run in variant.runs:
            assert all(len(record.dead_units) == activations[variant.name] for record in run.records)
    stored = [record for variant in done.result.variants for run in variant.runs for record in run.records]
    assert sorted(stored, key=_order) == sorted(of(Record, done.events), key=_order)


def test_dead_units_stand_in_the_curves_file(done: CompletedExperiment) -> None:
    with (done.folder / "curves.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    names = ("dead_units", "activation_mean", "activation_deviation")
    assert list(rows[0])[-6:] == [f"{name}_{number}" for name in names for number in (1, 2)]
    assert {row["dead_units_2"] for row in rows if row["variant"].startswith("mlp_1")} == {""}
    assert all(int(row["dead_units_2"]) >= 0 for row in rows if row["variant"].startswith("small"))


def test_layer_gradients_are_means_over_the_runs_first_layer_first(done: CompletedExperiment) -> None:
    variant = done.result.variant("small/relu")
    assert variant is not None
    layers, norms = variant.layer_gradients()
    assert layers == ("conv_1", "dense_1", "prediction")
    assert norms.shape == (3, 5)
    assert norms[0] == pytest.approx(variant.mean("gradient_norm"))
    last = np.array([[record.gradient_norms[2] for record in run.records] for run in variant.runs])
    assert norms[2] == pytest.approx(mean_and_deviation(last)[0])


def test_colours_tell_networks_apart_and_patterns_activations(done: CompletedExperiment) -> None:
    assert {variant.name: variant.style for variant in done.result.variants} == {
        "mlp_1/relu": Style(0, 0),
        "mlp_1/sigmoid": Style(0, 1),
        "small/relu": Style(1, 0),
        "small/sigmoid": Style(1, 1),
    }


def test_a_run_can_be_repeated_from_what_is_stored_of_it(done: CompletedExperiment) -> None:
    """The settings of a run describe a user-defined network completely."""
    stored = done.result.variants[2].runs[0].run
    assert stored.spec == RunSpec.from_json(stored.spec.to_json())
    assert stored.spec.architecture == "small[Conv-5x5x4, Act, MaxPool-4x4, FC-8, Act]"
    assert stored.parameters == (1 * 5 * 5 + 1) * 4 + 7 * 7 * 4 * 8 + 8 + 8 * 10 + 10
    assert math.isfinite(stored.test_loss or math.nan)


def _order(record: Record) -> tuple[int, int]:
    return record.run, record.step

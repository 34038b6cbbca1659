"""Trainings that must fail: each ends with a status, a sentence and an exit code, stored and exported."""

from __future__ import annotations

import csv
import errno
import json
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.cli.arguments import parse
from engine.cli.batch import run
from engine.cli.exit_codes import EXIT_FAILED, EXIT_OK
from engine.datasets import PreparedData
from engine.events.channel import ControlChannel
from engine.events.runs import Record, RunFinished, Status
from engine.executors.inline import InlineExecutor
from engine.executors.tasks import TrainTask
from engine.experiments.architectures.experiment import ArchitecturesSpec
from engine.networks.architectures import build_network
from engine.storage.store import Store, StoredRun
from engine.utils.errors import NetworkError, SpecError
from tests.engine.support import few, of, small_run, train_here

SIDE, CLASSES = 12, 4
# LeakyReLU is unbounded in both directions, so that a large rate really diverges; ReLU only leaves dead units.
NETWORK = "small[FC-8, Act, FC-8, Act]"
BOUNDLESS = NETWORK.replace("Act", "LeakyReLU")
BYTES = "normalization=bytes"


@dataclass(frozen=True)
class Ended:
    """The result of a batch and its output."""

    code: int
    out: str
    err: str
    workspace: Path
    export: Path

    @property
    def runs(self) -> dict[str, StoredRun]:
        """The stored runs by variant."""
        with closing(Store(self.workspace)) as store:
            return {each.spec.variant: each for each in store.runs(1)}

    @property
    def reason(self) -> str:
        """The last line of its output."""
        return self.err.splitlines()[-1]


def archive(file: Path, images: int = 160, classes: int = CLASSES, **changes: Any) -> Path:
    """An .npz file of ``images`` random images, with these counts per class, with ``changes`` to its arrays."""
    random = np.random.default_rng(0)
    arrays = {
        "x_train": random.integers(0, 256, (images, SIDE, SIDE), dtype=np.uint8),
        "y_train": np.arange(images) % classes,
    }
    np.savez(file, **(arrays | changes))
    return file


def floats(value: float) -> np.ndarray[Any, Any]:
    images = np.full((160, SIDE, SIDE), 0.5)
    images[3, 2, 2] = value
    return images


def carry_out(folder: Path, capsys: pytest.CaptureFixture[str], experiment: str, *arguments: str) -> Ended:
    """A batch of ``experiment`` in this process, with an export of its results."""
    workspace, export = folder / "workspace", folder / "export"
    options = ["--workers", "0", "--workspace", str(workspace), "--export", str(export), "--formats", "csv,json,course"]
    code = run(parse(["--batch", experiment, *options, *arguments]))
    said = capsys.readouterr()
    assert "Traceback" not in said.out + said.err
    return Ended(code, said.out, said.err, workspace, export)


# Missing or invalid inputs


@pytest.mark.parametrize(
    ("changes", "settings", "words"),
    [
        (
            {"x_train": floats(np.nan)},
            [],
            "has NaN or infinite values in x_train (1, the first in image 3); repair these",
        ),
        (
            {"x_train": floats(np.inf)},
            [],
            "has NaN or infinite values in x_train (1, the first in image 3); repair these",
        ),
        ({"y_train": np.zeros(160, int)}, [], "fewer than two classes; a network needs at least two"),
        ({"images": 1, "classes": 1}, [], "fewer than two classes"),
        ({"images": 0}, [], "has no images in x_train"),
        ({"images": 2, "classes": 2}, [], "too few images of class '0' to hold some back for testing; add images"),
        (
            {"y_train": (np.arange(160) == 7).astype(int)},
            [],
            "too few images of class '1' to hold some back for testing; add images",
        ),
        ({}, ["validation_fraction=0.99"], "127 of data's 128 images there and 1 here, fewer than its 4 classes"),
        ({}, ["validation_fraction=1e-9"], "choose another share (validation_fraction)."),
        ({}, ["test_fraction=0.999"], "choose another share (test_fraction)."),
        ({}, ["image_size=4", "architectures=cnn_4"], "does not fit on a 2x2 image; choose larger images (image_size)"),
        ({}, ["architectures=huge[FC-65536, ReLU, FC-65536]"], "50,000,000 are allowed; make its layers or the images"),
        ({}, ["architectures=huge[FC-99999999999]"], "units in 'FC-99999999999' must be from 1 to 65536"),
        ({}, ["epochs=0"], "epochs can't be '0'; it takes 1 to 100000."),
        ({}, ["epochs=99999999999999999999"], "epochs can't be '99999999999999999999'; it takes 1 to 100000."),
        ({}, ["repeats=0"], "repeats can't be '0'; it takes 1 to 1000 runs."),
        ({}, ["batch_size=0"], "batch_size can't be '0'"),
        ({}, ["record_every=0"], "record_every can't be '0'"),
        ({}, ["learning_rate=0"], "learning_rate can't be '0'; it takes above 0 to 1000."),
        ({}, ["learning_rate=1001"], "learning_rate can't be '1001'"),
        ({}, ["learning_rate=inf"], "learning_rate can't be 'inf'"),
    ],
)
def test_what_can_not_be_learned_from_is_refused_with_what_to_change(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    changes: dict[str, Any],
    settings: list[str],
    words: str,
) -> None:
    monkeypatch.setenv("TRAINSCOPE_CACHE", str(tmp_path / "cache"))
    data = archive(tmp_path / "data.npz", **changes)
    chosen = ["--set", "architectures=mlp_1", "epochs=1", "repeats=1", *settings]
    ended = carry_out(tmp_path, capsys, "architectures", "--dataset", str(data), *chosen)
    assert ended.code == EXIT_FAILED
    assert ended.reason.startswith("trainscope: ")
    assert ended.reason.endswith(".")
    assert words in ended.reason
    assert not list(ended.export.glob("*"))


def test_no_epochs_are_refused_in_a_file_and_in_stored_settings_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "settings.toml"
    config.write_text("epochs = 0\n", encoding="utf-8")
    ended = carry_out(tmp_path, capsys, "architectures", "--config", str(config))
    assert ended.code == EXIT_FAILED
    assert ended.reason.endswith("epochs can't be 0; it takes 1 to 100000.")
    stored = ArchitecturesSpec().to_json()
    with pytest.raises(SpecError, match="repeats can't be 0"):
        ArchitecturesSpec.from_json(re.sub(r'"repeats": \d+', '"repeats": 0', stored))


# Few images


def test_fewer_images_than_a_batch_are_one_short_batch(digits: PreparedData) -> None:
    training = {"batch_size": 65_536, "record_every": 100_000, "epochs": 2}
    events = train_here(small_run(**training), few(digits, 7, 2, 3))
    assert [record.step for record in of(Record, events)] == [1, 2]
    (ended,) = of(RunFinished, events)
    assert ended.status is Status.FINISHED
    assert ended.confusion is not None
    assert ended.confusion.sum() == 3


def test_one_image_is_learned_by_heart(digits: PreparedData) -> None:
    one = few(digits, 1, 1, 1)
    events = train_here(small_run(epochs=30, record_every=1, learning_rate=0.01), one)
    assert of(Record, events)[-1].training_accuracy == 1
    (ended,) = of(RunFinished, events)
    assert ended.status is Status.FINISHED
    assert ended.test_accuracy in (0, 1)


# Values that are not finite


def test_a_loss_that_is_infinite_from_the_first_step_on_ends_at_the_next_record(digits: PreparedData) -> None:
    data = few(digits, 100, 20, 20)
    run = small_run(record_every=3, epochs=3)
    events = train_here(run, replace(data, x_train=data.x_train * 1e38, x_validation=data.x_validation * 1e38))
    (last,) = of(Record, events)
    assert last.step == 3
    (ended,) = of(RunFinished, events)
    assert ended.status is Status.DIVERGED
    assert ended.reason.endswith("try a smaller learning rate.")
    assert ended.test_accuracy is None


def test_a_test_that_gives_no_number_is_a_divergence_too(digits: PreparedData) -> None:
    data = few(digits, 100, 20, 20)
    events = train_here(small_run(epochs=1, activation="tanh"), replace(data, x_test=np.full_like(data.x_test, np.inf)))
    (ended,) = of(RunFinished, events)
    assert ended.status is Status.DIVERGED
    assert ended.test_loss is None


def test_a_network_of_no_numbers_is_not_trained_on(tmp_path: Path, digits: PreparedData) -> None:
    run = small_run()
    network = build_network(run.architecture, digits.info.shape, 10, run.network, run.seed)
    kernel, *others = network.get_weights()
    kernel[3, 2] = np.nan
    network.set_weights([kernel, *others])
    file = tmp_path / "broken.keras"
    network.save(file)
    with pytest.raises(NetworkError, match=r"broken\.keras holds values that are no finite numbers.*choose another"):
        train_here(run.replace(start_from=str(file)), few(digits))


# Out of memory


@pytest.mark.parametrize("kind", ["Python's", "TensorFlow's", "the system's"])
def test_want_of_memory_says_what_to_make_smaller(
    monkeypatch: pytest.MonkeyPatch, control: ControlChannel, kind: str
) -> None:
    from tensorflow.errors import ResourceExhaustedError

    errors = {
        "Python's": MemoryError(),
        "TensorFlow's": ResourceExhaustedError(None, None, "OOM when allocating tensor with shape[65536,4096]"),
        "the system's": OSError(errno.ENOMEM, "Cannot allocate memory"),
    }

    def fail(*_arguments: object) -> None:
        raise errors[kind]

    monkeypatch.setattr("engine.executors.images.prepare", fail)
    events: list[Any] = []
    InlineExecutor().run([TrainTask(1, small_run(), None)], events.append, control)
    (ended,) = of(RunFinished, events)
    assert ended.status is Status.FAILED
    assert ended.reason == "There is not enough memory; choose smaller images, a smaller batch or a smaller network."


# Extreme learning rates


@pytest.fixture(scope="module")
def rates(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The images that the next tests share, decoded once."""
    folder = tmp_path_factory.mktemp("rates")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRAINSCOPE_CACHE", str(folder / "cache"))
        yield archive(folder / "images.npz")


@pytest.mark.long
def test_rates_from_hopeless_to_harmless_each_end_clearly_and_are_exported(
    rates: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A range test that breaks, a run that diverges, and one that does not move."""
    settings = [f"architecture={BOUNDLESS}", "rates=1000,1e-38", "range_low=1e-9", "range_high=1000", "range_steps=20"]
    chosen = ["--dataset", str(rates), "--set", "epochs=4", "record_every=3", BYTES, *settings]
    ended = carry_out(tmp_path, capsys, "learning-rate", *chosen)
    assert ended.code == EXIT_OK  # what was to be shown is shown
    runs = ended.runs
    assert runs["small/1000"].status is Status.DIVERGED
    assert runs["small/1e-38"].status is Status.FINISHED
    assert runs["range_test"].status is Status.DIVERGED
    assert "small/1000: loss or gradient is no longer a finite number" in ended.out
    assert "Try a smaller learning rate than 1000." in ended.out
    summary = json.loads((ended.export / "summary.json").read_text(encoding="utf-8"))
    assert summary["status"] == "finished"
    with (ended.export / "curves.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["variant"] for row in rows} == set(runs)


def test_a_dead_network_finishes_and_is_said_to_be_dead(
    rates: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = ["activations=relu", "learning_rate=1000", "epochs=8", "repeats=1", "record_every=1"]
    chosen = ["--dataset", str(rates), "--set", f"architectures={NETWORK}", BYTES, *settings]
    ended = carry_out(tmp_path, capsys, "activations", *chosen)
    assert ended.code == EXIT_OK
    assert ended.runs["small/relu"].status is Status.FINISHED
    assert "8 of the 8 units of act_" in ended.out
    assert "Try a smaller learning rate" in ended.out


def test_where_every_run_diverges_the_experiment_has_failed(
    rates: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = [f"architectures={BOUNDLESS}", "learning_rate=1000", "optimizer=sgd", "epochs=2", "repeats=1"]
    chosen = ["--dataset", str(rates), "--set", BYTES, "record_every=3", *settings]
    ended = carry_out(tmp_path, capsys, "architectures", *chosen)
    assert (ended.code, ended.reason) == (
        EXIT_FAILED,
        "trainscope: Every run diverged; try a smaller learning rate.",
    )
    assert (ended.export / "curves.csv").exists()

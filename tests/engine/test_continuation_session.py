"""engine.session: training continued from a network begins with its accuracy, or is refused before it begins."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from engine.config.specs import ExperimentSpec
from engine.events.datasets import DatasetReady
from engine.events.experiments import ExperimentFinished, ExperimentStarted
from engine.events.runs import Status
from engine.events.tasks import Event
from engine.executors.inline import InlineExecutor
from engine.executors.tasks import TrainTask
from engine.experiments import find_experiment
from engine.experiments.continuation import CONTINUATION_EXPERIMENT
from engine.exports.report import write_report
from engine.networks.comparison import AS_TRAINED
from engine.networks.continuation import open_start
from engine.networks.training_images import TrainingImages
from engine.storage.store import Store, StoredRun
from engine.workspace.planning import plan_resume
from tests.engine.networks.keras_networks import residual_block
from tests.engine.support import ScriptedExecutor, of, record, run_session, started

IMAGES = {"dataset": "digits", "image_size": 8, "normalization": "per-dataset"}


@dataclass(frozen=True)
class Source:
    """A workspace with a trained network."""

    store: Store
    run: StoredRun

    @property
    def model(self) -> Path:
        assert self.run.model is not None
        return self.run.model

    def train(self, name: str, **changes: Any) -> tuple[ExperimentFinished, list[Event]]:
        return run_session(self.store, InlineExecutor(), self.spec(name, **changes), experiment=find_experiment(name))

    def spec(self, name: str, **changes: Any) -> ExperimentSpec:
        return find_experiment(name).preset("quick", **(IMAGES | {"epochs": 1, "repeats": 1} | changes))

    def go_on(self, model: Path | None = None, **changes: Any) -> tuple[ExperimentFinished, list[Event]]:
        """Continue training at a rate that changes nothing."""
        settings = {"model": str(model or self.model), "learning_rate": 1e-9}
        return self.train("train-on", **(settings | changes))


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Source]:
    """mlp_1 with tanh, trained for two epochs."""
    with closing(Store(tmp_path_factory.mktemp("source") / "workspace")) as store:
        opened = Source(store, None)  # type: ignore[arg-type]
        outcome, _ = opened.train("activations", architectures=["mlp_1"], activations=["tanh"], epochs=2)
        assert outcome.status is Status.FINISHED, outcome.reason
        yield Source(store, store.runs(1)[0])


def without_record(source: Source, folder: Path) -> Path:
    """A copy of the network as an earlier version saved it."""
    file = folder / source.model.name
    with zipfile.ZipFile(source.model) as old, zipfile.ZipFile(file, "w") as archive:
        for name in old.namelist():
            if name != TrainingImages.MEMBER:
                archive.writestr(name, old.read(name))
    return file


def test_the_accuracy_is_that_of_the_source(source: Source, tmp_path: Path) -> None:
    outcome, events = source.go_on()
    assert outcome.status is Status.FINISHED, outcome.reason
    (run,) = source.store.runs(outcome.experiment or 0)
    assert run.test_accuracy == source.run.test_accuracy
    assert run.test_loss == pytest.approx(source.run.test_loss, rel=1e-5)
    assert (run.spec.architecture, run.spec.network.activation) == ("mlp_1", "tanh")
    last, first = source.store.records(source.run.id)[-1], source.store.records(run.id)[0]
    assert first.validation_accuracy == last.validation_accuracy
    assert of(ExperimentStarted, events)[0].info.warnings == ()
    report = write_report(source.store, [run.experiment], tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Began with the weights and the activation Tanh of a network trained before." in report


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"normalization": "half"}, "normalised as 'per-dataset', and the setting is 'half'; set normalization=per-d"),
        ({"test_fraction": 0.4}, "tested on images it has learned; set validation_fraction=0.1 and test_fraction"),
        ({"validation_fraction": 0.3}, "tested on images it has learned"),
        ({"image_size": 12}, "are 12x12 with 1 channel; set image_size=8"),
        (
            {"activation": "relu"},
            "its layer 'act_1' is Tanh, and the setting activation is relu; set activation=as-trained",
        ),
        ({"architecture": "mlp_2"}, "it has no layer where mlp_2 has FC-64(no bias); set architecture=as-trained"),
    ],
)
@pytest.mark.parametrize("recorded", [True, False], ids=["recorded in the file", "recorded in the store"])
def test_what_would_change_the_accuracy_is_refused_before_it_begins(
    source: Source, tmp_path: Path, changes: dict[str, Any], reason: str, recorded: bool
) -> None:
    kept = source.model.read_bytes()
    if not recorded:
        shutil.copy(without_record(source, tmp_path), source.model)
    count = len(source.store.experiments(100))
    try:
        outcome, events = source.go_on(**changes)
    finally:
        source.model.write_bytes(kept)
    assert (outcome.status, outcome.experiment) == (Status.FAILED, None)
    assert outcome.reason.startswith(f"Training can't be continued from {source.model}: ")
    assert reason in outcome.reason
    assert of(ExperimentStarted, events) == []
    assert len(source.store.experiments(100)) == count


def test_a_file_of_unknown_preparation_is_taken_with_a_warning_that_is_stored(source: Source, tmp_path: Path) -> None:
    outcome, events = source.go_on(without_record(source, tmp_path), normalization="half")
    assert outcome.status is Status.FINISHED
    warnings = [of(DatasetReady, events)[0].info.warnings, of(ExperimentStarted, events)[0].info.warnings]
    stored = source.store.experiment(outcome.experiment or 0).dataset
    assert stored is not None
    assert warnings == [stored.warnings] * 2
    assert "does not say how the images that it was trained on were normalised" in stored.warnings[0]


def test_an_interrupted_continuation_goes_on_without_the_file(source: Source, tmp_path: Path) -> None:
    file = shutil.copy(source.model, tmp_path / "net.keras")
    spec = source.spec("train-on", model=str(file), architecture="mlp_1")

    def stopped(task: TrainTask) -> list[Event]:
        return [started(task.run), record(task.run), task.failed(Status.INTERRUPTED, "Interrupted.")]

    info = source.store.experiment(1).dataset
    assert info is not None
    executor = ScriptedExecutor(stopped, DatasetReady(info))
    outcome, _ = run_session(source.store, executor, spec, experiment=CONTINUATION_EXPERIMENT)
    Path(file).unlink()
    plan = plan_resume(source.store, CONTINUATION_EXPERIMENT, outcome.experiment or 0)
    assert [run.network.activation for run in plan.runs] == ["tanh"]
    assert [run.status for run in plan.resumed] == [Status.INTERRUPTED]


def test_a_residual_network_of_keras_is_continued_and_what_was_saved_again(source: Source, tmp_path: Path) -> None:
    keras.utils.set_random_seed(2)
    image = keras.Input((8, 8, 1))
    hidden = keras.layers.Dropout(0.1)(residual_block(image, 4, stride=2))
    file = tmp_path / "my resnet.keras"
    keras.Model(image, keras.layers.Dense(10)(keras.layers.Flatten()(hidden))).save(file)
    outcome, _ = source.go_on(file, learning_rate=0.01, batch_size=200, record_every=3)
    assert outcome.status is Status.FINISHED, outcome.reason
    (run,) = source.store.runs(outcome.experiment or 0)
    assert run.spec.variant == "my_resnet/on"
    assert run.spec.architecture == (
        "my_resnet[Skip[Conv-3x3x4(same, stride 2, no bias, L2 0.0005), BatchNorm(epsilon 1.001e-05), ReLU, "
        "Conv-3x3x4(same, no bias, L2 0.0005), BatchNorm(epsilon 1.001e-05) | Conv-1x1x4(stride 2), BatchNorm], "
        "ReLU, Dropout-0.1]"
    )
    assert run.model is not None
    again = open_start(run.model)
    assert again.architecture_for(AS_TRAINED).partition("[")[2] == run.spec.architecture.partition("[")[2]
    before, after = ([layer.moving_mean.numpy() for layer in _normalisations(each)] for each in (file, run.model))
    assert len(after) == 3
    assert all(np.abs(old - new).max() > 0 for old, new in zip(before, after, strict=True))


def _normalisations(file: Path) -> list[keras.layers.BatchNormalization]:
    network = keras.saving.load_model(file, compile=False)
    return [layer for layer in network.layers if isinstance(layer, keras.layers.BatchNormalization)]

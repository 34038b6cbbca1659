"""The runs of a workspace whose trained network is available, for inference or to continue training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.config.specs import DataSpec, RunSpec
from engine.events.datasets import DatasetInfo
from engine.networks.continuation import open_start
from engine.networks.training_images import TrainingImages
from engine.storage.store import Store
from engine.utils.errors import StoreError

MAX_RUNS = 200  # offered for selection


@dataclass(frozen=True)
class TrainedRun:
    """A run with a trained network.

    Attributes:
        test_accuracy: fraction.
        model: file of the network.
        data: how the images were prepared.
        info: the data set it was trained on.
    """

    run: int
    experiment: int
    variant: str
    repeat: int
    test_accuracy: float
    model: Path
    data: DataSpec
    info: DatasetInfo

    @property
    def label(self) -> str:
        """Its text in a list."""
        accuracy = f"{100 * self.test_accuracy:.1f} %"
        return f"{self.variant} #{self.repeat} · {self.info.title} · {accuracy} · experiment {self.experiment}"


def trained_runs(store: Store) -> list[TrainedRun]:
    """Return the most recently tested runs whose network file exists, newest first; probes are skipped."""
    infos: dict[int, DatasetInfo | None] = {}
    found = []
    for run in store.tested_runs(MAX_RUNS):
        if run.experiment not in infos:
            infos[run.experiment] = _info(store, run.experiment)
        info = infos[run.experiment]
        if info is None or run.test_accuracy is None or run.model is None or not run.model.exists():
            continue
        if run.spec.probe:
            continue  # trained to find a setting for other runs
        spec = run.trained_spec
        found.append(
            TrainedRun(
                *(run.id, run.experiment, spec.variant, spec.repeat, run.test_accuracy, run.model, spec.data, info)
            )
        )
    return found


def check_starts(store: Store, runs: Sequence[RunSpec], info: DatasetInfo) -> tuple[str, ...]:
    """Check that the networks with whose weights ``runs`` start fit the images ``info`` and their preparation.

    Propagates ``NetworkError`` if one does not.

    Returns:
        Warnings.
    """
    warnings: list[str] = []
    for file, run in {Path(run.start_from): run for run in runs if run.start_from is not None}.items():
        start = open_start(file)
        images = start.images or _stored_images(store, file)
        start.check_data(info.shape, len(info.class_names), info.title)
        start.check_normalization(images, run.data.normalization)
        start.check_shares(images, run.data, info)
        warnings += start.warnings(images, run.data, info)
    return tuple(warnings)


def _stored_images(store: Store, file: Path) -> TrainingImages | None:
    """Return what the store says of the images of the network in ``file``; earlier versions recorded it there alone."""
    try:
        run = store.run_of_model(file)
        info = store.experiment(run.experiment).dataset if run is not None else None
    except StoreError:  # damaged
        return None
    return TrainingImages.of(run.trained_spec.data, info) if run is not None and info is not None else None


def _info(store: Store, experiment: int) -> DatasetInfo | None:
    try:
        return store.experiment(experiment).dataset
    except StoreError:  # damaged: how to prepare images for its networks is unknown
        return None

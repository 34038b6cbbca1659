"""Plans an experiment: the runs to train, and which stored runs are kept, resumed or discarded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from engine.config.specs import ExperimentSpec, RunSpec
from engine.datasets.registry import DATASETS, existing_path
from engine.devices.names import CPU
from engine.events.datasets import DatasetInfo
from engine.events.runs import PlannedRun, Status
from engine.experiments.base import Experiment, TrainingExperiment
from engine.networks.architectures import count_parameters
from engine.storage.rows import StoredExperiment, StoredRun
from engine.storage.store import Store
from engine.training.timetable import Timetable
from engine.utils.errors import StoreError


@dataclass(frozen=True)
class Plan:
    """The plan of a new experiment, of further runs for a stored one, or of resuming an interrupted one.

    Attributes:
        runs: all runs of the settings, stored or not; empty for a computed experiment.
        stored: the experiment that is extended or resumed; None for a new one.
        kept: stored runs that stay as they are.
        resumed: stored runs to resume from their checkpoints, with the same number of threads and on the same device.
        discarded: stored runs to be removed with all their records and trained from scratch.
    """

    experiment: Experiment
    spec: ExperimentSpec
    runs: tuple[RunSpec, ...]
    stored: StoredExperiment | None = None
    kept: tuple[StoredRun, ...] = ()
    resumed: tuple[StoredRun, ...] = ()
    discarded: tuple[StoredRun, ...] = ()

    @property
    def size(self) -> int:
        """Number of runs for which an executor should prepare."""
        return max(1, len(self.runs) - len(self.kept))

    @property
    def seed(self) -> int:
        """The seed stored with the experiment, that of its first run."""
        return self.runs[0].seed if self.runs else getattr(self.spec, "seed", 0)

    @property
    def threads(self) -> int | None:
        """Threads per run, on which its results depend bit by bit; None leaves the choice to the executor."""
        return next((run.device.threads for run in self.resumed if run.device is not None), None)

    @property
    def library(self) -> str:
        """The library that computed the stored runs, on which bits depend; empty leaves the choice to the executor."""
        stored = (run.device.library for run in (*self.resumed, *self.kept) if run.device is not None)
        return next(filter(None, stored), "")

    def check_images(self, info: DatasetInfo) -> None:
        """Check that a stored experiment was trained on the images of ``info``.

        Raises:
            StoreError: if it was trained on other images.
        """
        if self.stored is None:
            return
        before = self.stored.dataset
        if before is None or before.fingerprint != info.fingerprint:
            raise StoreError(
                f"The images of {before.name if before else 'it'} are no longer those that experiment "
                f"{self.stored.id} was trained on, so further runs could not be compared; run it anew instead."
            )

    def device_of(self, run: PlannedRun) -> str:
        """Return the device for a run; empty if there is no preference.

        A resumed run gets its former device, a new one that of the first stored run of its variant.
        """
        return self._devices.get(run.run, self._devices.get(run.spec.variant, ""))

    @cached_property
    def _devices(self) -> dict[str | int, str]:
        """Devices by number of the resumed run, and by variant."""
        found: dict[str | int, str] = {run.id: _device(run) for run in self.resumed}
        for run in sorted((*self.kept, *self.resumed), key=lambda run: run.id):
            if run.device is not None:
                found.setdefault(run.spec.variant, _device(run))
        return found


def plan_new(experiment: Experiment, spec: ExperimentSpec) -> Plan:
    """Plan a new experiment with all its runs."""
    return Plan(experiment, spec, _runs(experiment, spec))


def check_can_begin(experiment: Experiment, spec: ExperimentSpec) -> None:
    """Check by the settings alone, before it is queued or begun, that an experiment can be planned.

    Propagates ``SpecError`` if a setting is missing, and ``DatasetError`` if its data set is a path that doesn't exist.
    """
    for dataset in {run.data.dataset for run in _runs(experiment, spec)}:
        if dataset not in DATASETS:
            existing_path(dataset)


def plan_further_runs(store: Store, experiment: Experiment, spec: ExperimentSpec, number: int) -> Plan:
    """Plan the runs of ``spec`` that stored experiment ``number`` doesn't have yet.

    Runs without any record, and probes that did not finish, are discarded and trained from scratch.

    Propagates ``StoreError`` if the experiment is deleted or can't be read.
    """
    stored = store.experiment(number)
    check_not_deleted(stored)
    recorded = store.runs_with_records(number)
    runs = store.runs(number)

    def is_kept(run: StoredRun) -> bool:
        has_result = run.status in (Status.FINISHED, Status.DIVERGED)
        return has_result or (run.id in recorded and not run.spec.probe)

    return Plan(
        experiment,
        spec,
        _runs(experiment, spec),
        stored,
        kept=tuple(run for run in runs if is_kept(run)),
        discarded=tuple(run for run in runs if not is_kept(run)),
    )


def plan_resume(store: Store, experiment: Experiment, number: int) -> Plan:
    """Plan the unfinished runs of stored experiment ``number``; propagates ``StoreError`` as ``plan_further_runs``."""
    stored = store.experiment(number)
    spec = experiment.spec.from_json(stored.spec)
    check_not_deleted(stored)
    runs = store.runs(number)
    resumed = tuple(run for run in runs if run.status.can_resume)
    kept = tuple(run for run in runs if not run.status.can_resume)
    # Planning anew would need the file from which a continued run started, which a resumed run no longer reads.
    planned = tuple(run.trained_spec for run in runs) or _runs(experiment, spec)
    return Plan(experiment, spec, planned, stored, kept, resumed)


def check_not_deleted(stored: StoredExperiment) -> None:
    """Check that an experiment is not deleted, as further runs of a deleted one would be hidden.

    Raises:
        StoreError: if it is deleted.
    """
    if stored.deleted is not None:
        raise StoreError(f"Experiment {stored.id} was deleted; restore it in the history before it gets further runs.")


def run_sizes(runs: Sequence[RunSpec], info: DatasetInfo) -> tuple[list[int], list[int]]:
    """Return the numbers of parameters and of optimiser steps of each run.

    Propagates ``NetworkError`` if an architecture doesn't fit the images.
    """
    parameters = [count_parameters(run.architecture, info.shape, len(info.class_names)) for run in runs]
    return parameters, [Timetable.of(info.train_count, run.training, run.max_steps).total_steps for run in runs]


def _runs(experiment: Experiment, spec: ExperimentSpec) -> tuple[RunSpec, ...]:
    return tuple(experiment.plan(spec)) if isinstance(experiment, TrainingExperiment) else ()


def _device(run: StoredRun) -> str:
    """Return the device key of a run; empty if it never began."""
    if run.device is None:
        return ""
    return run.device.key or (CPU if run.device.kind == "CPU" else "")

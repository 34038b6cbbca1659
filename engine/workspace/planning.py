"""What carrying out an experiment comes to: the runs to train, and what becomes of those that are stored already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from engine.config.specs import ExperimentSpec, RunSpec
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
    """A new experiment, further runs for a stored one, or the rest of one that was interrupted.

    Attributes:
        runs: all that the settings ask for, stored or not; none in an experiment that is computed.
        stored: the experiment that goes on; None for a new one.
        kept: stored runs that stay as they are.
        resumed: stored runs that go on from their checkpoints, with the threads and the device they had.
        discarded: stored runs that are removed with all that was recorded of them, and trained anew.
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
        """How many runs an executor should make ready for."""
        return max(1, len(self.runs) - len(self.kept))

    @property
    def seed(self) -> int:
        """The seed that is stored with the experiment: that of its first run."""
        return self.runs[0].seed if self.runs else getattr(self.spec, "seed", 0)

    @property
    def threads(self) -> int | None:
        """How many threads each run gets, as its bits depend on it; None leaves the choice to the executor."""
        return next((run.device.threads for run in self.resumed if run.device is not None), None)

    def check_images(self, info: DatasetInfo) -> None:
        """Raise :class:`StoreError` where an experiment goes on, but was trained on other images than ``info``."""
        if self.stored is None:
            return
        before = self.stored.dataset
        if before is None or before.fingerprint != info.fingerprint:
            raise StoreError(
                f"The images of {before.name if before else 'it'} are no longer those that experiment "
                f"{self.stored.id} was trained on, so further runs could not be compared; run it anew instead."
            )

    def device_of(self, run: PlannedRun) -> str:
        """The device that a resumed run was trained on, or the first run of a new one's variant; empty if on none."""
        return self._devices.get(run.run, self._devices.get(run.spec.variant, ""))

    @cached_property
    def _devices(self) -> dict[str | int, str]:
        """By the number of a resumed run, and by variant."""
        found: dict[str | int, str] = {run.id: _device(run) for run in self.resumed}
        for run in sorted((*self.kept, *self.resumed), key=lambda run: run.id):
            if run.device is not None:
                found.setdefault(run.spec.variant, _device(run))
        return found


def plan_new(experiment: Experiment, spec: ExperimentSpec) -> Plan:
    """A new experiment with all its runs."""
    return Plan(experiment, spec, _runs(experiment, spec))


def plan_further_runs(store: Store, experiment: Experiment, spec: ExperimentSpec, number: int) -> Plan:
    """The runs of ``spec`` that stored experiment ``number`` doesn't have yet.

    A run that never came to a record has nothing to keep, and a search that did not finish finds nothing: they are
    discarded, and trained anew.

    Raises:
        StoreError: the experiment was thrown away or can't be read.
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
    """What is missing of stored experiment ``number``; raises as :func:`plan_further_runs` does."""
    stored = store.experiment(number)
    spec = experiment.spec.from_json(stored.spec)
    check_not_deleted(stored)
    runs = store.runs(number)
    resumed = tuple(run for run in runs if run.status.can_resume)
    kept = tuple(run for run in runs if not run.status.can_resume)
    return Plan(experiment, spec, _runs(experiment, spec), stored, kept, resumed)


def check_not_deleted(stored: StoredExperiment) -> None:
    """Raise :class:`StoreError` where an experiment was thrown away: what it went on with would be hidden."""
    if stored.deleted is not None:
        raise StoreError(f"Experiment {stored.id} was deleted; restore it in the history before it gets further runs.")


def run_sizes(runs: Sequence[RunSpec], info: DatasetInfo) -> tuple[list[int], list[int]]:
    """How many parameters and optimiser steps each run has; raises NetworkError for one that doesn't fit the images."""
    parameters = [count_parameters(run.architecture, info.shape, len(info.class_names)) for run in runs]
    return parameters, [Timetable.of(info.train_count, run.training, run.max_steps).total_steps for run in runs]


def _runs(experiment: Experiment, spec: ExperimentSpec) -> tuple[RunSpec, ...]:
    return tuple(experiment.plan(spec)) if isinstance(experiment, TrainingExperiment) else ()


def _device(run: StoredRun) -> str:
    """Empty for a run that has never begun."""
    if run.device is None:
        return ""
    return run.device.key or (CPU if run.device.kind == "CPU" else "")

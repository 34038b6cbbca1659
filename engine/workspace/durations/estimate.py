"""Estimates of runs, steps, records and time of an experiment before it begins.

The window, the queue and ``--batch`` all show these.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from engine.config.specs import DataSpec, ExperimentSpec, RunSpec
from engine.datasets.sizes import DataSizes, find_sizes
from engine.devices.names import Allocation
from engine.events.datasets import DatasetInfo
from engine.events.durations import ExpectedRun, Span
from engine.events.runs import PlannedRun, record_interval
from engine.experiments.base import ComputedExperiment, TrainingExperiment
from engine.utils.errors import TrainscopeError
from engine.utils.paths import store_file
from engine.utils.text import as_estimate, pluralise
from engine.workspace.durations.makespan import makespan
from engine.workspace.durations.measurements import DurationStore, Measurements, StoredWork
from engine.workspace.durations.step_times import StepTimes
from engine.workspace.durations.work import step_count
from engine.workspace.queue import QueueEntry

UNKNOWN = Span(0.0, math.inf)
# Returns how a number of runs would be trained, with a number of threads each if that is given; None on a cluster.
Allocate = Callable[[int, int | None], Allocation | None]


@dataclass(frozen=True)
class Estimate:
    """What is known of an experiment before it begins.

    Attributes:
        runs: number of runs to be trained; 0 for a computed experiment.
        steps: the fewest and the most steps of a run, those already done included; None if the data set is unknown.
        records: likewise of records.
        seconds: None if nothing similar was measured on this machine.
        may_stop_early: whether early stopping may end runs before all these steps.
    """

    runs: int = 0
    steps: tuple[int, int] | None = None
    records: tuple[int, int] | None = None
    seconds: Span | None = None
    may_stop_early: bool = False

    def __str__(self) -> str:
        """Such as ``10 runs of 260 steps and 26 records, about 2 min``; empty if nothing is known."""
        sizes = ""
        if self.steps is not None and self.records is not None:
            sizes = f" of {_counted(self.steps, 'step')} and {_counted(self.records, 'record')}"
            if self.may_stop_early:
                sizes = f" of up to {pluralise(self.steps[1], 'step')} and {pluralise(self.records[1], 'record')}"
        runs = f"{pluralise(self.runs, 'run')}{sizes}" if self.runs else ""
        time = "" if self.seconds is None else as_estimate(self.seconds.low, self.seconds.high)
        return ", ".join(filter(None, (runs, f"{time} or less" if time and self.may_stop_early else time)))


def estimate(workspace: Path, entries: Iterable[QueueEntry], allocate: Allocate) -> list[Estimate]:
    """Estimate experiments; an empty estimate for those that can't be planned, which is reported when they are run.

    In a workspace without a store nothing is opened, so that none is created. Propagates ``StoreError`` if the store
    can't be read.
    """
    if not store_file(workspace).exists():
        return [_estimate(entry, allocate, Measurements(), None) for entry in entries]
    with closing(DurationStore(workspace)) as store:
        measured = store.measurements()
        return [_estimate(entry, allocate, measured, store) for entry in entries]


def expect(
    workspace: Path, runs: Sequence[PlannedRun], info: DatasetInfo, allocation: Allocation | None
) -> tuple[ExpectedRun, ...]:
    """Return how long each of ``runs`` is expected to take; without times on a cluster. Propagates ``StoreError``."""
    measured = Measurements()
    if allocation is not None:
        with closing(DurationStore(workspace)) as store:
            measured = store.measurements()
    step_times, sizes = StepTimes(measured, allocation), DataSizes.of(info)
    return tuple(step_times.of(run.trained_spec, sizes, run.total_steps) for run in runs)


def plan_later_stages(
    experiment: TrainingExperiment, spec: ExperimentSpec, known: Collection[RunSpec], info: DatasetInfo
) -> tuple[tuple[PlannedRun, ...], ...]:
    """Return the runs that will follow, stage by stage, besides those ``known``; they are not numbered yet."""
    sizes = DataSizes.of(info)
    return tuple(
        tuple(PlannedRun(0, run, 0, step_count(run, sizes)) for run in stage)
        for stage in _later_stages(experiment, spec, known)
    )


def _counted(span: tuple[int, int], noun: str) -> str:
    fewest, most = span
    return pluralise(most, noun) if fewest == most else f"{fewest:,} to {pluralise(most, noun)}"


@dataclass(frozen=True)
class RemainingRun:
    """A run to be trained, of which ``done`` steps are done."""

    run: RunSpec
    done: int = 0


def _estimate(entry: QueueEntry, allocate: Allocate, measured: Measurements, store: DurationStore | None) -> Estimate:
    match entry.experiment:
        case ComputedExperiment(name=name) if store is not None:
            found = store.computed_seconds(name, entry.spec.to_json())
            return Estimate(seconds=Span(min(found), max(found)) if found else None)
        case TrainingExperiment() as experiment:
            stored = store.stored_work(entry.extends) if store is not None and entry.extends is not None else []
            with suppress(TrainscopeError):
                stages = _stages(experiment, entry, stored)
                resumed = [each.threads for each in stored if each.status.can_resume] if entry.resumes else []
                threads = next((each for each in resumed if each is not None), None)
                return _estimate_stages(stages, allocate(max(1, len(stages[0])), threads), measured)
    return Estimate()


def _stages(
    experiment: TrainingExperiment, entry: QueueEntry, stored: Sequence[StoredWork]
) -> list[list[RemainingRun]]:
    """Return the runs to be trained, stage by stage, as ``engine.workspace.planning`` plans them."""
    if entry.resumes and stored:
        first = [RemainingRun(each.run, each.done) for each in stored if each.status.can_resume]
        known = [each.run for each in stored]
    else:
        kept = {(each.run.variant, each.run.repeat) for each in stored if each.is_kept}
        planned = experiment.plan(entry.spec)
        first = [RemainingRun(run) for run in planned if (run.variant, run.repeat) not in kept]
        known = [*planned, *(each.run for each in stored if each.is_kept)]
    later = _later_stages(experiment, entry.spec, known)
    return [first, *([RemainingRun(run) for run in stage] for stage in later)]


def _later_stages(
    experiment: TrainingExperiment, spec: ExperimentSpec, known: Collection[RunSpec]
) -> list[list[RunSpec]]:
    names = {(run.variant, run.repeat) for run in known}
    stages = experiment.later_stages(spec)
    left = [[run for run in stage if (run.variant, run.repeat) not in names] for stage in stages]
    return [stage for stage in left if stage]


def _estimate_stages(
    stages: Sequence[Sequence[RemainingRun]], allocation: Allocation | None, measured: Measurements
) -> Estimate:
    runs = [each for stage in stages for each in stage]
    sizes = {data: find_sizes(data) for data in {each.run.data for each in runs}}
    if not runs or None in sizes.values():
        return Estimate(len(runs))
    steps = {each.run: step_count(each.run, found) for each in runs if (found := sizes[each.run.data]) is not None}
    records = [steps[each.run] // record_interval(steps[each.run], each.run.training.record_every) for each in runs]
    stops = any(each.run.training.early_stopping != "off" for each in runs)
    known = Estimate(len(runs), _extremes(steps.values()), _extremes(records), may_stop_early=stops)
    if allocation is None:
        return known
    return replace(known, seconds=_seconds(stages, allocation, StepTimes(measured, allocation), sizes, steps))


def _seconds(
    stages: Sequence[Sequence[RemainingRun]],
    allocation: Allocation,
    step_times: StepTimes,
    sizes: Mapping[DataSpec, DataSizes | None],
    steps: Mapping[RunSpec, int],
) -> Span | None:
    """Return the time of all stages, each of which begins once the one before has ended; None if a run's is unknown."""
    total = step_times.start(stages[0][0].run.data.dataset if stages[0] else "") or UNKNOWN
    for stage in stages:
        spans: list[Span] = []
        for each in stage:
            found = sizes[each.run.data]
            expected = None if found is None else step_times.of(each.run, found, steps[each.run])
            if expected is None or expected.step is None:
                return None
            spans.append(expected.step.times(steps[each.run] - each.done) + (expected.overhead or UNKNOWN))
        low, high = [span.low for span in spans], [span.high for span in spans]
        total += Span(makespan(low, allocation.processes), makespan(high, allocation.processes))
    return total


def _extremes(numbers: Iterable[int]) -> tuple[int, int]:
    found = list(numbers)
    return min(found), max(found)

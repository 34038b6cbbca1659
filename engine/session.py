"""Runs one experiment, from its spec to stored results, for the window and for ``--batch`` alike."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from itertools import chain
from typing import Any

from engine.analysis.results import load_results
from engine.config.specs import DataSpec, ExperimentSpec
from engine.events.channel import ControlChannel
from engine.events.commands import Control
from engine.events.datasets import DatasetInfo, DatasetReady
from engine.events.experiments import ComputationStarted, Computed, ExperimentFinished, ExperimentStarted, RunsAdded
from engine.events.runs import Checkpoint, PlannedRun, RunEvent, RunFinished, RunStarted, Status
from engine.events.tasks import Emit, Event, TaskFailed
from engine.executors.base import Executor
from engine.executors.routing import is_remote
from engine.executors.tasks import ComputeTask, PrepareTask, Task, TrainTask
from engine.experiments.base import ComputedExperiment, Experiment, TrainingExperiment
from engine.storage.locks import owner_lock
from engine.storage.store import ActiveExperiment, BeginRequest, Store
from engine.utils.errors import Cancelled, DatasetError, StoreError, TrainscopeError
from engine.utils.paths import model_file
from engine.workspace.durations.caches import CacheWatch
from engine.workspace.durations.estimate import expect, plan_later_stages
from engine.workspace.memory import memory_warning
from engine.workspace.outcome import RunTally
from engine.workspace.planning import Plan, plan_further_runs, plan_new, plan_resume, run_sizes
from engine.workspace.queue import QueueEntry, QueueStore
from engine.workspace.replay import restored_runs
from engine.workspace.trained_networks import check_starts

log = logging.getLogger(__name__)


class Session:
    """Runs one experiment: plans it, runs its tasks by an executor, stores and emits their events.

    It is the only writer of results.

    Args:
        store: where events are stored as they arrive.
        executor: runs the tasks.
        emit: receives every event after it is stored.
        control: commands of the user.
        queue_entry: id of the queue entry that requests the experiment; it is removed in the transaction that stores
            the experiment.
    """

    def __init__(
        self, store: Store, executor: Executor, emit: Emit, control: ControlChannel, queue_entry: int | None = None
    ) -> None:
        self._store, self._executor, self._queue_entry = store, executor, queue_entry
        self._emit, self._control = emit, control
        self._info: DatasetInfo | None = None
        self._failure: TaskFailed | None = None
        self._tally = RunTally()
        self._began = time.monotonic()
        self._number: int | None = None  # of the experiment, None until it is stored
        self._caches: CacheWatch | None = None  # until the first run of a new experiment begins

    def run(self, experiment: Experiment, spec: ExperimentSpec, extends: int | None = None) -> ExperimentFinished:
        """Run ``spec``; in any case an ``ExperimentFinished`` event is emitted last, and returned.

        Args:
            experiment: kind of the experiment.
            spec: its settings.
            extends: number of a stored experiment that gets the runs of ``spec`` it doesn't have yet; None for a new
                one.
        """
        if extends is None:
            return self._execute(lambda: plan_new(experiment, spec))
        return self._execute(lambda: plan_further_runs(self._store, experiment, spec, extends))

    def resume(self, experiment: Experiment, number: int) -> ExperimentFinished:
        """Run the unfinished part of a stored experiment; ends as ``run`` does.

        Interrupted runs are resumed from their checkpoints with the same number of threads, so that their records are
        bit-identical to those of an uninterrupted run.
        """
        return self._execute(lambda: plan_resume(self._store, experiment, number))

    def _execute(self, make_plan: Callable[[], Plan]) -> ExperimentFinished:
        try:
            with owner_lock(self._store.workspace) as owner:
                return self._finish(*self._attempt(make_plan, owner))
        except StoreError as error:  # no lock could be acquired
            return self._finish(Status.FAILED, str(error))

    def _attempt(self, make_plan: Callable[[], Plan], owner: str) -> tuple[Status, str]:
        """Make and run a plan; return status and reason, also if that ends with an exception."""
        try:
            return self._run_plan(make_plan(), owner)
        except _Suspended as stop:
            return Status.INTERRUPTED, str(stop)
        except Cancelled as stop:
            return Status.CANCELLED, str(stop)
        except TrainscopeError as error:
            return Status.FAILED, str(error)
        except Exception as error:
            log.exception("unexpected error in a session")
            reason = f"An unexpected {type(error).__name__} ended the experiment; what was recorded is kept."
            return Status.FAILED, reason

    def _run_plan(self, plan: Plan, owner: str) -> tuple[Status, str]:
        """Run a plan; return status and reason.

        Raises:
            TypeError: if the kind of its experiment is unknown.
        """
        match plan.experiment:
            case TrainingExperiment() as experiment:
                return self._train_all(plan, experiment, owner)
            case ComputedExperiment() as experiment:
                return self._compute(plan, experiment, owner)
        raise TypeError(f"{type(plan.experiment).__name__} is no kind of experiment")

    def _train_all(self, plan: Plan, experiment: TrainingExperiment, owner: str) -> tuple[Status, str]:
        if plan.stored is None and not is_remote(self._executor):
            self._caches = CacheWatch(plan.runs[0].data.dataset)
        workers = self._executor.start(plan.size, plan.threads)
        info = self._prepare(plan.runs[0].data)
        if plan.stored is None:  # else it was checked when the experiment began
            info = replace(info, warnings=(*info.warnings, *check_starts(self._store, plan.runs, info)))
        self._emit(DatasetReady(info))
        opened = self._begin(plan, workers, owner, info)
        left = [run.trained_spec for run in opened.pending]
        warning = "" if is_remote(self._executor) else memory_warning(left, info, min(workers, len(left)))
        begun = ExperimentStarted(opened.number, experiment.name, info, opened.planned, workers, warning)
        self._emit(replace(begun, **self._expected_durations(plan, experiment, opened.planned, info)))
        for event in restored_runs(self._store, opened.stored):
            self._emit(event)
        last = self._train(plan, opened.number, opened.pending)
        while last is None and not self._tally.was_ended:
            added = self._follow_up(plan, experiment, opened.number, info)
            if not added:
                break
            self._emit(RunsAdded(added))
            last = self._train(plan, opened.number, added)
        return self._tally.outcome(last, experiment.follow_up is not None)

    def _expected_durations(
        self, plan: Plan, experiment: TrainingExperiment, planned: Sequence[PlannedRun], info: DatasetInfo
    ) -> dict[str, Any]:
        """Return the attributes of ``ExperimentStarted`` on what will follow, and how long it is expected to take."""
        later = plan_later_stages(experiment, plan.spec, [run.trained_spec for run in planned], info)
        allocation = None if is_remote(self._executor) else self._executor.allocation(plan.size, plan.threads)
        try:
            expected = expect(self._store.workspace, [*planned, *chain(*later)], info, allocation)
        except StoreError:  # it is trained all the same
            expected = ()
        return {"later": later, "expected": expected}

    def _prepare(self, data: DataSpec) -> DatasetInfo:
        control = self._run_tasks([PrepareTask(data, trains=not is_remote(self._executor))])
        if control is Control.SUSPEND:
            raise _Suspended("Interrupted while the data set was being prepared.")
        if control is not None:
            raise Cancelled("Cancelled while the data set was being prepared.")
        if self._failure is not None:
            raise (Cancelled if self._failure.cancelled else DatasetError)(self._failure.reason)
        if self._info is None:
            raise DatasetError(f"The data set {data.dataset} was not described; start the experiment again.")
        return self._info

    def _begin(self, plan: Plan, workers: int, owner: str, info: DatasetInfo | None = None) -> ActiveExperiment:
        """Store that the experiment begins, is resumed or extended, after checking that it is possible."""
        parameters, total_steps = run_sizes(plan.runs, info) if info is not None else ([], [])
        if info is not None:
            plan.check_images(info)
        opened = self._store.begin(
            BeginRequest(
                number=plan.stored.id if plan.stored is not None else None,
                name=plan.experiment.name,
                spec=plan.spec.to_json(),
                seed=plan.seed,
                dataset=info,
                workers=workers,
                owner=owner,
                queue_entry=self._queue_entry,
                preparation=time.monotonic() - self._began,
                runs=plan.runs,
                parameters=parameters,
                total_steps=total_steps,
                resumed=[run.id for run in plan.resumed],
                discarded=[run.id for run in plan.discarded],
            )
        )
        self._number = opened.number
        self._tally.expect(opened.pending)
        return opened

    def _follow_up(
        self, plan: Plan, experiment: TrainingExperiment, number: int, info: DatasetInfo
    ) -> tuple[PlannedRun, ...]:
        if experiment.follow_up is None:
            return ()
        runs = experiment.follow_up(plan.spec, load_results(self._store, number))
        added = self._store.add_runs(number, runs, *run_sizes(runs, info))
        self._tally.expect(added)
        return added

    def _train(self, plan: Plan, number: int, runs: Sequence[PlannedRun]) -> Control | None:
        """Train ``runs``; return the control that ended it early, if any."""
        workspace = self._store.workspace
        return self._run_tasks(
            [
                TrainTask(
                    run.run,
                    run.trained_spec,
                    model_file(workspace, number, run.spec.variant, run.spec.repeat),
                    self._store.interrupted(run.run),
                    plan.device_of(run),
                    plan.library,
                    self._info,
                )
                for run in runs
            ]
        )

    def _compute(self, plan: Plan, experiment: ComputedExperiment, owner: str) -> tuple[Status, str]:
        workers = self._executor.start(1)
        opened = self._begin(plan, workers, owner)
        self._emit(ComputationStarted(opened.number, experiment.name))
        control = self._run_tasks([ComputeTask(experiment, plan.spec)])
        if self._failure is not None:
            if self._failure.cancelled and control is Control.SUSPEND:
                raise _Suspended("Interrupted before it was done.")
            raise (Cancelled if self._failure.cancelled else TrainscopeError)(self._failure.reason)
        return (Status.FINISHED if control is None else Status.STOPPED), ""

    def _run_tasks(self, tasks: Sequence[Task]) -> Control | None:
        return self._executor.run(tasks, self._handle, self._control)

    def _handle(self, event: Event) -> None:
        """Store an event of the executor, then emit it."""
        match event:
            case DatasetReady(info):
                self._info = info
                return  # emitted once the plan was compared with it
            case TaskFailed():
                self._failure = event
            case Computed() if self._number is not None:
                self._store.add_computation(self._number, event)
        if isinstance(event, RunEvent):
            self._store.add(event)
        if isinstance(event, RunStarted) and self._caches is not None and self._number is not None:
            if not self._caches.has_changed:  # else the next experiment starts faster
                self._store.add_start_seconds(self._number)
            self._caches = None
        if isinstance(event, RunFinished):
            self._tally.note(event)
        if not isinstance(event, Checkpoint):
            self._emit(event)

    def _finish(self, status: Status, reason: str) -> ExperimentFinished:
        broken = self._failure.broken_images if self._failure is not None else 0
        finished = ExperimentFinished(self._number, status, reason, broken)
        if finished.experiment is not None:
            try:
                for run in sorted(self._tally.open):  # no run stays active once its experiment has ended
                    ended = RunFinished(run, status, reason)
                    self._store.add(ended)
                    self._emit(ended)
                self._store.finish_experiment(finished.experiment, status, reason)
            except TrainscopeError as error:
                finished = ExperimentFinished(finished.experiment, Status.FAILED, str(error))
        self._emit(finished)
        return finished


class _Suspended(Cancelled):
    """The session was suspended, to be resumed later."""


def run_queue_entry(
    entry: QueueEntry, owner: str, store: Store, executor: Executor, emit: Emit, control: ControlChannel
) -> ExperimentFinished:
    """Run an entry of the queue, or one that was never in it; the events are those of a ``Session``.

    Until its experiment is stored the entry stays in the queue, taken by the holder of the lock ``owner``, so that it
    waits again if the program ends before. Propagates ``StoreError`` if the queue can't be written, and ``SpecError``
    or ``DatasetError`` if an experiment that was never in the queue can't begin.
    """
    with closing(QueueStore(store.workspace)) as queue:
        if owner and not entry.id and not entry.resumes:
            entry = queue.add(entry.experiment, entry.spec, entry.extends, owner=owner)
        session = Session(store, executor, emit, control, entry.id)
        if entry.resumes and entry.extends is not None:
            finished = session.resume(entry.experiment, entry.extends)
        else:
            finished = session.run(entry.experiment, entry.spec, entry.extends)
        if finished.experiment is None and finished.status is not Status.INTERRUPTED:
            with suppress(StoreError):  # its end was reported already
                queue.remove(entry.id)
        return finished

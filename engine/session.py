"""From a spec to stored results: the same for the window and for ``--batch``."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing, suppress

from engine.analysis.results import load_results
from engine.config.specs import DataSpec, ExperimentSpec, RunSpec
from engine.devices.names import CPU
from engine.events.channel import ControlChannel
from engine.events.commands import Control
from engine.events.datasets import DatasetInfo, DatasetReady
from engine.events.experiments import ComputationStarted, Computed, ExperimentFinished, ExperimentStarted, RunsAdded
from engine.events.runs import Checkpoint, PlannedRun, RunEvent, RunFinished, Status
from engine.events.tasks import Emit, Event, TaskFailed
from engine.executors.base import Executor
from engine.executors.tasks import ComputeTask, PrepareTask, TrainTask
from engine.experiments.base import ComputedExperiment, Experiment, TrainingExperiment
from engine.networks.architectures import count_parameters
from engine.storage.locks import owned
from engine.storage.store import Store, StoredRun
from engine.training.timetable import Timetable
from engine.utils.errors import Cancelled, DatasetError, StoreError, TrainscopeError
from engine.utils.paths import model_file
from engine.utils.text import counted
from engine.workspace.queue import QueueEntry, QueueStore
from engine.workspace.replay import not_deleted, planned_run, restored_runs, same_images

log = logging.getLogger(__name__)

Counted = tuple[list[int], list[int]]


class Session:
    """Carries out one experiment: plan, executor, events, store. The only writer of the store.

    Args:
        store: where records go as they arrive.
        executor: where the runs run.
        emit: sees every event once the store has it.
        control: what the user asks for meanwhile.
        order: the entry of the queue that asks for the experiment, if one does; it leaves the queue at the moment at
            which the experiment is stored.
    """

    def __init__(
        self, store: Store, executor: Executor, emit: Emit, control: ControlChannel, order: int | None = None
    ) -> None:
        self._store, self._executor, self._order = store, executor, order
        self._emit, self._control = emit, control
        self._info: DatasetInfo | None = None
        self._failure: TaskFailed | None = None
        self._statuses: Counter[Status] = Counter()
        self._reasons: list[str] = []
        self._unsaved: list[str] = []  # why a trained network is not kept
        self._open: set[int] = set()  # runs that have not ended
        self._known: set[tuple[str, int]] = set()  # variant and repeat of every run the experiment has
        self._planned = 0
        self._again: set[int] = set()  # runs that were interrupted and go on
        self._before: dict[str | int, str] = {}  # the device that a variant, or a run by its number, was trained on
        self._number: int | None = None  # of the experiment, once it is stored

    def run(self, experiment: Experiment, spec: ExperimentSpec, extends: int | None = None) -> ExperimentFinished:
        """Carry out ``spec``; whatever happens, an :class:`ExperimentFinished` is emitted last, and returned.

        ``extends`` is the number of a stored experiment that gets the runs of ``spec`` which it doesn't have yet.
        """
        return self._carry_out(experiment, lambda: spec, extends, again=False)

    def resume(self, experiment: Experiment, number: int) -> ExperimentFinished:
        """Carry out what is missing of a stored experiment, as :meth:`run` does.

        Runs that did not come to their end go on from their checkpoints, with as many threads as before: what they
        record then is what they would have recorded without an interruption, to the bit.
        """
        return self._carry_out(
            experiment, lambda: experiment.spec.from_json(self._store.experiment(number).spec), number, again=True
        )

    def _carry_out(
        self, experiment: Experiment, read_spec: Callable[[], ExperimentSpec], extends: int | None, again: bool
    ) -> ExperimentFinished:
        try:
            with owned(self._store.workspace) as owner:
                return self._owning(owner, experiment, read_spec, extends, again)
        except StoreError as error:  # no lock to be had
            return self._finish(ExperimentFinished(None, Status.FAILED, str(error)))

    def _owning(
        self,
        owner: str,
        experiment: Experiment,
        read_spec: Callable[[], ExperimentSpec],
        extends: int | None,
        again: bool,
    ) -> ExperimentFinished:
        finished: ExperimentFinished
        try:
            spec = read_spec()
            match experiment:
                case TrainingExperiment():
                    finished = self._run_training(experiment, spec, owner, extends, again)
                case ComputedExperiment():
                    finished = self._run_computation(experiment, spec, owner, extends)
                case _:
                    raise TypeError(f"{type(experiment).__name__} is no kind of experiment")
        except _Suspended as stop:
            finished = ExperimentFinished(self._number, Status.INTERRUPTED, str(stop))
        except Cancelled as stop:
            finished = ExperimentFinished(self._number, Status.CANCELLED, str(stop))
        except TrainscopeError as error:
            finished = ExperimentFinished(self._number, Status.FAILED, str(error))
        except Exception as error:
            log.exception("unexpected error in a session")
            reason = f"An unexpected {type(error).__name__} ended the experiment; what was recorded is kept."
            finished = ExperimentFinished(self._number, Status.FAILED, reason)
        return self._finish(finished)

    def _run_training(
        self, experiment: TrainingExperiment, spec: ExperimentSpec, owner: str, extends: int | None, again: bool
    ) -> ExperimentFinished:
        if extends is not None:
            not_deleted(self._store.experiment(extends))
        void, unfinished, ended = ([], [], []) if extends is None else self._sorted(extends, again)
        self._known = {(run.spec.variant, run.spec.repeat) for run in (*unfinished, *ended)}
        runs = experiment.plan(spec)
        workers = self._executor.start(max(1, len(runs) - len(ended)), _threads(unfinished))
        info = self._prepare(runs[0].data)
        counted = _counted(runs, info)
        if extends is None:
            seed = runs[0].seed
            self._number = self._store.add_experiment(
                experiment.name, spec.to_json(), seed, info, workers, owner, self._order
            )
        else:
            same_images(self._store.experiment(extends), info.fingerprint)
            numbers = [run.id for run in unfinished]
            forgotten = [run.id for run in void]
            self._store.reopen_experiment(extends, spec.to_json(), workers, owner, forgotten, numbers, self._order)
            self._number = extends
            self._again = set(numbers)
            self._open |= self._again
            self._planned += len(numbers)
        stored = [] if extends is None else self._store.runs(extends)
        self._before = _devices(stored)
        planned = self._store_runs(runs, counted)
        before = tuple(planned_run(run) for run in stored)
        self._emit(ExperimentStarted(self._number or 0, experiment.name, info, before + planned, workers))
        for event in restored_runs(self._store, stored):
            self._emit(event)
        last = self._train([*(run for run in before if run.run in self._again), *planned])
        while last is None and not self._was_ended and (planned := self._follow_up(experiment, spec, info)):
            self._emit(RunsAdded(planned))
            last = self._train(planned)
        status, reason = self._outcome()
        if last is Control.SUSPEND and status is not Status.STOPPED and self._is_incomplete(experiment):
            status, reason = Status.INTERRUPTED, ""  # no run has to be: between two, or where their processes ended too
        return ExperimentFinished(self._number, status, reason)

    def _is_incomplete(self, experiment: TrainingExperiment) -> bool:
        return experiment.follow_up is not None or any(self._statuses[each] for each in Status if each.can_resume)

    def _sorted(self, experiment: int, again: bool) -> tuple[list[StoredRun], list[StoredRun], list[StoredRun]]:
        """The runs of a stored experiment: those to be forgotten, those that go on, those that are left as they are.

        Where none goes on ``again``, one that never came to a record has nothing to keep, and a search that did not
        finish finds nothing: they are forgotten, and trained anew.
        """
        runs = self._store.runs(experiment)
        if again:
            unfinished = [run for run in runs if run.status.can_resume]
            return [], unfinished, [run for run in runs if not run.status.can_resume]
        void = [
            run
            for run in runs
            if run.status not in (Status.FINISHED, Status.DIVERGED)
            and (run.spec.probe or not self._store.has_records(run.id))
        ]
        forgotten = {run.id for run in void}
        return void, [], [run for run in runs if run.id not in forgotten]

    @property
    def _was_ended(self) -> bool:
        return any(self._statuses[status] for status in _ENDED_BY_HAND)

    def _follow_up(
        self, experiment: TrainingExperiment, spec: ExperimentSpec, info: DatasetInfo
    ) -> tuple[PlannedRun, ...]:
        if experiment.follow_up is None:
            return ()
        runs = experiment.follow_up(spec, load_results(self._store, self._number or 0))
        return self._store_runs(runs, _counted(runs, info))

    def _run_computation(
        self, experiment: ComputedExperiment, spec: ExperimentSpec, owner: str, extends: int | None
    ) -> ExperimentFinished:
        workers = self._executor.start(1)
        if extends is None:
            seed = getattr(spec, "seed", 0)
            self._number = self._store.add_experiment(
                experiment.name, spec.to_json(), seed, None, workers, owner, self._order
            )
        else:
            not_deleted(self._store.experiment(extends))
            self._store.reopen_experiment(extends, spec.to_json(), workers, owner, order=self._order)
            self._number = extends
        self._emit(ComputationStarted(self._number, experiment.name))
        control = self._executor.run([ComputeTask(experiment, spec)], self._take_computation, self._control)
        if self._failure is not None:
            if self._failure.cancelled and control is Control.SUSPEND:
                raise _Suspended("Interrupted before it was done.")
            raise (Cancelled if self._failure.cancelled else TrainscopeError)(self._failure.reason)
        status = Status.FINISHED if control is None else Status.STOPPED
        return ExperimentFinished(self._number, status)

    def _take_computation(self, event: Event) -> None:
        match event:
            case Computed() if self._number is not None:
                self._store.add_computation(self._number, event)
            case TaskFailed():
                self._failure = event
        self._emit(event)

    def _prepare(self, data: DataSpec) -> DatasetInfo:
        control = self._executor.run([PrepareTask(data)], self._take_preparation, self._control)
        if control is Control.SUSPEND:
            raise _Suspended("Interrupted while the data set was being prepared.")
        if control is not None:
            raise Cancelled("Cancelled while the data set was being prepared.")
        if self._failure is not None:
            raise (Cancelled if self._failure.cancelled else DatasetError)(self._failure.reason)
        if self._info is None:
            raise DatasetError(f"The data set {data.dataset} was not described; start the experiment again.")
        return self._info

    def _take_preparation(self, event: Event) -> None:
        match event:
            case DatasetReady(info):
                self._info = info
            case TaskFailed():
                self._failure = event
        self._emit(event)

    def _store_runs(self, runs: Sequence[RunSpec], counted: Counted) -> tuple[PlannedRun, ...]:
        """Store those of ``runs`` that the experiment doesn't have yet."""
        new = [
            (run, *numbers)
            for run, *numbers in zip(runs, *counted, strict=True)
            if (run.variant, run.repeat) not in self._known
        ]
        if not new:
            return ()
        specs, parameters, steps = zip(*new, strict=True)
        planned = self._store.add_runs(self._number or 0, specs, parameters, steps)
        self._known |= {(run.spec.variant, run.spec.repeat) for run in planned}
        self._open |= {run.run for run in planned}
        self._planned += len(planned)
        return planned

    def _train(self, planned: Sequence[PlannedRun]) -> Control | None:
        """Train what is planned; gives the control that ended it early, if one did."""
        workspace, number = self._store.workspace, self._number or 0
        tasks = [
            TrainTask(
                run.run,
                run.spec,
                model_file(workspace, number, run.spec.variant, run.spec.repeat),
                self._store.interrupted(run.run) if run.run in self._again else None,
                self._before.get(run.run if run.run in self._again else run.spec.variant, ""),
            )
            for run in planned
        ]
        return self._executor.run(tasks, self._take_run_event, self._control)

    def _take_run_event(self, event: Event) -> None:
        if isinstance(event, RunEvent):
            self._store.add(event)
        if isinstance(event, RunFinished):
            self._open.discard(event.run)
            self._statuses[event.status] += 1
            if event.status in (Status.FAILED, Status.CRASHED):
                self._reasons.append(event.reason)
            elif event.test_accuracy is not None and event.reason:
                self._unsaved.append(event.reason)
        if not isinstance(event, Checkpoint):
            self._emit(event)

    def _outcome(self) -> tuple[Status, str]:
        """The experiment's status from those of its runs, and what to say of it.

        A run that diverged has shown what it was to show; only where all did has the experiment come to nothing.
        """
        for status in _ENDED_BY_HAND:
            if self._statuses[status]:
                return status, ""
        if self._planned and self._statuses[Status.SKIPPED] == self._planned:
            return Status.CANCELLED, "Every run was skipped."
        diverged, bad = self._statuses[Status.DIVERGED], len(self._reasons)
        if self._planned and diverged == self._planned:
            return Status.FAILED, "Every run diverged; try a smaller learning rate."
        if not bad:
            lost = f"{counted(len(self._unsaved), 'network')} not kept: {self._unsaved[0]}" if self._unsaved else ""
            return Status.FINISHED, lost
        reason = f"{bad} of {counted(self._planned, 'run')} did not finish: {self._reasons[0]}"
        came_to_nothing = bad + diverged + self._statuses[Status.SKIPPED] == self._planned
        return (Status.FAILED if came_to_nothing else Status.FINISHED), reason

    def _finish(self, finished: ExperimentFinished) -> ExperimentFinished:
        if finished.experiment is not None:
            try:
                self._end_open_runs(finished)
                self._store.finish_experiment(finished.experiment, finished.status, finished.reason)
            except TrainscopeError as error:
                finished = ExperimentFinished(finished.experiment, Status.FAILED, str(error))
        self._emit(finished)
        return finished

    def _end_open_runs(self, finished: ExperimentFinished) -> None:
        """No run stays under way in the store once its experiment has ended."""
        for run in sorted(self._open):
            ended = RunFinished(run, finished.status, finished.reason)
            self._store.add(ended)
            self._emit(ended)


class _Suspended(Cancelled):
    """It was asked to end so that it can go on at another time."""


def carry_out(
    order: QueueEntry, owner: str, store: Store, executor: Executor, emit: Emit, control: ControlChannel
) -> ExperimentFinished:
    """Carry out an order, new or out of the queue; the events are those of a :class:`Session`.

    Until its experiment is stored it is in the queue, in the hands of the holder of the lock ``owner``: there it waits
    again if the program ends before. Raises :class:`~engine.utils.errors.StoreError` where the queue can't be written.
    """
    with closing(QueueStore(store.workspace)) as orders:
        if owner and not order.id and not order.resumes:
            order = orders.add(order.experiment, order.spec, order.extends, owner=owner)
        session = Session(store, executor, emit, control, order.id)
        if order.resumes and order.extends is not None:
            finished = session.resume(order.experiment, order.extends)
        else:
            finished = session.run(order.experiment, order.spec, order.extends)
        if finished.experiment is None and finished.status is not Status.INTERRUPTED:
            with suppress(StoreError):  # its end was told already
                orders.remove(order.id)
        return finished


# The first that any run of an experiment has is the experiment's own.
_ENDED_BY_HAND = (Status.INTERRUPTED, Status.STOPPED, Status.CANCELLED)


def _threads(runs: Sequence[StoredRun]) -> int | None:
    """How many threads those of ``runs`` had that have begun: their bits depend on it."""
    return next((run.device.threads for run in runs if run.device is not None), None)


def _devices(runs: Sequence[StoredRun]) -> dict[str | int, str]:
    """The device of each run that has begun, by its number, and of each variant: that of its first one."""
    found: dict[str | int, str] = {}
    for run in runs:
        if run.device is not None:
            key = run.device.key or (CPU if run.device.kind == "CPU" else "")
            found[run.id] = key
            found.setdefault(run.spec.variant, key)
    return found


def _counted(runs: Sequence[RunSpec], info: DatasetInfo) -> Counted:
    """Parameters and steps of each run; before anything is stored, it ends a network that doesn't fit the images."""
    parameters = [count_parameters(run.architecture, info.shape, len(info.class_names)) for run in runs]
    return parameters, [Timetable.of(info.train_count, run.training, run.max_steps).total_steps for run in runs]

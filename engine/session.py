"""From a spec to stored results: the same for the window and for ``--batch``."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence

from engine.control import ControlChannel
from engine.datasets import DatasetInfo
from engine.errors import Cancelled, DatasetError, TrainscopeError
from engine.events import (
    DatasetReady,
    Emit,
    Event,
    ExperimentFinished,
    ExperimentStarted,
    PlannedRun,
    Record,
    RunFinished,
    RunStarted,
    Status,
    TaskFailed,
    Weights,
)
from engine.executors.base import Executor
from engine.executors.tasks import PrepareTask, TrainTask
from engine.experiments.base import Experiment
from engine.networks import count_parameters
from engine.paths import model_file
from engine.spec import DataSpec, ExperimentSpec, RunSpec
from engine.store import Store
from engine.training.intervals import Timetable

log = logging.getLogger(__name__)


class Session:
    """Carries out one experiment: plan, executor, events, store. The only writer of the store.

    Args:
        store: where records go as they arrive.
        executor: where the runs run.
        emit: sees every event once the store has it.
        control: what the user asks for meanwhile.
    """

    def __init__(self, store: Store, executor: Executor, emit: Emit, control: ControlChannel) -> None:
        self._store, self._executor = store, executor
        self._emit, self._control = emit, control
        self._info: DatasetInfo | None = None
        self._failure: TaskFailed | None = None
        self._statuses: Counter[Status] = Counter()
        self._reasons: list[str] = []
        self._open: set[int] = set()  # runs that have not ended

    def run(self, experiment: Experiment, spec: ExperimentSpec) -> ExperimentFinished:
        """Carry out ``spec``; whatever happens, an :class:`ExperimentFinished` is emitted last, and returned."""
        number: int | None = None
        try:
            runs = experiment.plan(spec)
            workers = self._executor.start(len(runs))
            info = self._prepare(runs[0].data)
            started = self._store_plan(experiment, spec, runs, info, workers)
            number = started.experiment
            self._open = {run.run for run in started.runs}
            self._emit(started)
            self._train(started.runs, number)
            finished = ExperimentFinished(number, *self._outcome(len(runs)))
        except Cancelled as stop:
            finished = ExperimentFinished(number, Status.CANCELLED, str(stop))
        except TrainscopeError as error:
            finished = ExperimentFinished(number, Status.FAILED, str(error))
        except Exception as error:
            log.exception("unexpected error in a session")
            reason = f"An unexpected {type(error).__name__} ended the experiment; what was recorded is kept."
            finished = ExperimentFinished(number, Status.FAILED, reason)
        return self._finish(finished)

    def _prepare(self, data: DataSpec) -> DatasetInfo:
        control = self._executor.run([PrepareTask(data)], self._take_preparation, self._control)
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

    def _store_plan(
        self, experiment: Experiment, spec: ExperimentSpec, runs: Sequence[RunSpec], info: DatasetInfo, workers: int
    ) -> ExperimentStarted:
        # Counting first: a network that doesn't fit the images ends here, before anything is stored.
        parameters = [count_parameters(run.architecture, info.shape, len(info.class_names)) for run in runs]
        steps = [Timetable.of(info.train_count, run.training).total_steps for run in runs]
        number = self._store.add_experiment(experiment.name, spec.to_json(), runs[0].seed, info, workers)
        planned = self._store.add_runs(number, runs, parameters, steps)
        return ExperimentStarted(number, experiment.name, info, planned, workers)

    def _train(self, planned: Sequence[PlannedRun], number: int) -> None:
        workspace = self._store.workspace
        tasks = [
            TrainTask(run.run, run.spec, model_file(workspace, number, run.spec.variant, run.spec.repeat))
            for run in planned
        ]
        self._executor.run(tasks, self._take_run_event, self._control)

    def _take_run_event(self, event: Event) -> None:
        if isinstance(event, RunStarted | Record | Weights | RunFinished):
            self._store.add(event)
        if isinstance(event, RunFinished):
            self._open.discard(event.run)
            self._statuses[event.status] += 1
            if event.status in (Status.FAILED, Status.CRASHED, Status.DIVERGED):
                self._reasons.append(event.reason)
        self._emit(event)

    def _outcome(self, runs: int) -> tuple[Status, str]:
        """The experiment's status from those of its runs, and what to say of it."""
        for status in (Status.STOPPED, Status.CANCELLED):
            if self._statuses[status]:
                return status, ""
        bad = len(self._reasons)
        if not bad:
            return Status.FINISHED, ""
        reason = f"{bad} of {runs} runs did not finish: {self._reasons[0]}"
        return (Status.FAILED if bad == runs else Status.FINISHED), reason

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

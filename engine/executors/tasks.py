"""What an executor can be asked to do, and how it is done where it arrives.

TensorFlow is imported with the first task that needs it, so a process that only prepares data never loads it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from engine.config.specs import DataSpec, ExperimentSpec, RunSpec
from engine.datasets import PreparedData, describe_dataset, prepare, sample_images
from engine.datasets.download import NotDownloadedError
from engine.datasets.inventory import remove_cached
from engine.datasets.verify import verify
from engine.devices.hardware import available_devices, describe_device, on_device
from engine.events.commands import Command, Control, Poll
from engine.events.datasets import CacheRemoved, DatasetReady, DatasetVerified, SamplesReady
from engine.events.devices import WorkerReady
from engine.events.experiments import Computed
from engine.events.runs import Interrupted, RunFinished, Status
from engine.events.tasks import Emit, Event, Exported, Progress
from engine.executors.auxiliary import Auxiliary
from engine.executors.failures import explain
from engine.executors.inference import PickTestImagesTask, ProbeTask, ReadImageTask, TryRunner, TryTask
from engine.executors.placement import Placement
from engine.experiments.base import ComputedExperiment
from engine.exports import DEFAULT_FORMATS, Format, export_experiment
from engine.storage.store import Store
from engine.utils.errors import Cancelled, Stopped, TrainscopeError

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PrepareTask(Auxiliary):
    """Make sure that a data set is on disk and decoded; answers :class:`~engine.events.datasets.DatasetReady`."""

    data: DataSpec


@dataclass(frozen=True)
class SampleTask(Auxiliary):
    """Fetch ``count`` images of a data set; answers :class:`~engine.events.datasets.SamplesReady`."""

    data: DataSpec
    count: int


@dataclass(frozen=True)
class VerifyTask(Auxiliary):
    """Download and decode a data set where needed, and check all of it; answers DatasetVerified."""

    data: DataSpec


@dataclass(frozen=True)
class RemoveCacheTask(Auxiliary):
    """Remove downloads and decoded images of a data set; answers :class:`~engine.events.datasets.CacheRemoved`."""

    dataset: str


@dataclass(frozen=True)
class TrainTask:
    """Train one run; answers with the events of a run, of which the last is a RunFinished.

    A run that was ``interrupted`` goes on from there. ``before`` is the device that its variant was trained on until
    now, empty where it was not: unless another is asked for, it stays there, as its bits depend on it.
    """

    run: int
    spec: RunSpec
    model_file: Path | None
    interrupted: Interrupted | None = None
    before: str = ""

    def failed(self, status: Status, reason: str) -> Event:
        """The event that says this run ended without its result."""
        return RunFinished(self.run, status, reason)


@dataclass(frozen=True)
class DeviceTask(Auxiliary):
    """Load the training libraries and say what they compute on; answers :class:`~engine.events.devices.WorkerReady`."""


@dataclass(frozen=True)
class AppraiseTask(Auxiliary):
    """Look at all devices, and where ``runs`` would go; answers :class:`~engine.events.devices.DevicesAppraised`.

    ``anew`` forgets what was found out before.
    """

    runs: tuple[RunSpec, ...]
    anew: bool = False


@dataclass(frozen=True)
class ExportTask(Auxiliary):
    """Write the results of a stored experiment to a folder; answers :class:`~engine.events.tasks.Exported`."""

    workspace: Path
    experiment: int
    folder: Path
    formats: tuple[Format, ...] = DEFAULT_FORMATS


@dataclass(frozen=True)
class ReportTask(Auxiliary):
    """Write a report of stored experiments to a file; answers :class:`~engine.events.tasks.Exported` with that file."""

    workspace: Path
    experiments: tuple[int, ...]
    file: Path


@dataclass(frozen=True)
class ComputeTask(Auxiliary):
    """Carry out a computed experiment; answers :class:`~engine.events.experiments.Computed`, with parts of it on the way."""

    experiment: ComputedExperiment
    spec: ExperimentSpec


# Those that compute with TensorFlow, whose threads must be set before its first operation.
COMPUTING = (DeviceTask, AppraiseTask, ComputeTask, TrainTask, ProbeTask)
Task = (
    PrepareTask
    | SampleTask
    | VerifyTask
    | RemoveCacheTask
    | DeviceTask
    | AppraiseTask
    | ExportTask
    | ReportTask
    | ComputeTask
    | TrainTask
    | TryTask
)


@dataclass
class TaskRunner:
    """Carries out tasks in this process; keeps the data and the network last used, as many tasks share theirs."""

    placement: Placement = field(default_factory=Placement)
    _data: tuple[DataSpec, PreparedData] | None = field(default=None, init=False)
    _tries: TryRunner = field(default_factory=TryRunner, init=False)

    def execute(self, task: Task, emit: Emit, poll: Poll) -> None:
        """Carry out ``task``; whatever goes wrong ends as an event with a sentence, never as an exception."""
        try:
            self._execute(task, emit, poll)
        except Cancelled as stop:
            emit(task.failed(Status.CANCELLED, str(stop)))
        except TrainscopeError as error:
            emit(task.failed(Status.FAILED, str(error)))
        except Exception as error:
            log.exception("error in %s", type(task).__name__)
            emit(task.failed(Status.FAILED, explain(error) or _unexpected(error)))

    def _execute(self, task: Task, emit: Emit, poll: Poll) -> None:
        def progress(message: str, done: int, total: int) -> None:
            command = poll()
            if isinstance(command, Control) and command.ends:  # there is no record at which it could be held
                raise (Stopped if command is Control.STOP else Cancelled)("Cancelled before it was done.")
            emit(Progress(message, done, total))

        match task:
            case PrepareTask(data):
                emit(DatasetReady(describe_dataset(data, progress)))
            case SampleTask(data, count):
                _show_samples(data, count, emit, progress)
            case VerifyTask(data):
                emit(DatasetVerified(data.dataset, verify(data, progress)))
            case RemoveCacheTask(dataset):
                emit(CacheRemoved(dataset, remove_cached(dataset)))
            case DeviceTask():
                emit(worker_ready())
            case AppraiseTask(runs, anew):
                emit(self.placement.appraise(runs, anew, _Kept(poll).look))
            case ExportTask():
                emit(_export(task))
            case ReportTask():
                emit(_report(task))
            case ComputeTask(experiment, settings):
                emit(self._computed(experiment, settings, emit, progress, _Kept(poll).look))
            case PickTestImagesTask() | ReadImageTask():
                emit(self._tries.answer(task, progress))
            case ProbeTask():
                with on_device(self.placement.for_others(_Kept(poll).look).device):
                    emit(self._tries.answer(task, progress))
            case TrainTask(run, spec, model_file, interrupted, before):
                from engine.training.trainer import train

                images = self._prepared(spec.data)
                kept = _Kept(poll)
                place = self.placement.for_run(spec, images, before, lambda *told: emit(Progress(*told)), kept.look)
                train(run, spec, images, emit, kept, model_file, interrupted, place)

    def _computed(
        self,
        experiment: ComputedExperiment,
        settings: ExperimentSpec,
        emit: Emit,
        progress: Callable[[str, int, int], None],
        look: Callable[[], None],
    ) -> Computed:
        from engine.training.trainer import library_versions

        place = self.placement.for_others(look)
        with on_device(place.device):
            found = experiment.compute(settings, emit, progress)
        return Computed(found.findings, found.arrays, describe_device(place), library_versions())

    def _prepared(self, spec: DataSpec) -> PreparedData:
        if self._data is None or self._data[0] != spec:
            self._data = None  # let the old arrays go before the new ones are made
            self._data = (spec, prepare(spec, lambda _message, _done, _total: None))
        return self._data[1]


class _Kept:
    """A poll that can be looked at before a training begins: what doesn't end it waits until it has begun."""

    def __init__(self, poll: Poll) -> None:
        self._poll = poll
        self._waiting: list[Command] = []

    def look(self) -> None:
        """Raise :class:`~engine.utils.errors.Cancelled` where the task was asked to end."""
        while (command := self._poll()) is not None:
            if isinstance(command, Control) and command.ends:
                raise Cancelled("Cancelled before it began.")
            self._waiting.append(command)

    def __call__(self, *, wait: bool = False) -> Command | None:
        """The next command; see :class:`~engine.events.commands.Poll`."""
        return self._waiting.pop(0) if self._waiting else self._poll(wait=wait)


def _show_samples(data: DataSpec, count: int, emit: Emit, progress: Callable[[str, int, int], None]) -> None:
    try:
        found = sample_images(data, count, progress)
    except NotDownloadedError as absent:  # nothing is wrong
        emit(Progress(str(absent), 0, 0))
        return
    facts = (found.title, found.class_names, found.counts, found.images, found.labels, found.test_counts)
    emit(SamplesReady(data.dataset, *facts))


def _export(task: ExportTask) -> Exported:
    with closing(Store(task.workspace)) as store:
        files = export_experiment(store, task.experiment, task.folder, task.formats)
        return Exported(str(task.folder), len(files))


def _report(task: ReportTask) -> Exported:
    from engine.exports.report import write_report

    with closing(Store(task.workspace)) as store:
        return Exported(str(write_report(store, task.experiments, task.file)), 1)


def worker_ready() -> WorkerReady:
    """Loads the training libraries into this process and describes them."""
    from engine.training.trainer import library_versions

    return WorkerReady(library_versions(), available_devices())


def warm_up(is_wanted: Callable[[], bool]) -> None:
    """Load what a training loads, unless ``is_wanted`` says that there is something to do."""
    from engine.training.warm_up import rehearse

    try:
        rehearse(is_wanted)
    except Exception:  # whatever it is, a real training will say it to somebody who asked for one
        log.exception("error in the rehearsal")


def _unexpected(error: Exception) -> str:
    first_line = (str(error).splitlines() or [""])[0][:200]
    return f"An unexpected {type(error).__name__} ended it ({first_line}); the log has the details."

"""Execution of tasks in the current process.

TensorFlow is imported by the first task that needs it, so a process that only prepares data never loads it.
"""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field, replace

from engine.datasets import describe_dataset, sample_images
from engine.datasets.base import ProgressCallback
from engine.datasets.download import NotDownloadedError
from engine.datasets.inventory import remove_cached
from engine.datasets.verify import verify
from engine.devices.hardware import available_devices, describe_device, on_device
from engine.devices.libraries import used_library
from engine.events.commands import Command, Control, Poll
from engine.events.datasets import CacheRemoved, DatasetReady, DatasetVerified, SamplesReady
from engine.events.devices import Calibrated, MachineCalibrated, WorkerReady
from engine.events.experiments import Computed
from engine.events.runs import Status
from engine.events.tasks import Emit, Exported, Progress, TaskFailed
from engine.executors.failures import explain
from engine.executors.images import ImageStore
from engine.executors.inference import InferenceRunner
from engine.executors.placement import Placement
from engine.executors.tasks import (
    AppraiseTask,
    AugmentedSampleTask,
    CalibrateMachineTask,
    CalibrateTask,
    ComputeTask,
    DeviceTask,
    ExportNetworkTask,
    ExportTask,
    OpenNetworkTask,
    PickTestImagesTask,
    PrepareTask,
    ProbeTask,
    ReadImageTask,
    RemoveCacheTask,
    ReportTask,
    SampleTask,
    Task,
    TrainTask,
    VerifyTask,
)
from engine.exports import export_experiment
from engine.exports.networks import export_network
from engine.storage.store import Store
from engine.utils.errors import BrokenImagesError, Cancelled, Stopped, TrainscopeError
from engine.utils.text import reason

log = logging.getLogger(__name__)


@dataclass
class TaskRunner:
    """Executes tasks in this process; keeps the last data and network, as consecutive tasks often share them."""

    placement: Placement = field(default_factory=Placement)
    images: ImageStore = field(default_factory=ImageStore)
    _inference: InferenceRunner = field(default_factory=InferenceRunner, init=False)

    def execute(self, task: Task, emit: Emit, poll: Poll) -> None:
        """Execute ``task``; every error is reported as an event with a sentence, never as an exception."""
        try:
            self._execute(task, emit, poll)
        except Cancelled as stop:
            emit(task.failed(Status.CANCELLED, str(stop)))
        except BrokenImagesError as error:
            failed = task.failed(Status.FAILED, str(error))
            emit(replace(failed, broken_images=error.count) if isinstance(failed, TaskFailed) else failed)
        except TrainscopeError as error:
            emit(task.failed(Status.FAILED, str(error)))
        except Exception as error:
            log.exception("error in %s", type(task).__name__)
            emit(task.failed(Status.FAILED, explain(error) or _unexpected(error)))

    def _execute(self, task: Task, emit: Emit, poll: Poll) -> None:
        def progress(message: str, done: int, total: int) -> None:
            command = poll()
            if isinstance(command, Control) and command.ends:  # these tasks can't be paused
                raise (Stopped if command is Control.STOP else Cancelled)("Cancelled before it was done.")
            emit(Progress(message, done, total))

        match task:
            case PrepareTask(data, trains):
                describe = self.images.describe_and_prepare if trains else describe_dataset
                emit(DatasetReady(describe(data, progress)))
            case SampleTask():
                _show_samples(task, emit, progress)
            case VerifyTask(data):
                emit(DatasetVerified(data.dataset, verify(data, progress)))
            case RemoveCacheTask(dataset):
                emit(CacheRemoved(dataset, remove_cached(dataset)))
            case DeviceTask():
                emit(worker_ready())
            case AppraiseTask(runs, refresh):
                emit(self.placement.appraise(runs, refresh, PeekablePoll(poll).check_cancelled))
            case CalibrateTask() | CalibrateMachineTask():
                emit(_calibrate(task, PeekablePoll(poll)))
            case ExportTask() | ExportNetworkTask() | ReportTask():
                emit(_write(task, progress))
            case PickTestImagesTask() | ReadImageTask():
                emit(self._inference.answer(task, progress))
            case ProbeTask() | OpenNetworkTask():
                with on_device(self.placement.for_task(PeekablePoll(poll).check_cancelled).device):
                    emit(self._inference.answer(task, progress))
            case ComputeTask():
                self._compute(task, emit, progress, PeekablePoll(poll))
            case TrainTask():
                self._train(task, emit, PeekablePoll(poll))

    def _compute(self, task: ComputeTask, emit: Emit, progress: ProgressCallback, poll: PeekablePoll) -> None:
        from engine.training.trainer import library_versions

        assigned = self.placement.for_task(poll.check_cancelled)
        with on_device(assigned.device):
            computation = task.experiment.compute(task.spec, emit, progress)
        emit(Computed(computation.findings, computation.arrays, describe_device(assigned), library_versions()))

    def _train(self, task: TrainTask, emit: Emit, poll: PeekablePoll) -> None:
        from engine.training.trainer import train

        data = self.images.get(task.spec.data, task.dataset)

        def progress(message: str, done: int, total: int) -> None:
            emit(Progress(message, done, total))

        assigned = self.placement.for_run(task.spec, data, task.previous_device, progress, poll.check_cancelled)
        train(task.run, task.spec, data, emit, poll, task.model_file, task.interrupted, assigned)


class PeekablePoll:
    """A poll that can be checked before training starts; commands that don't end the task are kept for the training."""

    def __init__(self, poll: Poll) -> None:
        self._poll = poll
        self._waiting: list[Command] = []

    def check_cancelled(self) -> None:
        """Read the commands sent so far.

        Raises:
            Cancelled: if one of them ends the task.
        """
        while (command := self._poll()) is not None:
            if isinstance(command, Control) and command.ends:
                raise Cancelled("Cancelled before it began.")
            self._waiting.append(command)

    def __call__(self, *, wait: bool = False) -> Command | None:
        """Return the next command; see ``Poll``."""
        return self._waiting.pop(0) if self._waiting else self._poll(wait=wait)


def _show_samples(task: SampleTask, emit: Emit, progress: ProgressCallback) -> None:
    try:
        found = sample_images(task.data, task.count, progress)
    except NotDownloadedError as error:  # to be expected
        emit(Progress(str(error), 0, 0))
        return
    if isinstance(task, AugmentedSampleTask):
        from engine.training.augmentation.samples import augment_samples

        found = replace(found, images=augment_samples(found.images, task.augmentation, task.seed))
    emit(SamplesReady(task.data.dataset, **vars(found), augmented=isinstance(task, AugmentedSampleTask)))


def _calibrate(task: CalibrateTask | CalibrateMachineTask, poll: PeekablePoll) -> Calibrated | MachineCalibrated:
    from engine.training.reference import reference_seconds

    if isinstance(task, CalibrateMachineTask):  # takes other processes
        return MachineCalibrated()
    return Calibrated(task.kind, used_library(), *reference_seconds(task.kind, poll.check_cancelled))


def _write(task: ExportTask | ExportNetworkTask | ReportTask, progress: ProgressCallback) -> Exported:
    if isinstance(task, ExportNetworkTask):
        remark = export_network(task.file, task.model, task.shape, task.properties)
        return Exported(str(task.file.parent), 1, problems=(remark,) if remark else ())
    with closing(Store(task.workspace)) as store:
        if isinstance(task, ReportTask):
            from engine.exports.report import write_report

            return Exported(str(write_report(store, task.experiments, task.file)), 1)
        export = export_experiment(store, task.experiment, task.folder, task.formats, progress)
        return Exported(str(task.folder), len(export.files), export.remark, tuple(export.problems))


def worker_ready() -> WorkerReady:
    """Load the training libraries into this process and describe them."""
    from engine.training.trainer import library_versions

    return WorkerReady(library_versions(), available_devices())


def warm_up(has_work: Callable[[], bool]) -> None:
    """Load what a training needs, unless ``has_work`` reports a real task."""
    from engine.training.cleanup import free_previous_trainings
    from engine.training.warm_up import train_on_noise

    try:
        train_on_noise(has_work)
        if not has_work():
            free_previous_trainings()
            gc.freeze()  # the libraries' objects, which every later collection would go through
    except Exception:  # a real training will report it to the user
        log.exception("error in the warm-up")


def _unexpected(error: Exception) -> str:
    return f"An unexpected {type(error).__name__} ended it ({reason(error)}); the log has the details."

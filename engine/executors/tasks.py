"""The tasks of executors."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from engine.config.augmentation import AugmentationSpec
from engine.config.specs import DataSpec, ExperimentSpec, Normalization, RunSpec
from engine.events.datasets import DatasetInfo
from engine.events.runs import Interrupted, RunFinished, Status
from engine.events.tasks import Event, TaskFailed
from engine.experiments.base import ComputedExperiment
from engine.exports import DEFAULT_FORMATS, TENSORFLOW_FORMATS, Format
from engine.utils.arrays import Array


class Auxiliary:
    """A task other than a run; the session or the window waits for its result."""

    def failed(self, status: Status, reason: str) -> Event:
        """Return the event that reports the task's end without a result."""
        return TaskFailed(reason, cancelled=status is Status.CANCELLED)


@dataclass(frozen=True)
class PrepareTask(Auxiliary):
    """Download and decode a data set if needed; emits ``DatasetReady``.

    Attributes:
        data: the data set.
        trains: whether this executor is about to train on it, so that its images are prepared too.
    """

    data: DataSpec
    trains: bool = False


@dataclass(frozen=True)
class SampleTask(Auxiliary):
    """Load ``count`` images of a data set; emits ``SamplesReady``."""

    data: DataSpec
    count: int


@dataclass(frozen=True)
class AugmentedSampleTask(SampleTask):
    """The same, augmented as the training images of a run with ``seed`` would be."""

    augmentation: AugmentationSpec
    seed: int


@dataclass(frozen=True)
class VerifyTask(Auxiliary):
    """Download and decode a data set if needed, and verify all of it; emits ``DatasetVerified``."""

    data: DataSpec


@dataclass(frozen=True)
class RemoveCacheTask(Auxiliary):
    """Remove downloads and decoded images of a data set; emits ``CacheRemoved``."""

    dataset: str


@dataclass(frozen=True)
class TrainTask:
    """Train one run; emits its events, the last of which is ``RunFinished``.

    Attributes:
        run: the run's number in the store.
        spec: the run.
        model_file: where the trained network is saved, if anywhere.
        interrupted: where to resume.
        library: the library that computes on the processor, that of the experiment so far; empty to choose. An executor
            of processes gives each its library when it starts it.
        previous_device: the device on which its variant was trained so far, empty if none. It is used again unless
            another one is requested, as the bits of the results depend on it.
        dataset: the description of its images, under which they were prepared; None if they were not.
    """

    run: int
    spec: RunSpec
    model_file: Path | None
    interrupted: Interrupted | None = None
    previous_device: str = ""
    library: str = ""
    dataset: DatasetInfo | None = None

    def failed(self, status: Status, reason: str) -> Event:
        """Return the event that reports the run's end without a result."""
        return RunFinished(self.run, status, reason)


@dataclass(frozen=True)
class DeviceTask(Auxiliary):
    """Load the training libraries and list the available devices; emits ``WorkerReady``."""


@dataclass(frozen=True)
class AppraiseTask(Auxiliary):
    """Verify all devices and choose one for each of ``runs``; emits ``DevicesAppraised``.

    ``refresh`` discards earlier results.
    """

    runs: tuple[RunSpec, ...]
    refresh: bool = False


@dataclass(frozen=True)
class CalibrateTask(Auxiliary):
    """Measure the reference times of a kind of work in this process; emits ``Calibrated``."""

    kind: str


@dataclass(frozen=True)
class CalibrateMachineTask(Auxiliary):
    """Measure all reference times of this machine that are not known; emits ``MachineCalibrated``.

    Only an executor of processes measures them, as that takes a process for each library.
    """


@dataclass(frozen=True)
class ExportTask(Auxiliary):
    """Write the results of a stored experiment to a folder; emits ``Exported``."""

    workspace: Path
    experiment: int
    folder: Path
    formats: tuple[Format, ...] = DEFAULT_FORMATS


@dataclass(frozen=True)
class ExportNetworkTask(Auxiliary):
    """Write a trained network to a file, in the format that its name ends with; emits ``Exported``.

    Attributes:
        model: the .keras file of the network.
        shape: height, width and channels of its images.
        properties: how images are prepared and what the classes are called, as ``network_properties`` says it.
    """

    model: Path
    shape: tuple[int, int, int]
    properties: dict[str, str]
    file: Path


@dataclass(frozen=True)
class ReportTask(Auxiliary):
    """Write a report of stored experiments to a file; emits ``Exported``."""

    workspace: Path
    experiments: tuple[int, ...]
    file: Path


@dataclass(frozen=True)
class ComputeTask(Auxiliary):
    """Compute a computed experiment; emits ``Computed``, and partial results before."""

    experiment: ComputedExperiment
    spec: ExperimentSpec


@dataclass(frozen=True)
class ProbeTask(Auxiliary):
    """Run the network in ``model_file`` on an image; emits ``Probed``.

    Attributes:
        model_file: the saved network.
        image: uint8 [height, width, 1 or 3] of any size.
        data: the data set whose images the network was trained on, and how they were prepared; None if unknown.
        shape: the network's input: height, width and channels.
        file: the file that shows just this image; it is decoded anew as images of a folder are for training, since
            ``image`` may have been reduced for display.
        normalization: of the image, if ``data`` is None.
    """

    model_file: Path
    image: Array
    data: DataSpec | None
    shape: tuple[int, int, int]
    file: Path | None = None
    normalization: Normalization = "half"


@dataclass(frozen=True)
class PickTestImagesTask(Auxiliary):
    """Pick ``count`` random test images, determined by ``seed``; emits ``PickedTestImages``."""

    data: DataSpec
    count: int
    seed: int


@dataclass(frozen=True)
class ReadImageTask(Auxiliary):
    """Read an image file; emits ``ImageRead``."""

    path: Path


@dataclass(frozen=True)
class OpenNetworkTask(Auxiliary):
    """Read the file of a network; emits ``NetworkOpened``."""

    file: Path


InferenceTask = OpenNetworkTask | ProbeTask | PickTestImagesTask | ReadImageTask
Task = (
    PrepareTask
    | SampleTask
    | VerifyTask
    | RemoveCacheTask
    | DeviceTask
    | AppraiseTask
    | CalibrateTask
    | CalibrateMachineTask
    | ExportTask
    | ExportNetworkTask
    | ReportTask
    | ComputeTask
    | TrainTask
    | InferenceTask
)

# TensorFlow's threads must be configured before its first operation, so before the first of these.
TENSORFLOW_TASKS = (
    *(DeviceTask, AppraiseTask, CalibrateTask, ComputeTask, TrainTask),
    *(OpenNetworkTask, ProbeTask, AugmentedSampleTask, ExportNetworkTask),
)


def needs_tensorflow(task: object) -> bool:
    """Return whether TensorFlow must be configured before ``task``."""
    if isinstance(task, ExportTask):
        return any(each in TENSORFLOW_FORMATS for each in task.formats)
    return isinstance(task, TENSORFLOW_TASKS)

"""What an executor can be asked to do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from engine.config.specs import DataSpec, ExperimentSpec, RunSpec
from engine.events.runs import Interrupted, RunFinished, Status
from engine.events.tasks import Event, TaskFailed
from engine.experiments.base import ComputedExperiment
from engine.exports import DEFAULT_FORMATS, Format
from engine.utils.arrays import Array


class Auxiliary:
    """A task beside the runs: the session or the window waits for its answer."""

    def failed(self, status: Status, reason: str) -> Event:
        """The event that says this task ended without its answer."""
        return TaskFailed(reason, cancelled=status is Status.CANCELLED)


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


@dataclass(frozen=True)
class ProbeTask(Auxiliary):
    """Ask the network in ``model_file`` about ``image``; answers :class:`~engine.events.inference.Probed`.

    ``image`` is uint8 [height, width, 1 or 3] of any size; it is prepared as ``data`` says, to the network's input
    ``shape``.
    """

    model_file: Path
    image: Array
    data: DataSpec
    shape: tuple[int, int, int]


@dataclass(frozen=True)
class PickTestImagesTask(Auxiliary):
    """Pick ``count`` test images at random; answers :class:`~engine.events.inference.PickedTestImages`.

    The same ``seed`` picks the same ones.
    """

    data: DataSpec
    count: int
    seed: int


@dataclass(frozen=True)
class ReadImageTask(Auxiliary):
    """Read an image file; answers :class:`~engine.events.inference.ImageRead`."""

    path: Path


TryTask = ProbeTask | PickTestImagesTask | ReadImageTask
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

# Those that compute with TensorFlow, whose threads must be set before its first operation.
COMPUTING = (DeviceTask, AppraiseTask, ComputeTask, TrainTask, ProbeTask)

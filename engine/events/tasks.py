"""Events of tasks other than runs, and the union of all events."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from engine.events.datasets import CacheRemoved, DatasetReady, DatasetVerified, SamplesReady
from engine.events.devices import Calibrated, DevicesAppraised, MachineCalibrated, WorkerReady
from engine.events.experiments import (
    ComputationStarted,
    Computed,
    ComputedPart,
    ExperimentFinished,
    ExperimentStarted,
    RunsAdded,
)
from engine.events.inference import ImageRead, NetworkOpened, PickedTestImages, Probed
from engine.events.runs import RunEvent, RunRestored
from engine.utils.text import pluralise


@dataclass(frozen=True)
class Progress:
    """Progress of a task: ``done`` of ``total`` (0 if unknown); ``message`` says of what."""

    message: str
    done: int
    total: int


@dataclass(frozen=True)
class Exported:
    """Results were written.

    ``folder`` is the target folder, or the file of a report; ``files`` the number of files; ``remark`` says what became
    of the files of an earlier export; ``problems`` are sentences on what could not be exported.
    """

    folder: str
    files: int
    remark: str = ""
    problems: tuple[str, ...] = ()

    @property
    def summary(self) -> str:
        """Such as ``13 files written; 2 files of an earlier export removed``."""
        return f"{pluralise(self.files, 'file')} written{self.remark}"


@dataclass(frozen=True)
class TaskFailed:
    """A task other than a run ended without its result.

    Attributes:
        reason: a sentence for the user.
        broken_images: number of image files that can't be read, if that is the reason; they can be left out.
    """

    reason: str
    cancelled: bool = False
    broken_images: int = 0


Event = (
    WorkerReady
    | DevicesAppraised
    | Calibrated
    | MachineCalibrated
    | Progress
    | DatasetReady
    | DatasetVerified
    | CacheRemoved
    | SamplesReady
    | Exported
    | TaskFailed
    | ExperimentStarted
    | RunsAdded
    | ComputationStarted
    | ComputedPart
    | Computed
    | Probed
    | PickedTestImages
    | ImageRead
    | NetworkOpened
    | RunEvent
    | RunRestored
    | ExperimentFinished
)


Emit = Callable[[Event], None]

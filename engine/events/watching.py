"""Events about runs that other programs log."""

from __future__ import annotations

from dataclasses import dataclass

from engine.events.runs import Status
from engine.events.tasks import Event


@dataclass(frozen=True)
class Grouping:
    """Where a logged run belongs: experiment, variant, and number of the repeat (from 1; 0 if unknown)."""

    experiment: str
    variant: str
    repeat: int = 0


@dataclass(frozen=True)
class FoundRun:
    """A run found in a folder.

    Attributes:
        source: its file or folder, see ``LoggedRunSpec.source``.
        format: what wrote it.
        grouping: where it belongs, as far as log and names tell.
    """

    source: str
    format: str
    grouping: Grouping


@dataclass(frozen=True)
class WatchRequest:
    """A folder or file to watch.

    Attributes:
        groupings: of runs that the user grouped otherwise, by source.
        again: whether runs are read again of which the experiments were deleted.
    """

    folder: str
    groupings: tuple[tuple[str, Grouping], ...] = ()
    again: bool = False


@dataclass(frozen=True)
class WatchedExperiment:
    """A stored experiment that is read from a watched folder, and how many of its runs are in which state.

    Attributes:
        running: number of runs that have not ended.
        ended: numbers of runs by the state in which they ended.
    """

    number: int
    name: str
    running: int = 0
    ended: tuple[tuple[Status, int], ...] = ()

    def count(self, status: Status) -> int:
        """Return the number of runs that ended so."""
        return dict(self.ended).get(status, 0)


@dataclass(frozen=True)
class FolderWatched:
    """The state of a watched folder; sent whenever it changes.

    Attributes:
        problems: sentences on what can't be read.
        reading: whether what is there is still being read for the first time.
    """

    folder: str
    experiments: tuple[WatchedExperiment, ...] = ()
    problems: tuple[str, ...] = ()
    reading: bool = False


@dataclass(frozen=True)
class FolderLeft:
    """A folder is no longer watched; ``reason`` is a sentence if that was not asked for."""

    folder: str
    reason: str = ""


@dataclass(frozen=True)
class WatchedEvent:
    """An event of an experiment that is read from a watched folder."""

    experiment: int
    event: Event


WatchEvent = FolderWatched | FolderLeft | WatchedEvent

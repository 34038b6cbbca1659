"""Which event files make up a run of TensorBoard."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

RELIST_SECONDS = 10.0  # even if the folder seems unchanged, as network drives tell its time of modification late
TIME_RESOLUTION = 3.0  # a folder changed more recently is listed again, as its time may not tell of a further change
_MARK = "tfevents"  # as in TensorBoard, anywhere in the name
_NO_EVENTS = ".profile-empty"  # a file by which the profiler of TensorFlow marks its folder
_TIME = re.compile(r"\d{10}\.\d+")  # a folder of PyTorch's add_hparams, which repeats the last numbers of its run
_PARTS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "eval"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}


def is_event_file(name: str) -> bool:
    """Whether a file is one of TensorBoard's, by its name."""
    return _MARK in name and not name.endswith(_NO_EVENTS)


def run_folder(folder: Path, directory: Path) -> Path | None:
    """Return the folder after which the run of the event files in ``directory`` is named.

    Args:
        folder: the watched folder, of which all runs are.
        directory: where the files are.

    Returns:
        The folder itself or the one that it is in; None if its files repeat those of another run.
    """
    if directory == folder:
        return directory
    if directory.name.lower() in _PARTS:
        return directory.parent
    if not _part_of_curve(directory.name) and not _TIME.fullmatch(directory.name):
        return directory
    if not _has_events(directory.parent):
        return directory
    return None if _TIME.fullmatch(directory.name) else directory.parent


def _part_of_curve(name: str) -> str:
    """Return the part of the data of a folder of ``add_scalars``, named after plot and curve, such as ``Loss_val``."""
    plot, _, curve = name.lower().rpartition("_")
    return _PARTS.get(curve, "") if plot else ""


def _has_events(directory: Path) -> bool:
    try:
        return any(is_event_file(path.name) for path in directory.iterdir())
    except OSError:
        return False


@dataclass
class _Listing:
    """The names in a folder, its time of modification and since when it is that, and when the names were listed."""

    names: tuple[str, ...] = ()
    modified: int = -1
    since: float = 0.0
    listed: float = 0.0


class RunFolder:
    """The folder of a run, in which further files may appear."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self.path = path
        self._clock = clock
        self._listings: dict[Path, _Listing] = {}

    def files(self) -> Iterator[tuple[Path, str]]:
        """Yield the event files, and the part of the data of each: train, validation, test, or empty."""
        names = self._names(self.path)
        own = [name for name in names if is_event_file(name)]
        yield from ((self.path / name, "") for name in own)
        for name in names:
            part = _PARTS.get(name.lower()) or (_part_of_curve(name) if own else "")
            if part and not is_event_file(name):
                inside = self.path / name
                yield from ((inside / each, part) for each in self._names(inside) if is_event_file(each))

    def _names(self, path: Path) -> tuple[str, ...]:
        """Return the names in a folder, listed anew unless nothing can have changed; none if it can't be read."""
        listing = self._listings.setdefault(path, _Listing())
        now = self._clock()
        try:
            modified = path.stat().st_mtime_ns
            if modified != listing.modified:
                listing.modified, listing.since = modified, now
            elif listing.listed - listing.since >= TIME_RESOLUTION and now - listing.listed < RELIST_SECONDS:
                return listing.names
            listing.names = tuple(sorted(each.name for each in path.iterdir()))
            listing.listed = now
        except OSError:
            listing.names = ()
        return listing.names

"""Finding the logs of runs in a folder in which further ones appear.

A folder is looked through every second or two, also on network drives, where each question to the server takes about a
millisecond. So of what was seen before only this is looked at again:

- a directory is listed anew when its time of modification has changed, which tells of added, removed and renamed
  entries; and every ``RELIST_SECONDS`` anyway, as some file systems don't keep that time and network drives tell it
  late. A listing made less than ``TIME_RESOLUTION`` after a change is not trusted, as such times have a resolution of
  up to 2 s.
- a file in which no log was found is opened again when it has changed. Once it is quiet for ``QUIET_SECONDS`` that is
  checked only every ``RECHECK_SECONDS``, unless it is empty: programs may create a log long before they write to it.
"""

from __future__ import annotations

import os
import stat
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from engine.utils.text import one_line
from engine.watching.sources import csv_log, own_log
from engine.watching.sources.base import NamedSource, Source
from engine.watching.sources.course.source import sources_in as course_sources_in
from engine.watching.sources.names import group
from engine.watching.sources.tensorboard.source import sources_in as tensorboard_sources_in

RELIST_SECONDS = 10.0
TIME_RESOLUTION = 3.0
QUIET_SECONDS = 10.0
RECHECK_SECONDS = 60.0
MAX_DEPTH = 16
MAX_FOLDERS = 5_000
MAX_FILES = 20_000

# One per format, asked in turn: yields the logs among the files of one directory; keys are relative to the folder that
# is passed first.
FORMATS: tuple[Callable[[Path, Sequence[Path]], Iterator[Source]], ...] = (
    own_log.sources_in,
    csv_log.sources_in,
    tensorboard_sources_in,
    course_sources_in,
)

_NO_LOGS = frozenset(
    (
        *(".jpg", ".jpeg", ".png", ".gif", ".bmp", ".webp", ".tif", ".tiff", ".svg", ".pdf", ".mp4"),
        *(".npy", ".npz", ".pt", ".pth", ".ckpt", ".h5", ".hdf5", ".keras", ".safetensors", ".onnx", ".pb"),
        *(".zip", ".gz", ".xz", ".bz2", ".tar", ".7z", ".sqlite", ".db", ".sqlite-wal", ".sqlite-shm"),
        *(".py", ".pyc", ".ipynb", ".so", ".dll", ".exe", ".html", ".md"),
    )
)


@dataclass
class _File:
    """A file, and what was found in it.

    Attributes:
        stamp: size and time of modification when it was last looked at.
        since: when that stamp was first seen.
        checked: when it was last asked for.
        keys: those of the sources that were found in it.
    """

    stamp: tuple[int, int] = (-1, 0)
    since: float = 0.0
    checked: float = 0.0
    keys: tuple[str, ...] = ()


@dataclass
class _Directory:
    """A directory as it was listed.

    Attributes:
        modified: its time of modification.
        since: when that was first seen.
        listed: when it was listed.
        refused: names that can't be stored, as they are no Unicode.
    """

    modified: int = -1
    since: float = 0.0
    listed: float = 0.0
    folders: list[Path] = field(default_factory=list)
    linked_folders: list[Path] = field(default_factory=list)
    files: dict[str, _File] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)


class FolderScan:
    """Finds logs in a folder, or in a single file, again and again.

    Args:
        folder: keys are relative to it, or to the folder of the file.
        clock: seconds, which never go back.
    """

    def __init__(self, folder: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._folder = self._root = folder
        self._clock = clock
        self._directories: dict[Path, _Directory] = {}
        self._single = _File()
        self._problems: list[str] = []

    @property
    def problems(self) -> tuple[str, ...]:
        """Sentences on what the last call of ``discover`` could not look at."""
        return tuple(self._problems)

    def discover(self, known: Collection[str]) -> Iterator[Source]:
        """Yield the logs whose keys are not in ``known``; those found together are grouped by their names together.

        Links to folders are followed, but each folder is looked through once, if possible where it really is. Hidden
        ones are left out.
        """
        self._problems = []
        found = {source.key: source for source in self._found(known)}  # that of several files is found with each
        named = [source for source in found.values() if isinstance(source, NamedSource)]
        for source, place in zip(named, group([source.name for source in named], self._root.name), strict=True):
            source.grouping = place
        yield from found.values()

    def _found(self, known: Collection[str]) -> Iterator[Source]:
        status = self._status(self._folder)
        if status is None:
            return
        if stat.S_ISDIR(status.st_mode):
            self._root = self._folder
            yield from self._walk(known)
        else:
            self._root = self._folder.parent
            yield from self._sources(self._root, {self._folder.name: self._single}, known)

    def _walk(self, known: Collection[str]) -> Iterator[Source]:
        pending, linked = deque([(self._folder, 0)]), deque[tuple[Path, int]]()
        visited: set[tuple[int, int] | str] = set()
        paths: set[Path] = set()
        files = 0
        while pending or linked:
            path, depth = pending.popleft() if pending else linked.popleft()
            status = self._status(path)
            if status is None or (identity := _identity(path, status)) in visited:
                continue
            directory = self._listed(path, status.st_mtime_ns)
            visited.add(identity)
            paths.add(path)
            files += len(directory.files)
            for refused in directory.refused[:1]:
                self._complain(f"{refused} has a name that is not Unicode; rename it.")
            yield from self._sources(path, directory.files, known)
            if len(visited) >= MAX_FOLDERS or files >= MAX_FILES:
                self._complain(f"{self._folder} has too many files to look at all of them; watch a folder inside it.")
                break
            if depth < MAX_DEPTH:
                pending += [(each, depth + 1) for each in directory.folders]
                linked += [(each, depth + 1) for each in directory.linked_folders]
        self._directories = {path: self._directories[path] for path in paths}

    def _status(self, path: Path) -> os.stat_result | None:
        try:
            return path.stat()
        except OSError as error:
            if not isinstance(error, FileNotFoundError) or path == self._folder:
                self._complain(f"{path} can't be read ({error.strerror}); check the folder and its permissions.")
            return None

    def _complain(self, sentence: str) -> None:
        self._problems.append(one_line(sentence))

    def _listed(self, path: Path, modified: int) -> _Directory:
        """Return what is in a directory, listed anew unless nothing can have changed."""
        now = self._clock()
        directory = self._directories.setdefault(path, _Directory())
        if directory.modified != modified:
            directory.modified, directory.since = modified, now
        elif directory.listed - directory.since >= TIME_RESOLUTION and now - directory.listed < RELIST_SECONDS:
            return directory
        directory.listed = now
        try:
            with os.scandir(path) as entries:
                self._enter(directory, list(entries))
        except OSError as error:
            self._complain(f"{path} can't be read ({error.strerror}); check its permissions.")
            directory.listed = directory.since  # so that the problem is reported until it is gone
        return directory

    def _enter(self, directory: _Directory, entries: list[os.DirEntry[str]]) -> None:
        directory.folders, directory.linked_folders, directory.refused = [], [], []
        files: dict[str, _File] = {}
        for entry in sorted(entries, key=lambda each: each.name):
            if entry.name.startswith((".", "$", "__pycache__")):
                continue
            if not entry.name.isascii() and entry.name != entry.name.encode("utf-8", "replace").decode():
                directory.refused.append(entry.path)
                continue
            try:
                if entry.is_dir():
                    (directory.linked_folders if entry.is_symlink() else directory.folders).append(Path(entry.path))
                elif entry.is_file() and self._may_be_log(entry) and len(files) < MAX_FILES:
                    files[entry.name] = directory.files.get(entry.name, _File())
            except OSError:  # a link to itself
                continue
        directory.files = files

    def _may_be_log(self, entry: os.DirEntry[str]) -> bool:
        """Whether to look at a file: not if it is a link to another one of the folder, whose run would come twice."""
        if Path(entry.name).suffix.lower() in _NO_LOGS:
            return False
        return not entry.is_symlink() or not Path(entry.path).resolve().is_relative_to(self._folder.resolve())

    def _sources(self, path: Path, files: Mapping[str, _File], known: Collection[str]) -> Iterator[Source]:
        for name, file in files.items():
            if not self._is_due(path / name, file, known):
                continue
            for find in FORMATS:
                found = list(find(self._root, [path / name]))
                if found:
                    file.keys = tuple(source.key for source in found)
                    yield from (source for source in found if source.key not in known)
                    break

    def _is_due(self, path: Path, file: _File, known: Collection[str]) -> bool:
        """Whether to look for logs in a file, as it is new or has changed, or as nobody knows those found in it."""
        now = self._clock()
        if not all(key in known for key in file.keys):
            file.keys = ()
            return True
        if file.keys and not any("#" in key for key in file.keys):  # a file of several runs may get further ones
            return False
        if file.stamp[0] > 0 and file.checked - file.since >= QUIET_SECONDS and now - file.checked < RECHECK_SECONDS:
            return False
        try:
            status = path.stat()
        except OSError:
            return False
        stamp = (status.st_size, status.st_mtime_ns)
        file.checked = now
        if stamp == file.stamp:
            return False
        file.stamp, file.since, file.keys = stamp, now, ()
        return status.st_size > 0


def _identity(path: Path, status: os.stat_result) -> tuple[int, int] | str:
    """Return what tells a directory from all others; some network drives number none."""
    return (status.st_dev, status.st_ino) if status.st_ino else str(path.resolve())

"""The files beside a store: copies of it, what was kept aside, and the note that it may be damaged.

The store itself is only ever opened by SQLite: whoever else closes it takes SQLite's locks from the whole process.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from itertools import count
from pathlib import Path

from filelock import FileLock

SIDECAR_SUFFIXES = (
    "-wal",
    "-shm",
    "-journal",
)  # what SQLite keeps beside a file, of which a store has no more than two
LOCK_TIMEOUT_SECONDS = 60.0  # how long to wait for another program that looks after the store


@contextmanager
def maintenance_lock(file: Path) -> Iterator[None]:
    """Held by whoever begins a store, moves one aside or puts one back, one program at a time; may be nested.

    Raises OSError where the folder can't be written, or another program never comes to an end.
    """
    lock = FileLock(f"{file}.lock", timeout=LOCK_TIMEOUT_SECONDS, is_singleton=True)
    try:
        lock.acquire()
    except NotImplementedError:  # a drive without locks, on which two programs had better not share a workspace
        yield
        return
    try:
        yield
    finally:
        lock.release()


def damage_marker(file: Path) -> Path:
    """The note that something of the store ``file`` could not be read; the next start of the program looks into it."""
    return file.with_name(f"{file.name}.suspect")


def mark_damaged(file: Path, reason: str) -> None:
    """Leave that note; where it can't be written, the next program that meets the damage will try again."""
    with suppress(OSError):
        damage_marker(file).write_text(reason, encoding="utf-8")


def timestamped_path(file: Path, what: str) -> Path:
    """A name beside the store that nothing has yet, such as trainscope.sqlite3.damaged-20260131-235959."""
    return unused_path(file.with_name(f"{file.name}.{what}-{datetime.now().astimezone():%Y%m%d-%H%M%S}"))


def unused_path(wanted: Path) -> Path:
    """``wanted``, with a number behind it where a file has that name."""
    return next(
        path
        for path in _numbered(wanted)
        if not any(Path(f"{path}{side}").exists() for side in ("", *SIDECAR_SUFFIXES))
    )


def copy_store(source: sqlite3.Connection, target: Path) -> None:
    """Write what ``source`` sees as committed to the file ``target``: whole and on the disk, or not at all.

    Raises FileExistsError where there is a file of that name, OSError or sqlite3.Error where it can't be written.
    """
    part = unused_path(target.with_name(f"{target.name}.part"))
    try:
        with closing(sqlite3.connect(part)) as copy:
            copy.execute("PRAGMA synchronous=OFF")  # all of it is flushed at once below
            source.backup(copy)
        with part.open("rb+") as written:
            os.fsync(written.fileno())
        rename_without_replacing(part, target)
    except BaseException:
        for side in ("", *SIDECAR_SUFFIXES):
            Path(f"{part}{side}").unlink(missing_ok=True)
        raise


def move_into_place(rescued: Path, file: Path) -> bool:
    """Give a rescued copy the name of the store if nothing has it; tells whether it has it now. In :func:`maintenance_lock`."""
    if file.exists():
        return False
    remove_sidecars(file)
    try:
        rename_without_replacing(rescued, file)
    except FileExistsError:
        return False
    return True


def remove_sidecars(file: Path) -> None:
    """Remove what SQLite kept beside a file that is gone: it would take it for that of the next of this name.

    Whoever still has the removed file open keeps these too. In :func:`maintenance_lock`.
    """
    for side in SIDECAR_SUFFIXES:
        Path(f"{file}{side}").unlink(missing_ok=True)


def file_stats(file: Path) -> list[os.stat_result | None]:
    """What the system knows the file by, and those that SQLite keeps beside it; None for each that is not there."""
    found: list[os.stat_result | None] = []
    for side in ("", *SIDECAR_SUFFIXES):
        try:
            found.append(Path(f"{file}{side}").stat())
        except (FileNotFoundError, NotADirectoryError):
            found.append(None)
    return found


def sync_folder(folder: Path) -> None:
    """Have names of files survive a power cut; Windows has no such call, and needs none."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def rename_without_replacing(source: Path, target: Path) -> None:
    """Rename a file, never over another: Windows refuses that by itself, elsewhere a second name does.

    Raises FileExistsError where there is another, OSError where the folder can't be written.
    """
    if os.name == "nt":
        source.rename(target)
        return
    try:
        os.link(source, target)
    except FileExistsError:
        raise
    except OSError:  # a drive without second names
        if target.exists():
            raise FileExistsError(target) from None
        source.rename(target)
    else:
        source.unlink()
    sync_folder(target.parent)


def _numbered(path: Path) -> Iterator[Path]:
    yield path
    for number in count(2):
        yield path.with_name(f"{path.name}-{number}")

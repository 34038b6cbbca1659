"""The files beside a store: its copies, damaged files set aside, and the marker of suspected damage.

Only SQLite ever opens the store itself: closing another descriptor of it would drop the locks that SQLite holds for the
whole process (POSIX).
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from itertools import count
from pathlib import Path

SIDECAR_SUFFIXES = ("-wal", "-shm", "-journal")  # of the files that SQLite keeps beside a database, at most two of them
LOCK_TIMEOUT_SECONDS = 60.0  # how long to wait for another program that holds the maintenance lock


@contextmanager
def maintenance_lock(file: Path) -> Iterator[None]:
    """Hold the inter-process lock under which a store is created, set aside or restored; reentrant.

    Propagates ``OSError`` if the folder can't be written, or the lock isn't free within ``LOCK_TIMEOUT_SECONDS``.
    """
    from filelock import FileLock  # imports asyncio, which takes 50 ms of the window's start

    lock = FileLock(f"{file}.lock", timeout=LOCK_TIMEOUT_SECONDS, is_singleton=True)
    try:
        lock.acquire()
    except NotImplementedError:  # a file system without locks, on which programs should not share a workspace
        yield
        return
    try:
        yield
    finally:
        lock.release()


def damage_marker(file: Path) -> Path:
    """Return the marker file of the store ``file``: damage was met, so the next program start checks all pages."""
    return file.with_name(f"{file.name}.suspect")


def mark_damaged(file: Path, reason: str) -> None:
    """Write the marker; if that fails, the next program that meets the damage tries again."""
    with suppress(OSError):
        damage_marker(file).write_text(reason, encoding="utf-8")


def timestamped_path(file: Path, what: str) -> Path:
    """Return an unused path beside the store, such as ``trainscope.sqlite3.damaged-20260131-235959``."""
    return unused_path(file.with_name(f"{file.name}.{what}-{datetime.now().astimezone():%Y%m%d-%H%M%S}"))


def unused_path(wanted: Path) -> Path:
    """Return ``wanted``, with a number appended if it or one of its sidecar files exists."""
    return next(
        path
        for path in _numbered(wanted)
        if not any(Path(f"{path}{suffix}").exists() for suffix in ("", *SIDECAR_SUFFIXES))
    )


def copy_store(source: sqlite3.Connection, target: Path) -> None:
    """Copy the committed contents of ``source`` to the file ``target``: all of it and flushed to disk, or nothing.

    Propagates ``FileExistsError`` if ``target`` exists, ``OSError`` and ``sqlite3.Error`` if it can't be written.
    """
    part = unused_path(target.with_name(f"{target.name}.part"))
    try:
        with closing(sqlite3.connect(part)) as copy:
            copy.execute("PRAGMA synchronous=OFF")  # flushed once below
            source.backup(copy)
        with part.open("rb+") as written:
            os.fsync(written.fileno())
        rename_without_replacing(part, target)
    except BaseException:
        for suffix in ("", *SIDECAR_SUFFIXES):
            Path(f"{part}{suffix}").unlink(missing_ok=True)
        raise


def move_into_place(rescued: Path, file: Path) -> bool:
    """Rename a rescued copy to ``file`` unless that exists; return whether it did. Requires ``maintenance_lock``."""
    if file.exists():
        return False
    remove_sidecars(file)
    try:
        rename_without_replacing(rescued, file)
    except FileExistsError:
        return False
    return True


def remove_sidecars(file: Path) -> None:
    """Remove the sidecar files of a removed store, which SQLite would take for those of the next file of this name.

    Connections that still have the removed file open keep their sidecar files too. Requires ``maintenance_lock``.
    """
    for suffix in SIDECAR_SUFFIXES:
        Path(f"{file}{suffix}").unlink(missing_ok=True)


def file_stats(file: Path) -> list[os.stat_result | None]:
    """Return the ``stat`` of the file and of its sidecar files, which identify them; None for each that is missing."""
    found: list[os.stat_result | None] = []
    for suffix in ("", *SIDECAR_SUFFIXES):
        try:
            found.append(Path(f"{file}{suffix}").stat())
        except (FileNotFoundError, NotADirectoryError):
            found.append(None)
    return found


def sync_folder(folder: Path) -> None:
    """Flush a folder, so that file names survive a power failure; Windows has no such call and needs none."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def rename_without_replacing(source: Path, target: Path) -> None:
    """Rename a file, but never over another one: Windows refuses that itself, elsewhere a hard link does.

    Propagates ``OSError`` if the folder can't be written.

    Raises:
        FileExistsError: if ``target`` exists.
    """
    if os.name == "nt":
        source.rename(target)
        return
    try:
        os.link(source, target)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
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

"""Who carries out an experiment: a file locked for as long as a program does.

The system takes a lock back when its holder dies, however it dies, so an experiment that the store says is under way,
and whose lock is free, was interrupted. No clock and no process number is relied on.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from engine.utils.errors import StoreError
from engine.utils.paths import lock_folder

_NAME = re.compile(r"[0-9a-f]{32}\.lock")


@contextmanager
def owner_lock(workspace: Path) -> Iterator[str]:
    """Hold a lock of this program's own, by the name that the store keeps; raises :class:`StoreError` without one."""
    file = lock_folder(workspace) / f"{uuid.uuid4().hex}.lock"
    lock = FileLock(file)
    try:
        lock.acquire(blocking=False)
    except (OSError, Timeout) as error:
        raise StoreError(
            f"{file} can't be locked ({error}); check the folder, its permissions and the free space."
        ) from None
    try:
        yield file.name
    finally:
        lock.release()
        _remove(file)


def is_owner_alive(workspace: Path, name: object) -> bool:
    """Whether the program that took the lock called ``name`` still holds it.

    A store from elsewhere may name anything: what is no name of a lock is nobody's, and left alone.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        return False
    file = lock_folder(workspace) / name
    if not file.exists():
        return False
    try:
        with FileLock(file, blocking=False):
            pass
    except Timeout:
        return True
    except OSError:  # it can't be locked by anybody
        return False
    _remove(file)
    return False


def _remove(file: Path) -> None:
    """A name is used once, so nobody misses the file."""
    with suppress(OSError):
        file.unlink(missing_ok=True)

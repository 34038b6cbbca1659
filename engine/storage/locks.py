"""Ownership of a running experiment: a lock file held by the program that executes it.

The operating system releases the lock when its holder dies, however it dies, so an experiment that is stored as running
while its lock is free was interrupted. This needs neither a clock nor a process ID.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from engine.storage.errors import NO_LOCKS, lacks_locks
from engine.utils.errors import StoreError
from engine.utils.paths import lock_folder

_NAME = re.compile(r"[0-9a-f]{32}\.lock")


@contextmanager
def owner_lock(workspace: Path) -> Iterator[str]:
    """Hold a new lock of this program.

    Yields:
        The name of its file, which is stored as the owner.

    Raises:
        StoreError: if the file can't be locked.
    """
    from filelock import FileLock, Timeout  # slow to import (files.py)

    file = lock_folder(workspace) / f"{uuid.uuid4().hex}.lock"
    lock = FileLock(file)
    try:
        lock.acquire(blocking=False)
    except (OSError, NotImplementedError, Timeout) as error:
        if isinstance(error, NotImplementedError) or lacks_locks(file.parent, error):
            raise StoreError(f"{workspace} can't be used: {NO_LOCKS}") from None
        raise StoreError(
            f"{file} can't be locked ({error}); check the folder, its permissions and the free space."
        ) from None
    try:
        yield file.name
    finally:
        lock.release()
        _remove(file)


@contextmanager
def named_lock(workspace: Path, name: str) -> Iterator[bool]:
    """Hold the lock ``name`` of a workspace, which at most one program holds.

    Yields:
        Whether it is held; False if another program holds it.

    Raises:
        StoreError: if files of the workspace can't be locked.
    """
    from filelock import FileLock, Timeout  # slow to import (files.py)

    file = lock_folder(workspace) / f"{name}.lock"
    lock = FileLock(file)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        yield False
        return
    except (OSError, NotImplementedError) as error:
        raise StoreError(f"{file} can't be locked ({error}); check the folder and its permissions.") from None
    try:
        yield True
    finally:
        lock.release()


def is_owner_alive(workspace: Path, name: object) -> bool:
    """Return whether the program that took the lock ``name`` still holds it.

    A foreign store may contain any value: one that is no lock name has no owner, and no such file is touched.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        return False
    file = lock_folder(workspace) / name
    if not file.exists():
        return False
    from filelock import FileLock, Timeout  # slow to import (files.py)

    try:
        with FileLock(file, blocking=False):
            pass
    except Timeout:
        return True
    except (OSError, NotImplementedError):  # no program can lock it
        return False
    _remove(file)
    return False


def _remove(file: Path) -> None:
    """Remove a lock file; each name is used only once."""
    with suppress(OSError):
        file.unlink(missing_ok=True)

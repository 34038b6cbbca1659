"""Who carries out an experiment: a file locked for as long as a program does.

The system takes a lock back when its holder dies, however it dies, so an experiment that the store says is under way,
and whose lock is free, was interrupted. No clock and no process number is relied on.
"""

from __future__ import annotations

import uuid
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

from engine.errors import StoreError
from engine.paths import lock_folder


class Ownership:
    """A lock of this program's own, from now until :meth:`release`; raises :class:`StoreError` where it can't be had.

    ``name`` is what the store keeps of it.
    """

    def __init__(self, workspace: Path) -> None:
        self.name = f"{uuid.uuid4().hex}.lock"
        self._file = lock_folder(workspace) / self.name
        self._lock = FileLock(self._file)
        try:
            self._lock.acquire(blocking=False)
        except (OSError, Timeout) as error:
            raise StoreError(
                f"{self._file} can't be locked ({error}); check the folder, its permissions and the free space."
            ) from None

    def release(self) -> None:
        """Let go of it. The name is used once, so nobody misses the file."""
        with suppress(OSError):
            self._file.unlink(missing_ok=True)  # not on Windows, where only a file that is closed can be removed
        self._lock.release()
        with suppress(OSError):
            self._file.unlink(missing_ok=True)


def is_owned(workspace: Path, name: str) -> bool:
    """Whether the program that took the lock called ``name`` still holds it."""
    file = lock_folder(workspace) / name
    if not name or not file.exists():
        return False
    lock = FileLock(file)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return True
    except OSError:
        return False
    with suppress(OSError):
        file.unlink(missing_ok=True)
    lock.release()
    return False

"""A temporary folder for each child process.

TensorFlow writes generated Python code to its temporary folder and leaves it behind when its process is killed. Each
child has a folder of its own, which its parent removes once the child has ended. If the parent was killed too, the next
program removes it: the owner holds a lock file beside the folder, which the system releases when the owner dies.
"""

from __future__ import annotations

import secrets
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

PREFIX = "trainscope-worker-"


class ScratchFolder:
    """A new folder at ``path`` in the system's temporary folder; ``OSError`` is propagated if it can't be created."""

    def __init__(self) -> None:
        self.path = Path(tempfile.gettempdir(), PREFIX + secrets.token_hex(8))
        # Locked before the folder exists, so that it never looks orphaned.
        self._lock = _lock_of(self.path)
        self._lock.acquire(timeout=0)
        self.path.mkdir(mode=0o700)

    def remove(self) -> None:
        """Remove the folder and its contents."""
        _remove(self.path, self._lock)


def remove_orphaned_folders() -> None:
    """Remove the folders whose owner has died."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*/"):
        lock = _lock_of(folder)
        with suppress(Timeout, OSError):  # the owner is alive, or another user
            lock.acquire(timeout=0)
            _remove(folder, lock)


def _lock_of(folder: Path) -> FileLock:
    return FileLock(folder.with_suffix(".lock"), thread_local=False)


def _remove(folder: Path, lock: FileLock) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    lock.release()
    with suppress(OSError):
        Path(lock.lock_file).unlink(missing_ok=True)

"""A temporary folder for each child process.

TensorFlow writes the Python it generates there and leaves it behind when its process is killed. A folder of a child's
own is removed by its parent once the child has ended, however it did. Where the parent was killed too, the next program
removes it: the folder's owner holds a lock beside it, which the system takes back when the owner dies.
"""

from __future__ import annotations

import secrets
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

PREFIX = "trainscope-worker-"


class OwnFolder:
    """A new folder below the system's temporary one, at ``path``; raises OSError where it can't be made."""

    def __init__(self) -> None:
        self.path = Path(tempfile.gettempdir(), PREFIX + secrets.token_hex(8))
        # Held before the folder is there, so that it never looks as if its owner had died.
        self._lock = _lock_of(self.path)
        self._lock.acquire(timeout=0)
        self.path.mkdir(mode=0o700)

    def remove(self) -> None:
        """Remove the folder with all that is in it."""
        _remove(self.path, self._lock)


def sweep() -> None:
    """Remove the folders whose owner has died."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*/"):
        lock = _lock_of(folder)
        with suppress(Timeout, OSError):  # its owner lives, or is somebody else
            lock.acquire(timeout=0)
            _remove(folder, lock)


def _lock_of(folder: Path) -> FileLock:
    return FileLock(folder.with_suffix(".lock"), thread_local=False)


def _remove(folder: Path, lock: FileLock) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    lock.release()
    with suppress(OSError):
        Path(lock.lock_file).unlink(missing_ok=True)

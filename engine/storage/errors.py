"""Translates errors of SQLite and of the file system into messages that say what to do."""

from __future__ import annotations

import errno
import shutil
import sqlite3
from pathlib import Path
from tempfile import TemporaryFile

from engine.utils.errors import StoreError

DAMAGE_CODES = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
BUSY_CODES = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
DENIED_CODES = (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH)
DENIED_ERRNOS = (errno.EACCES, errno.EPERM, errno.EROFS)
FULL_ERRNOS = (errno.ENOSPC, errno.EDQUOT)
# What a network drive without locks, or with none free, answers; SQLite reports some of them as a busy file.
NO_LOCKS_ERRNOS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP)
NO_LOCKS_CODES = (
    sqlite3.SQLITE_IOERR_LOCK,
    sqlite3.SQLITE_IOERR_UNLOCK,
    sqlite3.SQLITE_IOERR_RDLOCK,
    sqlite3.SQLITE_IOERR_CHECKRESERVEDLOCK,
    sqlite3.SQLITE_IOERR_SHMLOCK,
    sqlite3.SQLITE_PROTOCOL,
)
NO_LOCKS = (
    "the drive does not support file locks, as some network drives do not; choose a folder on a local drive by "
    "--workspace."
)
LOW_SPACE_BYTES = 1_000_000  # SQLite reports some full disks only as an I/O error


def primary_code(error: BaseException) -> int:
    """Return SQLite's primary result code; 0 if the error is not raised by SQLite itself."""
    code = getattr(error, "sqlite_errorcode", 0)
    return int(code) & 0xFF


def is_damage(error: BaseException) -> bool:
    """Return whether the file is no SQLite database, or a corrupt one."""
    return primary_code(error) in DAMAGE_CODES


def store_error(file: Path, action: str, error: Exception) -> StoreError:
    """Translate ``error``, raised while ``file`` was ``action``: "opened", "read" or "written"."""
    if is_damage(error):
        return StoreError(
            f"{file} is damaged ({error}); close the program and start it again: it then keeps the damaged file aside "
            "and goes on with a new one."
        )
    failed = f"{file} can't be {action}"
    if _is_full(file.parent, error):
        return StoreError(f"{failed}: the disk is full; make room and try again, what was stored before is kept.")
    if lacks_locks(file.parent, error):
        return StoreError(f"{failed}: {NO_LOCKS}")
    if primary_code(error) in BUSY_CODES:
        return StoreError(
            f"{failed}: another program has been writing to it for too long; wait for it or close it, then try again."
        )
    if primary_code(error) in DENIED_CODES or getattr(error, "errno", None) in DENIED_ERRNOS:
        return StoreError(f"{failed} ({error}); allow writing to the file and its folder, or choose another workspace.")
    return StoreError(f"{failed} ({error}); check the folder, its permissions and the free space.")


def lacks_locks(folder: Path, error: BaseException) -> bool:
    """Return whether ``error`` was raised because the drive of ``folder`` does not support file locks."""
    if getattr(error, "errno", None) in NO_LOCKS_ERRNOS or getattr(error, "sqlite_errorcode", 0) in NO_LOCKS_CODES:
        return True
    return primary_code(error) in BUSY_CODES and not _supports_locks(folder)


def _supports_locks(folder: Path) -> bool:
    try:
        import fcntl
    except ImportError:  # Windows, where every drive does
        return True
    try:
        with TemporaryFile(dir=folder) as file:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in NO_LOCKS_ERRNOS
    return True


def _is_full(folder: Path, error: Exception) -> bool:
    if primary_code(error) == sqlite3.SQLITE_FULL or getattr(error, "errno", None) in FULL_ERRNOS:
        return True
    if primary_code(error) not in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN):
        return False
    try:
        return shutil.disk_usage(folder).free < LOW_SPACE_BYTES
    except OSError:
        return False

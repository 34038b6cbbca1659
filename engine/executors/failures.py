"""Words for what goes wrong in a task by no fault of the program: memory or disk ran short."""

from __future__ import annotations

import errno
import os
import tempfile

_NO_MEMORY = "There is not enough memory; choose smaller images, a smaller batch or a smaller network."
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_ONE_BLOCK = b"\0" * 4096


def explain(error: Exception) -> str | None:
    """A sentence for an error whose cause lies outside the program; None where it is unexpected.

    TensorFlow's errors are known by their names, as a process that only prepares data never loads it. It also compiles
    by way of temporary files, and where they come out empty it fails in words that lead elsewhere.
    """
    if isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError":
        return _NO_MEMORY
    if isinstance(error, OSError) and error.errno == errno.ENOMEM:
        return _NO_MEMORY
    if (reason := _temporary_folder_fails()) is not None:
        return reason
    if isinstance(error, OSError) and error.errno in _NO_SPACE:
        where = f" where {error.filename} is written" if error.filename else ""
        return f"The disk is full{where} ({error.strerror}); free some space."
    return None


def _temporary_folder_fails() -> str | None:
    try:
        with tempfile.TemporaryFile() as file:
            file.write(_ONE_BLOCK)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return (
            f"Temporary files can't be written to {_temporary_folder()} ({error.strerror}); free some space there or "
            "let the environment variable TMPDIR name another folder."
        )
    return None


def _temporary_folder() -> str:
    try:
        return tempfile.gettempdir()
    except OSError:  # there is none at all
        return os.environ.get("TMPDIR", "any folder")

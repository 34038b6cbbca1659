"""Messages for failures that are not the program's fault: memory or disk space ran out."""

from __future__ import annotations

import errno
import os
import tempfile

_NO_MEMORY = "There is not enough memory; choose smaller images, a smaller batch or a smaller network."
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_ONE_BLOCK = b"\0" * 4096


def explain(error: Exception) -> str | None:
    """Return a sentence for an error with an external cause; None for others.

    TensorFlow's errors are recognised by name, as TensorFlow is not loaded in a process that only prepares data. It
    compiles by way of temporary files, and raises misleading errors if those are empty because the disk is full.
    """
    if isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError":
        return _NO_MEMORY
    if isinstance(error, OSError) and error.errno == errno.ENOMEM:
        return _NO_MEMORY
    if (reason := _temporary_folder_problem()) is not None:
        return reason
    if isinstance(error, OSError) and error.errno in _NO_SPACE:
        where = f" where {error.filename} is written" if error.filename else ""
        return f"The disk is full{where} ({error.strerror}); free some space."
    return None


def _temporary_folder_problem() -> str | None:
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
    except OSError:  # none is writable
        return os.environ.get("TMPDIR", "any folder")

"""Reading of user-supplied files and texts such that none can block the program or exhaust its memory."""

from __future__ import annotations

import errno
import os
import stat
import tomllib
from pathlib import Path
from typing import Any, BinaryIO

MAX_CHARACTERS = 2**20  # of a settings text; long ones have some thousands
MAX_DOTS = 1000  # per line: tomllib takes quadratic time in the number of parts of a dotted key

# Without O_NONBLOCK, opening a pipe waits for a writer; Windows has no such flag, POSIX no O_BINARY.
_OPEN_FLAGS = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def open_file(path: str | Path) -> BinaryIO:
    """Open a regular file for reading; never blocks.

    Args:
        path: file to open. Pipes and devices are refused, as reading from one may never end.

    Returns:
        The file, opened in binary mode.

    Raises:
        FileNotFoundError: if ``path`` can't be a file name, such as one with a null byte.
        IsADirectoryError: if it is a folder.
        OSError: if it is a pipe or a device, or can't be opened.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | _OPEN_FLAGS)
    except ValueError:  # a null byte, or characters that no name can have
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path)) from None
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    raise OSError(errno.EINVAL, "It is a pipe or a device", str(path))


def check_file(path: str | Path) -> None:
    """Check that ``path`` is a readable regular file; propagates the errors of ``open_file``."""
    open_file(path).close()


def read_text(path: str | Path) -> str:
    """Read a UTF-8 text file; propagates ``UnicodeDecodeError`` for other encodings.

    Raises:
        OSError: if it is no readable file, or longer than ``MAX_CHARACTERS`` bytes.
    """
    with open_file(path) as file:
        content = file.read(MAX_CHARACTERS + 1)
    if len(content) > MAX_CHARACTERS:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), str(path))
    return content.decode("utf-8")


def toml_table(text: str) -> dict[str, Any]:
    """Parse a TOML text.

    Raises:
        ValueError: with the reason, if the text is invalid, too long or too deeply nested.
    """
    if len(text) > MAX_CHARACTERS:
        raise ValueError(f"it is longer than {MAX_CHARACTERS:,} characters")
    if any(line.count(".") > MAX_DOTS for line in text.splitlines()):
        raise ValueError(f"a line has more than {MAX_DOTS:,} dots")
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None

"""Files that a person hands over or keeps.

They are read so that none can hold the program up or fill its memory, and written so that none is ever half of one.
"""

from __future__ import annotations

import codecs
import errno
import os
import re
import stat
import threading
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

MAX_CHARACTERS = 2**20  # of a settings text; long ones have some thousands
MAX_DOTS = 1000  # per line: tomllib takes quadratic time in the number of parts of a dotted key
SINGLE_QUOTES = r"in single quotes a backslash stands for itself, as in 'C:\images'"

# Backslashes of a Windows path in double quotes: those that are no escape, and those that are a wrong one.
_ESCAPE_ERRORS = ("Unescaped '\\' in a string", "Invalid hex value")
_ESCAPED = re.compile("[\b\t\n\f\r]")  # as read from "data\train", where \t is a tab
PATH_KEYS = ("dataset", "model", "input", "kernel")  # the settings whose values are paths

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
    """Read a UTF-8 text file, with or without a byte order mark.

    Raises:
        OSError: if it is no readable file, or longer than ``MAX_CHARACTERS`` bytes.
        ValueError: with the reason, if its encoding is another one.
    """
    with open_file(path) as file:
        content = file.read(MAX_CHARACTERS + 1)
    if len(content) > MAX_CHARACTERS:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), str(path))
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise ValueError("it is UTF-16 text; save it as UTF-8")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8 text; save it as UTF-8") from None


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
        return tomllib.loads(text.removeprefix("\ufeff"))
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except tomllib.TOMLDecodeError as error:
        hint = f"; {SINGLE_QUOTES}" if str(error).startswith(_ESCAPE_ERRORS) else ""
        raise ValueError(f"{error}{hint}") from None


def check_paths(settings: dict[str, Any]) -> None:
    """Check that no path among settings that a person wrote has a backslash that was read as an escape.

    Raises:
        ValueError: with the reason, if one has and there is no such file.
    """
    for key in PATH_KEYS:
        path = settings.get(key)
        # Path.exists() raises for a name that is too long.
        if isinstance(path, str) and _ESCAPED.search(path) and not os.path.exists(path):  # noqa: PTH110
            raise ValueError(f"the path of '{key}' has a backslash in double quotes; {SINGLE_QUOTES}")


@contextmanager
def atomic_path(file: Path) -> Iterator[Path]:
    """A path in the folder of ``file`` to write to; at the end of the block it takes the place of ``file``.

    Where the block raises, ``file`` is as it was. A link to a file is followed. Raises OSError.
    """
    target = Path(os.path.realpath(file))
    # A short name, as ``file`` may have the longest there is; with its suffix, by which some libraries choose a format.
    part = target.with_name(f".{os.getpid()}-{threading.get_ident()}.part{file.suffix}")
    try:
        yield part
        part.replace(target)
    except BaseException:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise


def write_atomic(file: Path, contents: bytes | str) -> None:
    """Write ``contents``, text as UTF-8, by :func:`atomic_path`."""
    with atomic_path(file) as part:
        part.write_bytes(contents.encode() if isinstance(contents, str) else contents)

"""Files that a person hands over or keeps.

They are read so that none can hold the program up or fill its memory, and written so that none is ever half of one.
"""

from __future__ import annotations

import errno
import os
import stat
import threading
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

MOST_CHARACTERS = 2**20  # of a text of settings, of which a long one has some thousands
MOST_DOTS = 1000  # in a line: the time that TOML's dotted keys take grows with the square of their parts

# Opening a pipe waits for whoever writes into it, unless this is asked for; Windows has neither.
_AT_ONCE = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def open_file(path: str | Path) -> BinaryIO:
    """A file, opened for reading; raises OSError for whatever is none: a pipe or a device may never come to an end."""
    try:
        descriptor = os.open(path, os.O_RDONLY | _AT_ONCE)
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
    """Raises OSError unless ``path`` leads to a file that can be read; see :func:`open_file`."""
    open_file(path).close()


def read_text(path: str | Path) -> str:
    """The UTF-8 text of a file; raises OSError where it is none or too long, and UnicodeDecodeError."""
    with open_file(path) as file:
        content = file.read(MOST_CHARACTERS + 1)
    if len(content) > MOST_CHARACTERS:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), str(path))
    return content.decode("utf-8")


def toml_table(text: str) -> dict[str, Any]:
    """The table in a TOML text; raises ValueError with a reason."""
    if len(text) > MOST_CHARACTERS:
        raise ValueError(f"it is longer than {MOST_CHARACTERS:,} characters")
    if any(line.count(".") > MOST_DOTS for line in text.splitlines()):
        raise ValueError(f"a line has more than {MOST_DOTS:,} dots")
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


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

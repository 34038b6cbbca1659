"""Archives (.tar, .tar.gz) read from the stream: nothing is extracted to disk, so member names can't lead anywhere."""

from __future__ import annotations

import gzip
import io
import tarfile
import zlib
from collections.abc import Container, Iterator
from itertools import islice
from pathlib import Path
from typing import IO, Any

ENDINGS = (".tar.gz", ".tgz", ".tar")
ERRORS = (OSError, EOFError, ValueError, zlib.error, tarfile.TarError)  # what damaged archives raise
MAX_BYTES = 400_000_000  # the official archives unpack to 184 to 187 MB; more is a decompression bomb
_MAX_MEMBERS = 100  # the official ones have up to nine
_FIRST_MEMBERS = 12  # some programs put one more beside each
_FIRST_BYTES = 32 * 2**20


def first_names(archive: Path) -> list[str]:
    """Return the names of the first files in an archive, without folders; as many as can be found quickly.

    Raises:
        TarError: if none can be found, like the others of ``ERRORS``.
    """
    names: list[str] = []
    try:
        with _open(archive) as opened, tarfile.open(fileobj=_LimitedStream(opened, _FIRST_BYTES), mode="r|") as tar:
            first = islice(tar, _FIRST_MEMBERS)
            names.extend(member.name.rpartition("/")[2] for member in first if member.isfile())
    except ERRORS as error:
        if not names and not isinstance(error, _TooLargeError):
            raise
    return names


def contents(archive: Path, expected: Container[str], max_bytes: int) -> Iterator[tuple[str, bytes]]:
    """Yield names, without folders, and contents of the ``expected`` files in an archive.

    At most ``max_bytes`` + 1 of each file are read.

    Raises:
        ReadError: if it has more files or bytes than the official ones; errors of damaged archives are propagated.
    """
    with _open(archive) as opened:
        stream = _LimitedStream(opened, MAX_BYTES)
        with tarfile.open(fileobj=stream, mode="r|") as tar:
            for number, member in enumerate(tar):
                if number >= _MAX_MEMBERS:
                    raise tarfile.ReadError("it holds more files than the official one")
                name = member.name.rpartition("/")[2]
                if member.isfile() and name in expected and (file := tar.extractfile(member)) is not None:
                    yield name, file.read(max_bytes + 1)
        while stream.read(2**20):  # to the end, where gzip has its checksum
            pass


def _open(archive: Path) -> IO[bytes]:
    """Open the tar stream of an archive, gzipped or already decompressed, as some browsers do."""
    with archive.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    return gzip.open(archive, "rb") if packed else archive.open("rb")  # type: ignore[return-value]


class _TooLargeError(tarfile.ReadError):
    """An archive unpacks to more than it may."""


class _LimitedStream(io.RawIOBase):
    """A stream that fails when an archive unpacks to more than ``limit`` bytes."""

    def __init__(self, stream: IO[bytes], limit: int) -> None:
        self._stream, self._left = stream, limit

    def readinto(self, buffer: Any, /) -> int:
        """Read into ``buffer``.

        Raises:
            _TooLargeError: if the limit is exceeded.
        """
        piece = self._stream.read(len(buffer))
        self._left -= len(piece)
        if self._left < 0:
            raise _TooLargeError("it unpacks to more than the official one")
        buffer[: len(piece)] = piece
        return len(piece)

"""Standard streams that never end the program: if one is closed, full or too narrow, only its output is lost."""

from __future__ import annotations

import codecs
import io
import os
import sys
from typing import TextIO

_INPUT, _OUTPUT, _ERROR = 0, 1, 2
_ESCAPED = "trainscope-escaped"  # name of the error handler


def prepare_streams() -> None:
    """Make the standard streams safe to write to; call before the program opens its first file.

    A closed stream is replaced by the null device: otherwise one of the program's own files would get its descriptor,
    and the output of libraries would end up in that file. Output that can't be written, because the reader is gone or
    the disk full, is dropped and reported by ``output_error``. Characters that a stream's encoding lacks are written as
    escapes; undecodable bytes of file names are written as they are.
    """
    codecs.register_error(_ESCAPED, _escape)
    for number in (_INPUT, _OUTPUT, _ERROR):
        _ensure_open(number)
    sys.stdout = _wrapped(sys.stdout, _OUTPUT)
    sys.stderr = _wrapped(sys.stderr, _ERROR)


def output_error() -> OSError | None:
    """Return the error that made output since ``prepare_streams`` be lost; None if all was written.

    Streams that were closed from the start are not considered.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, _SafeStream):
            stream.flush()
            if stream.error is not None:
                return stream.error
    return None


class _SafeStream(io.TextIOWrapper):
    """Drops output that can't be written and keeps the first error."""

    error: OSError | None = None

    def write(self, text: str) -> int:
        """Write unless a write has failed before."""
        if self.error is None:
            try:
                return super().write(text)
            except OSError as error:
                self.error = error
        return len(text)

    def flush(self) -> None:
        """Flush unless a write has failed before."""
        if self.error is None:
            try:
                super().flush()
            except OSError as error:
                self.error = error


def _escape(error: UnicodeError) -> tuple[str | bytes, int]:
    r"""Write a lone surrogate as its byte, any other unencodable character as an escape such as ``\xdc``."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    one = UnicodeEncodeError(error.encoding, error.object, error.start, error.start + 1, error.reason)
    try:
        return codecs.lookup_error("surrogateescape")(one)
    except UnicodeEncodeError:
        return codecs.lookup_error("backslashreplace")(one)


def _ensure_open(number: int) -> None:
    """Open the null device as descriptor ``number`` if it is closed; child processes inherit it."""
    try:
        os.fstat(number)
    except OSError:
        found = os.open(os.devnull, os.O_RDWR)
        if found != number:
            os.dup2(found, number)
            os.close(found)
        os.set_inheritable(number, True)


def _wrapped(stream: TextIO | None, number: int) -> TextIO:
    if stream is None:
        raw = os.fdopen(number, "wb", closefd=False)
        return _SafeStream(raw, "utf-8", "backslashreplace", write_through=True)
    if type(stream) is not io.TextIOWrapper:
        return stream  # replaced by other code, such as pytest
    errors = _ESCAPED if stream.errors in ("strict", "surrogateescape") else stream.errors
    # sys.__stdout__ keeps the old object alive, so that it doesn't close the buffer that both share.
    return _SafeStream(stream.buffer, stream.encoding, errors, line_buffering=stream.line_buffering)

"""Standard streams that never end the program: closed, full or too narrow ones cost what was said, nothing else."""

from __future__ import annotations

import codecs
import io
import os
import sys
from typing import TextIO

_INPUT, _OUTPUT, _ERRORS = 0, 1, 2
_ESCAPED = "trainscope-escaped"  # the name of how characters are written that an encoding lacks


def prepare_streams() -> None:
    """Make the standard streams safe to write to, before the program opens its first file.

    Where one is closed, the null device takes its place: else a file of the program's own would get its number, and
    what a library prints would end up in that. What can't be written, as its reader has gone or its disk is full, is
    dropped; :func:`lost_output` then tells. Characters that an output's encoding lacks are written as escapes, and
    those of file names that are no text as the bytes that they are.
    """
    codecs.register_error(_ESCAPED, _escaped)
    for number in (_INPUT, _OUTPUT, _ERRORS):
        _fill(number)
    sys.stdout = _safe(sys.stdout, _OUTPUT)
    sys.stderr = _safe(sys.stderr, _ERRORS)


def lost_output() -> OSError | None:
    """Why something that was said since :func:`prepare_streams` reached nobody; None where all of it did.

    Streams that were closed from the start don't count: there nobody listens on purpose.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, _SafeStream):
            stream.flush()
            if stream.problem is not None:
                return stream.problem
    return None


class _SafeStream(io.TextIOWrapper):
    """Drops what can't be written, and remembers why."""

    problem: OSError | None = None

    def write(self, text: str) -> int:
        """Write as far as possible."""
        if self.problem is None:
            try:
                return super().write(text)
            except OSError as error:
                self.problem = error
        return len(text)

    def flush(self) -> None:
        """Write what is held back, as far as possible."""
        if self.problem is None:
            try:
                super().flush()
            except OSError as error:
                self.problem = error


def _escaped(error: UnicodeError) -> tuple[str | bytes, int]:
    """One character at a time: the byte that Python made a lone surrogate of, else an escape such as ``\\xdc``."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    one = UnicodeEncodeError(error.encoding, error.object, error.start, error.start + 1, error.reason)
    try:
        return codecs.lookup_error("surrogateescape")(one)
    except UnicodeEncodeError:
        return codecs.lookup_error("backslashreplace")(one)


def _fill(number: int) -> None:
    """Open the null device as file ``number`` where nothing is; child processes get it too."""
    try:
        os.fstat(number)
    except OSError:
        found = os.open(os.devnull, os.O_RDWR)
        if found != number:
            os.dup2(found, number)
            os.close(found)
        os.set_inheritable(number, True)


def _safe(stream: TextIO | None, number: int) -> TextIO:
    if stream is None:
        raw = os.fdopen(number, "wb", closefd=False)
        return _SafeStream(raw, "utf-8", "backslashreplace", write_through=True)
    if type(stream) is not io.TextIOWrapper:
        return stream  # somebody else's, as in a test
    errors = _ESCAPED if stream.errors in ("strict", "surrogateescape") else stream.errors
    # The old object stays in sys.__stdout__, so that it doesn't close the file that both of them write to.
    return _SafeStream(stream.buffer, stream.encoding, errors, line_buffering=stream.line_buffering)

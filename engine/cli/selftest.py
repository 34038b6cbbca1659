"""``--selftest``: prints the results of the checks."""

from __future__ import annotations

import io
import os
import shutil
import sys
import textwrap
from collections.abc import Sequence
from contextlib import closing
from typing import TextIO

from engine.cli.arguments import Options
from engine.cli.exit_codes import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_OK
from engine.devices.names import AUTO
from engine.events.channel import ControlChannel
from engine.selftest.check import Check, Outcome
from engine.selftest.report import INDENT, line, running_line
from engine.selftest.run import run_self_test
from engine.utils.errors import TrainscopeError

MIN_WIDTH = 60  # columns; lines are never wrapped to fewer


def run_selftest(options: Options, checks: Sequence[Check]) -> int:
    """Run ``checks``, printing a line each; return the exit code, 0 only if none failed."""
    printer = _Printer(sys.stdout)
    try:
        with closing(ControlChannel()) as control:
            device = options.device or AUTO
            ending = run_self_test(checks, options.workspace, device, control, printer.begin, printer.show)
    except KeyboardInterrupt:
        sys.stderr.write("\ntrainscope: Interrupted.\n")
        return EXIT_INTERRUPTED
    except TrainscopeError as error:
        sys.stderr.write(f"trainscope: {error}\n")
        return EXIT_FAILED
    except BrokenPipeError:
        # The reader has closed the pipe; without this, Python's flush at exit would print another error.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILED
    for each in ending.lines:
        printer.print(each)
    return EXIT_OK if ending.passed else EXIT_FAILED


class _Printer:
    """Prints lines; if ``stream`` is a terminal, also the running check, and long lines are wrapped."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._is_terminal = stream, stream.isatty()
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # some encodings of files on Windows lack the superscript minus
        width = max(MIN_WIDTH, shutil.get_terminal_size().columns - 1)
        self._wrapper = textwrap.TextWrapper(
            width, subsequent_indent=INDENT, break_long_words=False, break_on_hyphens=False
        )

    def begin(self, check: Check) -> None:
        """Show the running check, to be overwritten by its result."""
        if self._is_terminal:
            self._stream.write(running_line(check.name))
            self._stream.flush()

    def show(self, outcome: Outcome) -> None:
        """Print the result of a check."""
        self.print("\r" + self._wrapper.fill(line(outcome)) if self._is_terminal else line(outcome))

    def print(self, text: str) -> None:
        """Print a line."""
        self._stream.write(text + "\n")
        self._stream.flush()

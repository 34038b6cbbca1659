"""``--selftest``: the checks in a terminal, or piped into a file."""

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
from engine.devices.names import AUTO
from engine.events.channel import ControlChannel
from engine.selftest.check import Check, Outcome
from engine.selftest.report import INDENT, line, running_line
from engine.selftest.run import run_self_test
from engine.utils.errors import TrainscopeError

EXIT_OK, EXIT_FAILED, EXIT_INTERRUPTED = 0, 1, 130
MIN_WIDTH = 60  # columns in which lines are still wrapped


def run_selftest(options: Options, checks: Sequence[Check]) -> int:
    """Carry out ``checks``, printing a line each; gives the exit code, 0 only if none failed."""
    screen = _Screen(sys.stdout)
    try:
        with closing(ControlChannel()) as control:
            device = options.device or AUTO
            ending = run_self_test(checks, options.workspace, device, control, screen.begin, screen.show)
    except KeyboardInterrupt:
        sys.stderr.write("\ntrainscope: Interrupted.\n")
        return EXIT_INTERRUPTED
    except TrainscopeError as error:
        sys.stderr.write(f"trainscope: {error}\n")
        return EXIT_FAILED
    except BrokenPipeError:
        # Nobody reads on; Python would complain once more when it flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILED
    for each in ending.lines:
        screen.say(each)
    return EXIT_OK if ending.passed else EXIT_FAILED


class _Screen:
    """A terminal, where what is under way is shown and long lines are wrapped, or a file, where neither is."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._is_terminal = stream, stream.isatty()
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # not every file's encoding on Windows has a raised minus
        width = max(MIN_WIDTH, shutil.get_terminal_size().columns - 1)
        self._wrapper = textwrap.TextWrapper(
            width, subsequent_indent=INDENT, break_long_words=False, break_on_hyphens=False
        )

    def begin(self, check: Check) -> None:
        """Say what is under way, in the place where its line will stand."""
        if self._is_terminal:
            self._stream.write(running_line(check.name))
            self._stream.flush()

    def show(self, outcome: Outcome) -> None:
        """Say how it ended."""
        self.say("\r" + self._wrapper.fill(line(outcome)) if self._is_terminal else line(outcome))

    def say(self, text: str) -> None:
        """Print a line."""
        self._stream.write(text + "\n")
        self._stream.flush()

"""The whole self-test, from its temporary folder to its last line: the same for a terminal and for the window."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from engine.events.channel import ControlChannel
from engine.selftest.check import Check, Outcome, Surroundings
from engine.selftest.report import closing_line, passed, system_lines
from engine.selftest.runner import run_checks
from engine.utils.errors import StoreError

PREFIX = "trainscope-selftest-"


@dataclass(frozen=True)
class Ending:
    """Whether nothing failed, and the lines that come after those of the checks."""

    passed: bool
    lines: list[str]


def run_self_test(
    checks: Sequence[Check],
    workspace: Path,
    device: str,
    control: ControlChannel,
    begin: Callable[[Check], None],
    show: Callable[[Outcome], None],
) -> Ending:
    """Carry out ``checks``, calling ``begin`` before each and ``show`` once it is known how it ended.

    What the checks have written is removed, unless one has failed: its logs may say why. Raises
    :class:`~engine.utils.errors.Cancelled` as soon as anything is sent over ``control``, and :class:`StoreError` where there
    is no place for temporary files.
    """
    scratch, started = _scratch_folder(), time.monotonic()
    outcomes: list[Outcome] = []
    is_kept = False
    try:
        with closing(run_checks(checks, Surroundings(workspace, scratch, device), control, begin)) as found:
            for outcome in found:
                outcomes.append(outcome)
                show(outcome)
        is_kept = not passed(outcomes)
        facts = system_lines(workspace, outcomes, scratch if is_kept else None)
        return Ending(not is_kept, ["", closing_line(outcomes, time.monotonic() - started), "", *facts])
    finally:
        if not is_kept:
            shutil.rmtree(scratch, ignore_errors=True)


def _scratch_folder() -> Path:
    try:
        return Path(tempfile.mkdtemp(prefix=PREFIX))
    except OSError as error:
        raise StoreError(
            f"No temporary folder can be written to ({error.strerror or error}); free some space, or name one: TMPDIR "
            "(on Windows TEMP)."
        ) from None

"""The whole self-test, as run by the terminal and by the window."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from engine.events.channel import ControlChannel
from engine.selftest.check import Check, CheckContext, Outcome
from engine.selftest.report import closing_line, passed, system_lines
from engine.selftest.runner import run_checks
from engine.utils.errors import StoreError

PREFIX = "trainscope-selftest-"


@dataclass(frozen=True)
class SelfTestSummary:
    """Whether nothing failed, and the lines that follow those of the checks."""

    passed: bool
    lines: list[str]


def run_self_test(
    checks: Sequence[Check],
    workspace: Path,
    device: str,
    control: ControlChannel,
    begin: Callable[[Check], None],
    show: Callable[[Outcome], None],
) -> SelfTestSummary:
    """Run all checks and summarise them.

    Temporary files are removed unless a check has failed, as its logs may say why. Propagates ``Cancelled`` as soon as
    anything is sent over ``control``, and ``StoreError`` if there is no place for temporary files.

    Args:
        checks: the checks in order.
        workspace: the user's workspace.
        device: the requested device.
        control: any command on it cancels the self-test.
        begin: called before each check.
        show: called after each check.
    """
    scratch, started = _scratch_folder(), time.monotonic()
    outcomes: list[Outcome] = []
    is_kept = False
    try:
        with closing(run_checks(checks, CheckContext(workspace, scratch, device), control, begin)) as found:
            for outcome in found:
                outcomes.append(outcome)
                show(outcome)
        is_kept = not passed(outcomes)
        facts = system_lines(workspace, outcomes, scratch if is_kept else None)
        return SelfTestSummary(not is_kept, ["", closing_line(outcomes, time.monotonic() - started), "", *facts])
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

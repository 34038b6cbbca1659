"""Checks that succeed, fail, crash or hang; they run in child processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import closing
from typing import Any

from engine.events.channel import ControlChannel
from engine.selftest.check import Check, CheckContext, CheckResult, Outcome, failed, ok, warning
from engine.selftest.runner import run_checks
from engine.utils.errors import WorkerError

NO_LIMIT = 3600.0


def names_process(context: CheckContext) -> CheckResult:
    return ok(f"{os.getpid()} {context.device}", {"Fact": "a fact"})


def crashes(context: CheckContext) -> CheckResult:
    os.kill(os.getpid(), signal.SIGSEGV)
    return ok("never")


def raises_memory_error(context: CheckContext) -> CheckResult:
    raise MemoryError


def raises_os_error(context: CheckContext) -> CheckResult:
    return ok((context.scratch / "nothing").read_text())


def exits(context: CheckContext) -> CheckResult:
    os._exit(3)


def hangs(context: CheckContext) -> CheckResult:
    """With a process of its own, which must not be left behind either."""
    command = [sys.executable, "-c", "import threading; threading.Event().wait()"]
    with subprocess.Popen(command) as started:  # noqa: S603 - Python itself
        (context.scratch / "pid").write_text(str(started.pid))
        threading.Event().wait()
    return ok("never")


def raises_value_error(context: CheckContext) -> CheckResult:
    raise ValueError("a value\nwith two lines")


def raises_user_error(context: CheckContext) -> CheckResult:
    raise WorkerError("It does not work; try another.")


def warns(context: CheckContext) -> CheckResult:
    return warning("Somewhat little.")


def fails(context: CheckContext) -> CheckResult:
    return failed("Too little; get more.")


def check(run: Any, *needs: str, seconds: float = NO_LIMIT, isolated: bool = False) -> Check:
    return Check(run.__name__, "something", run, seconds, needs, isolated)


def run_all(checks: list[Check], context: CheckContext) -> list[Outcome]:
    with closing(ControlChannel()) as control:
        return list(run_checks(checks, context, control))

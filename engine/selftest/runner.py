"""Execution of checks in child processes, so that none can crash or hang the program."""

from __future__ import annotations

import logging
import multiprocessing
import signal
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path

import psutil

from engine.events.channel import ControlChannel
from engine.executors.processes.child import signals_blocked
from engine.executors.processes.worker import exit_with_parent, prepare_process
from engine.selftest.check import Check, CheckContext, CheckResult, CheckState, Outcome, failed, skipped
from engine.utils.errors import Cancelled, TrainscopeError

LOG_NAME = "selftest.log"
CLOSE_SECONDS = 5.0  # for an idle child to notice that its pipe is closed

log = logging.getLogger(__name__)


def run_checks(
    checks: Sequence[Check],
    context: CheckContext,
    control: ControlChannel,
    begin: Callable[[Check], None] = lambda _check: None,
) -> Generator[Outcome, None, None]:
    """Run checks in order; whatever one does, the next one is run.

    Propagates ``Cancelled`` as soon as anything is sent over ``control``.

    Args:
        checks: the checks in order.
        context: what they work on.
        control: any command on it cancels the checks.
        begin: called before each check.

    Yields:
        The outcome of each check.
    """
    failed_names: set[str] = set()
    child = _Child(context.scratch / LOG_NAME, control)
    try:
        for check in checks:
            unmet = [name for name in check.needs if name in failed_names]
            if unmet:
                outcome = Outcome(check, skipped(f"Can't be checked, as {unmet[0]} failed."))
            else:
                begin(check)
                outcome = Outcome(check, child.run_check(check, context))
            if unmet or outcome.result.state is CheckState.FAILED:
                failed_names.add(check.name)
            yield outcome
    finally:
        child.end()


class _Child:
    """The process that runs checks; replaced after a crash or time-out."""

    def __init__(self, log_file: Path, control: ControlChannel) -> None:
        self._log_file, self._control = log_file, control
        self._process: BaseProcess | None = None
        self._connection: Connection | None = None

    def run_check(self, check: Check, context: CheckContext) -> CheckResult:
        if check.isolated:
            self.end()
        try:
            connection = self._connect()
            connection.send((check, context))
        except OSError as error:
            self.end()
            return failed(f"A child process can't be started ({error}); close other programs.")
        found = self._await(connection, check)
        if check.isolated:
            self.end()
        return found

    def end(self) -> None:
        """End the process, if there is one, with all its descendants."""
        if self._process is None or self._connection is None:
            return
        started = _descendants(self._process)
        self._connection.close()
        self._process.join(CLOSE_SECONDS)
        self._kill(started)

    def _await(self, connection: Connection, check: Check) -> CheckResult:
        ready = wait([connection, self._control.connection], check.seconds)
        if self._control.connection in ready:
            self._kill()
            raise Cancelled("The self-test was ended before it was done.")
        if not ready:
            self._kill()
            return failed(
                f"Not done after {check.seconds:g} s, so it was ended; close other programs and test again, and report "
                "it if it hangs again."
            )
        try:
            found: CheckResult = connection.recv()
        except (EOFError, OSError):
            return failed(self._failure())
        return found

    def _connect(self) -> Connection:
        if self._connection is not None:
            return self._connection
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        # Not daemonic, as some checks start training processes.
        process = context.Process(target=_serve, args=(theirs, self._log_file), name="trainscope-selftest")
        with signals_blocked():
            process.start()
        theirs.close()
        self._process, self._connection = process, ours
        return ours

    def _failure(self) -> str:
        code = None
        if self._process is not None:
            self._process.join(CLOSE_SECONDS)
            code = self._process.exitcode
        self._kill()
        return f"The process that tried it {describe_exit(code)}."

    def _kill(self, started: Sequence[psutil.Process] = ()) -> None:
        if self._process is None or self._connection is None:
            return
        for process in {*started, *_descendants(self._process)}:
            with suppress(psutil.Error):
                process.kill()
        self._process.kill()
        self._process.join()
        self._process.close()
        self._connection.close()
        self._process = self._connection = None


def _descendants(process: BaseProcess) -> list[psutil.Process]:
    try:
        return list(psutil.Process(process.pid).children(recursive=True))
    except psutil.Error:
        return []


def describe_exit(code: int | None) -> str:
    """Describe how a child process ended, by its exit code (negative: a signal), and what to do."""
    if code is None or code >= 0:
        return (
            f"ended with code {code}; install the packages in requirements.txt again, and report it if that is no cure"
        )
    name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
    if name == "SIGILL":
        return "was ended by the system (SIGILL): this processor lacks instructions that a library was built with"
    if name == "SIGKILL":
        return "was ended by the system (SIGKILL), most often for want of memory; close other programs and test again"
    return f"crashed ({name}); install the packages in requirements.txt again, and report it if that is no cure"


def _serve(connection: Connection, log_file: Path) -> None:
    """Run the checks that arrive until the pipe is closed; main function of the child."""
    exit_with_parent()
    # Yield the processor to the window and to running trainings.
    prepare_process(log_file, low_priority=True)
    while True:
        try:
            check, context = connection.recv()
        except (EOFError, OSError):
            sys.exit()
        connection.send(_run_check(check, context))


def _run_check(check: Check, context: CheckContext) -> CheckResult:
    log.info("%s", check.name)
    try:
        return check.run(context)
    except TrainscopeError as error:
        return failed(str(error))
    except MemoryError:
        log.exception("out of memory")
        return failed("There is not enough memory for it; close other programs and test again.")
    except OSError as error:
        log.exception("refused by the system")
        return failed(f"The system refused it ({error}); check permissions and free space, and test again.")
    except Exception as error:
        log.exception("unexpected error in a check")
        said = (str(error).splitlines() or [""])[0][:200]
        return failed(
            f"An unexpected {type(error).__name__} ended it ({said}); report it with these lines and the log."
        )

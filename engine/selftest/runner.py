"""Carries checks out in child processes, so that none can crash or hang the program that runs them."""

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
from engine.executors.processes.child import signals_held_back
from engine.executors.processes.worker import end_with_parent, prepare_process
from engine.selftest.check import Check, CheckState, Outcome, Result, Surroundings, failed, skipped
from engine.utils.errors import Cancelled, TrainscopeError

LOG_NAME = "selftest.log"
CLOSE_SECONDS = 5.0  # for a child that has nothing to do to notice that its pipe is closed

log = logging.getLogger(__name__)


def run_checks(
    checks: Sequence[Check],
    surroundings: Surroundings,
    control: ControlChannel,
    begin: Callable[[Check], None] = lambda _check: None,
) -> Generator[Outcome, None, None]:
    """Carry out ``checks`` in order, calling ``begin`` before each; whatever a check does, the next one has its turn.

    Raises :class:`Cancelled` as soon as anything is sent over ``control``.
    """
    bad: set[str] = set()
    child = _Child(surroundings.scratch / LOG_NAME, control)
    try:
        for check in checks:
            lacking = [name for name in check.needs if name in bad]
            if lacking:
                outcome = Outcome(check, skipped(f"Can't be looked at, as {lacking[0]} failed."))
            else:
                begin(check)
                outcome = Outcome(check, child.carry_out(check, surroundings))
            if lacking or outcome.result.state is CheckState.FAILED:
                bad.add(check.name)
            yield outcome
    finally:
        child.end()


class _Child:
    """The process that carries checks out; another takes its place once it has crashed or hung."""

    def __init__(self, log_file: Path, control: ControlChannel) -> None:
        self._log_file, self._control = log_file, control
        self._process: BaseProcess | None = None
        self._connection: Connection | None = None

    def carry_out(self, check: Check, surroundings: Surroundings) -> Result:
        if check.alone:
            self.end()
        try:
            connection = self._started()
            connection.send((check, surroundings))
        except OSError as error:
            self.end()
            return failed(f"A child process can't be started ({error}); close other programs.")
        found = self._await(connection, check)
        if check.alone:
            self.end()
        return found

    def end(self) -> None:
        """End the process, if there is one, with all that it has started."""
        if self._process is None or self._connection is None:
            return
        started = _descendants(self._process)
        self._connection.close()
        self._process.join(CLOSE_SECONDS)
        self._kill(started)

    def _await(self, connection: Connection, check: Check) -> Result:
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
            found: Result = connection.recv()
        except (EOFError, OSError):
            return failed(self._why_it_died())
        return found

    def _started(self) -> Connection:
        if self._connection is not None:
            return self._connection
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        # Not a daemon, which could have no children: some checks train.
        process = context.Process(target=_serve, args=(theirs, self._log_file), name="trainscope-selftest")
        with signals_held_back():
            process.start()
        theirs.close()
        self._process, self._connection = process, ours
        return ours

    def _why_it_died(self) -> str:
        code = None
        if self._process is not None:
            self._process.join(CLOSE_SECONDS)
            code = self._process.exitcode
        self._kill()
        return f"The process that tried it {_how_it_ended(code)}."

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


def _how_it_ended(code: int | None) -> str:
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
    """The child: carry out what arrives until the pipe closes."""
    end_with_parent()
    # The window goes first, and so does whatever trains meanwhile.
    prepare_process(log_file, yielding=True)
    while True:
        try:
            check, surroundings = connection.recv()
        except (EOFError, OSError):
            sys.exit()
        connection.send(_tried(check, surroundings))


def _tried(check: Check, surroundings: Surroundings) -> Result:
    log.info("%s", check.name)
    try:
        return check.run(surroundings)
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

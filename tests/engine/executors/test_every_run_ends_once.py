"""engine.executors.processes.pool: whatever its children do, every run ends exactly once."""

from __future__ import annotations

import os
import pickle
import socket
import struct
import threading
from collections import Counter, deque
from contextlib import closing, suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.events.channel import ControlChannel
from engine.events.commands import Command, Control, SkipRun
from engine.events.runs import RunFinished, Status
from engine.events.tasks import Event
from engine.executors.processes.pool import ProcessExecutor
from engine.executors.processes.worker import TaskBegun, TaskDone
from engine.executors.tasks import TrainTask
from tests.engine.support import finished, of, record, small_spec, started, train_tasks

DEATHS = ["at once", "begun", "recorded", "torn", "garbled", "finished"]
UNFINISHED = {Status.CRASHED, Status.CANCELLED, Status.SKIPPED}


class FakeProcess:
    """A thread in place of a child process: it answers each task or dies, as ``fates`` determines."""

    def __init__(self, connection: Connection, fates: deque[str]) -> None:
        self.pid, self.exitcode = os.getpid(), None
        self._connection, self._fates = connection, fates
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def kill(self) -> None:
        """Shut down its pipe, upon which it ends."""
        with suppress(OSError), socket.socket(fileno=os.dup(self._connection.fileno())) as same:
            same.shutdown(socket.SHUT_RDWR)  # unless it has ended already

    def join(self, timeout: float | None = None) -> None:
        self._thread.join(timeout)
        if not self._thread.is_alive():
            self.exitcode = -9

    def close(self) -> None:
        assert not self._thread.is_alive()

    def _serve(self) -> None:
        with self._connection:
            try:
                while True:
                    message = self._connection.recv()
                    if isinstance(message, TrainTask) and not self._train(message.run):
                        return
            except (EOFError, OSError):
                return

    def _train(self, run: int) -> bool:
        """Answer a task; return whether it survives."""
        fate = self._fates.popleft() if self._fates else "lives"
        whole = [TaskBegun(), started(run), record(run), finished(run), TaskDone()]
        sent = {"at once": 0, "begun": 1, "recorded": 3, "torn": 3, "garbled": 3, "finished": 4}.get(fate, len(whole))
        for message in whole[:sent]:
            self._connection.send(message)
        if fate == "torn":
            data = pickle.dumps(finished(run))
            os.write(self._connection.fileno(), struct.pack("!i", len(data)) + data[: len(data) // 2])
        if fate == "garbled":
            self._connection.send_bytes(pickle.dumps(finished(run))[::-1])
        return fate not in DEATHS


@pytest.fixture
def fates(monkeypatch: pytest.MonkeyPatch) -> deque[str]:
    """How the tasks end, in the order in which they are received."""
    found: deque[str] = deque()

    def start_child(*_arguments: object) -> tuple[FakeProcess, Connection]:
        ours, theirs = Pipe()
        return FakeProcess(theirs, found), ours

    monkeypatch.setattr("engine.executors.processes.child.start_child", start_child)
    return found


COMMANDS = [Control.STOP, Control.CANCEL, SkipRun(2), Control.PAUSE, Control.STEP]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True)
@given(
    workers=st.integers(1, 3),
    runs=st.integers(1, 6),
    dying=st.lists(st.sampled_from([*DEATHS, "lives"]), max_size=12),
    asked=st.dictionaries(st.integers(1, 8), st.sampled_from(COMMANDS), max_size=3),
)
def test_every_run_ends_exactly_once(
    fates: deque[str],
    tmp_path: Path,
    workers: int,
    runs: int,
    dying: list[str],
    asked: dict[int, Command],
) -> None:
    fates.clear()
    fates.extend(dying)
    executor, events = ProcessExecutor(workers, tmp_path), []

    with closing(ControlChannel()) as control, closing(executor):

        def take(event: Event) -> None:
            events.append(event)
            if (command := asked.get(len(events))) is not None:
                control.send(command)
                if command is Control.PAUSE:
                    control.send(Control.RESUME)

        executor.start(runs)
        executor.run(train_tasks(small_spec(repeats=runs)), take, control)
    ends = of(RunFinished, events)
    assert Counter(end.run for end in ends) == Counter(range(1, runs + 1))
    assert all(end.reason for end in ends if end.status in UNFINISHED)
    for position, event in enumerate(events):
        after = [each.run for each in events[position + 1 :]]
        assert not isinstance(event, RunFinished) or event.run not in after, "nothing comes after its end"
    if not asked and not set(dying) - {"lives", "finished"}:
        assert {end.status for end in ends} == {Status.FINISHED}

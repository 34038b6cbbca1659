"""gui.background.late_executor: an executor is made once, by what first needs it."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from engine.devices.names import Allocation
from engine.events.channel import ControlChannel
from engine.events.commands import Control
from engine.events.tasks import Emit
from engine.executors.tasks import Task
from gui.background.late_executor import LateExecutor


class Made:
    """Notes how it is used."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def start(self, runs: int, threads: int | None = None) -> int:
        self.calls.append(f"start {runs} {threads}")
        return runs

    def allocation(self, runs: int, threads: int | None = None) -> Allocation:
        self.calls.append(f"allocation {runs} {threads}")
        return Allocation(runs, 1)

    def run(self, tasks: Sequence[Task], emit: Emit, control: ControlChannel) -> Control | None:
        self.calls.append(f"run {len(tasks)}")
        return Control.STOP

    def close(self) -> None:
        self.calls.append("close")


def test_what_was_never_used_is_never_made() -> None:
    made: list[Made] = []

    def make() -> Made:
        made.append(Made())
        return made[-1]

    LateExecutor(make).close()
    assert made == []


def test_every_call_reaches_the_one_executor() -> None:
    made = Made()
    late = LateExecutor(lambda: made)
    assert late.allocation(3, 2) == Allocation(3, 1)
    assert late.start(2) == 2
    assert late.run([], lambda _event: None, ControlChannel()) is Control.STOP
    late.close()
    assert made.calls == ["allocation 3 2", "start 2 None", "run 0", "close"]


def test_threads_that_need_it_at_the_same_time_get_the_same() -> None:
    made: list[Made] = []
    inside, goes_on = threading.Event(), threading.Event()

    def make() -> Made:
        inside.set()
        goes_on.wait()
        made.append(Made())
        return made[-1]

    late = LateExecutor(make)
    threads = [threading.Thread(target=late.allocation, args=(1,)) for _ in range(2)]
    threads[0].start()
    inside.wait()
    threads[1].start()
    goes_on.set()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    assert made[0].calls == ["allocation 1 None"] * 2

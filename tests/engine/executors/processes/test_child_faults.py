"""Children that die or can't be started: at most their run is lost, with a reason, and the next is trained."""

from __future__ import annotations

import errno
import multiprocessing
import os
import sys
from multiprocessing.context import SpawnProcess
from pathlib import Path

import psutil
import pytest

from engine.cli import batch
from engine.cli.arguments import parse
from engine.events.channel import ControlChannel
from engine.events.commands import Command, Control, SkipRun
from engine.events.runs import Status
from engine.executors.processes.pool import MAX_DEATHS, ProcessExecutor
from engine.storage.store import Store
from engine.utils.errors import WorkerError
from tests.engine.executors.processes.child_support import ends, reasons, run_plan
from tests.engine.support import run_session, small_spec

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(sys.platform == "win32", reason="signals, limits and raw pipes are POSIX's"),
]

if sys.platform != "win32":
    from tests.engine.executors.processes.scripted_worker import Script

DEATHS = {
    "segfault": "crashed with a segmentation fault (signal 11)",
    "abort": "gave up on a fault that it had found in itself (signal 6)",
    "kill": "was killed by the system for want of memory or by hand (signal 9)",
    "exit": "ended by itself with code 7",
    "tear": "was killed",
    "garble": "sent what can't be read",
}


def test_whatever_a_child_dies_of_its_run_crashes_with_the_reason_and_the_next_is_trained(
    one: ProcessExecutor, script: Script, store: Store, tmp_path: Path
) -> None:
    script.write(*(word for death in DEATHS for word in (death, "train")))
    ended, events = run_session(store, one, small_spec(repeats=2 * len(DEATHS)))
    runs = store.runs(1)
    assert [run.status for run in runs] == [Status.CRASHED, Status.FINISHED] * len(DEATHS)
    for run, words in zip(runs[::2], DEATHS.values(), strict=True):
        assert words in run.reason
        assert str(tmp_path / "logs" / "worker-1.log") in run.reason
        assert run.reason.count(". ") == 0
        assert len(store.records(run.id)) == 1, "what was recorded is kept"
    assert ends(events) == {run.id: run.status for run in runs}
    assert ended.status is Status.FINISHED
    assert ended.reason.startswith("6 of 12 runs did not finish: The training process crashed")
    log = (tmp_path / "logs" / "worker-1.log").read_text(encoding="utf-8")
    assert "Fatal Python error: Segmentation fault" in log


def test_one_that_dies_once_its_run_is_over_leaves_it_finished(
    one: ProcessExecutor, script: Script, control: ControlChannel
) -> None:
    script.write("finish and die", "train")
    assert ends(run_plan(one, 2, control)) == {1: Status.FINISHED, 2: Status.FINISHED}


def test_one_that_meets_its_memory_limit_says_so_and_goes_on(
    one: ProcessExecutor, script: Script, control: ControlChannel
) -> None:
    script.write("eat", "train")
    events = run_plan(one, 2, control)
    assert ends(events) == {1: Status.FAILED, 2: Status.FINISHED}
    assert reasons(events)[0].startswith("There is not enough memory")


def test_those_that_die_before_they_begin_cost_no_run(
    one: ProcessExecutor, script: Script, control: ControlChannel
) -> None:
    script.write("train", "train", dying=MAX_DEATHS - 1)
    one.start(1)
    assert ends(run_plan(one, 2, control)) == {1: Status.FINISHED, 2: Status.FINISHED}
    assert script.dying == 0


def test_those_that_always_die_before_they_begin_are_not_started_for_ever(
    two: ProcessExecutor, script: Script, control: ControlChannel, tmp_path: Path
) -> None:
    script.write(*["train"] * 9, dying=100)
    events = run_plan(two, 9, control)
    assert ends(events) == dict.fromkeys(range(1, 10), Status.CRASHED)
    assert 100 - script.dying == MAX_DEATHS, "in the one place there is unless more were asked for"
    (reason,) = set(reasons(events))
    assert reason.startswith("Training processes end before they can begin, 3 in a row: the training process ended by")
    assert reason.endswith(f"its log, {tmp_path / 'logs' / 'worker-1.log'}.")
    assert "a broken installation" in (tmp_path / "logs" / "worker-1.log").read_text(encoding="utf-8")
    script.write("train")
    assert ends(run_plan(two, 1, control)) == {1: Status.FINISHED}, "asked again, it is tried again"


@pytest.mark.long
def test_a_batch_that_can_not_load_its_libraries_fails_with_one_sentence(
    script: Script, workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script.write(*["train"] * 4, dying=100)
    options = ["--batch", "architectures", "--set", "architectures=mlp_1", "repeats=4", "--workers", "2"]
    assert batch.run(parse([*options, "--workspace", str(workspace)])) == batch.EXIT_FAILED
    printed = capsys.readouterr()
    assert printed.err.splitlines()[-1].startswith(
        "trainscope: 4 of 4 runs did not finish: Training processes end before"
    )
    assert "Traceback" not in printed.err + printed.out
    assert script.dying >= 100 - 2 * (MAX_DEATHS + 2), "one that warms up, one that has prepared the images, and three"


def test_where_one_place_stays_empty_the_other_goes_on(
    two: ProcessExecutor, script: Script, control: ControlChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    script.write("kill", "train", "train")
    refuse(monkeypatch, lambda position, _count: position == 1)
    assert two.start(3) == 1
    assert ends(run_plan(two, 3, control)) == {1: Status.CRASHED, 2: Status.FINISHED, 3: Status.FINISHED}


def test_where_none_can_be_started_any_more_what_waits_ends_with_the_reason(
    one: ProcessExecutor, script: Script, control: ControlChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    script.write("kill", "train", "train")
    refuse(monkeypatch, lambda _position, count: count > 1)
    one.start(3)
    events = run_plan(one, 3, control)
    assert ends(events) == dict.fromkeys((1, 2, 3), Status.CRASHED)
    why = f"A training process can't be started ([Errno {errno.EAGAIN}] {os.strerror(errno.EAGAIN)}); close other"
    assert [reason.startswith(why) for reason in reasons(events)] == [False, True, True]


def test_where_none_can_be_started_at_all_there_is_an_error(
    one: ProcessExecutor, monkeypatch: pytest.MonkeyPatch, store: Store
) -> None:
    refuse(monkeypatch, lambda _position, _count: True)
    with pytest.raises(WorkerError, match="can't be started"):
        one.start(1)
    ended, _ = run_session(store, one, small_spec())
    assert (ended.experiment, ended.status) == (None, Status.FAILED)


def refuse(monkeypatch: pytest.MonkeyPatch, refused: object) -> None:
    """Let the system refuse processes, depending on their slot and the number of starts."""
    start, count = SpawnProcess.start, 0

    def started(process: SpawnProcess) -> None:
        nonlocal count
        count += 1
        if refused(int(process.name.rpartition("-")[2]) - 1, count):  # type: ignore[operator]
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        start(process)

    monkeypatch.setattr(SpawnProcess, "start", started)


def test_one_that_dies_in_its_sleep_between_two_plans_is_replaced(
    one: ProcessExecutor, script: Script, control: ControlChannel
) -> None:
    script.write("train")
    assert ends(run_plan(one, 1, control)) == {1: Status.FINISHED}
    (child,) = multiprocessing.active_children()
    child.kill()
    assert ends(run_plan(one, 1, control)) == {1: Status.FINISHED}


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ([SkipRun(1)], {1: Status.SKIPPED, 2: Status.FINISHED}),
        ([Control.STOP], {1: Status.CANCELLED, 2: Status.CANCELLED}),
        ([Control.PAUSE, Control.RESUME], {1: Status.FINISHED, 2: Status.FINISHED}),
    ],
    ids=["skip", "stop", "pause"],
)
def test_what_was_asked_of_a_run_holds_though_the_child_it_was_given_to_dies_before_it_begins(
    one: ProcessExecutor, script: Script, control: ControlChannel, asked: list[Command], expected: dict[int, Status]
) -> None:
    script.write("train", "train", dying=1)
    for command in asked:
        control.send(command)
    assert ends(run_plan(one, 2, control)) == expected
    assert script.dying == 0


def test_closing_takes_no_notice_of_those_that_have_died(
    two: ProcessExecutor, script: Script, control: ControlChannel
) -> None:
    """One is killed and one is stopped, both idle."""
    two.start(2)
    first, second = (psutil.Process(child.pid) for child in multiprocessing.active_children())
    first.kill()
    second.suspend()
    two.close()
    assert not psutil.pid_exists(first.pid)
    assert not psutil.pid_exists(second.pid)

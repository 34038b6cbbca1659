"""Children that die, hang or can't be started: at most their run is lost, it says why, and the next is trained."""

from __future__ import annotations

import errno
import multiprocessing
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from multiprocessing.context import SpawnProcess
from pathlib import Path

import psutil
import pytest

from engine.cli import batch
from engine.cli.arguments import parse
from engine.events.channel import ControlChannel
from engine.events.commands import Command, Control, SkipRun
from engine.events.runs import Intervention, RunFinished, Status
from engine.events.tasks import Event
from engine.executors.processes import exit_status as endings
from engine.executors.processes.exit_status import describe_exit, oom_kills
from engine.executors.processes.pool import MAX_DEATHS, ProcessExecutor
from engine.executors.processes.scratch_folder import PREFIX, ScratchFolder, remove_orphaned_folders
from engine.executors.processes.watchdog import HANG_SECONDS, Watchdog
from engine.storage.store import Store
from engine.utils.errors import WorkerError
from tests.engine.support import of, run_session, small_spec, train_tasks

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals, limits and raw pipes are POSIX's")

if sys.platform != "win32":
    from tests.engine.executors.processes.scripted_worker import Script, scripted

SHORT_SECONDS = 1.0  # to be taken for hung


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Script:
    """Children follow it, and have their temporary folders in ``tmp_path / "temporary"``."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    return scripted(tmp_path, monkeypatch)


@pytest.fixture
def one(tmp_path: Path, script: Script) -> Iterator[ProcessExecutor]:
    """An executor of one child; nothing is left of its temporary folder in the end."""
    executor = ProcessExecutor(1, tmp_path / "logs", hang_seconds=SHORT_SECONDS)
    yield executor
    executor.close()
    assert not list((tmp_path / "temporary").iterdir())


@pytest.fixture
def two(tmp_path: Path, script: Script) -> Iterator[ProcessExecutor]:
    """An executor of two children."""
    executor = ProcessExecutor(2, tmp_path / "logs", hang_seconds=SHORT_SECONDS)
    yield executor
    executor.close()


def carried_out(
    executor: ProcessExecutor,
    runs: int,
    control: ControlChannel,
    answer: dict[tuple[type, int], list[Command]] | None = None,
) -> list[Event]:
    """All events of so many runs; what ``answer`` has for the kind and run of an event is asked when it comes."""
    events: list[Event] = []
    left = dict(answer or {})

    def take(event: Event) -> None:
        events.append(event)
        for command in left.pop((type(event), getattr(event, "run", 0)), []):
            control.send(command)

    executor.run(train_tasks(small_spec(repeats=runs)), take, control)
    return events


def ends(events: list[Event]) -> dict[int, Status]:
    """How each run ended; fails where one did so twice."""
    found = [(event.run, event.status) for event in of(RunFinished, events)]
    assert len(found) == len(dict(found))
    return dict(found)


def reasons(events: list[Event]) -> list[str]:
    return [event.reason for event in of(RunFinished, events) if event.reason]


# Deaths


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
    assert ends(carried_out(one, 2, control)) == {1: Status.FINISHED, 2: Status.FINISHED}


def test_one_that_meets_its_memory_limit_says_so_and_goes_on(
    one: ProcessExecutor, script: Script, control: ControlChannel
) -> None:
    script.write("eat", "train")
    events = carried_out(one, 2, control)
    assert ends(events) == {1: Status.FAILED, 2: Status.FINISHED}
    assert reasons(events)[0].startswith("There is not enough memory")


def test_those_that_die_before_they_begin_cost_no_run(
    one: ProcessExecutor, script: Script, control: ControlChannel
) -> None:
    script.write("train", "train", dying=MAX_DEATHS - 1)
    one.start(1)
    assert ends(carried_out(one, 2, control)) == {1: Status.FINISHED, 2: Status.FINISHED}
    assert script.dying == 0


def test_those_that_always_die_before_they_begin_are_not_started_for_ever(
    two: ProcessExecutor, script: Script, control: ControlChannel, tmp_path: Path
) -> None:
    script.write(*["train"] * 9, dying=100)
    events = carried_out(two, 9, control)
    assert ends(events) == dict.fromkeys(range(1, 10), Status.CRASHED)
    assert 100 - script.dying == MAX_DEATHS, "in the one place there is unless more were asked for"
    (reason,) = set(reasons(events))
    assert reason.startswith("Training processes end before they can begin, 3 in a row: the training process ended by")
    assert reason.endswith(f"its log, {tmp_path / 'logs' / 'worker-1.log'}.")
    assert "a broken installation" in (tmp_path / "logs" / "worker-1.log").read_text(encoding="utf-8")
    script.write("train")
    assert ends(carried_out(two, 1, control)) == {1: Status.FINISHED}, "asked again, it is tried again"


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
    assert ends(carried_out(two, 3, control)) == {1: Status.CRASHED, 2: Status.FINISHED, 3: Status.FINISHED}


def test_where_none_can_be_started_any_more_what_waits_ends_with_the_reason(
    one: ProcessExecutor, script: Script, control: ControlChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    script.write("kill", "train", "train")
    refuse(monkeypatch, lambda _position, count: count > 1)
    one.start(3)
    events = carried_out(one, 3, control)
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
    """Let the system refuse some processes, by their place and how many were asked for."""
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
    assert ends(carried_out(one, 1, control)) == {1: Status.FINISHED}
    (child,) = multiprocessing.active_children()
    child.kill()
    assert ends(carried_out(one, 1, control)) == {1: Status.FINISHED}


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
    assert ends(carried_out(one, 2, control)) == expected
    assert script.dying == 0


def test_closing_takes_no_notice_of_those_that_have_died(
    two: ProcessExecutor, script: Script, control: ControlChannel
) -> None:
    """One killed, one stopped in its sleep."""
    two.start(2)
    first, second = (psutil.Process(child.pid) for child in multiprocessing.active_children())
    first.kill()
    second.suspend()
    two.close()
    assert not psutil.pid_exists(first.pid)
    assert not psutil.pid_exists(second.pid)


# Hanging


@pytest.mark.parametrize("how", ["stop", "stop within a message", "deadlock"])
def test_one_that_stands_still_is_ended_and_the_next_run_is_trained(
    one: ProcessExecutor, script: Script, control: ControlChannel, how: str
) -> None:
    script.write(how, "train")
    events = carried_out(one, 2, control)
    assert ends(events) == {1: Status.CRASHED, 2: Status.FINISHED}
    assert reasons(events)[0].startswith("The training process neither said nor computed anything for 1 second and was")


def test_one_that_is_held_is_not_taken_for_hung(two: ProcessExecutor, script: Script, control: ControlChannel) -> None:
    """Beside it, two others stand still one after the other, and are found out."""
    script.write("hold", "stop", "stop")
    two.start(2)
    events = carried_out(two, 3, control, {(RunFinished, 3): [Control.RESUME]})
    assert ends(events) == {2: Status.CRASHED, 3: Status.CRASHED, 1: Status.FINISHED}
    assert [event.label for event in of(Intervention, events)] == ["paused", "resumed"]


def test_one_that_computes_is_left_alone_until_cancel_is_pressed_again(
    two: ProcessExecutor, script: Script, control: ControlChannel
) -> None:
    """The other one stands still as long; the one that computes ends as cancelled, the one that waits never begins."""
    script.write("burn", "stop", "train", "train")
    two.start(2)
    answer = {(RunFinished, 2): [Control.CANCEL], (RunFinished, 4): [Control.CANCEL]}
    events = carried_out(two, 4, control, answer)
    assert ends(events) == {2: Status.CRASHED, 3: Status.CANCELLED, 4: Status.CANCELLED, 1: Status.CANCELLED}
    assert "It did not answer, so its process was ended." in reasons(events)
    script.write("train")
    assert ends(carried_out(two, 1, control)) == {1: Status.FINISHED}


class Looked:
    """A process on a clock of the test's own."""

    def __init__(self, seconds: float = HANG_SECONDS) -> None:
        self.now, self.computed = 0.0, 0.0
        self.watch = Watchdog(0, seconds, lambda: self.now, lambda _pid: self.computed)

    def stands_still_after(self, seconds: float, look: float = 2.5, share: float = 0.0) -> float | None:
        """Seconds until it is found out, computing ``share`` of the time; None if it isn't."""
        until = self.now + seconds
        while self.now < until:
            self.now += look
            self.computed += share * look
            if self.watch.check():
                return self.now
        return None


@pytest.mark.parametrize(("share", "found"), [(0.0, True), (0.009, True), (0.011, False), (1.0, False)])
def test_what_computes_less_than_a_hundredth_of_the_time_stands_still(share: float, found: bool) -> None:
    when = Looked().stands_still_after(1000, share=share)
    assert (when is not None) is found
    if found:
        assert when == pytest.approx(HANG_SECONDS, abs=10)


def test_a_process_that_computed_much_and_then_stands_still_is_found_out_as_fast() -> None:
    looked = Looked()
    assert looked.stands_still_after(3600, share=1.0) is None
    when = looked.stands_still_after(1000)
    assert when is not None
    assert when - 3600 == pytest.approx(HANG_SECONDS, abs=10)


def test_a_sign_of_life_begins_the_count_anew() -> None:
    looked = Looked()
    for _ in range(5):
        assert looked.stands_still_after(0.9 * HANG_SECONDS) is None
        looked.watch.reset()


def test_a_computer_that_slept_makes_no_process_guilty() -> None:
    looked = Looked()
    for _ in range(10):
        assert looked.stands_still_after(1, look=8 * 3600) is None


# Words


@pytest.mark.parametrize("number", [*map(int, signal.Signals), 63])
def test_every_signal_has_its_words(number: int) -> None:
    words = describe_exit(-number, Path("/logs/worker-1.log"), None)
    assert f"(signal {number}); run it again" in words
    assert words.endswith("its log, /logs/worker-1.log.") or words.endswith("its log is /logs/worker-1.log.")
    assert words.count(".log") == 1


def test_other_endings_have_their_words() -> None:
    assert "with code 0;" in describe_exit(0, Path("log"), None)
    assert "invalid memory access (code 0xc0000005)" in describe_exit(0xC0000005, Path("log"), None)
    assert "no longer answers" in describe_exit(None, Path("log"), None)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("oom_kill 4", "oom_kill 5", "by the system for want of memory (signal 9)"),
        ("oom_kill 4", "oom_kill 4", "by the system for want of memory or by hand"),
        ("oom_kill x", "oom_kill 5", "by the system for want of memory or by hand"),
        ("nr_free_pages 1", "nr_free_pages 1", "by the system for want of memory or by hand"),
        (None, None, "by the system for want of memory or by hand"),
    ],
)
def test_that_the_kernel_ended_it_for_want_of_memory_is_said_where_it_tells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str | None, after: str | None, said: str
) -> None:
    counts = tmp_path / "vmstat"
    monkeypatch.setattr(endings, "VMSTAT_FILE", counts)
    if before is not None:
        counts.write_text(f"nr_zone 1\n{before}\n")
    then = oom_kills()
    if after is not None:
        counts.write_text(f"nr_zone 1\n{after}\n")
    assert said in describe_exit(-signal.SIGKILL, Path("log"), then)


# Temporary folders


def test_a_folder_goes_with_its_process_and_not_before(
    one: ProcessExecutor, script: Script, control: ControlChannel, tmp_path: Path
) -> None:
    script.write("segfault", "train")
    temporary = tmp_path / "temporary"
    kinds = lambda: sorted(path.suffix for path in temporary.iterdir())  # noqa: E731
    seen = []
    carried_out(one, 2, control)
    seen.append(kinds())
    one.close()
    assert seen == [["", ".lock"]], "one child's, though two have been there"
    assert kinds() == []


def test_only_folders_of_dead_owners_are_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    held = ScratchFolder()
    left = tmp_path / f"{PREFIX}0123"
    left.mkdir()
    (left / "__autograph_generated_file1.py").touch()
    (tmp_path / f"{PREFIX}4567").mkdir()
    (tmp_path / f"{PREFIX}4567.lock").touch()
    (tmp_path / f"{PREFIX}a_file").touch()
    (tmp_path / "somebody_elses").mkdir()
    remove_orphaned_folders()
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {held.path.name, f"{held.path.name}.lock", f"{PREFIX}a_file", "somebody_elses"}
    held.remove()
    assert not held.path.exists()


def test_what_can_not_be_made_is_an_error_in_words(one: ProcessExecutor, tmp_path: Path) -> None:
    (tmp_path / "a_file").touch()
    with pytest.MonkeyPatch.context() as patch, pytest.raises(WorkerError, match="can't be started"):
        patch.setattr(tempfile, "tempdir", str(tmp_path / "a_file"))
        one.start(1)

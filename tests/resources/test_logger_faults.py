"""Killed scripts, full disks, slow and missing drives: what was logged is there, and training is not held up."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import trainscope_log

from tests.limits import bound_by_permissions, files_of_at_most
from tests.resources.support import entries, environment, of, run_script, wait_until

LOGS_FOR_EVER = """
import os, sys, trainscope_log
run = trainscope_log.start("e", folder=sys.argv[1], resume=True, after=int(sys.argv[2]))
step = run.step
while True:
    step += 1
    run.log(step, training_loss=1 / step)
    os.write(1, b"%d\\n" % step)
"""


def log_and_be_killed(folder: Path, after: int, records: int, python: str = sys.executable) -> int:
    """Kill a script once it has logged so many records; return the last step that it knew to be logged."""
    command = [python, "-c", LOGS_FOR_EVER, str(folder), str(after)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment()) as script:  # noqa: S603
        assert script.stdout is not None
        told = b"".join(script.stdout.readline() for _ in range(records))
        script.kill()
        told += script.stdout.read()
    return int(told.split(b"\n")[-2])


@pytest.mark.parametrize("python", ["python3.8", sys.executable], ids=["oldest", "this"])
def test_a_killed_script_has_logged_all_that_it_was_told_and_goes_on_behind_it(tmp_path: Path, python: str) -> None:
    if shutil.which(python) is None or run_script("", python=python).returncode != 0:
        pytest.skip("the oldest Python that the logger is for isn't installed")
    path = tmp_path / "e" / "default-1.jsonl"
    known = log_and_be_killed(tmp_path, 0, 2_000, python)
    steps = of("step", path)
    assert steps == list(range(1, len(steps) + 1))
    assert known <= len(steps) <= known + 1
    with path.open("r+b") as file:  # as if the last line had been torn
        file.truncate(path.stat().st_size - 5)
    again = log_and_be_killed(tmp_path, 700, 300, python)
    lines = path.read_bytes().split(b"\n")
    torn = next(index for index, line in enumerate(lines) if line and not line.endswith(b"}"))
    whole = b"\n".join([*lines[:torn], *lines[torn + 1 :]])
    path.write_bytes(whole)
    assert torn == len(steps), "the header and all records but the torn one are before it"
    header, *records = entries(path)[torn:]
    assert (header["repeat"], header["after"]) == (1, 700)
    assert [record["step"] for record in records] == list(range(701, 701 + len(records)))
    assert again <= records[-1]["step"] <= again + 1


def test_a_resumed_run_is_the_newest_or_the_named_one(tmp_path: Path) -> None:
    for _ in range(2):
        with trainscope_log.start("e", folder=tmp_path) as run:
            run.log(4, training_loss=1.0)
    resumed = trainscope_log.start("e", folder=tmp_path, resume=True, after=4)
    assert (resumed.repeat, resumed.step) == (2, 4)
    first = trainscope_log.start("e", repeat=1, folder=tmp_path, resume=True)
    assert (first.repeat, first.step) == (1, 4), "from which a callback that counts by itself goes on"
    assert trainscope_log.start("e", repeat=7, folder=tmp_path, resume=True).repeat == 7
    assert trainscope_log.start("e", "new", folder=tmp_path, resume=True, after=4).repeat == 1


def test_the_clock_of_a_resumed_run_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with trainscope_log.start("e", folder=tmp_path) as run:
        run.log(4, training_loss=1.0)
    run.path.write_text(run.path.read_text().replace('"seconds": 0.0', '"seconds": 100.5'))
    resumed = trainscope_log.start("e", folder=tmp_path, resume=True)
    resumed.log(5, training_loss=1.0)
    assert of("seconds", run.path)[-1] >= 100.5


def test_a_full_disk_loses_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = trainscope_log.start("e", folder=tmp_path)
    full = run.path.stat().st_size + 1_000
    with files_of_at_most(full):
        for step in range(1, 201):
            run.log(step, training_loss=1 / step)
        assert run.path.stat().st_size == full
        assert len(entries(run.path)) < 20
    run.finish(test_accuracy=0.5)
    assert of("step", run.path) == list(range(1, 201))
    assert entries(run.path)[-1] == {"ended": "finished"}
    assert len(capsys.readouterr().err.splitlines()) == 1


class Drive:
    """A drive on which ``os.write`` waits while it ``hangs``, or fails with ``error``."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.works = threading.Event()
        self.works.set()
        self.error: OSError | None = None
        self.waiting = threading.Event()
        self._write = os.write
        self._wrapped = threading.local()
        monkeypatch.setattr(os, "write", self.write)

    def write(self, descriptor: int, data: bytes) -> int:
        if not self.works.is_set():
            self.waiting.set()
            assert self.works.wait(20)
        if self.error is not None:
            raise self.error
        return self._write(descriptor, data)


@pytest.fixture
def drive(monkeypatch: pytest.MonkeyPatch) -> Drive:
    return Drive(monkeypatch)


def test_a_hanging_drive_is_waited_for_once_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, drive: Drive, capsys: pytest.CaptureFixture[str]
) -> None:
    run = trainscope_log.start("e", folder=tmp_path)
    monkeypatch.setattr(trainscope_log, "PATIENCE_SECONDS", -1.0)
    run.log(1, training_loss=1.0)  # takes longer than that
    drive.works.clear()
    run.log(2, training_loss=1.0)
    assert drive.waiting.wait(20), "the thread writes"
    for step in range(3, 100):
        run.log(step, training_loss=1.0)  # would wait for 20 s and fail
    assert of("step", run.path) == [1]
    drive.works.set()
    run.finish()
    assert of("step", run.path) == list(range(1, 100))
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_once_the_drive_is_fast_again_lines_are_written_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, drive: Drive
) -> None:
    monkeypatch.setattr(trainscope_log, "QUEUE_SECONDS", 0.0)
    run = trainscope_log.start("e", folder=tmp_path)
    drive.error = OSError(errno.ENOSPC, "full")
    run.log(1, training_loss=1.0)
    drive.error = None
    wait_until(lambda: of("step", run.path) == [1])
    steps = iter(range(2, 1_000))

    def is_written_at_once() -> bool:
        step = next(steps)
        run.log(step, training_loss=1.0)
        return of("step", run.path)[-1] == step

    wait_until(lambda: all(is_written_at_once() for _ in range(5)))


def test_a_drive_that_was_gone_is_found_again(tmp_path: Path, drive: Drive) -> None:
    run = trainscope_log.start("e", folder=tmp_path)
    drive.error = OSError(errno.ESTALE, "Stale file handle")
    run.log(1, training_loss=1.0)
    shutil.rmtree(tmp_path / "e")
    drive.error = None
    wait_until(lambda: run.path.exists() and of("step", run.path) == [1])
    run.finish()
    assert [next(iter(entry)) for entry in entries(run.path)] == ["trainscope_log", "step", "ended"]


def test_a_drive_that_is_gone_while_nothing_is_logged_is_found_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, drive: Drive
) -> None:
    monkeypatch.setattr(trainscope_log, "ALIVE_SECONDS", 0.01)
    run = trainscope_log.start("e", folder=tmp_path)
    asked = threading.Semaphore(0)

    def gone(_descriptor: int) -> os.stat_result:
        asked.release()
        raise OSError(errno.ESTALE, "Stale file handle")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fstat", gone)
        assert all(asked.acquire(timeout=20) for _ in range(2)), "its thread goes on"
        drive.error = OSError(errno.ESTALE, "Stale file handle")
        run.log(1, training_loss=1.0)
    drive.error = None
    wait_until(lambda: of("step", run.path) == [1])
    run.finish()


@pytest.mark.skipif(os.name != "posix", reason="open files can't be removed elsewhere")
def test_a_file_that_is_removed_is_begun_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(trainscope_log, "ALIVE_SECONDS", 0.02)
    run = trainscope_log.start("e", folder=tmp_path)
    shutil.rmtree(tmp_path / "e")
    wait_until(lambda: run.path.exists() and entries(run.path))
    run.log(1, training_loss=1.0)
    assert [next(iter(entry)) for entry in entries(run.path)] == ["trainscope_log", "step"]
    assert len(capsys.readouterr().err.splitlines()) == 1
    run.finish()


def test_what_does_not_fit_the_queue_is_lost_but_the_end_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, drive: Drive, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(trainscope_log, "QUEUED_BYTES", 1_000)
    run = trainscope_log.start("e", folder=tmp_path)
    drive.error = OSError(errno.ENOSPC, "full")
    for step in range(1, 101):
        run.log(step, training_loss=1.0)
    drive.error = None
    run.finish()
    steps = of("step", run.path)
    assert 10 < len(steps) < 30
    assert steps == list(range(1, len(steps) + 1))
    assert entries(run.path)[-1] == {"ended": "finished"}
    assert len(capsys.readouterr().err.splitlines()) == 2


def test_the_end_of_a_run_does_not_wait_for_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, drive: Drive, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(trainscope_log, "END_SECONDS", 0.05)
    run = trainscope_log.start("e", folder=tmp_path)
    drive.error = OSError(errno.ENOSPC, "full")
    run.log(1, training_loss=1.0)
    run.finish()
    assert "could not be written" in capsys.readouterr().err
    drive.error = None
    wait_until(lambda: entries(run.path)[-1] == {"ended": "finished"})  # the process goes on, and so does the thread


def test_a_folder_that_can_not_be_written_is_said_once_and_training_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tmp_path.chmod(0o500)
    with bound_by_permissions(), trainscope_log.start("e", folder=tmp_path) as run:
        run.log(1, training_loss=1.0)
        run.log_weights(1, {"W": [[1.0]]})
        run.watch(None, None)
    tmp_path.chmod(0o700)
    assert run.path is None
    (line,) = capsys.readouterr().err.splitlines()
    assert "Permission denied" in line
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_place_of_the_folder_is_said_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "logs").write_text("")
    run = trainscope_log.start("e", folder=tmp_path / "logs")
    run.log(1, training_loss=1.0)
    assert run.path is None
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_silent_run_gives_signs_of_life_until_it_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trainscope_log, "ALIVE_SECONDS", 0.02)
    run = trainscope_log.start("e", folder=tmp_path)

    def signs() -> list[float]:
        return [entry["alive"] for entry in entries(run.path, but=()) if "alive" in entry]

    wait_until(lambda: len(signs()) >= 3)
    assert signs() == sorted(signs())
    run.finish()
    assert entries(run.path, but=())[-1] == {"ended": "finished"}
    wait_until(lambda: not any(thread.name == "trainscope_log" for thread in threading.enumerate()))
    assert entries(run.path, but=())[-1] == {"ended": "finished"}


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="POSIX")
def test_a_handler_of_a_signal_may_log_while_the_script_does(tmp_path: Path) -> None:
    code = """
import signal
run = trainscope_log.start("e", folder=sys.argv[1])
handled = 0
def handle(*_):
    global handled
    handled += 1
    run.log(handled, handled=1)
signal.signal(signal.SIGALRM, handle)
signal.setitimer(signal.ITIMER_REAL, 0.0002, 0.0002)
step = 0
while handled < 100:
    step += 1
    run.log(step, training_loss=1.0)
signal.setitimer(signal.ITIMER_REAL, 0)
run.finish()
print(step + handled)
"""
    ended = run_script(code, str(tmp_path))
    assert ended.returncode == 0, ended.stderr
    assert len(of("step", tmp_path / "e" / "default-1.jsonl")) == int(ended.stdout)

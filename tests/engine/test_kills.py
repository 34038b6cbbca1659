"""The program killed for real, and gone on with: nothing that was shown is lost, and its end is the same."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from engine.paths import lock_folder, store_file
from tests.engine.support import ROOT, python

GONE_SECONDS = 20  # until which every process of a killed program must be gone

EXPERIMENT = ("--batch", "architectures")
PLAN = ("--set", "architectures=mlp_1,cnn_3", "epochs=16", "repeats=1")
# What must not depend on interruptions; wall times do.
RESULTS = (
    "SELECT run, step, epoch, training_loss, training_accuracy, validation_loss, validation_accuracy, gradient_norm, "
    "learning_rate, gradient_norms, update_ratios, dead_units, activation_means, activation_deviations "
    "FROM points ORDER BY run, step",
    "SELECT run, step, epoch, layer, shape, data FROM weights ORDER BY run, layer, step",
    "SELECT id, variant, repeat, status, reason, test_loss, test_accuracy, confusion FROM runs ORDER BY id",
    "SELECT run, rank, image, predicted, confidence FROM mistakes ORDER BY run, rank",
)


def results(workspace: Path) -> list[list[tuple[object, ...]]]:
    with closing(sqlite3.connect(store_file(workspace))) as store:
        assert store.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return [store.execute(query).fetchall() for query in RESULTS]


def begun(workspace: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "main.py", *EXPERIMENT, *arguments, "--workspace", str(workspace), "--workers", "2"]
    return subprocess.Popen(  # noqa: S603
        command, cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    )


def shown_until(program: subprocess.Popen[str], enough: Callable[[list[str]], bool]) -> list[str]:
    """The lines of progress up to the one at which it was ``enough``."""
    assert program.stderr is not None
    lines: list[str] = []
    for line in program.stderr:
        lines.append(line)
        if enough(lines):
            return lines
    raise AssertionError(f"the program ended before: {lines}")


def kill(program: subprocess.Popen[str], victims: Callable[[psutil.Process], Sequence[psutil.Process]]) -> None:
    """Kill some of the processes of a program; all of them must be gone soon after."""
    parent = psutil.Process(program.pid)
    family = [parent, *parent.children(recursive=True)]
    for victim in victims(parent):
        os.kill(victim.pid, signal.SIGKILL)
    program.communicate()
    _, alive = psutil.wait_procs(family, GONE_SECONDS)
    assert not alive, "a process outlived its program"


def everything(parent: psutil.Process) -> list[psutil.Process]:
    return [parent, *parent.children(recursive=True)]


def the_parent(parent: psutil.Process) -> list[psutil.Process]:
    return [parent]


def steps_shown(lines: list[str]) -> list[tuple[str, int]]:
    found = [re.match(r"(\S+) #1: epoch \d+, step (\d+),", line) for line in lines]
    return [(match[1], int(match[2])) for match in found if match]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The workspace of a program that was never interrupted."""
    workspace = tmp_path_factory.mktemp("whole")
    with begun(workspace, *PLAN) as program:
        program.communicate()
    assert program.returncode == 0
    return workspace


@pytest.mark.slow
def test_a_program_killed_again_and_again_comes_to_the_same_end_to_the_bit(tmp_path: Path, whole: Path) -> None:
    workspace = tmp_path / "killed"
    shown: list[tuple[str, int]] = []
    # At once after the first record, in the middle of the longer run, and in a program that is going on already.
    for arguments, records, victims in ((PLAN, 1, everything), (("--resume",), 3, the_parent)):
        program = begun(workspace, *arguments)
        lines = shown_until(program, lambda lines, least=records: len(steps_shown(lines)) >= least)  # type: ignore[misc]
        kill(program, victims)
        shown += steps_shown(lines)
        with closing(sqlite3.connect(store_file(workspace))) as store:
            kept = set(store.execute("SELECT variant, step FROM points JOIN runs ON runs.id=run").fetchall())
        assert set(shown) <= kept, "what was shown is in the store"
    ended = python("main.py", *EXPERIMENT, "--resume", "--workspace", str(workspace), "--export", str(tmp_path / "out"))
    assert ended.returncode == 0, ended.stderr
    assert "Resuming experiment 1 (architectures), which was interrupted." in ended.stdout
    assert results(workspace) == results(whole)
    assert not list(lock_folder(workspace).iterdir())
    assert (tmp_path / "out" / "summary.json").exists()


@pytest.mark.slow
def test_a_child_that_is_killed_takes_only_its_run_with_it_and_that_can_be_resumed(tmp_path: Path, whole: Path) -> None:
    workspace = tmp_path / "killed"
    program = begun(workspace, *PLAN)
    lines = shown_until(program, lambda lines: bool(steps_shown(lines)))
    first = steps_shown(lines)[0][0]
    children = psutil.Process(program.pid).children()
    busy = [child for child in children if "spawn_main" in " ".join(child.cmdline())]
    os.kill(busy[0].pid, signal.SIGKILL)
    _, said = program.communicate(timeout=300)
    assert program.returncode == 1
    assert "1 of 2 runs did not finish" in said
    with closing(sqlite3.connect(store_file(workspace))) as store:
        statuses = dict(store.execute("SELECT status, count(*) FROM runs GROUP BY status").fetchall())
        (reason,) = store.execute("SELECT reason FROM runs WHERE status='crashed'").fetchone()
    assert statuses == {"crashed": 1, "finished": 1}, first
    assert "signal 9" in reason
    ended = python("main.py", *EXPERIMENT, "--resume", "--workspace", str(workspace))
    assert ended.returncode == 0, ended.stderr
    assert results(workspace) == results(whole)


def test_where_nothing_is_unfinished_nothing_is_begun(tmp_path: Path) -> None:
    ended = python("main.py", *EXPERIMENT, "--resume", "--workspace", str(tmp_path))
    assert ended.returncode == 1
    said = rf"trainscope: There is no unfinished architectures experiment in {re.escape(str(tmp_path))}.*; .*\.\n"
    assert re.fullmatch(said, ended.stderr)
    with closing(sqlite3.connect(store_file(tmp_path))) as store:
        assert store.execute("SELECT count(*) FROM experiments").fetchone() == (0,)


def test_settings_can_not_be_given_to_what_goes_on(tmp_path: Path) -> None:
    ended = python("main.py", *EXPERIMENT, "--resume", "--set", "epochs=3", "--workspace", str(tmp_path))
    assert ended.returncode == 2
    assert "--resume goes on with the settings there were, so --set can't be given" in ended.stderr

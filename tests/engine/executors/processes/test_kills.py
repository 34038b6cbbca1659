"""The program is killed and resumed: nothing that was shown is lost, and the results are the same."""

from __future__ import annotations

import re
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from engine.utils.paths import lock_folder, store_file
from tests.engine.executors.processes.kill_support import (
    EXPERIMENT,
    PLAN,
    a_child,
    everything,
    kill,
    results,
    start_program,
    steps_shown,
    stored_steps,
)
from tests.engine.support import python


def read_until(program: subprocess.Popen[str], enough: Callable[[list[str]], bool]) -> list[str]:
    """The lines of progress up to the first for which ``enough`` is true."""
    assert program.stderr is not None
    lines: list[str] = []
    for line in program.stderr:
        lines.append(line)
        if enough(lines):
            return lines
    raise AssertionError(f"the program ended before: {lines}")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The workspace of an undisturbed program."""
    workspace = tmp_path_factory.mktemp("whole")
    with start_program(workspace, *PLAN) as program:
        program.communicate()
    assert program.returncode == 0
    return workspace


@pytest.mark.long
def test_a_program_killed_again_and_again_comes_to_the_same_end_to_the_bit(tmp_path: Path, undisturbed: Path) -> None:
    """The whole group at its first record, then, when resumed, one training process, so that only its run crashes."""
    workspace = tmp_path / "killed"
    shown: list[tuple[str, int]] = []
    for arguments, victims in ((PLAN, everything), (("--resume",), a_child)):
        program = start_program(workspace, *arguments)
        lines = read_until(program, lambda lines: bool(steps_shown(lines)))
        shown += steps_shown([*lines, *kill(program, victims).splitlines()])
        assert set(shown) <= stored_steps(workspace), "what was shown is in the store"
    assert program.returncode == 1
    with closing(sqlite3.connect(store_file(workspace))) as store:
        assert sorted(store.execute("SELECT status FROM runs").fetchall()) == [("crashed",), ("finished",)]
    ended = python("main.py", *EXPERIMENT, "--resume", "--workspace", str(workspace), "--export", str(tmp_path / "out"))
    assert ended.returncode == 0, ended.stderr
    assert "Resuming experiment 1 (architectures), which was f" in ended.stdout
    assert results(workspace) == results(undisturbed)
    assert not list(lock_folder(workspace).iterdir())
    assert (tmp_path / "out" / "summary.json").exists()


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

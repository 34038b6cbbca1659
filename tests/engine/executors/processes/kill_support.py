"""The program as a process that can be killed, and the contents that its workspace must have then."""

from __future__ import annotations

import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from pathlib import Path

import psutil

from engine.utils.paths import store_file
from tests.engine.support import ROOT

GONE_SECONDS = 20  # for all processes of a killed program to end

EXPERIMENT = ("--batch", "architectures")
PLAN = ("--set", "architectures=mlp_1,cnn_3", "epochs=12", "repeats=1")
# All that must not depend on interruptions, so no wall times.
RESULTS = (
    "SELECT run, step, epoch, training_loss, training_accuracy, validation_loss, validation_accuracy, gradient_norm, "
    "learning_rate, gradient_norms, update_ratios, dead_units, activation_means, activation_deviations "
    "FROM points ORDER BY run, step",
    "SELECT run, step, epoch, layer, shape, data FROM weights ORDER BY run, layer, step",
    "SELECT id, variant, repeat, status, reason, test_loss, test_accuracy, confusion FROM runs ORDER BY id",
    "SELECT run, rank, image, predicted, confidence FROM mistakes ORDER BY run, rank",
)

Victims = Callable[[psutil.Process], Sequence[psutil.Process]]


def start_program(workspace: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start the program on ``workspace`` with two training processes, in a process group of its own."""
    command = [sys.executable, "main.py", *EXPERIMENT, *arguments, "--workspace", str(workspace), "--workers", "2"]
    return subprocess.Popen(  # noqa: S603
        command, cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    )


def kill(program: subprocess.Popen[str], victims: Victims) -> str:
    """Kill some processes of a program, wait for its end, and return the rest of its stderr.

    Fails if one of its processes outlives it.
    """
    parent = psutil.Process(program.pid)
    family = [parent, *parent.children(recursive=True)]
    for victim in victims(parent):
        victim.send_signal(signal.SIGKILL)
    _, said = program.communicate()
    _, alive = psutil.wait_procs(family, GONE_SECONDS)
    assert not alive, f"a process outlived its program: {alive}"
    return said


def everything(parent: psutil.Process) -> list[psutil.Process]:
    """The program and its descendants."""
    return [parent, *parent.children(recursive=True)]


def the_parent(parent: psutil.Process) -> list[psutil.Process]:
    """The program alone."""
    return [parent]


def a_child(parent: psutil.Process) -> list[psutil.Process]:
    """One of its training processes, if it has started one."""
    return [each for each in parent.children() if "spawn_main" in " ".join(each.cmdline())][:1]


def steps_shown(lines: Iterable[str]) -> list[tuple[str, int]]:
    """Variants and steps in lines of progress."""
    found = [re.match(r"(\S+) #1: epoch \d+, step (\d+),", line) for line in lines]
    return [(match[1], int(match[2])) for match in found if match]


def stored_steps(workspace: Path) -> set[tuple[str, int]]:
    """Variants and steps of all records in the store."""
    with closing(sqlite3.connect(store_file(workspace))) as store:
        return set(store.execute("SELECT variant, step FROM points JOIN runs ON runs.id=run").fetchall())


def results(workspace: Path) -> list[list[tuple[object, ...]]]:
    """All results in a workspace; fails if the store is damaged."""
    with closing(sqlite3.connect(store_file(workspace))) as store:
        assert store.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return [store.execute(query).fetchall() for query in RESULTS]

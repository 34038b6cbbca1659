"""Kills the program at random moments and resumes it until it finishes; compares the results with undisturbed ones.

What the tests do at three moments, this does at any: while libraries load, between runs, in the middle of a commit. A
moment is uniform over the time that the undisturbed program takes.

Usage: python -m tests.engine.executors.processes.random_kills [kills] [seed]
"""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from engine.utils.paths import store_file
from tests.engine.executors.processes.kill_support import (
    PLAN,
    a_child,
    everything,
    kill,
    results,
    start_program,
    steps_shown,
    stored_steps,
    the_parent,
)

VICTIMS = {"the undisturbed group": everything, "the program": the_parent, "a training process": a_child}


def main(kills: int, seed: int) -> int:
    """Kill the program ``kills`` times; return the exit code."""
    dice = random.Random(seed)  # noqa: S311 - chooses moments only
    made: Counter[str] = Counter()
    rounds = 0
    with tempfile.TemporaryDirectory() as folder:
        undisturbed = Path(folder) / "whole"
        begin = time.monotonic()
        with start_program(undisturbed, *PLAN) as program:
            program.communicate()
        seconds, expected = time.monotonic() - begin, results(undisturbed)
        while made.total() < kills:
            rounds += 1
            made += one_round(Path(folder) / str(rounds), dice, seconds, expected, kills - made.total())
            sys.stdout.write(f"round {rounds}: the same end to the bit after {made.total()} kills so far\n")
    kinds = ", ".join(f"{number} of {name}" for name, number in made.items())
    sys.stdout.write(f"{made.total()} kills in {rounds} rounds: {kinds}\n")
    return 0


def one_round(workspace: Path, dice: random.Random, seconds: float, expected: object, most: int) -> Counter[str]:
    """Kill and resume until the experiment has finished; return the kills. Fails if anything was lost."""
    made: Counter[str] = Counter()
    shown: set[tuple[str, int]] = set()
    while True:
        there = store_file(workspace).exists() and stored_steps(workspace) is not None and has_experiment(workspace)
        program = start_program(workspace, *(("--resume",) if there else PLAN))
        if made.total() >= most:
            program.communicate()
            break
        try:
            said = program.communicate(timeout=dice.uniform(0.2, 0.6 * seconds))[1]
        except subprocess.TimeoutExpired:
            name = dice.choice(list(VICTIMS))
            said = kill(program, VICTIMS[name])
            made[name] += 1
        shown |= set(steps_shown(said.splitlines()))
        if store_file(workspace).exists():
            assert shown <= stored_steps(workspace), "a record that was shown is not in the store"
        if program.returncode == 0:
            break
    assert results(workspace) == expected, f"another end than without kills: {workspace}"
    return made


def has_experiment(workspace: Path) -> bool:
    """Whether the killed program had stored its experiment."""
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(store_file(workspace))) as store:
        tables = store.execute("SELECT 1 FROM sqlite_master WHERE name='experiments'").fetchone()
        return bool(tables and store.execute("SELECT count(*) FROM experiments").fetchone()[0])


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 30, int(sys.argv[2]) if len(sys.argv) > 2 else 0))

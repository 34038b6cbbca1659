"""Concurrent processes in one workspace: two that train and two that act as windows."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from engine.events.runs import Status
from engine.storage.store import Store
from engine.utils.paths import store_file
from engine.workspace.queue import QueueStore
from tests.engine.storage.store_programs import DELETED_SEED
from tests.engine.storage.test_store_migration import make_version_2
from tests.engine.support import ROOT, finished, planned, record, small_spec, started

PROGRAM = (sys.executable, "-W", "error", "-m", "tests.engine.storage.store_programs")

RUNS, RECORDS, TURNS, DELETED = 3, 60, 16, 6


def prepare(workspace: Path) -> None:
    """Create a store of version 2 with an experiment to keep and others to delete."""
    with closing(Store(workspace)) as store:
        for seed in (0, *[DELETED_SEED] * DELETED):
            number, (run,) = planned(store, small_spec(seed=seed))
            for event in (started(run.run), *(record(run.run, step) for step in range(10, 400, 10)), finished(run.run)):
                store.add(event)
            store.finish_experiment(number, Status.FINISHED, "")
    make_version_2(store_file(workspace))


def side_by_side(workspace: Path, *tasks: tuple[object, ...]) -> list[Any]:
    """Start all programs at once; return their results."""
    programs = [
        subprocess.Popen(  # noqa: S603
            [*PROGRAM, what, workspace, *map(str, numbers)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for what, *numbers in tasks
    ]
    for program in programs:
        program.stdin.write("go\n")
        program.stdin.flush()
    ended = [program.communicate(timeout=120) for program in programs]
    assert [errors for _, errors in ended] == [""] * len(programs)
    return [json.loads(told) for told, _ in ended]


@pytest.mark.long
def test_programs_beside_each_other_lose_nothing_and_never_fail(workspace: Path) -> None:
    prepare(workspace)
    *trained, first, second = side_by_side(
        workspace,
        *[("train", RUNS, RECORDS)] * 2,
        *[("upkeep", TURNS, number) for number in (1000, 2000)],
    )
    assert [(each["status"], each["reason"]) for each in trained] == [("finished", "")] * 2
    with closing(Store(workspace)) as store:
        for each in trained:
            runs = store.runs(each["experiment"])
            stored = [[run.id, step.step] for run in runs for step in store.records(run.id)]
            assert stored == each["shown"]
            assert len(stored) == RUNS * RECORDS
            assert [len(store.weight_steps(run.id, "dense_1")) for run in runs] == [RECORDS] * RUNS
        assert [experiment.seed for experiment in store.experiments(9)] == [0, 0, 0]
        assert len(store.records(1)) == 39
    with closing(QueueStore(workspace)) as queue:
        left = [entry.spec.seed for entry in queue.all()]
    every = [number + turn for number in (1000, 2000) for turn in range(TURNS)]
    assert sorted([*first["taken"], *second["taken"], *left]) == every
    assert [path.name for path in workspace.glob("*.version-*")] == ["trainscope.sqlite3.version-2"]
    with closing(sqlite3.connect(store_file(workspace))) as reader:
        assert reader.execute("PRAGMA integrity_check").fetchone()[0] == "ok"

"""engine.storage.store after a kill or a power failure: all emitted events are stored, and the file is intact."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.storage.store import Store
from engine.utils.paths import store_file
from tests.engine.support import planned, python, record

PAGE = 4096
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - in memory, to be fast
WHERE = SHARED_MEMORY if os.access(SHARED_MEMORY, os.W_OK) else None


@pytest.mark.long
@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes can't be forked here")
@pytest.mark.parametrize(
    ("scenario", "least"),
    [
        ("new", 40),
        pytest.param("further-runs", 30, marks=pytest.mark.long),
        ("older-version", 50),
        pytest.param("upkeep", 30, marks=pytest.mark.long),
        ("removed", 10),
    ],
)
def test_a_program_killed_before_any_statement_leaves_all_that_was_shown(scenario: str, least: int) -> None:
    """``least`` is about the number of statements, so that a harness that misses some fails."""
    with TemporaryDirectory(dir=WHERE) as folder:
        ended = python("-W", "error", "-m", "tests.engine.storage.store_kills", scenario, folder)
    assert ended.returncode == 0, ended.stderr
    told = json.loads(ended.stdout)
    assert told["problems"] == []
    assert told["kills"] >= least


@dataclass(frozen=True)
class Written:
    """The files of a store on disk while it is written.

    ``commits`` has the length of the log after each record; ``before`` is the file before a checkpoint of the log,
    ``after`` the file after it.
    """

    before: bytes
    after: bytes
    log: bytes
    commits: list[int]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    workspace = tmp_path_factory.mktemp("power") / "workspace"
    file, log_file = store_file(workspace), Path(f"{store_file(workspace)}-wal")
    with closing(Store(workspace)) as store:
        _, (run,) = planned(store)
        commits = []
        for step in range(10, 200, 10):
            store.add(record(run.run, step))
            commits.append(log_file.stat().st_size)
        before, log = file.read_bytes(), log_file.read_bytes()
    assert not log_file.exists()  # closing checkpoints it
    return Written(before, file.read_bytes(), log, commits)


def records_after(file: bytes, log: bytes) -> int:
    """Open a store with these files; return its number of records. It must be intact and writable."""
    with TemporaryDirectory(dir=WHERE) as folder:
        workspace = Path(folder)
        store_file(workspace).write_bytes(file)
        Path(f"{store_file(workspace)}-wal").write_bytes(log)
        with closing(Store(workspace)) as store:
            assert store.connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
            steps = [each.step for each in store.records(1)]
            planned(store)
        assert steps == [10 * number for number in range(1, len(steps) + 1)]
        return len(steps)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_log_that_ends_anywhere_holds_every_commit_before_that(written: Written, data: st.DataObject) -> None:
    kept = data.draw(st.integers(0, len(written.log)), label="bytes that reached the disk")
    junk = data.draw(st.binary(max_size=2 * PAGE), label="random bytes behind them")
    log = written.log[:kept] + junk
    while log[: kept + 1] == written.log[: kept + 1] and kept < len(written.log):
        kept += 1  # the random bytes happen to equal the written ones
    assert records_after(written.before, log) == sum(commit <= kept for commit in written.commits)


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_a_checkpoint_that_reached_the_disk_in_part_loses_nothing(written: Written, data: st.DataObject) -> None:
    count = len(written.after) // PAGE
    new = data.draw(st.lists(st.booleans(), min_size=count, max_size=count), label="pages already written")
    before = written.before.ljust(len(written.after), b"\0")
    pages = [(written.after if new[page] else before)[page * PAGE : (page + 1) * PAGE] for page in range(count)]
    assert records_after(b"".join(pages), written.log) == len(written.commits)


def test_the_disk_is_asked_to_keep_the_order_in_which_things_were_written(store: Store) -> None:
    """The two tests above assume that the log is flushed before it is checkpointed."""
    assert store.connection.execute("PRAGMA synchronous").fetchone()[0] == 1  # NORMAL
    assert store.connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    with closing(sqlite3.connect(store.file)) as reader:
        assert reader.execute("PRAGMA page_size").fetchone()[0] == PAGE

"""engine.storage.database on a full disk and on files that can't be written: one message, no data lost."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from engine.cli.arguments import parse
from engine.cli.batch import run as run_batch
from engine.events.runs import Status
from engine.storage.store import Store
from engine.utils.errors import StoreError
from engine.utils.paths import store_file
from tests.engine.storage.faults import at_step, is_whole, recording, train
from tests.engine.storage.test_store_migration import make_version_2, stored_run
from tests.limits import with_little_room

SMALL_DISK = 600_000  # bytes


def test_a_disk_that_fills_up_ends_the_experiment_and_keeps_what_was_shown(store: Store) -> None:
    def fill() -> None:
        pages = store.connection.execute("PRAGMA page_count").fetchone()[0]
        store.connection.execute(f"PRAGMA max_page_count={pages + 2}")

    outcome, shown = train(store, 500, at_step(100, fill))
    assert outcome.status is Status.FAILED
    assert outcome.reason == (
        f"{store.file} can't be written: the disk is full; make room and try again, what was stored before is kept."
    )
    assert 10 < len(shown) < 500
    assert store.records(1) == shown
    store.connection.execute("PRAGMA max_page_count=100000")
    assert train(store, 20, lambda _shown: None)[0].status is Status.FINISHED


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of ``SMALL_DISK`` bytes; only root can mount one."""
    place, mount = tmp_path / "disk", shutil.which("mount")
    place.mkdir()
    options = ["-t", "tmpfs", "-o", f"size={SMALL_DISK}", "tmpfs", str(place)]
    if mount is None or subprocess.run([mount, *options], capture_output=True, check=False).returncode:  # noqa: S603
        pytest.skip("this user can't mount a file system")
    yield place
    subprocess.run([shutil.which("umount") or "umount", str(place)], check=True)  # noqa: S603


def test_a_real_disk_that_fills_up(small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    with closing(Store(small_disk / "workspace")) as store:
        ballast.write_bytes(b"\0" * 200_000)
        outcome, shown = train(store, 3000, lambda _shown: None)
        assert outcome.status is Status.FAILED
        assert "the disk is full; make room" in outcome.reason
        assert 10 < len(shown) < 3000
        assert store.records(1) == shown
        ballast.unlink()
        assert train(store, 20, lambda _shown: None)[0].status is Status.FINISHED
    assert is_whole(store.file)


def test_a_store_is_not_brought_up_to_date_where_its_copy_has_no_room(store: Store, small_disk: Path) -> None:
    run = stored_run(store)
    store.close()
    make_version_2(store.file)
    workspace = small_disk / "workspace"
    workspace.mkdir()
    file = Path(shutil.copy(store.file, workspace))
    (small_disk / "ballast").write_bytes(b"\0" * (shutil.disk_usage(small_disk).free - file.stat().st_size // 2))
    before = file.read_bytes()
    with pytest.raises(StoreError, match=r"older Trainscope .* copy can't be written .* nothing has been changed\.$"):
        Store(workspace)
    assert file.read_bytes() == before
    assert list(workspace.iterdir()) == [file]
    (small_disk / "ballast").unlink()
    with closing(Store(workspace)) as again:
        assert len(again.records(run)) == 2


@pytest.mark.parametrize("what", ["database or disk is full", "flush"])
def test_without_its_copy_a_store_is_not_brought_up_to_date(
    store: Store, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """As above, for users who can't mount a file system."""
    run = stored_run(store)
    make_version_2(store.file)

    def fail(*_arguments: object) -> None:
        raise sqlite3.OperationalError(what) if what != "flush" else OSError(28, "No space left on device")

    where = "engine.storage.files.os.fsync" if what == "flush" else "engine.storage.database.copy_store"
    monkeypatch.setattr(where, fail)
    with pytest.raises(StoreError, match=r"copy can't be written .* nothing has been changed\.$"):
        Store(store.workspace)
    monkeypatch.undo()
    with closing(sqlite3.connect(store.file)) as old:
        assert old.execute("PRAGMA user_version").fetchone()[0] == 2
    assert list(store.workspace.glob("*.version-*")) == []
    with closing(Store(store.workspace)) as again:
        assert len(again.records(run)) == 2


def test_a_batch_on_a_full_disk_says_so_and_fails(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Store(workspace).close()
    with_little_room(monkeypatch, workspace, 1)
    monkeypatch.setattr("engine.cli.batch.make_executor", lambda _options: recording(500))
    assert run_batch(parse(["--batch", "architectures", "--workspace", str(workspace)])) == 1
    assert "the disk is full; make room and try again, what was stored before is kept.\n" in capsys.readouterr().err


def test_a_store_that_became_read_only_says_so(store: Store) -> None:
    outcome, shown = train(store, 50, at_step(100, lambda: store.connection.execute("PRAGMA query_only=1")))
    assert outcome.status is Status.FAILED
    assert outcome.reason == (
        f"{store.file} can't be written (attempt to write a readonly database); allow writing to the file and its "
        "folder, or choose another workspace."
    )
    assert store.records(1) == shown


def test_a_file_that_may_not_be_written_is_refused_by_name(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite opens the file read-only, as root can write any file."""
    Store(workspace).close()
    with closing(sqlite3.connect(store_file(workspace))) as other:
        other.execute("PRAGMA journal_mode=DELETE")
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda file, **_options: connect(f"{file.as_uri()}?mode=ro", uri=True))
    with pytest.raises(StoreError, match=r"can't be opened \(attempt to write a readonly.*choose another workspace\.$"):
        Store(workspace)

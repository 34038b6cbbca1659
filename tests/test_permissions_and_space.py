"""Missing permissions and full disks: each is reported, and no data are lost."""

from __future__ import annotations

import errno
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.cli.arguments import parse
from engine.cli.batch import run
from engine.cli.exit_codes import EXIT_FAILED
from engine.config.export_formats import Format
from engine.config.specs import DataSpec
from engine.datasets.base import RemoteFile
from engine.datasets.download import fetch
from engine.datasets.registry import load_raw
from engine.events.channel import ControlChannel
from engine.events.datasets import DatasetReady
from engine.events.runs import Record, Status
from engine.events.tasks import TaskFailed
from engine.executors.inline import InlineExecutor
from engine.executors.processes.pool import ProcessExecutor
from engine.executors.tasks import PrepareTask
from engine.exports import export_experiment
from engine.exports.report import write_report
from engine.storage.store import Store
from engine.utils.errors import DatasetError, ExportError, ReportError, TrainscopeError
from engine.utils.paths import cache_folder
from tests.engine.support import (
    ScriptedExecutor,
    finished,
    of,
    record,
    run_session,
    small_spec,
    started,
)
from tests.limits import bound_by_permissions, files_of_at_most
from tests.surroundings import TINY, error_line, no_progress


def archive(file: Path, images: int = 40) -> Path:
    random = np.random.default_rng(0)
    file.parent.mkdir(parents=True, exist_ok=True)
    np.savez(file, x_train=random.integers(0, 256, (images, 8, 8), dtype=np.uint8), y_train=np.arange(images) % 2)
    return file


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder."""
    monkeypatch.setenv("TRAINSCOPE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[Path]:
    """A folder without write permission."""
    folder = tmp_path / "locked"
    folder.mkdir()
    folder.chmod(0o500)
    yield folder
    folder.chmod(0o700)


@pytest.fixture
def full(workspace: Path) -> Iterator[tuple[Store, int]]:
    """A store with a finished experiment, and its number."""
    with closing(Store(workspace)) as store:
        outcome, _ = run_session(store, ScriptedExecutor(), small_spec())
        assert outcome.experiment is not None
        yield store, outcome.experiment


# Permissions


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--workspace", "{locked}"], "trainscope.sqlite3 can't be opened"),
        (["--workspace", "{locked}/new"], "trainscope.sqlite3 can't be opened"),
        (["--export", "{locked}/new"], "/new can't be written (Permission denied); choose another folder."),
        (["--report", "{locked}/report.pdf"], "locked can't be written (Permission denied); choose another folder."),
    ],
)
def test_a_place_that_may_not_be_written_is_refused_before_anything_is_trained(
    workspace: Path, locked: Path, capsys: pytest.CaptureFixture[str], options: list[str], words: str
) -> None:
    chosen = [each.format(locked=locked) for each in options]
    with bound_by_permissions():
        assert run(parse(["--batch", "architectures", "--workspace", str(workspace), *TINY, *chosen])) == EXIT_FAILED
    assert words in error_line(capsys)


@pytest.mark.parametrize("kind", ["decoded", "downloads"])
def test_a_cache_that_may_not_be_written_names_the_folder_and_the_way_out(
    tmp_path: Path, locked: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setenv("TRAINSCOPE_CACHE", str(locked))
    data = archive(tmp_path / "images.npz")
    with bound_by_permissions(), pytest.raises(DatasetError) as caught:
        if kind == "decoded":
            load_raw(DataSpec(dataset=str(data)), no_progress)
        else:
            fetch(RemoteFile("file.bin", "sha256:" + "0" * 64, 1, ("http://127.0.0.1:1/file.bin",)), no_progress)
    said = str(caught.value)
    assert str(locked / kind) in said
    assert "(Permission denied)" in said
    assert "TRAINSCOPE_CACHE" in said


def test_locks_that_may_not_be_written_are_named(workspace: Path) -> None:
    with closing(Store(workspace)) as store:
        (workspace / "locks").mkdir()
        (workspace / "locks").chmod(0o500)
        with bound_by_permissions():
            outcome, _ = run_session(store, ScriptedExecutor(), small_spec())
        (workspace / "locks").chmod(0o700)
    assert outcome.status is Status.FAILED
    assert str(workspace / "locks") in outcome.reason


def test_a_worker_needs_no_log(tmp_path: Path, control: ControlChannel) -> None:
    (tmp_path / "logs").write_text("a file")
    executor = ProcessExecutor(1, tmp_path / "logs")
    events: list[Any] = []
    try:
        executor.run([PrepareTask(DataSpec())], events.append, control)
    finally:
        executor.close()
    assert of(DatasetReady, events)


@pytest.fixture
def control() -> Iterator[ControlChannel]:
    channel = ControlChannel()
    yield channel
    channel.close()


def test_a_network_that_can_not_be_kept_is_told_and_makes_the_code_tell(
    workspace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    why = "The trained network could not be saved to /somewhere/mlp_1-1.keras (Read-only file system)."

    def answer(task: Any) -> list[Any]:
        return [started(task.run), record(task.run), finished(task.run, reason=why)]

    monkeypatch.setattr("engine.cli.batch.make_executor", lambda _options: ScriptedExecutor(answer))
    assert run(parse(["--batch", "architectures", "--workspace", str(workspace), *TINY])) == EXIT_FAILED
    *_, line, last = capsys.readouterr().err.splitlines()
    assert line == f"[1/1] mlp_1 #1 finished in 2.0 s: test accuracy 50.00 %; {why}"
    assert last == f"trainscope: 1 network not kept: {why}"
    with closing(Store(workspace)) as store:
        assert store.experiment(1).status is Status.FINISHED
        assert store.experiment(1).reason.endswith(why)


# Space


def test_a_store_without_space_keeps_what_it_has_and_says_what_it_lacks(workspace: Path) -> None:
    def answer(task: Any) -> list[Any]:
        return [started(task.run), *(record(task.run, step) for step in range(1, 4000)), finished(task.run)]

    seen: list[Any] = []
    with closing(Store(workspace)) as store:
        with files_of_at_most(200_000):
            outcome, _ = run_session(store, ScriptedExecutor(answer), small_spec(), emit=seen.append)
        assert outcome.status is Status.FAILED
        assert "can't be written" in outcome.reason
        assert "free space" in outcome.reason
        shown = [each.step for each in seen if isinstance(each, Record)]
        assert 0 < len(shown) < 3999
        (stored,) = store.runs(1)
        assert [each.step for each in store.records(stored.id)] == shown
        outcome, _ = run_session(store, ScriptedExecutor(), small_spec())
        assert outcome.status is Status.FINISHED


def write_export(store: Store, number: int, folder: Path) -> Path:
    export_experiment(store, number, folder, (Format.JSON,))
    return folder / "summary.json"


def write_html(store: Store, number: int, folder: Path) -> Path:
    return write_report(store, [number], folder / "report.html")


@pytest.mark.parametrize(("write", "error"), [(write_export, ExportError), (write_html, ReportError)])
def test_results_without_space_leave_the_store_whole_and_can_be_written_later(
    full: tuple[Store, int],
    tmp_path: Path,
    write: Callable[[Store, int, Path], Path],
    error: type[TrainscopeError],
) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    with files_of_at_most(1000), pytest.raises(error, match=r"can't be written \(File too large\); choose another"):
        write(*full, folder)
    assert not list(folder.glob("*.html"))
    written = write(*full, folder)
    assert written.stat().st_size > 1000


def test_an_export_without_space_takes_nothing_else_with_it(
    workspace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: object) -> None:
        raise ExportError("/somewhere can't be written (No space left on device); choose another folder.")

    monkeypatch.setattr("engine.cli.batch.make_executor", lambda _options: ScriptedExecutor())
    monkeypatch.setattr("engine.cli.batch.export_experiment", fail)
    report = tmp_path / "report.html"
    options = ["--workspace", str(workspace), "--export", str(tmp_path / "out"), "--report", str(report)]
    assert run(parse(["--batch", "architectures", *options, *TINY])) == EXIT_FAILED
    said = capsys.readouterr()
    assert said.err.splitlines()[-1].startswith("trainscope: /somewhere can't be written")
    assert f"Report written to {report}" in said.out
    assert report.exists()


def test_half_of_a_decoded_data_set_is_never_taken_for_the_whole(tmp_path: Path, cache: Path) -> None:
    spec = DataSpec(dataset=str(archive(tmp_path / "images.npz", images=400)))
    with files_of_at_most(10_000), pytest.raises(DatasetError, match=r"can't be kept in .*free some space"):
        load_raw(spec, no_progress)
    assert not [each for each in (cache_folder() / "decoded").iterdir() if not each.name.startswith(".making-")]
    assert len(load_raw(spec, no_progress).x_train) == 400


def test_temporary_files_that_can_not_be_written_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, control: ControlChannel
) -> None:
    """TensorFlow compiles through temporary files, and raises an unrelated error without them."""

    def fail(*_arguments: object) -> None:
        raise TypeError("Iterating over a symbolic tf.Tensor is not allowed")

    monkeypatch.setattr("engine.executors.runner.describe_dataset", fail)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    events: list[Any] = []
    InlineExecutor().run([PrepareTask(DataSpec())], events.append, control)
    (ended,) = of(TaskFailed, events)
    assert ended.reason.startswith(f"Temporary files can't be written to {tmp_path / 'nowhere'} (No such file")
    assert "TMPDIR" in ended.reason


def test_a_full_disk_is_called_one(monkeypatch: pytest.MonkeyPatch, control: ControlChannel) -> None:
    def fail(*_arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "/somewhere/file")

    monkeypatch.setattr("engine.executors.runner.describe_dataset", fail)
    events: list[Any] = []
    InlineExecutor().run([PrepareTask(DataSpec())], events.append, control)
    (ended,) = of(TaskFailed, events)
    assert (
        ended.reason == "The disk is full where /somewhere/file is written (No space left on device); free some space."
    )

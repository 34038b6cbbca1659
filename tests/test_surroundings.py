"""What surrounds the program fails: permissions, space, streams, paths, clocks, network; each is said."""

from __future__ import annotations

import errno
import json
import math
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from engine.cli.arguments import parse
from engine.cli.batch import EXIT_FAILED, run
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
from engine.exports.report import check_report_file, write_report
from engine.storage.store import Store
from engine.utils.errors import DatasetError, ExportError, ReportError, StoreError, TrainscopeError
from engine.utils.paths import MAX_STORE_PATH_BYTES, cache_folder, store_file
from engine.workspace.catalogue import Catalogue
from tests.engine.support import (
    ROOT,
    ScriptedExecutor,
    finished,
    of,
    record,
    run_session,
    small_spec,
    started,
)
from tests.limits import bound_by_permissions, files_of_at_most

YEAR = 365.25 * 24 * 3600
TINY = ["--set", "architectures=mlp_1", "epochs=1", "repeats=1"]


def quiet(_message: str, _done: int, _total: int) -> None:
    """A progress nobody looks at."""


def sentence(capsys: pytest.CaptureFixture[str]) -> str:
    """The only line on stderr."""
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("trainscope: ")
    assert line.endswith(".")
    return line


def archive(file: Path, images: int = 40) -> Path:
    random = np.random.default_rng(0)
    file.parent.mkdir(parents=True, exist_ok=True)
    np.savez(file, x_train=random.integers(0, 256, (images, 8, 8), dtype=np.uint8), y_train=np.arange(images) % 2)
    return file


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own."""
    monkeypatch.setenv("TRAINSCOPE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[Path]:
    """A folder that nobody may write to."""
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
    assert words in sentence(capsys)


@pytest.mark.parametrize("kind", ["decoded", "downloads"])
def test_a_cache_that_may_not_be_written_names_the_folder_and_the_way_out(
    tmp_path: Path, locked: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setenv("TRAINSCOPE_CACHE", str(locked))
    data = archive(tmp_path / "images.npz")
    with bound_by_permissions(), pytest.raises(DatasetError) as caught:
        if kind == "decoded":
            load_raw(DataSpec(dataset=str(data)), quiet)
        else:
            fetch(RemoteFile("file.bin", "sha256:" + "0" * 64, 1, ("http://127.0.0.1:1/file.bin",)), quiet)
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
        load_raw(spec, quiet)
    assert not [each for each in (cache_folder() / "decoded").iterdir() if not each.name.startswith(".making-")]
    assert len(load_raw(spec, quiet).x_train) == 400


def test_temporary_files_that_can_not_be_written_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, control: ControlChannel
) -> None:
    """TensorFlow compiles by way of them, and fails in other words."""

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


# Streams

SPEAK = """
import os, sys
from engine.utils.streams import output_error, prepare_streams
prepare_streams()
sys.stdout.write(sys.argv[1] + "\\N{PLUS-MINUS SIGN}\\n" * int(sys.argv[2]))
sys.stderr.write("said\\n")
problem = output_error()
taken = os.open(os.devnull, os.O_RDONLY)
sys.exit(3 if problem else 4 if taken < 3 else 0)
"""


def speak(redirection: str, text: str, signs: int = 0, **environment: str) -> subprocess.CompletedProcess[bytes]:
    command = ["/bin/sh", "-c", f'exec "$0" -c "$1" "$2" "$3" {redirection}', sys.executable, SPEAK, text, str(signs)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, env=os.environ | environment, check=False)  # noqa: S603


posix = pytest.mark.skipif(os.name != "posix", reason="shells of POSIX")


@posix
@pytest.mark.parametrize(
    ("redirection", "code", "out", "err"),
    [
        ("", 0, b"said\n", b"said\n"),
        (">&-", 0, b"", b"said\n"),
        ("2>&-", 0, b"said\n", b""),
        ("<&- >&- 2>&-", 0, b"", b""),
        (">/dev/full", 3, b"", b"said\n"),
        ("2>/dev/full", 3, b"said\n", b""),
    ],
)
def test_streams_that_are_closed_or_full_end_nothing(redirection: str, code: int, out: bytes, err: bytes) -> None:
    """Closed ones are no one's loss, but their numbers must not go to files of the program."""
    if "/dev/full" in redirection and not Path("/dev/full").exists():
        pytest.skip("no device that is always full")
    ended = speak(redirection, "said\n")
    assert (ended.returncode, ended.stdout, ended.stderr) == (code, out, err)


@posix
@pytest.mark.parametrize(
    ("environment", "foreign"),
    [
        ({"PYTHONIOENCODING": "ascii"}, b"\\xb1"),
        ({"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, b"\\xb1"),
        ({"PYTHONIOENCODING": "utf-8"}, "±".encode()),
    ],
    ids=["ascii", "C", "utf-8"],
)
def test_characters_that_an_output_lacks_are_escaped(environment: dict[str, str], foreign: bytes) -> None:
    """And a file name that is no text comes out as the bytes it is."""
    ended = speak("", "\udcff ", 1, **environment)
    assert (ended.returncode, ended.stdout) == (0, b"\xff " + foreign + b"\n")


@pytest.mark.long
@posix
def test_the_real_program_trains_through_all_of_it_at_once(tmp_path: Path) -> None:
    """No input, a full disk for its words, ASCII alone, no home, no display; foreign names everywhere."""
    home = tmp_path / "wörk 🦊 مرحبا e\u0301 and spaces"
    random = np.random.default_rng(0)
    for name in ("Füchse 🦊", "مرحبا", "e\u0301 $x$"):
        (home / "dätä $" / name).mkdir(parents=True)
        for number in range(15):
            pixels = random.integers(0, 256, (8, 8, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(home / "dätä $" / name / f"bild {number} ü.png")
    places = {"dataset": "dätä $", "workspace": "ws", "export": "öut", "report": "report ü.html"}
    options = [word for key, name in places.items() for word in (f"--{key}", str(home / name))]
    command = [sys.executable, "main.py", "--batch", "architectures", *TINY, *options]
    unset = ("HOME", "DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM", "LANG", "XDG_DATA_HOME")
    environment = {key: value for key, value in os.environ.items() if key not in unset}
    environment |= {"TRAINSCOPE_CACHE": str(home / "cache"), "PYTHONIOENCODING": "ascii"}
    shell = ["/bin/sh", "-c", '"$@" <&- >/dev/full', "sh", *command, "--formats", "png,csv,json"]
    ended = subprocess.run(shell, cwd=ROOT, stderr=subprocess.PIPE, env=environment, check=False, timeout=200)  # noqa: S603
    said = ended.stderr.decode("ascii")
    assert "Traceback" not in said
    assert "Warning" not in said
    assert said.splitlines()[-1].startswith("trainscope: Not all of the output could be written (No space left")
    assert ended.returncode == EXIT_FAILED
    with closing(Store(home / "ws")) as store:
        assert store.experiment(1).status is Status.FINISHED
        (stored,) = store.runs(1)
    assert stored.model is not None
    assert stored.model.exists()
    summary = json.loads((home / "öut" / "summary.json").read_text(encoding="utf-8"))
    assert set(summary["dataset_details"]["classes"]) == {"Füchse 🦊", "مرحبا", "e\u0301 $x$"}
    assert (home / "öut" / "part3.png").stat().st_size > 0
    assert "dätä" in (home / "report ü.html").read_text(encoding="utf-8")


# Paths


def workspace_of(folder: Path, length: int) -> Path:
    """A workspace whose store has a path of ``length`` bytes."""
    rest = length - len(str(store_file(folder)))
    while rest > 200:
        folder /= "x" * 150
        rest -= 151
    return folder / ("y" * (rest - 1))


def test_the_longest_workspace_works_and_a_longer_one_is_refused(tmp_path: Path) -> None:
    longest = workspace_of(tmp_path, MAX_STORE_PATH_BYTES)
    assert len(str(longest)) > 250
    with closing(Store(longest)) as store:
        outcome, _ = run_session(store, ScriptedExecutor(), small_spec())
        assert outcome.status is Status.FINISHED
    with pytest.raises(StoreError, match=r"too long, 486 bytes of at most 485, 255 a name; choose a shorter one\."):
        Store(workspace_of(tmp_path, MAX_STORE_PATH_BYTES + 1))


@pytest.mark.parametrize("part", ["n" * 256, "ü" * 128], ids=["letters", "bytes"])
def test_a_name_too_long_is_refused_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], part: str
) -> None:
    assert run(parse(["--batch", "architectures", "--workspace", str(tmp_path / part), *TINY])) == EXIT_FAILED
    assert "too long" in sentence(capsys)


@pytest.mark.parametrize("length", [251, 300])
def test_a_report_with_too_long_a_name_is_refused_beforehand(tmp_path: Path, length: int) -> None:
    with pytest.raises(ReportError, match="File name too long"):
        check_report_file(tmp_path / f"{'r' * length}.html")
    check_report_file(tmp_path / f"{'r' * 250}.html")


def test_without_a_home_a_workspace_must_be_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("engine.cli.arguments.default_workspace", lambda: Path("~/.local/share/Trainscope"))
    with pytest.raises(SystemExit) as caught:
        parse(["--list"])
    assert caught.value.code == 2
    assert "this user has no home folder to keep results in: name a folder with --workspace" in capsys.readouterr().err
    assert parse(["--list", "--workspace", str(tmp_path)]).workspace == tmp_path


# Clocks


@pytest.mark.parametrize("jump", [-YEAR, YEAR, 74 * YEAR], ids=["back", "ahead", "2100"])
def test_a_clock_that_is_set_while_an_experiment_is_under_way_changes_no_duration(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, jump: float
) -> None:
    real = time.time

    def answer(task: Any) -> Iterator[Any]:
        yield started(task.run)
        yield record(task.run, 10)
        monkeypatch.setattr(time, "time", lambda: real() + jump)
        yield record(task.run, 20)
        yield finished(task.run)

    before = real()
    with closing(Store(workspace)) as store, closing(Catalogue(workspace)) as catalogue:
        outcome, _ = run_session(store, ScriptedExecutor(answer), small_spec())
        assert outcome.status is Status.FINISHED
        first = store.experiment(1)
        assert first.seconds is not None
        assert 0 <= first.seconds < 600
        assert first.finished is not None
        assert before - 1 <= first.created <= first.finished < before + 600
        # The next one is by the new clock, and further runs of the first don't count the time in between.
        run_session(store, ScriptedExecutor(), small_spec())
        assert store.experiment(2).created == pytest.approx(before + jump, abs=600)
        store.reopen_experiment(1, first.spec, 1)
        store.finish_experiment(1, Status.FINISHED, "")
        again = store.experiment(1).seconds
        assert again is not None
        assert 0 <= again < 600
        assert [entry.stored.id for entry in catalogue.entries()] == [2, 1]
        assert all(math.isfinite(entry.stored.seconds or 0) for entry in catalogue.entries())


# Network


def test_without_a_network_the_way_out_is_named_and_what_is_there_is_used(
    monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    def unknown(*_arguments: object, **_more: object) -> None:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    for variable in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    with pytest.raises(DatasetError, match=r"no connection.*connect to the internet.*or place the official file at"):
        load_raw(DataSpec(dataset="mnist"), quiet)
    assert load_raw(DataSpec(), quiet).title == "Digits"

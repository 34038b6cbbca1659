"""Failing surroundings of the program: streams, paths, clocks, network; each failure is reported."""

from __future__ import annotations

import json
import math
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from engine.cli.arguments import parse
from engine.cli.batch import run
from engine.cli.exit_codes import EXIT_FAILED
from engine.config.specs import DataSpec
from engine.datasets.registry import load_raw
from engine.events.runs import Status
from engine.exports.report import check_report_file
from engine.storage.store import Store
from engine.utils.errors import DatasetError, ReportError, StoreError
from engine.utils.paths import MAX_STORE_PATH_BYTES, store_file
from engine.workspace.catalogue import Catalogue
from tests.engine.support import (
    ROOT,
    ScriptedExecutor,
    finished,
    record,
    run_session,
    small_spec,
    started,
)
from tests.surroundings import TINY, error_line, no_progress

YEAR = 365.25 * 24 * 3600


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
    """Closed streams need no output, but their file descriptors must not be reused for files of the program."""
    if "/dev/full" in redirection and not Path("/dev/full").exists():
        pytest.skip("no /dev/full")
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
    """A file name that is no valid text is written as its original bytes."""
    ended = speak("", "\udcff ", 1, **environment)
    assert (ended.returncode, ended.stdout) == (0, b"\xff " + foreign + b"\n")


@pytest.mark.long
@posix
def test_the_real_program_trains_through_all_of_it_at_once(tmp_path: Path) -> None:
    """No stdin, stdout on a full disk, ASCII only, no home folder, no display, non-ASCII names in all paths."""
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
    assert set(summary["dataset_details"]["classes"]) == {"Füchse 🦊", "مرحبا", "\u00e9 $x$"}
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
    assert "too long" in error_line(capsys)


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
        # The next experiment uses the new clock; further runs of the first don't include the time in between.
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
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TRAINSCOPE_CACHE", str(tmp_path / "cache"))

    def unknown(*_arguments: object, **_more: object) -> None:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    for variable in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    with pytest.raises(DatasetError, match=r"no connection.*connect to the internet.*or place the official file at"):
        load_raw(DataSpec(dataset="mnist"), no_progress)
    assert load_raw(DataSpec(), no_progress).title == "Digits"

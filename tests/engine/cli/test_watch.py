"""``--watch``: what is logged in a folder is followed to its end, stored, printed and exported."""

from __future__ import annotations

import csv
import json
import signal
from pathlib import Path

import pytest

from engine.cli.arguments import parse
from engine.cli.batch import run
from engine.cli.exit_codes import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_OK
from engine.watching.watcher import Watcher
from tests.engine.watching.support import Log


def watch(tmp_path: Path, *options: str) -> int:
    return run(parse(["--watch", str(tmp_path / "logs"), "--workspace", str(tmp_path / "ws"), *options]))


def test_what_was_logged_is_exported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for repeat, accuracy in ((1, 0.5), (2, 0.75)):
        log = Log(tmp_path / "logs", repeat=repeat)
        log.header(classes=3, settings={"rate": 0.1})
        log.steps(10, 20, validation_accuracy=accuracy, metrics={"f1": accuracy})
        log.line(test={"accuracy": accuracy})
        log.line(ended="finished")
    report = tmp_path / "report.html"
    assert watch(tmp_path, "--export", str(tmp_path / "out"), "--report", str(report)) == EXIT_OK
    printed = capsys.readouterr()
    assert "cnn_4, run 2: finished, test accuracy 75.00 %" in printed.err
    assert "62.50 %" in printed.out
    rows = list(csv.DictReader((tmp_path / "out" / "curves.csv").read_text(encoding="utf-8").splitlines()))
    assert [(row["repeat"], row["step"], float(row["training_loss"])) for row in rows] == [
        ("1", "10", 0.1), ("1", "20", 0.05), ("2", "10", 0.1), ("2", "20", 0.05)
    ]  # fmt: skip
    summary = json.loads((tmp_path / "out" / "summary.json").read_text(encoding="utf-8"))
    assert summary["variants"][0]["test_accuracy"]["mean"] == 0.625
    assert "cnn_4" in report.read_text(encoding="utf-8")
    assert watch(tmp_path) == EXIT_OK
    assert capsys.readouterr().out == printed.out.partition("Exported")[0], "what was read before is printed again"


def test_experiments_are_exported_to_a_folder_each(tmp_path: Path) -> None:
    for name in ("first", "second/part"):
        log = Log(tmp_path / "logs", experiment=name)
        log.header()
        log.steps(10)
        log.line(ended="finished")
    assert watch(tmp_path, "--export", str(tmp_path / "out"), "--formats", "csv") == EXIT_OK
    assert sorted(path.parent.name for path in (tmp_path / "out").rglob("curves.csv")) == ["first", "second_part"]


def test_nothing_is_exported_into_the_watched_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Log(tmp_path / "logs").header()
    assert watch(tmp_path, "--export", str(tmp_path / "logs" / "results")) == EXIT_FAILED
    assert "where it would be watched" in capsys.readouterr().err
    assert not (tmp_path / "logs" / "results").exists()


def test_a_run_that_failed_fails_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = Log(tmp_path / "logs")
    log.header()
    log.steps(10)
    log.line(ended="failed", reason="ValueError: no such file")
    assert watch(tmp_path) == EXIT_FAILED
    assert "Not every run finished; what was logged is kept." in capsys.readouterr().err


def test_ctrl_c_ends_the_watching_and_exports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = Log(tmp_path / "logs")
    log.header()
    log.steps(10, 20)
    poll = Watcher.poll

    def interrupted(watcher: Watcher) -> bool:
        is_behind = poll(watcher)
        signal.raise_signal(signal.SIGINT)
        return is_behind

    monkeypatch.setattr(Watcher, "poll", interrupted)
    assert watch(tmp_path, "--export", str(tmp_path / "out")) == EXIT_INTERRUPTED
    assert len((tmp_path / "out" / "curves.csv").read_text(encoding="utf-8").splitlines()) == 3


@pytest.mark.parametrize("is_there", [False, True])
def test_a_folder_without_logs_is_refused(tmp_path: Path, is_there: bool, capsys: pytest.CaptureFixture[str]) -> None:
    if is_there:
        (tmp_path / "logs").mkdir()
    assert watch(tmp_path) == EXIT_FAILED
    assert ("Nothing is logged in" if is_there else "does not exist") in capsys.readouterr().err


@pytest.mark.parametrize("others", [["--batch", "architectures"], ["--list"], ["--selftest"], ["--preset", "quick"]])
def test_options_of_other_modes_are_refused(others: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["--watch", "logs", *others])
    assert "goes with" in (printed := capsys.readouterr().err) or "goes without" in printed

"""The self-test in a terminal: its output, exit code and options, and the table of checks."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

import main
from engine.cli.arguments import parse
from engine.cli.selftest import run_selftest
from engine.selftest import report
from engine.selftest.check import Check
from engine.selftest.registry import CHECKS
from tests.engine.selftest.sample_checks import (
    check,
    fails,
    names_process,
    warns,
)


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for temporary files of the test's own."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def on_terminal(checks: list[Check], workspace: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, list[str]]:
    code = run_selftest(parse(["--selftest", "--workspace", str(workspace)]), checks)
    printed = capsys.readouterr()
    assert printed.err == ""
    return code, printed.out.splitlines()


def test_a_line_a_check_then_how_it_went_then_facts(
    workspace: Path, temporary: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, lines = on_terminal([check(names_process), check(warns)], workspace, capsys)
    assert code == 0, "a warning is no failure"
    assert lines[0].startswith("ok       names_process     ")
    assert lines[1] == "warning  warns             Somewhat little."
    assert lines[3].startswith("Nothing failed of 2 checks, in ")
    assert lines[3].endswith(" (1 warning).")
    facts = {line[: report.FACT_WIDTH].strip(): line[report.FACT_WIDTH :] for line in lines[5:]}
    assert {"Trainscope", "TensorFlow", "Python", "System", "Processor", "Memory", "Devices", "Fact"} <= set(facts)
    assert facts["Workspace"].startswith(f"{workspace}, ")
    assert facts["Workspace"].endswith(", not made yet")
    assert "\r" not in "".join(lines)
    assert list(temporary.iterdir()) == []
    assert not workspace.exists()


def test_one_failure_makes_the_exit_code_and_its_logs_are_kept(
    workspace: Path, temporary: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, lines = on_terminal([check(fails), check(warns)], workspace, capsys)
    assert code == 1
    assert lines[0] == "failed   fails             Too little; get more."
    assert lines[3].startswith("1 of 2 checks failed, in ")
    [kept] = temporary.iterdir()
    assert lines[-1].split() == ["Logs", str(kept)]
    assert (kept / "selftest.log").exists()


def test_without_a_temporary_folder_a_sentence_says_so(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(workspace / "none"))
    assert run_selftest(parse(["--selftest"]), [check(warns)]) == 1
    assert (
        "No temporary folder can be written to (No such file or directory); free some space" in capsys.readouterr().err
    )


@pytest.mark.parametrize("other", [["--list"], ["--batch", "architectures"], ["--workers", "0"], ["--workers", "2"]])
def test_it_goes_alone(other: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        parse(["--selftest", *other])
    assert stop.value.code == 2
    assert f"--selftest goes without {other[0]}" in capsys.readouterr().err


def test_it_can_be_told_where_and_on_what(tmp_path: Path) -> None:
    options = parse(["--selftest", "--workspace", str(tmp_path), "--device", "gpu:1"])
    assert (options.selftest, options.workspace, options.device) == (True, tmp_path, "gpu:1")
    assert not parse([]).selftest


def test_what_a_check_needs_comes_before_it() -> None:
    names = [each.name for each in CHECKS]
    assert len(set(names)) == len(names)
    assert max(map(len, names)) < report.NAME_WIDTH
    for position, each in enumerate(CHECKS):
        assert set(each.needs) <= set(names[:position])


def test_a_package_without_which_nothing_starts_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def lacking() -> int:
        raise ModuleNotFoundError("No module named 'pydantic.fields'", name="pydantic.fields")

    monkeypatch.setattr(main, "run", lacking)
    assert main.main() == 1
    error = capsys.readouterr().err
    assert error.startswith("trainscope: The package pydantic is missing; install what the program needs: ")
    assert error.count("\n") == 1

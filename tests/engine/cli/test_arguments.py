"""engine.cli.arguments: parsing of the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

import engine
from engine.cli.arguments import parse
from engine.exports import DEFAULT_FORMATS, Format
from engine.utils.paths import default_workspace
from engine.utils.text import MAX_CHARACTERS


def test_without_arguments_the_window_opens_on_the_users_workspace() -> None:
    options = parse([])
    assert (options.batch, options.list, options.preset, options.workers) == (None, False, "quick", None)
    assert (options.dataset, options.assignments, options.config, options.export) == (None, (), None, None)
    assert options.workspace == default_workspace()


def test_the_whole_contract_of_batch_is_understood() -> None:
    what = ["--batch", "architectures", "--preset", "course", "--dataset", "mnist", "--config", "a.toml"]
    keys = ["--set", "epochs=1", "repeats=2", "--set", "seed=3"]
    options = parse([*what, *keys, "--workers", "2", "--workspace", "work", "--export", "out"])
    assert (options.batch, options.preset, options.dataset) == ("architectures", "course", "mnist")
    assert options.assignments == ("epochs=1", "repeats=2", "seed=3")
    assert (options.config, options.workers, options.export) == (Path("a.toml"), 2, Path("out"))
    assert options.workspace == Path("work").absolute()


def test_formats_and_a_report_go_with_a_batch() -> None:
    options = parse(["--batch", "all", "--export", "out", "--formats", "pdf,TensorBoard,pdf", "--report", "~/r.html"])
    assert options.formats == (Format.PDF, Format.TENSORBOARD)
    assert options.report == Path.home() / "r.html"
    assert parse(["--batch", "all", "--export", "out"]).formats == DEFAULT_FORMATS


def test_a_tilde_is_the_users_home() -> None:
    options = parse(["--batch", "architectures", "--workspace", "~/work", "--export", "~/out"])
    assert (options.workspace, options.export) == (Path.home() / "work", Path.home() / "out")


@pytest.mark.parametrize("count", ["0", "1", "256"])
def test_workers_are_counted(count: str) -> None:
    assert parse(["--workers", count]).workers == int(count)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--workers", "-1"], "--workers"),
        (["--workers", "257"], "--workers"),
        (["--workers", "two"], "--workers"),
        (["--preset", "slow"], "quick"),
        (["--bach", "architectures"], "--bach"),
        (["--batch"], "--batch"),
        (["--workspace", "~nobody_here/work"], "'~nobody_here/work' names the folder of a user there is not"),
        (["--batch", "architectures", "--export", "~nobody_here/out"], "'~nobody_here/out'"),
        (["--batch", "architectures", "--config", "~nobody_here/a.toml"], "'~nobody_here/a.toml'"),
        (["--batch", "all", "--export", "out", "--formats", "gif"], "no format called 'gif'"),
        (["--batch", "all", "--formats", "png"], "--formats goes with --export DIR"),
        (["--report", "report.html"], "--report goes with --batch EXPERIMENT"),
    ],
)
def test_wrong_options_end_the_program_and_are_named(
    capsys: pytest.CaptureFixture[str], arguments: list[str], named: str
) -> None:
    with pytest.raises(SystemExit) as stop:
        parse(arguments)
    assert stop.value.code == 2
    assert named in capsys.readouterr().err.splitlines()[-1]


def test_help_and_version_are_answered(capsys: pytest.CaptureFixture[str]) -> None:
    for argument in ("--help", "--version"):
        with pytest.raises(SystemExit) as stop:
            parse([argument])
        assert stop.value.code == 0
    printed = capsys.readouterr().out
    assert "--batch EXPERIMENT" in printed
    assert f"Trainscope {engine.__version__}" in printed


def test_device_and_workspace_are_none_unless_named(tmp_path: Path) -> None:
    assert (parse([]).device, parse([]).workspace_given) == (None, False)
    named = parse(["--device", "GPU:1", "--workspace", str(tmp_path)])
    assert (named.device, named.workspace, named.workspace_given) == ("gpu:1", tmp_path, True)


def test_a_device_that_is_none_is_refused_in_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        parse(["--device", "quantum"])
    assert stop.value.code == 2
    assert "'quantum' is no device; write auto, cpu, metal or gpu:N" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [["--workers", "9" * 5000], ["x" * 5000], ["--device", "a\nb"], ["--preset", "\udcff"], ["--formats", "\x1b[31m"]],
    ids=["workers", "long", "lines", "bytes", "escape"],
)
def test_whatever_is_wrong_is_told_in_one_line(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(["--batch", "architectures", *arguments])
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("trainscope: ")
    assert line.endswith("; see --help.")
    assert line.isprintable()
    assert len(line) <= MAX_CHARACTERS

"""engine.cli.batch: ``--batch`` and ``--list``, in this process and as a separate program."""

from __future__ import annotations

import csv
import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from engine.cli.arguments import parse
from engine.cli.batch import build_spec, install_signal_handlers, run
from engine.cli.exit_codes import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_OK
from engine.devices.hardware import cpu_name
from engine.events.channel import ControlChannel
from engine.events.commands import Control
from engine.executors.images import ImageStore
from engine.experiments import RUNNABLE_EXPERIMENTS
from engine.experiments.architectures.experiment import ArchitecturesSpec
from engine.networks.notation import LAYER_HELP
from engine.networks.presets import SOURCES
from engine.storage.store import Store
from engine.utils.errors import StoreError
from engine.workspace.dataset_library import DatasetLibrary
from tests.engine.support import ROOT, ScriptedExecutor, finished, python, record, started

ARCHITECTURES = RUNNABLE_EXPERIMENTS["architectures"]
TINY = ["--set", "architectures=mlp_1", "epochs=2", "repeats=2"]


@dataclass(frozen=True)
class Ended:
    """A program that has ended, and its results."""

    code: int
    out: str
    err: str
    workspace: Path
    export: Path


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """Run ``main.py --batch architectures`` with one worker and an export without figures, which take a third of it."""
    folder = tmp_path_factory.mktemp("batch")
    workspace, export = folder / "workspace", folder / "export"
    options = ["--workers", "1", "--workspace", str(workspace), "--export", str(export), "--formats", "csv,json"]
    ended = python("main.py", "--batch", "architectures", *TINY, *options)
    return Ended(ended.returncode, ended.stdout, ended.stderr, workspace, export)


def spec_of(*arguments: str) -> ArchitecturesSpec:
    spec = build_spec(ARCHITECTURES, parse(["--batch", "architectures", *arguments]))
    assert isinstance(spec, ArchitecturesSpec)
    return spec


def batch(workspace: Path, *arguments: str) -> int:
    """Run in this process, without children."""
    return run(parse(["--batch", "architectures", "--workers", "0", "--workspace", str(workspace), *arguments]))


# Settings


def test_without_options_the_quick_preset_is_run() -> None:
    assert spec_of() == ARCHITECTURES.preset("quick")
    assert spec_of("--preset", "course") == ARCHITECTURES.preset("course")


def test_naming_a_data_set_or_a_key_changes_that_alone() -> None:
    quick = ARCHITECTURES.preset("quick")
    assert spec_of("--dataset", "mnist") == quick.replace(dataset="mnist")
    assert spec_of("--set", "batch_size=20", "record_every=5", "initializer=keras") == quick.replace(
        batch_size=20, record_every=5, initializer="keras"
    )


def test_a_file_comes_before_the_data_set_and_both_before_the_keys(tmp_path: Path) -> None:
    config = tmp_path / "settings.toml"
    config.write_text('dataset = "cifar10"\nepochs = 3\nrepeats = 4\narchitectures = ["cnn_3"]\n', encoding="utf-8")
    spec = spec_of("--config", str(config), "--dataset", "mnist", "--set", "repeats=5")
    assert (spec.dataset, spec.epochs, spec.repeats, spec.architectures) == ("mnist", 3, 5, ("cnn_3",))


# As a separate program


@pytest.mark.long
def test_the_program_ends_well_and_says_what_it_did(program: Ended) -> None:
    assert program.code == EXIT_OK, program.err
    assert "mlp_1" in program.out
    assert str(program.workspace / "trainscope.sqlite3") in program.out
    assert str(program.export) in program.out


@pytest.mark.long
def test_progress_goes_to_stderr_as_plain_lines(program: Ended) -> None:
    lines = program.err.splitlines()
    assert "2 runs, 1 at a time" in lines
    assert sum(line.startswith(("[1/2] mlp_1 #1 finished", "[2/2] mlp_1 #2 finished")) for line in lines) == 2
    assert "\r" not in program.err
    assert len(lines) < 12


@pytest.mark.long
def test_the_summary_has_the_keys_that_were_promised(program: Ended) -> None:
    summary = json.loads((program.export / "summary.json").read_text(encoding="utf-8"))
    keys = ["experiment", "dataset", "device", "versions", "seed", "variants"]
    assert [key for key in summary if key in keys] == keys
    assert (summary["experiment"], summary["dataset"], summary["seed"]) == ("architectures", "digits", 0)
    assert summary["device"] == f"CPU: {cpu_name()}"
    assert [run["device"] for run in summary["variants"][0]["runs"]] == 2 * [summary["device"]]
    assert all(isinstance(value, str) for value in summary["versions"].values())
    (variant,) = summary["variants"]
    assert (variant["name"], variant["parameters"], variant["repeats"], variant["epochs"]) == ("mlp_1", 33_130, 2, 2)
    accuracy = variant["test_accuracy"]
    assert accuracy.keys() == {"best", "mean", "std"}
    assert 0 <= accuracy["mean"] <= accuracy["best"] <= 1
    assert 0 <= accuracy["std"] <= 1
    assert isinstance(variant["seconds"], float)
    assert variant["seconds"] > 0


@pytest.mark.long
def test_the_exported_settings_run_the_same_again(program: Ended) -> None:
    exported = spec_of("--config", str(program.export / "settings.toml"))
    assert exported == spec_of(*TINY)


@pytest.mark.long
def test_the_curves_have_one_row_a_record_with_the_promised_columns_first(program: Ended) -> None:
    with (program.export / "curves.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0])[:10] == [
        *("variant", "repeat", "step", "epoch", "training_loss", "training_accuracy"),
        *("validation_loss", "validation_accuracy", "gradient_norm", "learning_rate"),
    ]
    steps = [("1", str(step)) for step in range(10, 51, 10)] + [("2", str(step)) for step in range(10, 51, 10)]
    assert [(row["repeat"], row["step"]) for row in rows] == steps
    assert [row["epoch"] for row in rows[:5]] == ["1", "1", "2", "2", "2"]
    assert all(0 <= float(row["validation_accuracy"]) <= 1 for row in rows)
    assert "gradient_norm_prediction" in rows[0]


@pytest.mark.long
def test_the_store_can_be_read_with_any_sqlite_tool(program: Ended) -> None:
    with closing(sqlite3.connect(program.workspace / "trainscope.sqlite3")) as reader:
        assert reader.execute("SELECT name, status, seed FROM experiments").fetchall() == [
            ("architectures", "finished", 0)
        ]
        assert reader.execute("SELECT variant, repeat, seed, status FROM runs").fetchall() == [
            ("mlp_1", 1, 0, "finished"),
            ("mlp_1", 2, 1, "finished"),
        ]
        assert reader.execute("SELECT count(*) FROM points").fetchone() == (10,)
        # Two layers of two runs: before training and after each of two epochs.
        assert reader.execute("SELECT count(*) FROM weights").fetchone() == (12,)
        models = [row[0] for row in reader.execute("SELECT model FROM runs")]
    assert all((program.workspace / model).is_file() for model in models)


@pytest.mark.long
def test_what_the_libraries_print_goes_to_the_log(program: Ended) -> None:
    assert (program.workspace / "logs" / "worker-1.log").is_file()


@pytest.mark.long
@pytest.mark.skipif(sys.platform == "win32", reason="process groups and SIGINT are POSIX's")
def test_ctrl_c_stops_cleanly_and_keeps_what_was_recorded(workspace: Path) -> None:
    """The signal is sent to the whole process group, as by a terminal."""
    long = ["--set", "architectures=mlp_1", "epochs=100000", "repeats=2", "--workers", "1"]
    command = [sys.executable, "main.py", "--batch", "architectures", *long, "--workspace", str(workspace)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=ROOT, start_new_session=True, **pipes) as ended:  # noqa: S603
        assert ended.stderr is not None
        training = any(": epoch 1, " in line for line in iter(ended.stderr.readline, ""))
        os.killpg(ended.pid, signal.SIGINT)
        out, err = ended.communicate(timeout=120)
    assert training
    assert ended.returncode == EXIT_INTERRUPTED
    assert err.splitlines()[-1] == "trainscope: Stopped; what was recorded is kept."
    assert "Traceback" not in out + err
    with closing(Store(workspace)) as store:
        first, second = store.runs(1)
        assert store.experiment(1).status == "stopped"
        assert (first.status, first.is_tested, second.status) == ("stopped", True, "cancelled")
        assert store.records(first.id)


def test_the_program_refuses_bad_input_with_one_line(workspace: Path) -> None:
    ended = python("main.py", "--batch", "architectures", "--set", "epoch=3", "--workspace", str(workspace))
    assert ended.returncode == EXIT_FAILED
    assert ended.stderr.splitlines() == ["trainscope: There is no setting called 'epoch'; did you mean 'epochs'?"]
    assert ended.stdout == ""


# In this process


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--set", "epoch=3"], "did you mean 'epochs'?"),
        (["--set", "epochs=0"], "epochs can't be '0'; it takes 1 to 100000."),
        (["--set", "epochs=many"], "epochs can't be 'many'; it takes 1 to 100000."),
        (["--set", "learning_rate=nan"], "learning_rate can't be "),
        (["--set", "epochs"], "key=value"),
        (["--set", "architectures=mlp_9"], "there is no architecture called 'mlp_9'; there are mlp_1"),
        (["--set", "architectures="], "choose at least one"),
        (["--config", "nowhere.toml"], "nowhere.toml can't be read"),
        (["--dataset", "nowhere"], "no data set 'nowhere'"),
        (["--dataset", "main.py"], "is not a data set"),
    ],
)
def test_bad_input_is_refused_with_one_sentence(
    workspace: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    assert batch(workspace, *arguments) == EXIT_FAILED
    printed = capsys.readouterr()
    (line,) = printed.err.splitlines()
    assert line.startswith("trainscope: ")
    assert line.endswith((".", "?"))
    assert words in line
    assert printed.out == ""


def test_the_home_of_a_user_who_is_not_there_is_refused_with_one_sentence(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert batch(workspace, "--dataset", "~nobody_here/digits", *TINY) == EXIT_FAILED
    (line,) = capsys.readouterr().err.splitlines()
    assert "nobody_here" in line


def test_an_unknown_experiment_is_refused_with_those_there_are(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(parse(["--batch", "architecture", "--workspace", str(workspace)])) == EXIT_FAILED
    (line,) = capsys.readouterr().err.splitlines()
    known = ", ".join(RUNNABLE_EXPERIMENTS)
    assert line == f"trainscope: There is no experiment called 'architecture'; there are {known}."


@pytest.mark.parametrize("text", ["epochs = = 3", "epoch = 3", "epochs = 0", 'architectures = "mlp_1"'])
def test_a_bad_config_file_is_refused_with_one_sentence(
    workspace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    config = tmp_path / "settings.toml"
    config.write_text(text, encoding="utf-8")
    assert batch(workspace, "--config", str(config)) == EXIT_FAILED
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_workspace_that_can_not_be_used_is_refused_with_one_sentence(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    workspace.write_text("a file")
    assert batch(workspace) == EXIT_FAILED
    (line,) = capsys.readouterr().err.splitlines()
    assert str(workspace) in line


def test_an_export_folder_that_can_not_be_written_is_refused_before_anything_is_trained(
    workspace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A wrong path must not be found only after hours of training."""
    (tmp_path / "file").write_text("a file")
    assert batch(workspace, "--set", "architectures=mlp_1", "epochs=1", "--export", str(tmp_path / "file" / "out")) == 1
    lines = capsys.readouterr().err.splitlines()
    assert str(tmp_path / "file") in lines[-1]
    assert lines[-1].startswith("trainscope: ")
    assert len(lines) == 1


@pytest.mark.parametrize("name", ["report.doc", "file/report.html"])
def test_a_report_that_can_not_be_written_is_refused_before_anything_is_trained(
    workspace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    (tmp_path / "file").write_text("a file")
    assert batch(workspace, "--set", "architectures=mlp_1", "epochs=1", "--report", str(tmp_path / name)) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("trainscope: ")
    assert not workspace.exists()


def test_a_network_that_does_not_fit_ends_with_its_sentence(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert batch(workspace, "--set", "architectures=cnn_4", "image_size=8") == EXIT_FAILED
    assert capsys.readouterr().err.splitlines()[-1].startswith("trainscope: cnn_4 can't be built on 8x8 images: at ")


def test_a_run_that_fails_makes_the_exit_code_tell(
    workspace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: object) -> None:
        raise MemoryError

    monkeypatch.setattr(ImageStore, "get", fail)
    assert batch(workspace, *TINY) == EXIT_FAILED
    assert "2 of 2 runs did not finish: There is not enough memory" in capsys.readouterr().err.splitlines()[-1]


SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


def test_signals_are_as_before_when_a_batch_has_ended(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.cli.batch.make_executor", lambda _options: ScriptedExecutor())
    before = [signal.getsignal(number) for number in SIGNALS]
    assert batch(workspace, "--set", "architectures=mlp_1", "epochs=1", "repeats=1") == EXIT_OK
    assert [signal.getsignal(number) for number in SIGNALS] == before


@pytest.fixture
def signals_restored() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.skipif(sys.platform == "win32", reason="a process can't signal itself there")
@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_signal_stops_the_second_cancels_and_a_third_cancels_once_more(
    signals_restored: None, control: ControlChannel, number: signal.Signals
) -> None:
    """On a second cancel, an executor ends processes that don't respond."""
    install_signal_handlers(control)
    for _ in range(3):
        os.kill(os.getpid(), number)
    assert [control.poll() for _ in range(4)] == [Control.STOP, Control.CANCEL, Control.CANCEL, None]


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="there is no SIGHUP")
def test_a_batch_that_was_told_not_to_mind_its_terminal_goes_on_without(
    signals_restored: None, control: ControlChannel
) -> None:
    """SIGHUP is ignored under ``nohup``."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    install_signal_handlers(control)
    os.kill(os.getpid(), signal.SIGHUP)
    assert control.poll() is None


def test_the_list_names_experiments_data_sets_keys_and_devices(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(parse(["--list", "--workers", "0", "--workspace", str(workspace)])) == EXIT_OK
    lines = [line.split() for line in capsys.readouterr().out.splitlines() if line.startswith("  ")]
    named = {words[0] for words in lines}
    assert named >= {"digits", "cifar10", "mnist", "fashion_mnist", "all"}
    assert named >= set(RUNNABLE_EXPERIMENTS)
    assert named >= {key for experiment in RUNNABLE_EXPERIMENTS.values() for key in experiment.spec.model_fields}
    assert named >= {"cpu", *SOURCES, *LAYER_HELP}


def test_a_device_that_is_not_there_is_refused_before_anything_trains(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert batch(workspace, "--device", "gpu:99") == EXIT_FAILED
    assert "There is no gpu:99 on this machine; choose auto, cpu" in capsys.readouterr().err
    store = Store(workspace)
    with pytest.raises(StoreError):
        store.experiment(1)
    store.close()


def test_the_time_is_told_where_earlier_runs_tell_it(
    workspace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(task):
        return [started(task.run), record(task.run), finished(task.run, seconds=100.0)]

    monkeypatch.setattr("engine.cli.batch.make_executor", lambda _options: ScriptedExecutor(answer))
    monkeypatch.setattr("engine.workspace.durations.measurements.cpu_name", lambda: "a processor")
    assert batch(workspace, *TINY) == EXIT_OK
    assert capsys.readouterr().err.startswith("2 runs of 52 steps and 5 records.\n"), "nothing was measured here"
    assert batch(workspace, *TINY) == EXIT_OK
    assert capsys.readouterr().err.startswith("2 runs of 52 steps and 5 records, about 3 min 30 s.\n")


def test_a_data_set_of_ones_own_is_remembered_once_it_was_read(workspace: Path, tmp_path: Path) -> None:
    empty, own = tmp_path / "mine", tmp_path / "own.npz"
    empty.mkdir()
    labels = np.arange(40) % 2
    np.savez(own, x_train=np.random.default_rng(0).integers(0, 256, (40, 8, 8), np.uint8), y_train=labels)
    for path in (empty, tmp_path / "nowhere"):
        assert batch(workspace, "--dataset", str(path)) == EXIT_FAILED
    assert DatasetLibrary(workspace).paths() == []
    assert batch(workspace, "--dataset", str(own), "--set", "architectures=cnn_4") == EXIT_FAILED, "too small for it"
    assert DatasetLibrary(workspace).paths() == [own], "read all the same"

"""engine.cli.batch: ``--batch all``, every experiment one after the other."""

from __future__ import annotations

import io
import json
import signal
from contextlib import closing, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest

from engine.cli.arguments import parse
from engine.cli.batch import build_specs, run
from engine.cli.exit_codes import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_OK
from engine.config.specs import ExperimentSpec
from engine.events.runs import Status
from engine.executors.tasks import TrainTask
from engine.experiments import COURSE_EXPERIMENTS
from engine.storage.store import Store
from engine.utils.errors import SpecError, StoreError
from tests.engine.support import ScriptedExecutor, finished, record, started

pytestmark = pytest.mark.long

# Keys that only some of the experiments have.
TINY = [
    *("architectures=mlp_1", "architecture=mlp_1", "activations=relu", "rates=0.1,0.01", "compare=", "range_steps=10"),
    *("epochs=2", "repeats=1", "steps=3", "images=1", "hidden_units=4"),
]


@dataclass(frozen=True)
class Ended:
    """A batch that has ended, and its results."""

    code: int
    out: str
    err: str
    workspace: Path
    export: Path


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """Run all experiments with tiny settings in this process."""
    folder = tmp_path_factory.mktemp("all")
    workspace, export = folder / "workspace", folder / "export"
    what = ["--batch", "all", "--workers", "0", "--workspace", str(workspace), "--export", str(export)]
    out, err = io.StringIO(), io.StringIO()
    more = ["--formats", "png,json,course,tensorboard", "--report", str(folder / "report.html")]
    with redirect_stdout(out), redirect_stderr(err):
        code = run(parse([*what, *more, "--set", *TINY]))
    return Ended(code, out.getvalue(), err.getvalue(), workspace, export)


def specs(*arguments: str) -> dict[str, ExperimentSpec]:
    found = build_specs(list(COURSE_EXPERIMENTS.values()), parse(["--batch", "all", *arguments]))
    return dict(zip(COURSE_EXPERIMENTS, found, strict=True))


def test_every_experiment_is_carried_out_in_the_order_of_the_table(ended: Ended) -> None:
    assert ended.code == EXIT_OK, ended.err
    with closing(Store(ended.workspace)) as store:
        stored = [store.experiment(number) for number in range(1, len(COURSE_EXPERIMENTS) + 1)]
    assert [(experiment.name, experiment.status) for experiment in stored] == [
        (name, Status.FINISHED) for name in COURSE_EXPERIMENTS
    ]


def test_each_has_a_folder_of_its_own(ended: Ended) -> None:
    assert {path.name for path in ended.export.iterdir()} == set(COURSE_EXPERIMENTS)
    for name in COURSE_EXPERIMENTS:
        summary = json.loads((ended.export / name / "summary.json").read_text(encoding="utf-8"))
        assert (summary["experiment"], summary["status"]) == (name, "finished")
        assert (ended.export / name / "settings.toml").is_file()
        assert list((ended.export / name).glob("*.png"))
    parts = {path.name for path in ended.export.glob("*/course/*.pkl")}
    assert parts == {"part3_mlp_1.pkl", "part4_mlp_1.pkl", "part5_mlp_1.pkl"}


def test_each_is_reported_with_its_folder(ended: Ended) -> None:
    for number, name in enumerate(COURSE_EXPERIMENTS, start=1):
        assert f"Stored as experiment {number} in " in ended.out
        assert f"files to {ended.export / name}" in ended.out
    assert "trainscope:" not in ended.err


def test_what_is_exported_is_what_was_asked_for(ended: Ended) -> None:
    files = {path for path in ended.export.rglob("*") if path.is_file()}
    assert {path.suffix for path in files if "tfevents" not in path.name} == {".toml", ".png", ".json", ".pkl"}
    with closing(Store(ended.workspace)) as store:
        runs = [run for number in range(1, len(COURSE_EXPERIMENTS) + 1) for run in store.runs(number)]
        recorded = [run for run in runs if store.records(run.id)]
    assert len([path for path in files if "tfevents" in path.name]) == len(recorded) > 4


def test_one_report_is_of_all(ended: Ended) -> None:
    report = ended.workspace.parent / "report.html"
    assert f"Report written to {report}" in ended.out
    text = report.read_text(encoding="utf-8")
    places = [text.index(f'<section id="experiment-{number}">') for number in (6, 5, 1, 2, 3, 4)]
    assert places == sorted(places), "in the order of the homework"


def test_each_takes_the_settings_that_it_knows() -> None:
    quick = {name: experiment.preset("quick") for name, experiment in COURSE_EXPERIMENTS.items()}
    found = specs("--set", "architecture=mlp_2", "seed=5")
    assert found["schedule"] == quick["schedule"].replace(architecture="mlp_2", seed=5)
    assert found["architectures"] == quick["architectures"].replace(seed=5)
    assert found["convolution"] == quick["convolution"], "it knows neither"


def test_the_presets_data_set_and_file_go_to_those_that_know_them(tmp_path: Path) -> None:
    config = tmp_path / "settings.toml"
    config.write_text('architecture = "cnn_3"\nactivations = ["tanh"]\nepochs = 9\n', encoding="utf-8")
    found = specs("--preset", "course", "--dataset", "mnist", "--config", str(config), "--set", "epochs=7")
    course = COURSE_EXPERIMENTS["activations"].preset("course")
    assert found["activations"] == course.replace(dataset="mnist", activations=["tanh"], epochs=7)
    assert found["learning-rate"].model_dump()["architecture"] == "cnn_3"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--set", "epoch=3"], "There is no setting called 'epoch' in any experiment; see --list."),
        (["--set", "epochs=0"], "architectures: epochs can't be '0'; it takes 1 to 100000."),
        (["--set", "rates=0"], "learning-rate: rates can't be '0'; it takes numbers, each above 0 to 1000."),
    ],
)
def test_a_setting_that_none_knows_or_one_refuses_ends_it_before_anything_is_trained(
    workspace: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], reason: str
) -> None:
    assert run(parse(["--batch", "all", "--workspace", str(workspace), *arguments])) == EXIT_FAILED
    assert capsys.readouterr().err.splitlines() == [f"trainscope: {reason}"]
    assert not workspace.exists()


def test_a_key_of_the_file_that_none_knows_is_refused(tmp_path: Path) -> None:
    config = tmp_path / "settings.toml"
    config.write_text("epoch = 3\n", encoding="utf-8")
    with pytest.raises(SpecError, match="no setting called 'epoch' in any experiment"):
        specs("--config", str(config))


def test_one_that_fails_makes_the_exit_code_tell_and_the_others_go_on(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(task):
        if not isinstance(task, TrainTask):
            return []
        failed = [task.failed(Status.FAILED, "There is not enough memory.")]
        whole = [started(task.run), record(task.run), finished(task.run)]
        return failed if task.spec.counts_dead_units else whole  # only in the activations experiment

    monkeypatch.setattr("engine.cli.batch.make_executor", lambda *_arguments: ScriptedExecutor(answer))
    assert run(parse(["--batch", "all", "--workspace", str(workspace), "--set", *TINY])) == EXIT_FAILED
    with closing(Store(workspace)) as store:
        found = {name: store.experiment(number).status for number, name in enumerate(COURSE_EXPERIMENTS, start=1)}
    assert found == dict.fromkeys(COURSE_EXPERIMENTS, Status.FINISHED) | {"activations": Status.FAILED}


def test_ctrl_c_ends_the_whole_batch(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(task):
        signal.raise_signal(signal.SIGINT)
        return [started(task.run), record(task.run), finished(task.run, Status.STOPPED)]

    monkeypatch.setattr("engine.cli.batch.make_executor", lambda *_arguments: ScriptedExecutor(answer))
    assert run(parse(["--batch", "all", "--workspace", str(workspace), "--set", *TINY])) == EXIT_INTERRUPTED
    with closing(Store(workspace)) as store:
        assert store.experiment(1).status is Status.STOPPED
        with pytest.raises(StoreError):
            store.experiment(2)


def test_an_experiment_of_probes_alone_is_reported_too(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The first search diverges and nothing is compared with the schedule, so the table has no variant."""
    pairs = ["compare=", "rates=1000,0.1", "epochs=2", "repeats=1", "architecture=cnn_4"]
    options = parse(["--batch", "schedule", "--workers", "0", "--workspace", str(workspace), "--set", *pairs])
    assert run(options) == EXIT_FAILED
    said = capsys.readouterr()
    assert "Stored as experiment 1" in said.out
    assert "Traceback" not in said.err

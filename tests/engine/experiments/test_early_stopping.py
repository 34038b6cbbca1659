"""An experiment whose runs stop early: what store, results, exports, report and window hold of it."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest

from engine.analysis.blocks import Table
from engine.analysis.claims import last_epoch, last_epoch_mean
from engine.analysis.results import ExperimentResult, load_results
from engine.cli.progress import describe_end
from engine.config.specs import ExperimentSpec
from engine.events.experiments import ExperimentFinished
from engine.events.runs import RunFinished, Status
from engine.events.tasks import Event
from engine.executors.inline import InlineExecutor
from engine.exports.report.runs import event_table
from engine.exports.summary import summary
from engine.storage.store import Store
from engine.workspace.replay import experiment_events
from gui.background.questions import run_to_continue
from gui.observations.experiment import Observations
from tests.engine.support import of, run_session, small_spec


@dataclass(frozen=True)
class Stopped:
    """An experiment whose run stopped long before its 40 epochs, of 26 steps and two records each."""

    spec: ExperimentSpec
    outcome: ExperimentFinished
    events: list[Event]
    result: ExperimentResult
    table: Table | None
    workspace: Path


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Stopped:
    workspace = tmp_path_factory.mktemp("stopped")
    spec = small_spec(epochs=40, record_every=13, learning_rate=0.02, early_stopping="val_loss", stop_patience=1)
    with closing(Store(workspace)) as store:
        outcome, events = run_session(store, InlineExecutor(), spec)
        assert outcome.experiment is not None
        result = load_results(store, outcome.experiment)
        table = event_table(result, store.runs(outcome.experiment))
        return Stopped(spec, outcome, events, result, table, workspace)


def test_a_run_that_stopped_early_has_finished_and_counts(done: Stopped) -> None:
    assert (done.outcome.status, done.outcome.reason) == (Status.FINISHED, "")
    (variant,) = done.result.variants
    (run,), (end,) = variant.counted_runs, of(RunFinished, done.events)
    kept = run.run.kept
    assert kept is not None
    assert kept.stopped_early
    assert kept == end.kept
    assert run.records[-1].step == 26 * kept.epochs < 26 * 40, "it was not trained on"
    assert {each.step for each in run.weights.values()} == {26 * kept.epoch}, "the pictures are of the kept epoch"
    assert (run.tested_record.step, run.tested_record.epoch) == (26 * kept.epoch, kept.epoch)
    of_epoch = [record.validation_accuracy for record in run.records if record.epoch == kept.epoch]
    assert last_epoch_mean(run, "validation_accuracy") == pytest.approx(sum(of_epoch) / 2)
    least = min(run.records[1::2], key=lambda record: record.validation_loss)
    assert run.tested_record == least
    assert last_epoch(variant.runs) == "the epoch whose weights were kept"


def test_summary_report_and_batch_say_so(done: Stopped) -> None:
    (end,) = of(RunFinished, done.events)
    assert end.kept is not None
    ((run,),) = (each["runs"] for each in summary(done.result, done.spec, {})["variants"])
    assert run["kept_weights"] == asdict(end.kept)
    assert done.table is not None
    assert [row[2] for row in done.table.rows] == [end.kept.sentence]
    line = describe_end(done.result.variants[0].runs[0].run.planned, end)
    assert line.startswith("mlp_1 #1 finished in ")
    assert line.endswith(f"; {end.kept.sentence}")


def test_window_and_continued_training_take_the_kept_epoch(done: Stopped) -> None:
    """Live, and opened from the history."""
    live, opened = Observations(), Observations()
    for event in done.events:
        live.take(event)
    with closing(Store(done.workspace)) as store:
        for event in experiment_events(store, done.result.experiment.id):
            opened.take(event)
    for observations in (live, opened):
        for run, result in zip(observations.runs.values(), done.result.variants[0].runs, strict=True):
            record = result.tested_record
            assert run.tested("validation_accuracy") == record.validation_accuracy
            assert run.tested("training_accuracy") == record.training_accuracy
            assert {each.step for each in run.weights.values()} == {record.step}
            assert (run.progress, run.final_step) == (1, result.records[-1].step)
    run = done.result.variants[0].runs[0]
    (found,) = run_to_continue(run.run.id)(done.workspace)
    assert found.learning_rate == run.tested_record.learning_rate

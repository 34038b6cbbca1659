"""engine.experiments.learning_rate: part 5's rates and the range test, planned and trained."""

from __future__ import annotations

import io
import json
import math
from contextlib import closing, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.analysis.results import ExperimentResult, load_results
from engine.cli.arguments import parse
from engine.cli.batch import run
from engine.cli.exit_codes import EXIT_FAILED, EXIT_OK
from engine.events.runs import Status
from engine.events.tasks import Event
from engine.executors.tasks import TrainTask
from engine.experiments.learning_rate import LEARNING_RATE_EXPERIMENT
from engine.experiments.learning_rate.experiment import LearningRateSpec, batch_lines, plan, rate_digits
from engine.experiments.learning_rate.range_test import smooth_losses, suggest_rate
from engine.exports import export_experiment
from engine.storage.store import Store
from engine.utils.errors import SpecError
from tests.engine.support import (
    CompletedExperiment,
    ScriptedExecutor,
    carry_out,
    finished,
    record,
    run_session,
    started,
)

pytestmark = pytest.mark.long

rates = st.floats(1e-6, 1000)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> CompletedExperiment:
    """The course's rates on mlp_1, twice, 26 steps each, a record every ten; a range test of twelve steps."""
    return carry_out(
        LEARNING_RATE_EXPERIMENT,
        tmp_path_factory.mktemp("rates"),
        architecture="mlp_1",
        epochs=1,
        repeats=2,
        range_steps=12,
        range_low=0.001,
        range_high=1,
    )


@dataclass(frozen=True)
class Diverged:
    """Result of a batch in which one rate was far too large."""

    code: int
    out: str
    err: str
    result: ExperimentResult
    folder: Path


def batch(workspace: Path, *pairs: str) -> int:
    what = ["--batch", "learning-rate", "--workers", "0", "--workspace", str(workspace)]
    fixed = ["architecture=mlp_2", "epochs=1", "repeats=1", "range_test=false"]
    return run(parse([*what, "--export", str(workspace / "out"), "--set", *fixed, *pairs]))


def small(**changes: Any) -> LearningRateSpec:
    return LearningRateSpec.build({"repeats": 2, "seed": 7} | changes)


# The plan


def test_the_range_test_comes_first_and_then_every_rate() -> None:
    runs = plan(small())
    assert [(run.variant, run.repeat, run.seed, run.training.learning_rate) for run in runs] == [
        ("range_test", 1, 7, 1e-4),
        *(("cnn_4/0.1", 1, 7, 0.1), ("cnn_4/0.01", 1, 7, 0.01), ("cnn_4/0.001", 1, 7, 0.001)),
        *(("cnn_4/0.1", 2, 8, 0.1), ("cnn_4/0.01", 2, 8, 0.01), ("cnn_4/0.001", 2, 8, 0.001)),
    ]
    assert [run.probe for run in runs] == [True] + [False] * 6


def test_the_range_test_is_recorded_at_every_step_under_a_rate_that_grows() -> None:
    test, *others = plan(small(range_steps=50, range_low=0.001, range_high=2))
    assert (test.training.record_every, test.max_steps) == (1, 50)
    assert (test.schedule.kind, test.schedule.rates) == ("exponential", (0.001, 2))
    assert all(
        (run.max_steps, run.schedule.kind, run.training.record_every) == (None, "constant", 10) for run in others
    )


def test_without_a_range_test_only_the_rates_are_planned() -> None:
    assert len(plan(small(range_test=False, rates=[0.5], repeats=1))) == 1


def test_a_network_of_ones_own_is_named_in_the_variants() -> None:
    runs = plan(small(architecture="small[FC-8, ReLU]", range_test=False, rates=[0.05], repeats=1))
    assert [(run.variant, run.architecture) for run in runs] == [("small/0.05", "small[FC-8, ReLU]")]


def test_the_course_preset_is_the_protocol_of_the_homework() -> None:
    course = LEARNING_RATE_EXPERIMENT.preset("course")
    assert isinstance(course, LearningRateSpec)
    assert (course.dataset, course.architecture, course.activation) == ("cifar10", "cnn_4", "relu")
    assert (course.optimizer, course.rates, course.epochs) == ("sgd", (0.1, 0.01, 0.001), 20)
    assert (course.batch_size, course.record_every, course.initializer) == (50, 10, "course")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"rates": []}, "rates: name at least one learning rate."),
        ({"rates": [0.1, 0.01, 0.1]}, "rates: name each learning rate once; they must differ within six digits."),
        ({"rates": [0.1, 0.1000001]}, "rates: name each learning rate once; they must differ within six digits."),
        ({"rates": [0.1, 0]}, "rates can't be 0; it takes numbers, each above 0 to 1000."),
        ({"rates": [1001]}, "rates can't be 1001; it takes numbers, each above 0 to 1000."),
        ({"range_low": 1, "range_high": 1}, "range_low must be smaller than range_high."),
        ({"architecture": "vgg"}, "architecture: there is no architecture called 'vgg'"),
    ],
)
def test_settings_that_make_no_sense_are_refused_with_a_sentence(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(SpecError) as error:
        small(**changes)
    assert str(error.value).startswith(reason)


# The suggestion


def test_smoothing_of_a_constant_changes_nothing() -> None:
    assert smooth_losses([2.5] * 30) == pytest.approx([2.5] * 30)


@given(st.lists(st.floats(0, 100), min_size=1, max_size=40))
def test_smoothing_weighs_the_past_by_powers_of_nine_tenths(losses: list[float]) -> None:
    weights = 0.9 ** np.arange(len(losses))[::-1]
    assert smooth_losses(losses)[-1] == pytest.approx(np.average(losses, weights=weights))
    assert len(smooth_losses(losses)) == len(losses)


def test_a_tenth_of_the_rate_of_least_loss_is_suggested() -> None:
    """The loss falls until the rate is 1, and shoots up from there on."""
    tried = np.geomspace(1e-4, 10, 101)
    losses = np.where(tried <= 1, 2.3 - 0.4 * np.log10(tried / 1e-4), 50 * tried)
    found = suggest_rate(tried, losses)
    assert found == pytest.approx(0.1)


def test_noise_does_not_move_the_suggestion_far() -> None:
    """A single small loss early on must not lead to a small rate."""
    tried = np.geomspace(1e-4, 10, 101)
    losses = np.where(tried <= 1, 2.3 - 0.4 * np.log10(tried / 1e-4), 50 * tried)
    losses[20] = 0.0
    assert suggest_rate(tried, losses) == pytest.approx(0.1)


@pytest.mark.parametrize(
    "losses", [[2.3, 2.4, 2.5], [2.3, 2.3, 2.3], [2.30, 2.295, 2.29], [2.3], [math.nan], [], [2.3, math.nan]]
)
def test_where_the_loss_hardly_falls_nothing_is_suggested(losses: list[float]) -> None:
    assert suggest_rate([0.1, 0.2, 0.3][: len(losses)], losses) is None


def test_a_last_loss_that_is_no_number_is_left_out() -> None:
    assert suggest_rate([0.1, 0.2, 0.4, 0.8], [2.0, 1.0, 0.5, math.nan]) == pytest.approx(0.04)


@pytest.mark.parametrize(
    ("rate", "digits"),
    [
        *((0.1, "1"), (0.01, "01"), (0.001, "001"), (0.05, "05"), (0.5, "5"), (1.0, "1_0"), (2.5, "2_5")),
        *(
            (0.00025, "00025"),
            (1e-05, "00001"),
            (10, "10_0"),
            (1000.0, "1000_0"),
            (0.30000000000000004, "30000000000000004"),
        ),
    ],
)
def test_a_rate_is_written_in_the_courses_keys_by_its_digits(rate: float, digits: str) -> None:
    assert rate_digits(rate) == digits


@given(rates, rates)
def test_two_rates_never_share_a_key(first: float, second: float) -> None:
    assert (rate_digits(first) == rate_digits(second)) == (first == second)


# Trained


def test_every_rate_and_the_range_test_finish(done: CompletedExperiment) -> None:
    assert (done.outcome.status, done.outcome.reason) == (Status.FINISHED, "")
    assert [(variant.name, len(variant.tested)) for variant in done.result.variants] == [
        *(("range_test", 1), ("mlp_1/0.1", 2), ("mlp_1/0.01", 2), ("mlp_1/0.001", 2))
    ]


def test_the_courses_dictionary_has_exactly_its_keys_and_a_number_for_each_record(done: CompletedExperiment) -> None:
    found = done.course("part5_mlp_1")
    assert list(found) == [
        "name",
        *("loss_curve_1", "loss_curve_01", "loss_curve_001"),
        *("val_acc_curve_1", "val_acc_curve_01", "val_acc_curve_001"),
    ]
    assert found["name"] == "mlp_1"
    assert all(len(curve) == 2 and isinstance(curve[0], float) for key, curve in found.items() if key != "name")
    assert [path.name for path in sorted((done.folder / "course").iterdir())] == ["part5_mlp_1.json", "part5_mlp_1.pkl"]
    assert json.loads((done.folder / "course" / "part5_mlp_1.json").read_text(encoding="utf-8")) == found


def test_its_curves_are_means_over_the_runs_and_accuracies_percent(done: CompletedExperiment) -> None:
    variant = done.result.variant("mlp_1/0.01")
    assert variant is not None
    found = done.course("part5_mlp_1")
    first, second = (run.records for run in variant.runs)
    for key, quantity, scale in (
        ("loss_curve_01", "training_loss", 1),
        ("val_acc_curve_01", "validation_accuracy", 100),
    ):
        means = [scale * (getattr(a, quantity) + getattr(b, quantity)) / 2 for a, b in zip(first, second, strict=True)]
        assert found[key] == pytest.approx(means)


def test_the_range_test_tries_rates_from_low_to_high_one_a_step(done: CompletedExperiment) -> None:
    test = done.result.variant("range_test")
    assert test is not None
    records = test.runs[0].records
    assert [record.step for record in records] == list(range(1, 13))
    assert [record.learning_rate for record in records] == pytest.approx(np.geomspace(0.001, 1, 12), rel=1e-4)


def test_the_summary_tells_what_the_range_test_found_and_leaves_it_out_of_the_comparison(
    done: CompletedExperiment,
) -> None:
    found = done.summary["range_test"]
    test = done.result.variant("range_test")
    assert test is not None
    records = test.runs[0].records
    rate = suggest_rate([r.learning_rate for r in records], [r.training_loss for r in records])
    assert rate is not None
    assert found == {"suggested_rate": rate, "rates_tried": pytest.approx([0.001, 1]), "steps": 12}
    assert [variant["name"] for variant in done.summary["variants"]] == ["mlp_1/0.1", "mlp_1/0.01", "mlp_1/0.001"]
    assert list(batch_lines({"range_test": found})) == [f"Range test from 0.001 to 1: suggested rate {rate:.2g}"]


def test_a_range_test_without_a_suggestion_says_so() -> None:
    found = {"range_test": {"suggested_rate": None, "rates_tried": [0.1, 10.0], "steps": 12}}
    assert list(batch_lines(found)) == ["Range test from 0.1 to 10: suggested rate none (the loss hardly fell)"]
    assert list(batch_lines({})) == []


def test_the_figures_are_the_courses_and_the_range_tests(done: CompletedExperiment) -> None:
    assert {path.name for path in done.folder.glob("*.png")} == {"part5.png", "range_test.png", "network_mlp_1.png"}


# A rate far too large


@pytest.fixture(scope="module")
def diverged(tmp_path_factory: pytest.TempPathFactory) -> Diverged:
    """A rate of 1000 beside one of 0.01, by ``--batch``."""
    workspace = tmp_path_factory.mktemp("diverged")
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = batch(workspace, "rates=1000,0.01", "record_every=2")
    with closing(Store(workspace)) as store:
        return Diverged(code, out.getvalue(), err.getvalue(), load_results(store, 1), workspace / "out")


def test_a_run_that_diverges_ends_while_others_go_on_and_nothing_has_failed(diverged: Diverged) -> None:
    assert diverged.code == EXIT_OK, diverged.err
    large, usual = diverged.result.variants
    assert [run.run.status for run in (*large.runs, *usual.runs)] == [Status.DIVERGED, Status.FINISHED]
    assert (large.runs[0].run.test_accuracy, large.best) == (None, None)
    assert "learning rate" in large.runs[0].run.reason


def test_its_curve_is_kept_as_far_as_it_came(diverged: Diverged) -> None:
    (broken,), (whole,) = (variant.runs for variant in diverged.result.variants)
    assert 0 < len(broken.records) < len(whole.records) == 13
    assert not np.isfinite([broken.records[-1].training_loss, *broken.records[-1].gradient_norms]).all()
    assert f"run 1 diverged at step {broken.records[-1].step}" in diverged.out
    found = json.loads((diverged.folder / "course" / "part5_mlp_2.json").read_text(encoding="utf-8"))
    assert len(found["loss_curve_1000_0"]) == len(broken.records)
    assert len(found["loss_curve_01"]) == 13


def test_the_courses_json_of_a_rate_that_diverged_is_json(store: Store, tmp_path: Path) -> None:
    def answer(task: TrainTask) -> list[Event]:
        broken = record(task.run, 20, training_loss=math.nan)
        untested: dict[str, Any] = {"test_loss": None, "test_accuracy": None, "confusion": None}
        return [started(task.run), record(task.run, 10), broken, finished(task.run, Status.DIVERGED, **untested)]

    run_session(store, ScriptedExecutor(answer), small(range_test=False), experiment=LEARNING_RATE_EXPERIMENT)
    export_experiment(store, 1, tmp_path / "out")
    text = (tmp_path / "out" / "course" / "part5_cnn_4.json").read_text(encoding="utf-8")
    found = json.loads(text, parse_constant=lambda constant: pytest.fail(f"{constant} is no JSON"))
    assert found["loss_curve_1"] == [2.25, None]


def test_only_where_all_diverge_the_batch_has_failed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert batch(tmp_path, "rates=1000", "record_every=2") == EXIT_FAILED
    assert "diverged; try a smaller learning rate." in capsys.readouterr().err.splitlines()[-1]

"""engine.analysis.results: stored runs as curves, means and spreads."""

from __future__ import annotations

import math
import statistics
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.analysis.results import ExperimentResult, load_results
from engine.analysis.statistics import mean_and_deviation, spread
from engine.events.runs import Status
from engine.events.tasks import Event
from engine.executors.tasks import TrainTask
from engine.experiments import EXPERIMENTS
from engine.experiments.base import TrainingExperiment
from engine.storage.store import Store
from tests.engine.support import (
    ScriptedExecutor,
    finished,
    planned,
    record,
    run_session,
    small_spec,
    started,
    timeless,
    weights,
)

tables = st.integers(1, 5).flatmap(
    lambda columns: st.lists(
        st.lists(st.floats(-100, 100) | st.just(math.nan), min_size=columns, max_size=columns), min_size=1, max_size=6
    )
)


@pytest.fixture
def result(store: Store) -> ExperimentResult:
    """Three repeats of mlp_1: two tested, of different length, and one without records."""
    number, runs = planned(store, small_spec(architectures=["mlp_1", "mlp_2"], repeats=3))
    first, second, third = (run.run for run in runs if run.spec.variant == "mlp_1")
    for run, steps, accuracy in ((first, (10, 20, 30), 0.5), (second, (10, 20), 0.75)):
        store.add(started(run))
        for step in steps:
            store.add(record(run, step, training_loss=float(step + run), training_accuracy=accuracy))
        store.add(weights(run, 26, epoch=1))
        store.add(finished(run, test_accuracy=accuracy))
    store.add(finished(third, Status.CANCELLED, test_accuracy=None, confusion=None))
    return load_results(store, number)


def test_variants_stand_in_the_order_of_the_plan(result: ExperimentResult) -> None:
    assert [(variant.name, len(variant.runs)) for variant in result.variants] == [("mlp_1", 2), ("mlp_2", 0)]


def test_curves_have_a_gap_where_a_run_has_no_record(result: ExperimentResult) -> None:
    curves = result.variants[0].curves("training_loss")
    first, second = (run.run.id for run in result.variants[0].runs)
    assert result.variants[0].steps.tolist() == [10, 20, 30]
    assert curves == pytest.approx(
        np.array([[10 + first, 20 + first, 30 + first], [10 + second, 20 + second, math.nan]]), nan_ok=True
    )


def test_the_mean_is_over_the_runs_that_have_a_record(result: ExperimentResult) -> None:
    assert result.variants[0].mean("training_accuracy").tolist() == [0.625, 0.625, 0.5]


def test_the_best_run_has_the_best_test_accuracy(result: ExperimentResult) -> None:
    best = result.variants[0].best
    assert best is not None
    assert best.run.test_accuracy == 0.75
    assert timeless([best.first_weights]) == timeless([weights(best.run.id, 26, epoch=1)])
    assert result.variants[0].test_accuracies == [0.5, 0.75]


def test_of_equally_good_runs_the_earliest_is_the_best(store: Store) -> None:
    number, runs = planned(store, small_spec(repeats=2))
    for run in runs:
        store.add(started(run.run))
        store.add(record(run.run))
        store.add(finished(run.run))
    best = load_results(store, number).variants[0].best
    assert best is not None
    assert best.run.spec.repeat == 1


def test_a_variant_without_tested_runs_has_no_best(result: ExperimentResult) -> None:
    assert result.variants[1].best is None


@given(tables)
def test_mean_and_deviation_leave_gaps_out(rows: list[list[float]]) -> None:
    means, deviations = mean_and_deviation(np.array(rows))
    for column, mean, deviation in zip(zip(*rows, strict=True), means, deviations, strict=True):
        values = [value for value in column if not math.isnan(value)]
        expected_mean = statistics.fmean(values) if values else math.nan
        expected = statistics.stdev(values) if len(values) > 1 else 0.0
        assert mean == pytest.approx(expected_mean, abs=1e-9, nan_ok=True)
        assert deviation == pytest.approx(expected, abs=1e-6)


def test_a_spread_is_best_mean_and_sample_deviation() -> None:
    assert spread([0.5, 0.75]) == {"best": 0.75, "mean": 0.625, "std": pytest.approx(math.sqrt(2) / 8)}
    assert spread([0.5]) == {"best": 0.5, "mean": 0.5, "std": None}
    assert spread([]) == {"best": None, "mean": None, "std": None}


@pytest.mark.parametrize("name", ["architectures", "activations", "learning-rate"])
@pytest.mark.parametrize(("tested", "loss"), [(True, 1.0), (False, 2.0)])
def test_the_courses_curves_are_over_the_counted_runs_or_where_none_was_tested_over_all(
    store: Store, name: str, tested: bool, loss: float
) -> None:
    def answer(task: TrainTask) -> list[Event]:
        sound = task.spec.repeat == 1
        records = [record(task.run, step, training_loss=1.0 if sound else 3.0) for step in (10, 20)]
        end: dict[str, Any] = (
            {} if sound and tested else {"status": Status.CANCELLED, "test_accuracy": None, "confusion": None}
        )
        return [started(task.run), weights(task.run), *records, finished(task.run, **end)]

    experiment = EXPERIMENTS[name]
    assert isinstance(experiment, TrainingExperiment)
    run_session(store, ScriptedExecutor(answer), experiment.preset("quick", repeats=2), experiment=experiment)
    curves = [
        curve
        for _, dictionary in experiment.course_dictionaries(load_results(store, 1))
        for key, curve in dictionary.items()
        if "loss_curve" in key
    ]
    assert all(curve == [loss, loss] for curve in curves)
    assert curves or (name == "architectures" and not tested)

"""Observations of a stored experiment equal those made while it trained."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.analysis.diagnosis import FindingKind, diagnose
from engine.analysis.results import load_results
from engine.events.experiments import ExperimentFinished, ExperimentStarted
from engine.events.runs import Intervention, InterventionKind, Mistake, Record, Status
from engine.events.tasks import Event
from engine.exports.report.runs import curve_findings
from engine.storage.store import Store
from engine.workspace.replay import experiment_events
from gui.observations.diagnosis import observed_curves
from gui.observations.experiment import Observations
from gui.observations.run import ACTIVATION_FIELDS, LAYER_FIELDS, QUANTITIES, RunObservation
from tests.engine.support import INFO, finished, planned, record, small_spec, started, weights

# Values per layer are stored as float32; non-finite ones are restored as NaN.
NUMBERS = st.floats(width=32)
COUNTS = st.integers(0, 32)
MISTAKE = Mistake(5, 3, 8, 0.75, np.arange(64, dtype=np.uint8).reshape(8, 8, 1))


@pytest.fixture
def store(workspace: Path) -> Iterator[Store]:
    with closing(Store(workspace)) as opened:
        yield opened


def told(store: Store, *events: Any, repeats: int = 1) -> tuple[Observations, Observations]:
    """Observations from ``events`` of runs 1, 2, …, and from the store they were written to."""
    number, runs = planned(store, small_spec(repeats=repeats))
    live = Observations()
    live.take(ExperimentStarted(number, "architectures", INFO, runs, 1))
    for event in events:
        here = replace(event, run=runs[event.run - 1].run)
        store.add(here)
        live.take(here)
    store.finish_experiment(number, Status.FINISHED, "")
    live.take(ExperimentFinished(number, Status.FINISHED))
    again = Observations()
    for restored in experiment_events(store, number):
        again.take(restored)
    return live, again


def assert_alike(live: RunObservation, again: RunObservation) -> None:
    assert again.planned == live.planned
    assert (again.status, again.reason, again.test_accuracy) == (live.status, live.reason, live.test_accuracy)
    assert again.started == live.started
    assert again.steps == live.steps
    for name in QUANTITIES:
        np.testing.assert_allclose(again.curves[name], np.array(live.curves[name], float), rtol=1e-6, err_msg=name)
    for name in (*LAYER_FIELDS, *ACTIVATION_FIELDS):
        for one, other in zip(again.layer_curves.get(name, ()), live.layer_curves.get(name, ()), strict=True):
            np.testing.assert_array_equal(one, other, err_msg=name)
    assert again.interventions == live.interventions
    assert list(again.weights) == list(live.weights)
    for layer, kernel in live.weights.items():
        assert replace(again.weights[layer], values=None) == replace(kernel, values=None)
        assert np.array_equal(again.weights[layer].values, kernel.values)
    assert again.progress == live.progress


def noted(run: int, step: int, **changes: Any) -> Record:
    values: dict[str, Any] = {
        "dead_units": (3,),
        "activation_means": (0.5,),
        "activation_deviations": (0.25,),
    }
    return record(run, step, **(values | changes))


def ended(status: Status, **changes: Any) -> Event:
    """The end of a run without a test."""
    return finished(1, status, test_loss=None, test_accuracy=None, confusion=None, **changes)


def test_a_whole_run_comes_back_as_it_was_seen(store: Store) -> None:
    live, again = told(
        store,
        *(started(), weights(), weights(layer="prediction"), noted(1, 10), noted(1, 20, training_loss=1.5)),
        Intervention(1, 20, 1.5, InterventionKind.PAUSED),
        Intervention(1, 20, 1.5, InterventionKind.RESUMED),
        Intervention(1, 20, 1.5, InterventionKind.LEARNING_RATE, 0.5),
        *(weights(1, 26, 1), weights(1, 26, 1, "prediction"), finished(mistakes=(MISTAKE,))),
    )
    (one,), (other,) = live.runs.values(), again.runs.values()
    assert_alike(one, other)
    assert other.finished is not None
    assert one.finished is not None
    assert np.array_equal(other.finished.confusion, one.finished.confusion)
    (mistake,) = other.finished.mistakes
    assert replace(mistake, pixels=None) == replace(MISTAKE, pixels=None)
    assert np.array_equal(mistake.pixels, MISTAKE.pixels)
    assert (again.info, again.workers, again.finished) == (live.info, live.workers, live.finished)
    assert list(again.variants) == list(live.variants)
    assert again.variants["mlp_1"].style == live.variants["mlp_1"].style


@pytest.mark.parametrize(
    "events",
    [
        pytest.param([], id="not begun"),
        pytest.param([started()], id="begun"),
        pytest.param([started(), weights()], id="without a record"),
        pytest.param([started(), noted(1, 10)], id="under way"),
        pytest.param([ended(Status.FAILED, reason="No disk.")], id="failed"),
        pytest.param([started(), noted(1, 10), ended(Status.CANCELLED)], id="cancelled"),
        pytest.param([started(), noted(1, 10), Intervention(1, 10, 1.0, InterventionKind.PAUSED)], id="held"),
    ],
)
def test_a_run_comes_back_however_far_it_came(store: Store, events: list[Event]) -> None:
    live, again = told(store, *events)
    assert_alike(live.runs[1], again.runs[1])


def test_means_over_runs_of_different_length_are_the_same(store: Store) -> None:
    live, again = told(
        store,
        *(started(1), noted(1, 10, gradient_norms=(1.0, 2.0)), noted(1, 20, gradient_norms=(3.0, 4.0))),
        *(started(2), noted(2, 10, gradient_norms=(5.0, 6.0))),
        repeats=3,
    )
    one, other = live.variants["mlp_1"], again.variants["mlp_1"]
    for quantity in QUANTITIES:
        for here, there in zip(one.mean(quantity), other.mean(quantity), strict=True):
            np.testing.assert_array_equal(here, there)
    for quantity in (*LAYER_FIELDS, *ACTIVATION_FIELDS):
        (names, steps, values), (other_names, other_steps, other_values) = (
            each.mean_layers(quantity) for each in (one, other)
        )
        assert names == other_names
        np.testing.assert_array_equal(steps, other_steps)
        np.testing.assert_array_equal(values, other_values)


ANY_RECORD = st.builds(
    dict,
    training_loss=NUMBERS,
    training_accuracy=st.floats(0, 1),
    validation_loss=NUMBERS,
    gradient_norms=st.tuples(NUMBERS, NUMBERS),
    update_ratios=st.tuples(NUMBERS, NUMBERS),
    dead_units=st.tuples(COUNTS),
    activation_means=st.tuples(NUMBERS),
    activation_deviations=st.tuples(NUMBERS),
)


@given(st.lists(ANY_RECORD, max_size=8))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
def test_whatever_was_measured_comes_back(store: Store, numbers: list[dict[str, Any]]) -> None:
    """Infinity is restored as NaN: both are drawn as a gap."""
    records = [noted(1, 10 * n, **changes) for n, changes in enumerate(numbers, 1)]
    live, again = told(store, started(), *records)
    (one,), (other,) = live.runs.values(), again.runs.values()
    for name in QUANTITIES:
        np.testing.assert_allclose(other.curves[name], _gaps(one.curves[name]), rtol=1e-6, err_msg=name)
    for name in (*LAYER_FIELDS, *ACTIVATION_FIELDS):
        for here, there in zip(one.layer_curves[name], other.layer_curves[name], strict=True):
            np.testing.assert_array_equal(there, _gaps(here), err_msg=name)
    if records:
        assert (other.last is not None) and other.last.step == records[-1].step


def _gaps(values: Any) -> Any:
    plain = np.array(values, float)
    return np.where(np.isfinite(plain), plain, math.nan)


def test_window_and_report_find_the_same_in_a_run_live_and_stored(store: Store) -> None:
    """A rate set by hand after which validation worsens, and a test in which all are taken for one class."""
    losses = [*(2.2 * math.exp(-number / 8) + 0.1 for number in range(40)), *[0.6] * 40]
    records = [
        noted(1, 10 * number, training_loss=loss / 2, validation_loss=loss) for number, loss in enumerate(losses, 1)
    ]
    by_hand = Intervention(1, 400, 1.0, InterventionKind.LEARNING_RATE, 0.5)
    confusion = np.zeros((10, 10), np.int64)
    confusion[:, 3] = 36
    live, again = told(store, started(1), *records[:40], by_hand, *records[40:], finished(1, confusion=confusion))
    (number,) = live.runs
    found = [diagnose(observed_curves(one.runs[number]), INFO) for one in (live, again)]
    result = load_results(store, live.experiment or 0)
    found.append([each.finding for each in curve_findings(store, result, store.runs(live.experiment or 0))])
    assert found[0] == found[1] == found[2]
    assert [finding.kind for finding in found[0]] == [FindingKind.ONE_CLASS, FindingKind.RATE_BY_HAND]

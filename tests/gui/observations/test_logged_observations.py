"""Observations of logged runs: gaps, further numbers, runs recorded at different steps, contents that are replaced."""

from __future__ import annotations

import math
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.events.runs import RunRestored, Status
from engine.storage.store import Store
from engine.workspace.replay import experiment_events
from gui.observations.experiment import Observations
from gui.observations.run import UPDATE_RATIO, metric_quantity
from gui.observations.stored import Stored, read_experiment
from tests.logged import LAYERS, logged_record, logged_spec, loss_of, observed, store_logged

PERPLEXITY = metric_quantity("perplexity")


@pytest.fixture
def stored(workspace: Path) -> Observations:
    (*_, found) = read_experiment(store_logged(workspace))(workspace)
    assert isinstance(found, Stored)
    return found.observations


def restored(store: Store, experiment: int) -> dict[int, RunRestored]:
    return {each.run: each for each in experiment_events(store, experiment) if isinstance(each, RunRestored)}


def test_a_logged_run_comes_back_as_it_was_seen(stored: Observations) -> None:
    for live, again in zip(observed().runs.values(), stored.runs.values(), strict=True):
        assert live.curves.keys() == again.curves.keys()
        for name, curve in live.curves.items():
            np.testing.assert_allclose(again.curves[name], np.array(curve), rtol=1e-6, err_msg=name)
        for name, curves in live.layer_curves.items():
            np.testing.assert_array_equal(np.array(again.layer_curves[name]), np.array(curves), err_msg=name)
        assert (again.metrics, again.progress) == (("perplexity",), 1.0)
        assert again.latest("training_loss") == live.latest("training_loss")
        assert again.latest("learning_rate") is None


def test_a_mean_over_runs_of_different_steps_is_over_the_lines_through_their_points(stored: Observations) -> None:
    variant = stored.variants["net"]
    steps, mean, deviation, count = variant.mean("validation_loss")
    assert steps.tolist() == [50, 55, 100, 105, 150, 155, 200]
    first, second = 1.1 * loss_of(50, 1), 1.1 * loss_of(55, 2)
    between = first + (1.1 * loss_of(100, 1) - first) * 5 / 50
    assert mean[:2] == pytest.approx([first, (between + second) / 2])
    assert deviation[1] == pytest.approx(abs(between - second) / math.sqrt(2))
    assert count.tolist() == [1, 2, 2, 2, 2, 2, 1]


def test_runs_logged_alike_are_averaged_exactly() -> None:
    specs = [logged_spec(repeat=1), logged_spec(repeat=3)]
    observations = observed(specs, lambda run: [logged_record(run.run, 10, training_loss=run.spec.repeat)])
    steps, mean, _, _ = observations.variants["net"].mean("training_loss")
    assert (steps.tolist(), mean.tolist()) == ([10], [2.0])


def test_a_further_number_begins_with_its_first_value(stored: Observations) -> None:
    steps, _, _, _ = stored.variants["net"].mean(PERPLEXITY)
    assert steps[0] == 105
    assert np.isnan(stored.runs[1].curves[PERPLEXITY][0])
    assert len(stored.variants["net"].curve(metric_quantity("nothing")).mean) == 0


def test_layers_have_values_only_where_their_gradients_were_logged(stored: Observations) -> None:
    names, steps, values = stored.variants["net"].mean_layers("gradient_norms")
    assert (names, steps.tolist()) == (LAYERS, [100, 105, 200])
    assert np.isfinite(values).all()
    assert stored.variants["net"].mean(UPDATE_RATIO)[1] == pytest.approx(1e-3)


def test_a_mean_grows_as_if_it_were_computed_at_once() -> None:
    """Records arrive in turn; a step of one run may come between those of another."""
    whole, growing = observed(), observed(events=lambda _run: [])
    per_run = [list(zip(*(run.steps, *run.curves.values()), strict=True)) for run in whole.runs.values()]
    for records in zip(*per_run, strict=False):
        for run, (step, loss, *_) in enumerate(records, 1):
            growing.take(logged_record(run, int(step), training_loss=loss))
            growing.variants["net"].curve("training_loss")
    (rest,) = per_run[0][len(per_run[1]) :]
    growing.take(logged_record(1, int(rest[0]), training_loss=rest[1]))
    for one, other in zip(*(each.variants["net"].mean("training_loss") for each in (whole, growing)), strict=True):
        np.testing.assert_array_equal(one, other)


def test_replaced_contents_are_noticed_even_if_as_long(workspace: Path, stored: Observations) -> None:
    variant = stored.variants["net"]
    before = variant.curve("training_loss").mean.copy()
    with closing(Store(workspace)) as store:
        event = restored(store, stored.experiment or 0)[1]
    losses = event.curves["training_loss"] + 1
    stored.take(replace(event, curves=event.curves | {"training_loss": losses}))
    assert np.nanmax(variant.curve("training_loss").mean - before) == pytest.approx(
        1.0
    )  # run 1 alone at its first step


def test_a_run_that_had_finished_goes_on(workspace: Path, stored: Observations) -> None:
    with closing(Store(workspace)) as store:
        event = restored(store, stored.experiment or 0)[2]
    stored.take(replace(event, status=Status.RUNNING, finished=None))
    run = stored.runs[2]
    assert (run.status, run.finished, run.test_accuracy) == (Status.RUNNING, None, None)
    live = observed().runs[2]
    assert live.started is not None
    live.start(replace(live.started, after=100))
    assert (live.steps[-1], live.test_accuracy) == (95, None)


def test_nothing_is_known_of_epochs_that_were_not_told() -> None:
    assert math.isnan(observed().variants["net"].steps_per_epoch)
    differing = [logged_spec(repeat=1, steps_per_epoch=10), logged_spec(repeat=2, steps_per_epoch=20)]
    assert math.isnan(observed(differing).variants["net"].steps_per_epoch)
    alike = [logged_spec(repeat=1, steps_per_epoch=10), logged_spec(repeat=2, steps_per_epoch=10)]
    assert observed(alike).variants["net"].steps_per_epoch == 10


def test_logged_runs_have_no_time_left_and_are_not_resumed(stored: Observations) -> None:
    live = observed(events=lambda run: [logged_record(run.run, 10, training_loss=1.0)], total_steps=20)
    assert (live.time_left.seconds, live.time_left.of_run(1)) == (None, None)
    assert live.progress == 0.5
    assert not stored.can_resume

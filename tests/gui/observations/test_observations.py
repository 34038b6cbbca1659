"""Observations built from events."""

from __future__ import annotations

import numpy as np
import pytest

from engine.analysis.styles import Style
from engine.events.experiments import ComputationStarted, Computed, ComputedPart, ExperimentFinished, RunsAdded
from engine.events.runs import RunStarted, Status
from engine.experiments.schedule import SCHEDULE_EXPERIMENT
from gui.observations.experiment import Observations
from tests.engine.support import finished, record, started, weights
from tests.gui.support import begun, numbered, observed, started_experiment


def test_nothing_is_known_before_the_plan() -> None:
    observations = Observations()
    assert observations.progress == 0.0
    assert str(observations.time_left) == ""
    assert not observations.runs


def test_runs_are_grouped_by_variant_in_the_order_of_the_plan() -> None:
    observations = observed(architectures=["cnn_4", "mlp_1"], repeats=2)
    assert list(observations.variants) == ["cnn_4", "mlp_1"]
    assert [variant.style for variant in observations.variants.values()] == [Style(0), Style(1)]
    assert [len(variant.runs) for variant in observations.variants.values()] == [2, 2]


def test_a_mean_is_over_the_runs_that_came_so_far() -> None:
    observations = observed(
        started(1),
        record(1, 10, training_loss=2.0),
        record(1, 20, training_loss=1.0),
        started(2),
        record(2, 10, training_loss=4.0),
        repeats=2,
    )
    steps, mean, deviation, count = observations.variants["mlp_1"].mean("training_loss")
    assert steps.tolist() == [10, 20]
    assert mean.tolist() == [3.0, 1.0]
    np.testing.assert_allclose(deviation, [np.std([2.0, 4.0], ddof=1), 0.0])
    assert count.tolist() == [2, 1]


def test_a_variant_without_records_has_empty_curves() -> None:
    assert [len(part) for part in observed().variants["mlp_1"].mean("training_loss")] == [0, 0, 0, 0]


def test_the_gradient_norm_is_that_of_the_first_layer() -> None:
    observations = observed(started(), record(gradient_norms=(0.25, 7.0)))
    assert observations.variants["mlp_1"].mean("gradient_norm")[1].tolist() == [0.25]


def test_the_gradient_of_every_layer_is_a_mean_over_the_runs_that_came_so_far() -> None:
    observations = observed(
        *(started(1), record(1, 10, gradient_norms=(1.0, 10.0)), record(1, 20, gradient_norms=(2.0, 20.0))),
        *(started(2), record(2, 10, gradient_norms=(3.0, 30.0))),
        repeats=2,
    )
    layers, steps, norms = observations.variants["mlp_1"].mean_layers("gradient_norms")
    assert layers == ("dense_1", "prediction")
    assert steps.tolist() == [10, 20]
    assert norms.tolist() == [[2.0, 2.0], [20.0, 20.0]]
    layers, steps, norms = observed().variants["mlp_1"].mean_layers("gradient_norms")
    assert (layers, len(steps), norms.size) == ((), 0, 0)


def test_dead_units_are_a_share_of_those_that_an_activation_follows() -> None:
    """cnn_3 has 16 and 8 channels with an activation; its third convolution has none."""
    layers = ("conv_1", "conv_2", "conv_3", "prediction")
    values = {"gradient_norms": (1.0,) * 4, "update_ratios": (1.0,) * 4}
    observations = observed(
        RunStarted(1, started().device, {}, layers, 26, ("act_1", "act_2"), (16, 8)),
        record(1, 10, dead_units=(2, 4), **values),
        record(1, 20, **values),
        architectures=["cnn_3"],
    )
    shares = observations.variants["cnn_3"].mean("dead_fraction")[1]
    np.testing.assert_allclose(shares, [6 / 24, np.nan])


def test_runs_added_join_those_before_and_keep_what_was_seen() -> None:
    observations = begun(SCHEDULE_EXPERIMENT, repeats=1, epochs=10)
    observations.take(started(1))
    observations.take(record(1, 50))
    styles = {name: variant.style for name, variant in observations.variants.items()}
    assert (list(styles), observations.progress) == (["search_1", "adam"], pytest.approx(0.25))
    assert observations.variants["search_1"].is_probe
    search = observations.runs[1].planned.spec.replace(variant="search_2")
    observations.take(RunsAdded(numbered([search], first=3, total_steps=100)))
    assert list(observations.variants) == ["search_1", "adam", "search_2"]
    assert {name: observations.variants[name].style for name in styles} == styles
    assert observations.variants["search_2"].style not in styles.values()
    assert observations.runs[1].steps.tolist() == [50]
    assert observations.progress == pytest.approx(50 / 300)


def test_what_an_experiment_without_runs_finds_is_kept_until_the_next_begins() -> None:
    observations = observed(started(), record())
    observations.take(ComputationStarted(7, "convolution"))
    assert (observations.experiment, observations.runs, observations.variants) == (7, {}, {})
    part = ComputedPart("method", {"seconds": 1.0})
    computed = Computed({"best": "im2col"}, {}, started().device, {})
    observations.take(part)
    observations.take(computed)
    assert (observations.parts, observations.computed) == ([part], computed)
    observations.take(started_experiment())
    assert (observations.parts, observations.computed) == ([], None)


def test_settings_are_those_of_the_experiment_under_way() -> None:
    observations = begun(SCHEDULE_EXPERIMENT, target_accuracy=0.75)
    assert observations.setting("target_accuracy") == 0.75
    assert observations.setting("no_such_setting") is None


def test_progress_counts_steps_and_takes_ended_runs_as_done() -> None:
    observations = observed(started(1), record(1, 130), repeats=2)
    assert observations.progress == pytest.approx(0.25)
    observations.take(finished(1, Status.CANCELLED, test_accuracy=None))
    assert observations.progress == pytest.approx(0.5)


def test_the_newest_weights_and_results_are_kept() -> None:
    newest, last = weights(step=26, epoch=1), weights(step=26, epoch=1, layer="prediction")
    observations = observed(started(), weights(), newest, last, record(), finished(test_accuracy=0.75))
    shown = observations.variants["mlp_1"].shown
    assert shown is not None
    assert shown.layers == ("dense_1", "prediction")
    assert shown.weights["dense_1"] is newest
    assert shown.weights["prediction"] is last
    assert observations.runs[1].status is Status.FINISHED
    assert observations.runs[1].test_accuracy == 0.75


def test_weights_shown_are_those_of_one_run_and_of_the_best_in_the_end() -> None:
    observations = observed(started(1), weights(1), started(2), weights(2), repeats=2)
    variant = observations.variants["mlp_1"]
    assert variant.shown is observations.runs[1], "a second run doesn't take the first one's place"
    observations.take(finished(1, test_accuracy=0.5))
    observations.take(weights(2, step=26, epoch=1))
    assert variant.shown is observations.runs[1], "learned weights are not replaced by unfinished ones"
    observations.take(finished(2, test_accuracy=0.75))
    assert variant.shown is observations.runs[2]


def test_a_new_plan_forgets_the_old_one() -> None:
    observations = observed(started(), record(), ExperimentFinished(1, Status.FINISHED))
    assert observations.finished is not None
    observations.take(started_experiment(architectures=["cnn_3"]))
    assert list(observations.variants) == ["cnn_3"]
    assert observations.finished is None

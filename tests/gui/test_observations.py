"""What the window knows, from the events alone."""

from __future__ import annotations

import numpy as np
import pytest

from engine.events import ExperimentFinished, Status
from gui.observations import Observations
from tests.engine.support import finished, record, started, weights
from tests.gui.support import observed, started_experiment


def test_nothing_is_known_before_the_plan() -> None:
    observations = Observations()
    assert observations.progress == 0.0
    assert observations.seconds_left is None
    assert not observations.runs


def test_runs_are_grouped_by_variant_in_the_order_of_the_plan() -> None:
    observations = observed(architectures=["cnn_4", "mlp_1"], repeats=2)
    assert list(observations.variants) == ["cnn_4", "mlp_1"]
    assert [variant.position for variant in observations.variants.values()] == [0, 1]
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


def test_progress_counts_steps_and_takes_ended_runs_as_done() -> None:
    observations = observed(started(1), record(1, 130), repeats=2)
    assert observations.progress == pytest.approx(0.25)
    observations.take(finished(1, Status.CANCELLED, test_accuracy=None))
    assert observations.progress == pytest.approx(0.5)


def test_time_left_follows_the_speed_seen() -> None:
    observations = observed(started(1), record(1, 130, seconds=13.0), repeats=2)
    # 130 steps of this run and 260 of the next at 0.1 s each, one at a time.
    assert observations.seconds_left == pytest.approx(39.0)
    assert observations.run_seconds_left(observations.runs[1]) == pytest.approx(13.0)
    assert observations.run_seconds_left(observations.runs[2]) is None


def test_the_newest_weights_and_results_are_kept() -> None:
    newest = weights(step=26, epoch=1)
    observations = observed(started(), weights(), newest, record(), finished(test_accuracy=0.75))
    shown = observations.variants["mlp_1"].shown
    assert shown is not None
    assert shown.weights is newest
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


def test_time_left_is_at_least_that_of_the_longest_run() -> None:
    observations = observed(started(1), record(1, 130, seconds=13.0))
    observations.workers = 4
    assert observations.seconds_left == pytest.approx(13.0)


def test_a_new_plan_forgets_the_old_one() -> None:
    observations = observed(started(), record(), ExperimentFinished(1, Status.FINISHED))
    assert observations.finished is not None
    observations.take(started_experiment(architectures=["cnn_3"]))
    assert list(observations.variants) == ["cnn_3"]
    assert observations.finished is None

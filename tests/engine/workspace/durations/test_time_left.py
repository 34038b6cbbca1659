"""engine.workspace.durations.time_left: the time left of simulated experiments, compared with their true end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from engine.events.experiments import ExperimentFinished, ExperimentStarted
from engine.events.runs import Status
from engine.events.tasks import Progress
from engine.workspace.durations.time_left import TimeLeft
from tests.engine.support import INFO, finished, record, started
from tests.engine.workspace.durations.simulation import (
    COSTLY,
    COURSE,
    LARGE,
    MLP,
    SMALL,
    Machine,
    Moment,
    Simulation,
    follow,
)

SLOW = tuple(replace(network, slow_start=5, compilation=6) for network in COURSE)
SCENARIOS: dict[str, dict[str, Any]] = {
    "the course's networks": {"stages": [COURSE * 2]},
    "compilation and a first interval that take long": {"stages": [SLOW * 2]},
    "held twice": {"stages": [COURSE * 2], "pauses": [(10, 30), (40, 50)]},
    "stages that follow": {"stages": [(LARGE,) * 3, (LARGE,), (LARGE,) * 2]},
    "an uneven machine": {"stages": [COURSE * 2], "machine": Machine(0.4, 0.25)},
    "the costly network last": {"stages": [(MLP, SMALL, COSTLY)]},
    "many steps": {"stages": [tuple(replace(network, steps=1300) for network in COURSE) * 2]},
}


def with_range(moments: Sequence[Moment]) -> list[Moment]:
    return [moment for moment in moments if moment.shown is not None]


def is_true(moment: Moment) -> bool:
    assert moment.shown is not None
    return moment.shown.low <= moment.truth <= moment.shown.high


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_true_end_lies_in_the_range_at_nine_of_ten_moments(scenario: str, workers: int) -> None:
    """Without earlier experiments, after equal ones, and after some when the machine was slower or faster."""
    for expects in (None, 1.0, 1.4, 0.7):
        made = (Simulation(workers=workers, expects=expects, seed=seed, **SCENARIOS[scenario]) for seed in range(4))
        moments = [moment for simulation in made for moment in with_range(follow(simulation, 60))]
        assert len(moments) > 4 * 40, "shown most of the time"
        share = sum(map(is_true, moments)) / len(moments)
        assert share >= 0.9, f"expecting {expects}: {share:.0%}"


@pytest.mark.parametrize("expects", [None, 1.0])
@pytest.mark.parametrize("workers", [1, 2])
def test_successive_ranges_never_contradict_each_other(workers: int, expects: float | None) -> None:
    """The ends that two successive ranges allow overlap: no 10 minutes that are 5, and then 2."""
    for seed in range(4):
        moments = with_range(follow(Simulation([SLOW * 2], workers, expects=expects, seed=seed)))
        for before, after in pairwise(moments):
            assert before.shown is not None
            assert after.shown is not None
            passed = before.truth - after.truth
            assert before.shown.low - passed <= after.shown.high, after
            assert after.shown.low <= before.shown.high - passed, after


def test_once_a_network_is_known_its_range_is_narrow_enough_for_one_figure() -> None:
    moments = follow(Simulation([(replace(LARGE, steps=13_000),)], expects=1.0))
    texts = [moment.text for moment in moments]
    assert " to " in texts[0]
    late = texts[len(texts) // 3 : -len(texts) // 5]
    assert all(text.startswith("about ") and text.endswith(" left") for text in late), late


def test_a_pause_moves_the_end_and_not_the_time_left() -> None:
    held = Simulation([(LARGE,) * 2], expects=1.0, pauses=[(3.0, 1000.0)])
    texts = {moment.text for moment in follow(held) if 10 < moment.at < 1000}
    assert len(texts) == 1


def begun(*runs: Any, workers: int = 1) -> ExperimentStarted:
    return ExperimentStarted(1, "architectures", INFO, runs, workers)


def test_nothing_is_shown_before_the_first_record_of_the_first_experiment_and_after_the_end() -> None:
    left = TimeLeft(lambda: 0.0)
    left.take(begun(SMALL.planned(1)))
    left.take(started(1))
    assert (left.seconds, str(left), left.of_run(1)) == (None, "", None)
    left.take(record(1, 10, seconds=1.0))
    assert str(left)
    assert left.of_run(1) is not None
    left.take(finished(1))
    left.take(ExperimentFinished(1, Status.FINISHED))
    assert (str(left), left.of_run(1)) == ("", None)


def test_runs_that_end_early_have_no_time_left() -> None:
    now = 0.0
    left = TimeLeft(lambda: now)
    left.take(begun(SMALL.planned(1), SMALL.planned(2)))
    left.take(started(1))
    for count in range(1, 11):
        now = 2.0 + count
        left.take(record(1, 10 * count, seconds=float(count)))
    both = left.seconds
    left.take(finished(2, Status.SKIPPED, seconds=None, test_accuracy=None))
    now += 1.5
    one = left.seconds
    assert both is not None
    assert one is not None
    assert one.high < both.low, "one of two is left out, and 16 seconds of the other are left"
    assert one.low < 14.5 < one.high


def test_a_measurement_before_the_first_run_does_not_count_as_what_every_run_takes() -> None:
    """Which library is faster is measured for 20 seconds before the first run, whose compilation takes 2."""
    now = 0.0
    left = TimeLeft(lambda: now)
    left.take(begun(*(SMALL.planned(number) for number in range(1, 6))))
    left.take(Progress("Measuring which library computes convolutional networks faster here, once", 0, 1))
    now = 20.0
    left.take(started(1))
    for count in range(1, 4):
        now = 22.0 + count / 10
        left.take(record(1, 10 * count, seconds=count / 10))
    assert left.seconds is not None
    assert left.seconds.high < 60, "not 20 seconds before each of the other four"


def test_a_resumed_run_has_its_remaining_steps_left() -> None:
    now = 0.0
    left = TimeLeft(lambda: now)
    left.take(begun(SMALL.planned(1)))
    left.take(replace(started(1), after=200))
    for count in range(1, 4):
        now = float(count)
        left.take(record(1, 200 + 10 * count, seconds=100.0 + count))
    assert left.seconds is not None
    assert left.seconds.low < 3.0 < left.seconds.high
    assert left.seconds.high < 10.0

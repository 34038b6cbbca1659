"""engine.training.schedules: the rate of each step, compared with formulas, Keras and the change of the weights."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from keras.optimizers import schedules

from engine.config.specs import RunSpec, ScheduleSpec
from engine.datasets import PreparedData
from engine.events.runs import Record, RunFinished, RunStarted, Status, Weights
from engine.events.tasks import Event
from engine.training.schedules import OverridableRate, make_learning_rate
from engine.training.timetable import Timetable
from tests.engine.support import few, of, small_run, train_here

FIRST, LAST = 0.1, 0.001
STEP = ScheduleSpec(kind="step", rates=(0.1, 0.01, 0.001), switches=(2, 5))
EXPONENTIAL = ScheduleSpec(kind="exponential", rates=(FIRST, LAST))
COSINE = ScheduleSpec(kind="cosine", rates=(FIRST,))


def sgd(schedule: ScheduleSpec, max_steps: int | None = None, **training: Any) -> RunSpec:
    run = small_run(**({"optimizer": "sgd", "learning_rate": 0.05, "epochs": 8, "record_every": 1} | training))
    return run.replace(schedule=schedule.model_dump(), max_steps=max_steps)


def expected(schedule: ScheduleSpec, step: int, steps_per_epoch: int, steps: int) -> float:
    """The rate of step ``step`` (from 1) of ``steps``, by the formulas of ScheduleSpec."""
    match schedule.kind:
        case "step":
            epoch = (step - 1) // steps_per_epoch + 1
            return schedule.rates[sum(epoch > switch for switch in schedule.switches)]
        case "exponential":
            low, high = schedule.rates
            return low * (high / low) ** ((step - 1) / (steps - 1))
        case "cosine":
            return schedule.rates[0] * (1 + math.cos(math.pi * (step - 1) / steps)) / 2
    return 0.05


def rates_used(events: list[Event]) -> list[float]:
    """The rate of every step under plain SGD: the update norm of the first layer's weights over its gradient norm."""
    layer = of(RunStarted, events)[0].layers[0]
    kernels = [event.values.astype(float) for event in of(Weights, events) if event.layer == layer]
    norms = [record.gradient_norms[0] for record in of(Record, events)]
    moved = [float(np.linalg.norm(after - before)) for before, after in pairwise(kernels)]
    return [distance / norm for distance, norm in zip(moved, norms, strict=True)]


@pytest.mark.parametrize(
    "schedule",
    [ScheduleSpec(), STEP, *(pytest.param(each, marks=pytest.mark.long) for each in (EXPONENTIAL, COSINE))],
    ids=lambda schedule: schedule.kind,
)
def test_every_step_is_made_and_recorded_at_the_rate_of_the_formula(
    digits: PreparedData, schedule: ScheduleSpec
) -> None:
    """One batch an epoch, so that the weights are seen after every step."""
    events = train_here(sgd(schedule), few(digits, train=50))
    records = of(Record, events)
    wanted = [expected(schedule, step, 1, 8) for step in range(1, 9)]
    assert [record.learning_rate for record in records] == pytest.approx(wanted, rel=1e-5)
    assert rates_used(events) == pytest.approx(wanted, rel=1e-2)


def test_a_switch_falls_on_the_first_step_of_the_next_epoch(few_digits: PreparedData) -> None:
    records = of(Record, train_here(sgd(STEP), few_digits))  # epochs of three steps
    assert [(record.epoch, round(record.learning_rate, 7)) for record in records] == [
        (epoch, rate) for epoch, rate in enumerate([0.1] * 2 + [0.01] * 3 + [0.001] * 3, start=1) for _ in range(3)
    ]


def test_steps_are_keras_own_schedules() -> None:
    timetable = Timetable(10, 8, 10)
    step = make_learning_rate(sgd(STEP), timetable)
    assert isinstance(step, OverridableRate)
    assert isinstance(step.schedule, schedules.PiecewiseConstantDecay)
    # Keras counts from 0: step 20 is the first of the third epoch.
    assert [float(step(count)) for count in (19, 20, 49, 50)] == pytest.approx([0.1, 0.01, 0.01, 0.001])
    for schedule, kind in ((EXPONENTIAL, schedules.ExponentialDecay), (COSINE, schedules.CosineDecay)):
        rate = make_learning_rate(sgd(schedule), timetable)
        assert isinstance(rate, OverridableRate)
        assert isinstance(rate.schedule, kind)
        wanted = [expected(schedule, count + 1, 10, 80) for count in range(80)]
        assert [float(rate(count)) for count in range(80)] == pytest.approx(wanted, rel=1e-4)


@pytest.mark.parametrize(
    ("schedule", "rate"),
    [
        (ScheduleSpec(), 0.05),
        (ScheduleSpec(kind="step", rates=(0.1,)), 0.1),
        (ScheduleSpec(kind="plateau", rates=(0.2,)), 0.2),
    ],
)
def test_a_rate_that_does_not_follow_the_steps_is_a_number(schedule: ScheduleSpec, rate: float) -> None:
    assert make_learning_rate(sgd(schedule), Timetable(10, 8, 10)) == rate


def test_a_schedule_over_a_single_step_has_its_first_rate() -> None:
    for schedule in (EXPONENTIAL, COSINE):
        rate = make_learning_rate(sgd(schedule), Timetable(1, 1, 1))
        assert float(rate(0)) == pytest.approx(FIRST)


def test_a_run_ends_after_its_most_steps_and_its_schedule_reaches_its_last_rate_there(few_digits: PreparedData) -> None:
    events = train_here(sgd(EXPONENTIAL, max_steps=7), few_digits)
    records = of(Record, events)
    assert [record.step for record in records] == list(range(1, 8))
    assert (records[0].learning_rate, records[-1].learning_rate) == pytest.approx((FIRST, LAST))
    factors = [after.learning_rate / before.learning_rate for before, after in pairwise(records)]
    assert factors == pytest.approx([factors[0]] * 6, rel=1e-4)
    (end,) = of(RunFinished, events)
    assert end.status is Status.FINISHED
    assert of(Weights, events)[-1].step == 7


def lowered(accuracies: list[float], rate: float, patience: int, delta: float) -> list[float]:
    """The rate of each epoch by the rule of ScheduleSpec, from the accuracy after each."""
    rates, best, waited = [], -math.inf, 0
    for accuracy in accuracies:
        rates.append(rate)
        waited += 1
        if accuracy > best + delta:
            best, waited = accuracy, 0
        elif waited >= patience:
            rate, waited = rate / 10, 0
    return rates


@pytest.mark.parametrize("patience", [1, 3])
def test_a_plateau_of_the_accuracy_divides_the_rate_by_ten(few_digits: PreparedData, patience: int) -> None:
    schedule = ScheduleSpec(kind="plateau", rates=(0.05,), patience=patience, delta=0.02)
    records = of(Record, train_here(sgd(schedule, epochs=20), few_digits))
    by_epoch = records[2::3]  # the last of three steps each
    wanted = lowered([record.validation_accuracy for record in by_epoch], 0.05, patience, 0.02)
    assert [record.learning_rate for record in by_epoch] == pytest.approx(wanted)
    assert wanted[-1] < 0.05, "or nothing was tested"
    assert wanted[:2] == [0.05] * 2, "it rises at first"


def test_a_network_that_learns_nothing_has_its_rate_lowered_each_time_patience_ends(few_digits: PreparedData) -> None:
    schedule = ScheduleSpec(kind="plateau", rates=(1e-6,), patience=2)
    records = of(Record, train_here(sgd(schedule, epochs=7), few_digits))
    assert [record.learning_rate for record in records[::3]] == pytest.approx([1e-6] * 3 + [1e-7] * 2 + [1e-8] * 2)


def test_epochs_before_the_first_record_are_no_plateau(few_digits: PreparedData) -> None:
    """Epochs of three steps, recorded every 20: nothing was measured in the first six."""
    schedule = ScheduleSpec(kind="plateau", rates=(0.05,), patience=2)
    first, _ = of(Record, train_here(sgd(schedule, epochs=14, record_every=20), few_digits))
    assert (first.step, first.learning_rate) == (20, pytest.approx(0.05))


def test_epochs_between_two_records_are_no_plateau(few_digits: PreparedData) -> None:
    """Epochs of three steps, recorded every nine: accuracy rises from record to record, each three epochs apart."""
    schedule = ScheduleSpec(kind="plateau", rates=(0.05,), patience=2)
    first, second = of(Record, train_here(sgd(schedule, epochs=6, record_every=9), few_digits))
    assert second.validation_accuracy > first.validation_accuracy + schedule.delta
    assert second.learning_rate == pytest.approx(0.05)

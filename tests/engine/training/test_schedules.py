"""engine.training.schedules: the rate of each step, compared with formulas, Keras and the change of the weights."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from keras.optimizers import schedules

from engine.config.rate_schedule import ScheduleSpec
from engine.config.specs import RunSpec
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
RESTARTS = ScheduleSpec(kind="cosine-restarts", rates=(FIRST,), period=1)
ONE_CYCLE = ScheduleSpec(kind="one-cycle", rates=(FIRST,))


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
        case "cosine-restarts":
            start, length = 0, schedule.period * steps_per_epoch
            while step - 1 >= start + length:
                start, length = start + length, 2 * length
            return schedule.rates[0] * (1 + math.cos(math.pi * (step - 1 - start) / length)) / 2
        case "one-cycle":
            return one_cycle(schedule.rates[0], step - 1, steps)
    return 0.05


def one_cycle(largest: float, step: int, steps: int) -> float:
    """A 25th of the largest rate, the largest after 30 % of the steps, at the last one 1/10,000 of the first."""
    peak = 0.3 * steps - 1
    if step <= peak:
        start, end, part = largest / 25, largest, step / peak
    else:
        start, end, part = largest, largest / 25 / 1e4, (step - peak) / (steps - 1 - peak)
    return end + (start - end) * (1 + math.cos(math.pi * part)) / 2


def rates_used(events: list[Event]) -> list[float]:
    """The rate of every step under plain SGD: the update norm of the first layer's weights over its gradient norm."""
    layer = of(RunStarted, events)[0].layers[0]
    kernels = [event.values.astype(float) for event in of(Weights, events) if event.layer == layer]
    norms = [record.gradient_norms[0] for record in of(Record, events)]
    moved = [float(np.linalg.norm(after - before)) for before, after in pairwise(kernels)]
    return [distance / norm for distance, norm in zip(moved, norms, strict=True)]


@pytest.mark.parametrize(
    "schedule",
    [
        *(ScheduleSpec(), STEP),
        *(pytest.param(each, marks=pytest.mark.long) for each in (EXPONENTIAL, COSINE, RESTARTS, ONE_CYCLE)),
    ],
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
    # The last rate of a cycle moves the weights by less than their rounding.
    assert rates_used(events) == pytest.approx(wanted, rel=1e-2, abs=1e-4 * FIRST)


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
    keras_own = {
        **{EXPONENTIAL: schedules.ExponentialDecay, COSINE: schedules.CosineDecay},
        RESTARTS: schedules.CosineDecayRestarts,
    }
    for schedule, kind in keras_own.items():
        rate = make_learning_rate(sgd(schedule), timetable)
        assert isinstance(rate, OverridableRate)
        assert isinstance(rate.schedule, kind)
        wanted = [expected(schedule, count + 1, 10, 80) for count in range(80)]
        assert [float(rate(count)) for count in range(80)] == pytest.approx(wanted, rel=1e-4, abs=1e-8)


# lr of torch.optim.lr_scheduler.OneCycleLR(SGD, max_lr=0.1, total_steps=n, cycle_momentum=False), PyTorch 2.13.0.
OF_PYTORCH = {
    1: [4e-07],
    2: [0.081174565, 4e-07],
    3: [0.099441544, 0.04626371, 4e-07],
    10: [
        *(0.004, 0.052, 0.1, 0.095048463, 0.081174565, 0.061126202, 0.038874198, 0.018825835, 0.0049519368),
        4e-07,
    ],
    13: [
        *(0.004, 0.029516395, 0.078936979, 0.099970207, 0.096437826, 0.087425588, 0.073996978, 0.057736636),
        *(0.040563358, 0.024503672, 0.011452695, 0.0029505054, 4e-07),
    ],
}


@pytest.mark.parametrize("steps", OF_PYTORCH)
def test_one_cycle_has_the_rates_of_pytorch(steps: int) -> None:
    run = sgd(ScheduleSpec(), rate_over_time="one-cycle", learning_rate=FIRST)
    rate = make_learning_rate(run, Timetable(steps, 1, 10))
    assert [float(rate(count)) for count in range(steps)] == pytest.approx(OF_PYTORCH[steps], rel=1e-6, abs=1e-8)


WARM_UPS = (0.1, 0.5, 2, 7.9, 8, 100)  # epochs of a training of 8


@pytest.mark.parametrize("kind", ["constant", "cosine", "cosine-restarts", "one-cycle"])
def test_a_warm_up_precedes_each_schedule_which_takes_the_other_steps(kind: str) -> None:
    timetable = Timetable(10, 8, 10)
    schedule = ScheduleSpec(kind=kind, rates=(0.05,), period=2)
    for epochs in WARM_UPS:
        run = sgd(ScheduleSpec(), warm_up=epochs, rate_over_time=kind)
        run = run.replace(training=run.training.replace(restart_period=2 if kind == "cosine-restarts" else 5))
        rate, steps = make_learning_rate(run, timetable), round(10 * epochs)
        first = expected(schedule, 1, 10, max(80 - steps, 1))
        wanted = [
            first * count / steps if count < steps else expected(schedule, count - steps + 1, 10, 80 - steps)
            for count in range(80)
        ]
        assert np.asarray(rate(np.arange(80))) == pytest.approx(wanted, rel=1e-4, abs=1e-8)
    keras_own = schedules.CosineDecay(0.0, 60, warmup_target=0.05, warmup_steps=20)
    if kind == "cosine":
        rate = make_learning_rate(sgd(ScheduleSpec(), warm_up=2, rate_over_time=kind), timetable)
        assert [float(rate(count)) for count in range(80)] == [float(keras_own(count)) for count in range(80)]


def test_a_warm_up_precedes_the_schedules_of_the_experiment_whose_switches_stay_at_their_epochs() -> None:
    timetable = Timetable(10, 8, 10)
    step, exponential = (make_learning_rate(sgd(each, warm_up=1), timetable) for each in (STEP, EXPONENTIAL))
    assert [float(step(count)) for count in (0, 5, 10, 19, 20, 49, 50)] == pytest.approx(
        [0, 0.05, 0.1, 0.1, 0.01, 0.01, 0.001]
    )
    assert [float(exponential(count)) for count in (0, 5, 10, 79)] == pytest.approx([0, FIRST / 2, FIRST, LAST])


def test_a_schedule_of_the_experiment_replaces_that_of_the_training() -> None:
    run = sgd(COSINE, rate_over_time="one-cycle")
    assert run.effective_schedule == COSINE
    own = run.replace(schedule={}).effective_schedule
    assert (own.kind, own.rates) == ("one-cycle", (0.05,))


def test_a_warm_up_is_made_and_recorded_at_its_rates(digits: PreparedData) -> None:
    """One batch an epoch; the first step leaves the weights as they were."""
    events = train_here(sgd(ScheduleSpec(), warm_up=4), few(digits, train=50))
    wanted = [0, 0.0125, 0.025, 0.0375, 0.05, 0.05, 0.05, 0.05]
    assert [record.learning_rate for record in of(Record, events)] == pytest.approx(wanted)
    assert rates_used(events) == pytest.approx(wanted, rel=1e-2)


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
    for schedule in (EXPONENTIAL, COSINE, RESTARTS):
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


@pytest.mark.long
def test_a_plateau_is_not_looked_for_in_the_warm_up(few_digits: PreparedData) -> None:
    """It learns nothing in either; the rate is lowered two epochs after the first that counts."""
    schedule = ScheduleSpec(kind="plateau", rates=(1e-6,), patience=2)
    records = of(Record, train_here(sgd(schedule, epochs=8, warm_up=3), few_digits))
    assert [record.learning_rate for record in records[2::3]] == pytest.approx(
        [1e-6 * 2 / 9, 1e-6 * 5 / 9, 1e-6 * 8 / 9, *[1e-6] * 3, *[1e-7] * 2]
    )


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

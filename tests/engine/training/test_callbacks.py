"""engine.training.callbacks, each on a fake model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from engine.events.commands import Command, Control, SetLearningRate, SkipRun
from engine.events.runs import Intervention, Record
from engine.training.callbacks.commands import HandleCommands, StopOnDivergence
from engine.training.callbacks.recorder import Recorder
from engine.training.callbacks.shuffle import ShuffleOrder
from engine.training.evaluation import Evaluation
from engine.training.model import Measurement
from engine.training.timetable import Segment, Timetable


@dataclass
class FakeModel:
    """The part of a model that callbacks use."""

    timetable: Timetable = field(default_factory=lambda: Timetable(6, 4, 10))
    measurement: Measurement | None = None
    stop_training: bool = False
    orders: list[tuple[int, np.ndarray]] = field(default_factory=list)

    def begin_epoch(self, epoch: int, order: np.ndarray) -> None:
        self.orders.append((epoch, order))

    rates: list[float] = field(default_factory=list)
    steps: int = 0

    @property
    def optimizer(self) -> Any:
        return SimpleNamespace(iterations=SimpleNamespace(numpy=lambda: self.steps))

    def set_learning_rate(self, rate: float) -> None:
        self.rates.append(rate)

    def learning_rate_at(self, step: int) -> float:
        return 1 / step


def orders(seed: int, epochs: list[int]) -> list[np.ndarray]:
    model, callback = FakeModel(), ShuffleOrder(seed, 100)
    callback.set_model(model)
    for epoch in epochs:
        callback.on_epoch_begin(epoch)
    assert [epoch for epoch, _ in model.orders] == epochs
    return [order for _, order in model.orders]


def test_every_epoch_visits_every_image_once_in_an_order_of_its_own() -> None:
    first, second = orders(3, [0, 1])
    assert sorted(first) == sorted(second) == list(range(100))
    assert first.dtype == np.int32
    assert not np.array_equal(first, second)
    assert not np.array_equal(first, np.arange(100))


def test_the_order_of_an_epoch_depends_on_seed_and_epoch_alone() -> None:
    assert np.array_equal(orders(3, [0, 1, 2])[2], orders(3, [2])[0])
    assert not np.array_equal(orders(3, [2])[0], orders(4, [2])[0])


class RecorderHarness:
    """A recorder on a fake model with given measurements."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.now = 100.0
        self.recorder = Recorder(7, self.records.append, clock=lambda: self.now)
        self.model = FakeModel()
        self.recorder.set_model(self.model)
        self.recorder.on_train_begin()

    def feed(self, start: int, steps: int, record: bool, loss: float = 1.0) -> None:
        segment = Segment(start, steps, record)
        found = Evaluation(0.5, 0.75, (3, 4), (0.25, 0.5), (1.0, 2.0)) if record else None
        self.model.measurement = Measurement(segment, loss * steps, 0.5 * steps, (float(start), 2.0), (0.1, 0.2), found)
        self.recorder.on_train_batch_end(0)


def test_a_record_averages_all_steps_since_the_last_one_across_the_end_of_an_epoch() -> None:
    harness = RecorderHarness()
    harness.feed(0, 6, record=False, loss=1.0)
    assert harness.records == []
    harness.now = 102.5
    harness.feed(6, 4, record=True, loss=2.0)
    (record,) = harness.records
    assert (record.run, record.step, record.epoch, record.seconds) == (7, 10, 2, 2.5)
    assert record.training_loss == pytest.approx((6 * 1.0 + 4 * 2.0) / 10)
    assert record.training_accuracy == pytest.approx(0.5)
    assert (record.validation_loss, record.validation_accuracy) == (0.5, 0.75)
    assert (record.gradient_norms, record.update_ratios) == ((6.0, 2.0), (0.1, 0.2))
    assert record.learning_rate == 0.1, "the rate of step 10"
    assert record.dead_units == (3, 4)


def test_a_record_forgets_the_steps_of_the_record_before() -> None:
    harness = RecorderHarness()
    harness.feed(0, 10, record=True, loss=4.0)
    harness.feed(10, 10, record=True, loss=2.0)
    assert [record.training_loss for record in harness.records] == [4.0, 2.0]


def test_a_call_that_trained_nothing_is_not_recorded_twice() -> None:
    harness = RecorderHarness()
    harness.feed(0, 10, record=True)
    harness.model.measurement = None
    harness.recorder.on_train_batch_end(1)
    assert len(harness.records) == 1


@pytest.mark.parametrize(("step", "epoch"), [(6, 1), (7, 2), (12, 2), (24, 4)])
def test_the_last_step_of_an_epoch_belongs_to_it(step: int, epoch: int) -> None:
    harness = RecorderHarness()
    harness.feed(step - 1, 1, record=True)
    assert harness.records[0].epoch == epoch


class ScriptedPoll:
    """A poll that returns the commands ``now``, and those ``then`` when it waits."""

    def __init__(self, now: list[Command | None], then: list[Command] | None = None) -> None:
        self.now, self.then = now, then or []
        self.waits = 0

    def __call__(self, *, wait: bool = False) -> Command | None:
        if wait:
            self.waits += 1
            return self.then.pop(0)
        return self.now.pop(0) if self.now else None


@dataclass
class CommandHarness:
    """The callback on a fake model that is recorded every tenth step."""

    poll: ScriptedPoll
    events: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.harness = RecorderHarness()
        self.callback = HandleCommands(7, self.harness.recorder, self.poll, self.events.append)
        self.callback.set_model(self.harness.model)

    def train(self, intervals: int) -> Iterator[int]:
        """Train ``intervals`` recording intervals unless it ends before; yields the step after each."""
        for number in range(intervals):
            if not self.harness.model.stop_training:
                self.harness.feed(10 * number, 10, record=True)
                self.harness.model.steps = 10 * number + 10
                self.callback.on_train_batch_end(number)
                yield self.harness.model.steps

    @property
    def interventions(self) -> list[tuple[int, str]]:
        return [(event.step, event.label) for event in self.events if isinstance(event, Intervention)]


@pytest.mark.parametrize("command", [Control.STOP, Control.CANCEL, SkipRun(7)])
def test_what_ends_a_training_is_remembered(command: Command) -> None:
    commands = CommandHarness(ScriptedPoll([None, command]))
    assert list(commands.train(3)) == [10, 20]
    assert commands.callback.received == command
    assert commands.events == []


def test_a_pause_holds_it_until_it_may_go_on_and_its_clock_stands_still() -> None:
    poll = ScriptedPoll([Control.PAUSE], [Control.RESUME])
    commands = CommandHarness(poll)
    assert list(commands.train(3)) == [10, 20, 30]
    assert poll.waits == 1
    assert commands.interventions == [(10, "paused"), (10, "resumed")]
    assert commands.callback.received is None


def test_the_clock_stands_still_while_it_is_held() -> None:
    harness = RecorderHarness()
    harness.now += 2
    harness.recorder.pause_clock()
    harness.now += 1000
    assert harness.recorder.seconds == 2
    harness.recorder.resume_clock()
    harness.now += 3
    assert harness.recorder.seconds == 5


def test_a_step_trains_up_to_the_next_record_and_holds_again() -> None:
    commands = CommandHarness(ScriptedPoll([Control.PAUSE], [Control.STEP, Control.STEP, Control.RESUME]))
    assert list(commands.train(4)) == [10, 20, 30, 40]
    paused = [step for step, label in commands.interventions if label == "paused"]
    resumed = [step for step, label in commands.interventions if label == "resumed"]
    assert (paused, resumed) == ([10, 20, 30], [10, 20, 30])


def test_a_step_of_a_training_that_is_not_held_holds_nothing() -> None:
    commands = CommandHarness(ScriptedPoll([Control.STEP]))
    assert list(commands.train(3)) == [10, 20, 30]
    assert commands.interventions == []


def test_a_held_training_can_be_ended() -> None:
    commands = CommandHarness(ScriptedPoll([Control.PAUSE], [Control.CANCEL]))
    assert list(commands.train(3)) == [10]
    assert commands.callback.received is Control.CANCEL
    assert commands.interventions == [(10, "paused"), (10, "resumed")]


def test_a_new_rate_is_set_and_noted_even_while_held() -> None:
    commands = CommandHarness(
        ScriptedPoll([SetLearningRate(0.5), Control.PAUSE], [SetLearningRate(0.25), Control.RESUME])
    )
    assert list(commands.train(2)) == [10, 20]
    assert commands.harness.model.rates == [0.5, 0.25]
    assert commands.interventions == [(10, "rate 0.5"), (10, "paused"), (10, "rate 0.25"), (10, "resumed")]


@pytest.mark.parametrize(("loss", "stops"), [(1.0, False), (float("nan"), True), (float("inf"), True)])
def test_a_loss_that_is_not_finite_ends_training(loss: float, stops: bool) -> None:
    harness = RecorderHarness()
    callback = StopOnDivergence(harness.recorder)
    callback.set_model(harness.model)
    callback.on_train_batch_end(0)
    assert not harness.model.stop_training
    harness.feed(0, 10, record=True, loss=loss)
    callback.on_train_batch_end(0)
    assert harness.model.stop_training is stops

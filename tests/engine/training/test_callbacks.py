"""engine.training.callbacks, each on a model that only says what it is told to."""

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
    """What callbacks see of a model."""

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


class Fed:
    """A recorder that is fed measurements."""

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
    fed = Fed()
    fed.feed(0, 6, record=False, loss=1.0)
    assert fed.records == []
    fed.now = 102.5
    fed.feed(6, 4, record=True, loss=2.0)
    (record,) = fed.records
    assert (record.run, record.step, record.epoch, record.seconds) == (7, 10, 2, 2.5)
    assert record.training_loss == pytest.approx((6 * 1.0 + 4 * 2.0) / 10)
    assert record.training_accuracy == pytest.approx(0.5)
    assert (record.validation_loss, record.validation_accuracy) == (0.5, 0.75)
    assert (record.gradient_norms, record.update_ratios) == ((6.0, 2.0), (0.1, 0.2))
    assert record.learning_rate == 0.1, "the rate of step 10"
    assert record.dead_units == (3, 4)


def test_a_record_forgets_the_steps_of_the_record_before() -> None:
    fed = Fed()
    fed.feed(0, 10, record=True, loss=4.0)
    fed.feed(10, 10, record=True, loss=2.0)
    assert [record.training_loss for record in fed.records] == [4.0, 2.0]


def test_a_call_that_trained_nothing_is_not_recorded_twice() -> None:
    fed = Fed()
    fed.feed(0, 10, record=True)
    fed.model.measurement = None
    fed.recorder.on_train_batch_end(1)
    assert len(fed.records) == 1


@pytest.mark.parametrize(("step", "epoch"), [(6, 1), (7, 2), (12, 2), (24, 4)])
def test_the_last_step_of_an_epoch_belongs_to_it(step: int, epoch: int) -> None:
    fed = Fed()
    fed.feed(step - 1, 1, record=True)
    assert fed.records[0].epoch == epoch


class Asked:
    """Commands in the order they were given; ``now`` are there already, ``then`` come when someone waits for them."""

    def __init__(self, now: list[Command | None], then: list[Command] | None = None) -> None:
        self.now, self.then = now, then or []
        self.waits = 0

    def __call__(self, *, wait: bool = False) -> Command | None:
        if wait:
            self.waits += 1
            return self.then.pop(0)
        return self.now.pop(0) if self.now else None


@dataclass
class Obeying:
    """The callback on a model that is fed a record at every tenth step."""

    asked: Asked
    events: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.fed = Fed()
        self.callback = HandleCommands(7, self.fed.recorder, self.asked, self.events.append)
        self.callback.set_model(self.fed.model)

    def train(self, intervals: int) -> Iterator[int]:
        """Trains so many recording intervals, unless it is ended before; gives the step after each."""
        for number in range(intervals):
            if not self.fed.model.stop_training:
                self.fed.feed(10 * number, 10, record=True)
                self.fed.model.steps = 10 * number + 10
                self.callback.on_train_batch_end(number)
                yield self.fed.model.steps

    @property
    def noted(self) -> list[tuple[int, str]]:
        return [(event.step, event.label) for event in self.events if isinstance(event, Intervention)]


@pytest.mark.parametrize("command", [Control.STOP, Control.CANCEL, SkipRun(7)])
def test_what_ends_a_training_is_remembered(command: Command) -> None:
    obeying = Obeying(Asked([None, command]))
    assert list(obeying.train(3)) == [10, 20]
    assert obeying.callback.received == command
    assert obeying.events == []


def test_a_pause_holds_it_until_it_may_go_on_and_its_clock_stands_still() -> None:
    asked = Asked([Control.PAUSE], [Control.RESUME])
    obeying = Obeying(asked)
    assert list(obeying.train(3)) == [10, 20, 30]
    assert asked.waits == 1
    assert obeying.noted == [(10, "paused"), (10, "resumed")]
    assert obeying.callback.received is None


def test_the_clock_stands_still_while_it_is_held() -> None:
    fed = Fed()
    fed.now += 2
    fed.recorder.pause_clock()
    fed.now += 1000
    assert fed.recorder.seconds == 2
    fed.recorder.resume_clock()
    fed.now += 3
    assert fed.recorder.seconds == 5


def test_a_step_trains_up_to_the_next_record_and_holds_again() -> None:
    obeying = Obeying(Asked([Control.PAUSE], [Control.STEP, Control.STEP, Control.RESUME]))
    assert list(obeying.train(4)) == [10, 20, 30, 40]
    paused = [step for step, label in obeying.noted if label == "paused"]
    resumed = [step for step, label in obeying.noted if label == "resumed"]
    assert (paused, resumed) == ([10, 20, 30], [10, 20, 30])


def test_a_step_of_a_training_that_is_not_held_holds_nothing() -> None:
    obeying = Obeying(Asked([Control.STEP]))
    assert list(obeying.train(3)) == [10, 20, 30]
    assert obeying.noted == []


def test_a_held_training_can_be_ended() -> None:
    obeying = Obeying(Asked([Control.PAUSE], [Control.CANCEL]))
    assert list(obeying.train(3)) == [10]
    assert obeying.callback.received is Control.CANCEL
    assert obeying.noted == [(10, "paused"), (10, "resumed")]


def test_a_new_rate_is_set_and_noted_even_while_held() -> None:
    obeying = Obeying(Asked([SetLearningRate(0.5), Control.PAUSE], [SetLearningRate(0.25), Control.RESUME]))
    assert list(obeying.train(2)) == [10, 20]
    assert obeying.fed.model.rates == [0.5, 0.25]
    assert obeying.noted == [(10, "rate 0.5"), (10, "paused"), (10, "rate 0.25"), (10, "resumed")]


@pytest.mark.parametrize(("loss", "stops"), [(1.0, False), (float("nan"), True), (float("inf"), True)])
def test_a_loss_that_is_not_finite_ends_training(loss: float, stops: bool) -> None:
    fed = Fed()
    callback = StopOnDivergence(fed.recorder)
    callback.set_model(fed.model)
    callback.on_train_batch_end(0)
    assert not fed.model.stop_training
    fed.feed(0, 10, record=True, loss=loss)
    callback.on_train_batch_end(0)
    assert fed.model.stop_training is stops

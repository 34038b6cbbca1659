"""engine.training.callbacks, each on a model that only says what it is told to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from engine.events import Control, Record
from engine.training.callbacks.controls import ObeyControls, StopOnDivergence
from engine.training.callbacks.order import ShuffleOrder
from engine.training.callbacks.recorder import Recorder
from engine.training.intervals import Piece, Timetable
from engine.training.model import Measurement


@dataclass
class FakeModel:
    """What callbacks see of a model."""

    timetable: Timetable = field(default_factory=lambda: Timetable(6, 4, 10))
    measurement: Measurement | None = None
    stop_training: bool = False
    orders: list[tuple[int, np.ndarray]] = field(default_factory=list)

    def begin_epoch(self, epoch: int, order: np.ndarray) -> None:
        self.orders.append((epoch, order))

    def measure(self, _images: Any, _labels: Any) -> tuple[float, float, tuple[int, ...]]:
        return 0.5, 0.75, (3, 4)

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
        images = np.zeros((1, 2, 2, 1), np.float32)
        self.recorder = Recorder(7, images, np.zeros(1, np.int32), self.records.append, clock=lambda: self.now)
        self.model = FakeModel()
        self.recorder.set_model(self.model)
        self.recorder.on_train_begin()

    def feed(self, start: int, steps: int, record: bool, loss: float = 1.0) -> None:
        piece = Piece(start, steps, record)
        self.model.measurement = Measurement(piece, loss * steps, 0.5 * steps, (float(start), 2.0), (0.1, 0.2))
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


@pytest.mark.parametrize("control", Control)
def test_a_control_ends_training_and_is_remembered(control: Control) -> None:
    model, waiting = FakeModel(), [None, control]
    callback = ObeyControls(lambda: waiting.pop(0))
    callback.set_model(model)
    callback.on_train_batch_end(0)
    assert (model.stop_training, callback.received) == (False, None)
    callback.on_train_batch_end(1)
    assert (model.stop_training, callback.received) == (True, control)


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

"""engine.training.trainer: one run from its first step to its test."""

from __future__ import annotations

import gc
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from tensorflow.python.framework.func_graph import FuncGraph

from engine.config.specs import RunSpec
from engine.datasets import PreparedData
from engine.events.commands import Control
from engine.events.runs import Record, RunFinished, RunStarted, Status, Weights
from engine.events.tasks import Event
from engine.training.callbacks.weights import to_pytorch_layout
from engine.training.trainer import library_versions
from tests.engine.support import of, small_run, timeless, train_here


class AfterRecords:
    """A poll that returns ``control`` once, after ``count`` records."""

    def __init__(self, control: Control, count: int = 1) -> None:
        self._controls, self._count = [control], count

    def see(self, event: Event) -> None:
        self._count -= isinstance(event, Record)

    def poll(self) -> Control | None:
        return self._controls.pop() if self._controls and self._count <= 0 else None


def interrupted(run: RunSpec, data: PreparedData, control: Control, count: int, model_file: Path) -> list[Event]:
    asked = AfterRecords(control, count)
    return train_here(run, data, asked.poll, model_file, asked.see)


@pytest.fixture(scope="module")
def ordinary(digits: PreparedData) -> list[Event]:
    """All events of mlp_1 on all digits: five epochs of 26 steps."""
    return train_here(small_run(epochs=5), digits)


@pytest.fixture(scope="module")
def short(few_digits: PreparedData) -> list[Event]:
    """All events of two epochs of three steps."""
    return train_here(small_run(epochs=2), few_digits)


@pytest.fixture(scope="module")
def seeded(few_digits: PreparedData) -> list[Event]:
    """The same where the seed is 5."""
    return train_here(small_run(epochs=2, seed=5), few_digits)


def test_a_run_starts_records_and_finishes_in_this_order(ordinary: list[Event]) -> None:
    kinds = [type(event).__name__ for event in ordinary]
    weights = ["Weights"] * 2  # one a layer
    records = (["Record"] * count for count in (2, 3, 2, 3, 3))
    epochs = [name for each in records for name in (*each, *weights, "Checkpoint")]
    assert kinds == ["RunStarted", *weights, *epochs, "RunFinished"]


def test_the_start_names_device_versions_layers_and_steps(ordinary: list[Event]) -> None:
    (event,) = of(RunStarted, ordinary)
    assert event.device.kind in ("CPU", "GPU")
    assert event.device.threads == 1
    assert event.versions.keys() == {"trainscope", "tensorflow", "keras", "numpy", "scikit-learn"}
    assert event.versions == library_versions()
    assert event.layers == ("dense_1", "prediction")
    assert event.steps_per_epoch == 26


def test_records_fall_on_every_tenth_step_of_the_run_and_name_its_epoch(ordinary: list[Event]) -> None:
    records = of(Record, ordinary)
    assert len(records) == 13
    assert [(record.step, record.epoch) for record in records[:7]] == [
        (10, 1), (20, 1), (30, 2), (40, 2), (50, 2), (60, 3), (70, 3),
    ]  # fmt: skip
    assert all(len(record.gradient_norms) == len(record.update_ratios) == 2 for record in records)
    assert all(record.learning_rate == pytest.approx(0.001) for record in records)
    assert [record.seconds for record in records] == sorted(record.seconds for record in records)


def test_a_run_too_short_for_the_interval_is_recorded_at_every_step(short: list[Event]) -> None:
    records = of(Record, short)
    assert [(record.step, record.epoch) for record in records] == [(1, 1), (2, 1), (3, 1), (4, 2), (5, 2), (6, 2)]


def test_weights_come_before_training_and_after_every_epoch(few_digits: PreparedData) -> None:
    snapshots = of(Weights, train_here(small_run(architectures=["cnn_3"], epochs=2), few_digits))
    layers = {
        "conv_1": ((32, 32, 1), (16, 1, 3, 3)),
        "conv_2": ((30, 30, 16), (8, 16, 5, 5)),
        "conv_3": ((13, 13, 8), (16, 8, 7, 7)),
        "prediction": ((3, 3, 16), (10, 144)),
    }
    assert [(item.step, item.epoch, item.layer) for item in snapshots] == [
        (step, epoch, layer) for step, epoch in ((0, 0), (3, 1), (6, 2)) for layer in layers
    ]
    assert all((item.input_shape, item.values.shape) == layers[item.layer] for item in snapshots)
    assert all(item.values.dtype == np.float32 for item in snapshots)
    before, after = snapshots[:4], snapshots[4:8]
    assert not any(np.array_equal(a.values, b.values) for a, b in zip(before, after, strict=True))


@pytest.mark.long
def test_the_same_seed_gives_the_same_bits(few_digits: PreparedData) -> None:
    run = small_run(architectures=["cnn_4"], epochs=4, seed=5)
    first, second = train_here(run, few_digits), train_here(run, few_digits)
    assert timeless(first) == timeless(second)


@pytest.mark.long
def test_the_same_seed_gives_the_same_bits_whatever_was_trained_before(
    few_digits: PreparedData, seeded: list[Event]
) -> None:
    keras.utils.set_random_seed(9)
    train_here(small_run(architectures=["cnn_3"], seed=6), few_digits)
    assert timeless(train_here(small_run(epochs=2, seed=5), few_digits)) == timeless(seeded)


def test_another_seed_gives_other_numbers(short: list[Event], seeded: list[Event]) -> None:
    for one, other in zip(of(Record, short), of(Record, seeded), strict=True):
        assert one.training_loss != other.training_loss


@pytest.mark.long
def test_images_in_colour_are_trained_on_too(few_digits: PreparedData) -> None:
    def colour(images: np.ndarray) -> np.ndarray:
        return np.concatenate([images, -images, images / 2], axis=-1)

    data = replace(
        few_digits,
        info=replace(few_digits.info, shape=(32, 32, 3)),
        x_train=colour(few_digits.x_train),
        x_validation=colour(few_digits.x_validation),
        x_test=colour(few_digits.x_test),
    )
    for architecture, shape in (("cnn_3", (16, 3, 3, 3)), ("mlp_1", (32, 3072))):
        events = train_here(small_run(architectures=[architecture], grayscale=False), data)
        first = of(RunStarted, events)[0].layers[0]
        shapes = [item.values.shape for item in of(Weights, events) if item.layer == first]
        assert shapes == [shape] * 2
        assert of(RunFinished, events)[0].status is Status.FINISHED


def test_networks_learn_the_digits(ordinary: list[Event]) -> None:
    (end,) = of(RunFinished, ordinary)
    assert end.test_accuracy is not None
    assert end.test_accuracy > 0.85
    losses = [record.training_loss for record in of(Record, ordinary)]
    assert losses[-1] < losses[0] / 2


def test_the_test_is_over_the_whole_test_set(digits: PreparedData, ordinary: list[Event]) -> None:
    (end,) = of(RunFinished, ordinary)
    assert end.confusion is not None
    assert end.confusion.shape == (10, 10)
    assert end.confusion.sum(axis=1).tolist() == np.bincount(digits.y_test).tolist()
    assert end.test_accuracy == pytest.approx(np.trace(end.confusion) / len(digits.y_test))
    assert end.status is Status.FINISHED
    assert end.model is None


def test_a_class_without_test_images_keeps_its_row(few_digits: PreparedData) -> None:
    without = few_digits.y_test != 3
    data = replace(few_digits, x_test=few_digits.x_test[without], y_test=few_digits.y_test[without])
    (end,) = of(RunFinished, train_here(small_run(), data))
    assert end.confusion is not None
    assert end.confusion.shape == (10, 10)
    assert end.confusion[3].sum() == 0


def test_a_saved_model_loads_with_plain_keras_and_repeats_the_test(digits: PreparedData, tmp_path: Path) -> None:
    file = tmp_path / "models" / "run.keras"
    (end,) = of(RunFinished, train_here(small_run(architectures=["cnn_3"]), digits, model_file=file))
    assert end.model == str(file)
    network = keras.models.load_model(file)
    predicted = network.predict(digits.x_test, verbose=0).argmax(axis=1)
    assert (predicted == digits.y_test).mean() == end.test_accuracy


def test_stop_is_honoured_within_one_recording_interval_and_keeps_what_was_learned(
    digits: PreparedData, tmp_path: Path
) -> None:
    file = tmp_path / "stopped.keras"
    events = interrupted(small_run(epochs=50), digits, Control.STOP, 3, file)
    (end,) = of(RunFinished, events)
    assert end.status is Status.STOPPED
    assert [record.step for record in of(Record, events)] == [10, 20, 30]
    assert end.test_accuracy is not None
    newest = [item for item in of(Weights, events) if item.layer == "dense_1"][-1]
    assert (newest.step, newest.epoch) == (30, 2)
    kernel = keras.models.load_model(file).get_layer("dense_1").kernel.numpy()
    assert np.array_equal(to_pytorch_layout(kernel, (32, 32, 1)), newest.values)


def test_cancel_is_honoured_within_one_recording_interval_and_leaves_the_run_untested(
    digits: PreparedData, tmp_path: Path
) -> None:
    file = tmp_path / "cancelled.keras"
    events = interrupted(small_run(epochs=50), digits, Control.CANCEL, 2, file)
    (end,) = of(RunFinished, events)
    assert end.status is Status.CANCELLED
    assert end.reason.endswith(".")
    assert [record.step for record in of(Record, events)] == [10, 20]
    assert (end.test_accuracy, end.test_loss, end.confusion, end.model) == (None, None, None, None)
    assert not file.exists()


@pytest.mark.parametrize(("architecture", "rate"), [("cnn_3", 10), ("mlp_2", 1000)])
def test_a_run_whose_numbers_are_no_numbers_ends_as_diverged(
    few_digits: PreparedData, tmp_path: Path, architecture: str, rate: float
) -> None:
    """In cnn_3 the loss itself is NaN; in mlp_2 ReLU maps the first layer's NaN to 0, so the loss stays finite."""
    file = tmp_path / "diverged.keras"
    run = small_run(architectures=[architecture], optimizer="sgd", learning_rate=rate, epochs=20)
    events = train_here(run, few_digits, model_file=file)
    (end,) = of(RunFinished, events)
    assert any(np.isnan([record.training_loss, *record.gradient_norms]).any() for record in of(Record, events))
    assert end.status is Status.DIVERGED
    assert "learning rate" in end.reason
    assert len(of(Record, events)) < 6
    assert end.test_accuracy is None
    assert not file.exists()


@pytest.mark.long
def test_every_activation_trains(few_digits: PreparedData) -> None:
    layers = ", ".join(f"FC-8, {name}" for name in ("ReLU", "Sigmoid", "Tanh", "ELU", "GELU", "SiLU", "LeakyReLU"))
    (end,) = of(RunFinished, train_here(small_run(architectures=[f"all[{layers}]"]), few_digits))
    assert end.status is Status.FINISHED


@pytest.mark.long
def test_nothing_of_a_training_outlives_the_next(few_digits: PreparedData) -> None:
    """Graphs hold the training images: with CIFAR-10 each leaked one takes 200 MB."""
    graphs = []
    for _ in range(3):
        train_here(small_run(), few_digits)
        gc.collect()
        graphs.append(sum(isinstance(each, FuncGraph) for each in gc.get_objects()))
    assert graphs == [graphs[0]] * 3

"""engine.training.callbacks.early_stopping: when training ends, and which weights are tested, saved and stored."""

from __future__ import annotations

from itertools import takewhile
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from engine.config.specs import RunSpec
from engine.datasets import PreparedData
from engine.events.commands import Control
from engine.events.runs import Checkpoint, Interrupted, KeptWeights, Record, RunFinished, Status, Weights
from engine.events.tasks import Event
from tests.engine.support import Asking, of, small_run, timeless, train_here
from tests.engine.training import test_resume

EVERYTHING: dict[str, Any] = {
    **{"rate_over_time": "cosine-restarts", "restart_period": 3, "warm_up": 1.5, "ema_momentum": 0.5},
    **{"optimizer": "sgd", "momentum": 0.9, "learning_rate": 0.3},
}

# Every layer with state or draws, every change of the images, and every setting at once.
EVERY_INGREDIENT: dict[str, Any] = {
    **test_resume.EVERYTHING,
    **test_resume.OF_SGD,
    **test_resume.AUGMENTED,
    **{"rate_over_time": "cosine-restarts", "restart_period": 2, "warm_up": 1, "architectures": [test_resume.LAYERS]},
}


def stopping(quantity: str = "val_loss", patience: int = 2, delta: float = 0.0, **changes: Any) -> RunSpec:
    """A run with epochs of three steps, whose last one is recorded, and which stops after about nine of 30."""
    settings = {"early_stopping": quantity, "stop_patience": patience, "stop_delta": delta}
    return small_run(**{"epochs": 30, "record_every": 3, "learning_rate": 0.02} | settings | changes)


def ended(events: list[Event]) -> tuple[RunFinished, KeptWeights]:
    (end,) = of(RunFinished, events)
    assert end.kept is not None
    return end, end.kept


class Numbered:
    """The model of Keras' callback: its weights are the number of the epoch."""

    def __init__(self) -> None:
        self.stop_training, self.weights = False, -1

    def get_weights(self) -> int:
        return self.weights

    def set_weights(self, weights: int) -> None:
        self.weights = weights


def by_keras(run: RunSpec, records: list[Record]) -> tuple[int, int]:
    """The epochs (from 1) after which Keras' callback ends training, and whose weights it restores."""
    training, model = run.training, Numbered()
    mode = "max" if training.early_stopping == "val_accuracy" else "min"
    callback = keras.callbacks.EarlyStopping(
        "value", training.stop_delta, training.stop_patience, mode=mode, restore_best_weights=True
    )
    callback.set_model(model)
    callback.on_train_begin()
    for record in records:
        value = record.validation_accuracy if mode == "max" else record.validation_loss
        model.weights = record.epoch
        callback.on_epoch_end(record.epoch - 1, {"value": value})
        if model.stop_training:
            break
    last = model.weights
    callback.on_train_end()
    return last, model.weights


@pytest.mark.parametrize(
    ("quantity", "patience", "delta"),
    [
        ("val_loss", 2, 0.0),
        pytest.param("val_loss", 1, 0.05, marks=pytest.mark.long),
        pytest.param("val_accuracy", 3, 0.0, marks=pytest.mark.long),
        pytest.param("val_accuracy", 2, 0.02, marks=pytest.mark.long),
    ],
)
def test_training_ends_where_keras_callback_ends_it(
    quantity: str, patience: int, delta: float, few_digits: PreparedData
) -> None:
    run = stopping(quantity, patience, delta)
    events = train_here(run, few_digits)
    end, kept = ended(events)
    records = of(Record, events)
    assert (kept.epochs, kept.epoch) == by_keras(run, records)
    assert (end.status, end.steps, end.reason) == (Status.FINISHED, 3 * kept.epochs, "")
    assert records[-1].step == end.steps < 3 * 30
    assert kept == KeptWeights(3 * kept.epoch, kept.epoch, kept.epochs, 30, stopped_early=True)
    assert kept.sentence == (
        f"Stopped early after epoch {kept.epochs} of 30; the weights of epoch {kept.epoch} were kept."
    )


def weights_in(file: Path) -> list[np.ndarray]:
    found: list[np.ndarray] = keras.models.load_model(file).get_weights()
    return found


@pytest.mark.long
@pytest.mark.parametrize("changes", [{}, {"ema_momentum": 0.8}])
def test_the_network_is_that_of_a_training_of_as_many_epochs(
    changes: dict[str, Any], few_digits: PreparedData, tmp_path: Path
) -> None:
    """Tested, saved and shown."""
    events = train_here(stopping(**changes), few_digits, model_file=tmp_path / "kept.keras")
    end, kept = ended(events)
    shorter = stopping(**changes, epochs=kept.epoch).replace(training={"early_stopping": "off"} | base(changes, kept))
    other = train_here(shorter, few_digits, model_file=tmp_path / "shorter.keras")
    (whole,) = of(RunFinished, other)
    for ours, theirs in zip(weights_in(tmp_path / "kept.keras"), weights_in(tmp_path / "shorter.keras"), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert (end.test_loss, end.test_accuracy) == (whole.test_loss, whole.test_accuracy)
    shown = {event.layer: event for event in of(Weights, events)}
    saved = weights_in(tmp_path / "kept.keras")[0]
    assert {(each.step, each.epoch) for each in shown.values()} == {(kept.step, kept.epoch)}
    assert sorted(shown["dense_1"].values.ravel()) == sorted(saved.ravel())


def base(changes: dict[str, Any], kept: KeptWeights) -> dict[str, Any]:
    return {"epochs": kept.epoch, "record_every": 3, "learning_rate": 0.02} | changes


@pytest.mark.long
def test_a_validation_that_never_improves_ends_training_once_patience_does(few_digits: PreparedData) -> None:
    end, kept = ended(train_here(stopping("val_accuracy", 2, 0.9, learning_rate=1e-6), few_digits))
    assert (kept.epoch, kept.epochs, end.steps) == (1, 3, 9)


@pytest.mark.long
def test_fewer_epochs_than_patience_are_all_trained_and_the_best_is_kept(few_digits: PreparedData) -> None:
    """The rate is far too large in the end, as the warm-up is longer than the training."""
    events = train_here(stopping(patience=50, epochs=8, learning_rate=2.0, warm_up=9), few_digits)
    end, kept = ended(events)
    losses = [record.validation_loss for record in of(Record, events)]
    assert (end.steps, kept.epochs, kept.stopped_early) == (24, 8, False)
    assert kept.epoch == int(np.argmin(losses)) + 1
    assert kept.sentence == (f"The weights of epoch {kept.epoch} were kept, the best until training ended in epoch 8.")


@pytest.mark.long
def test_where_the_last_epoch_is_the_best_nothing_else_is_kept(few_digits: PreparedData) -> None:
    (end,) = of(RunFinished, train_here(stopping(epochs=3), few_digits))
    assert (end.status, end.kept) == (Status.FINISHED, None)


@pytest.mark.long
def test_epochs_without_a_record_do_not_count(few_digits: PreparedData) -> None:
    """Recorded after every second epoch of three steps; two records without improvement take four epochs."""
    events = train_here(stopping("val_accuracy", 2, 0.9, learning_rate=1e-6, record_every=6), few_digits)
    end, kept = ended(events)
    assert (kept.epoch, kept.epochs, end.steps) == (2, 6, 18)


@pytest.mark.long
def test_after_stop_the_network_is_the_best_so_far_and_going_on_ends_as_if_it_had_not_been_stopped(
    few_digits: PreparedData,
) -> None:
    run = stopping(record_every=1)
    whole = train_here(run, few_digits)
    _, kept = ended(whole)
    stopped = train_here(run, few_digits, Asking(4 * kept.epoch + 1, Control.STOP))
    end, until_then = ended(stopped)
    assert end.status is Status.STOPPED
    assert end.steps == 3 * kept.epoch + 2, "within the epoch after the best"
    assert (until_then.epoch, until_then.stopped_early) == (kept.epoch, False)
    assert end.test_loss == of(RunFinished, whole)[0].test_loss
    rest = train_here(run, few_digits, interrupted=Interrupted(of(Checkpoint, stopped)[-1].data))
    assert after(end.steps or 0, rest) == after(end.steps or 0, whole)


def after(step: int, events: list[Event]) -> list[Any]:
    kept = [
        event
        for event in events
        if (isinstance(event, Record | Weights | Checkpoint) and event.step > step) or isinstance(event, RunFinished)
    ]
    return timeless(kept)


@pytest.mark.parametrize(
    ("changes", "from_best"),
    [
        ({}, 0),
        *(
            pytest.param(*each, marks=pytest.mark.long)
            for each in (({}, 1), (EVERYTHING, 0), (EVERYTHING, 1), (EVERY_INGREDIENT, 0), (EVERY_INGREDIENT, 1))
        ),
    ],
)
def test_a_run_that_goes_on_ends_with_the_same_bits(
    changes: dict[str, Any], from_best: int, few_digits: PreparedData
) -> None:
    """From the checkpoint after the best epoch, and from the one before: its weights are in the former alone."""
    run = stopping(**changes)
    whole = train_here(run, few_digits)
    _, kept = ended(whole)
    checkpoints = list(takewhile(lambda each: each.step <= kept.step + 3, of(Checkpoint, whole)))
    checkpoint = checkpoints[-1 - 2 * from_best]
    rest = train_here(run, few_digits, interrupted=Interrupted(checkpoint.data))
    assert after(checkpoint.step, rest) == after(checkpoint.step, whole)


@pytest.mark.long
def test_a_checkpoint_holds_the_kept_weights_only_with_early_stopping(few_digits: PreparedData) -> None:
    (with_kept, *_), (without, *_) = (
        of(Checkpoint, train_here(run, few_digits)) for run in (stopping(epochs=2), small_run(epochs=2, record_every=3))
    )
    floats = 4 * sum(each.values.size for each in of(Weights, train_here(stopping(epochs=1), few_digits))) // 2
    assert floats < len(with_kept.data) - len(without.data) < 1.2 * floats

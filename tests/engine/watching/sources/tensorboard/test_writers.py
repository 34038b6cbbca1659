"""engine.watching.sources.tensorboard: what TensorFlow, Keras and our own export write, and any other events."""

from __future__ import annotations

import importlib
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.analysis.results import load_results
from engine.exports import Format, export_experiment
from engine.storage.store import Store
from engine.watching.sources import base
from engine.watching.sources.base import Description, Measured
from engine.watching.sources.tensorboard import source as tensorboard
from tests.engine.stored_results import by_variant, ended
from tests.engine.support import record as stored_record
from tests.engine.watching.sources.log_support import append, read_all
from tests.engine.watching.sources.tensorboard.event_support import (
    event,
    field,
    file_in,
    numbers_in,
    numbers_of,
    record,
    sources_under,
)

ACCURACIES = ("training_accuracy", "validation_accuracy")
START = field(7, field(1, 1))  # of a program that resumes at the step of its event


EVENTS = st.builds(
    lambda step, time, tag, value, is_start: event(step, time, **{tag: value}) + (START if is_start else b""),
    st.integers(-1, 6) | st.integers(-(2**63), 2**63 - 1),
    st.floats() | st.floats(1000, 1020),
    st.sampled_from(["loss", "val_acc", "epoch_loss", "lr", "Accuracy__test", "gradient_norm__a", "batch_loss", ""]),
    st.floats(width=32),
    st.booleans(),
)


@given(st.lists(st.tuples(st.sampled_from(["", "train", "validation"]), st.integers(1, 2), EVENTS), max_size=20))
def test_any_events_in_any_pieces_give_the_same_in_the_end(
    tmp_path_factory: pytest.TempPathFactory, written: list[tuple[str, int, bytes]]
) -> None:
    """As long as no file begins again, which depends on what was there by then."""
    root = tmp_path_factory.mktemp("events")
    source = tensorboard.TensorBoardSource(root, root / "net")
    entries: list[base.LogEntry] = []
    for part, time, message in written:
        path = root / "net" / part / f"events.out.tfevents.{time}"
        if not path.exists():
            file_in(path.parent, time=time, name="").rename(path)
        append(path, record(message))
        entries += read_all(source)
    for entry in entries:
        if isinstance(entry, Measured):
            assert entry.step >= 1
            assert all(not value < 0 and not value > 1 for name, value in entry.numbers.items() if name in ACCURACIES)
    is_plain = not any(isinstance(entry, Description) and entry.after is not None for entry in entries)
    if written and is_plain and all(time == 1 for _, time, _ in written):
        at_once = tensorboard.TensorBoardSource(root, root / "net")
        assert sorted(numbers_in(entries)) == sorted(numbers_of(at_once))


@pytest.mark.long
def test_our_own_export_comes_back(store: Store, tmp_path: Path) -> None:
    def records(_spec: Any, run: int) -> list[Any]:
        lost = stored_record(run, 20, epoch=2, training_loss=math.nan, learning_rate=0.1)
        return [stored_record(run, 10, gradient_norms=(0.3, 1.5)), lost]

    accuracies = by_variant({"mlp_1/relu": [0.5, 0.5], "mlp_1/sigmoid": [0.5, 0.5]})
    number = ended(store, "activations", accuracies, records=records, architectures=["mlp_1"], repeats=2)
    export_experiment(store, number, tmp_path, [Format.TENSORBOARD])
    found = sources_under(tmp_path / "tensorboard")
    groups = {source.key: (source.grouping.variant, source.grouping.repeat) for source in found.values()}
    expected = [(variant, repeat) for variant in ("mlp_1_relu", "mlp_1_sigmoid") for repeat in (1, 2)]
    assert groups == {f"{variant}/{repeat}": (variant, repeat) for variant, repeat in expected}
    for result in (run for variant in load_results(store, number).variants for run in variant.runs):
        source = found[f"{result.run.spec.variant.replace('/', '_')}/{result.run.spec.repeat}"]
        description, *entries = read_all(source)
        assert isinstance(description, Description)
        assert not source.is_live
        (times,), _ = store.columns(result.run.id, ("wall_time",), ())
        assert len(entries) == len(result.records)
        for entry, stored, time in zip(entries, result.records, times.tolist(), strict=True):
            assert isinstance(entry, Measured)
            assert (entry.step, entry.seconds) == (stored.step, time - times[0])
            assert entry.numbers == as_float32(**{name: getattr(stored, name) for name in base.STANDARD_NUMBERS})
            assert entry.gradient_norms == as_float32(
                dense_1=stored.gradient_norms[0], prediction=stored.gradient_norms[1]
            )
            assert entry.update_ratios == as_float32(
                dense_1=stored.update_ratios[0], prediction=stored.update_ratios[1]
            )


def as_float32(**numbers: float) -> dict[str, float]:
    """What TensorBoard holds of numbers: the export leaves out those that are not finite."""
    return {name: float(np.float32(value)) for name, value in numbers.items() if math.isfinite(value)}


@pytest.mark.long
def test_files_of_tensorflow_and_keras(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keras' callback takes ``tf.summary.scalar``, which only adds this description and needs TensorBoard for it."""
    import keras
    import tensorflow as tf

    def scalar(name: str, data: Any, step: Any = None) -> None:
        metadata = tf.compat.v1.SummaryMetadata()
        metadata.plugin_data.plugin_name = "scalars"
        tf.summary.write(name, tf.cast(data, tf.float32), step, metadata)

    monkeypatch.setattr(importlib.import_module("tensorflow.summary"), "scalar", scalar)  # what Keras imports
    images, labels = np.random.default_rng(1).random((64, 8), np.float32), np.arange(64) % 3
    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(3)])
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    callback = keras.callbacks.TensorBoard(tmp_path / "keras", update_freq=1, write_graph=True)
    told = model.fit(
        images, labels, epochs=3, validation_data=(images, labels), verbose=0, callbacks=[callback]
    ).history
    with tf.summary.create_file_writer(str(tmp_path / "written")).as_default():
        for step in range(3):
            scalar("loss", 1.5 * step, step)
            tf.summary.write("weights", tf.zeros((30, 3)), step)
    found = sources_under(tmp_path)
    assert sorted(found) == ["keras", "written"]
    assert numbers_of(found["written"]) == {step + 1: {"training_loss": 1.5 * step} for step in range(3)}
    names = {"training_loss": "loss", "training_accuracy": "accuracy"}
    names |= {"validation_loss": "val_loss", "validation_accuracy": "val_accuracy"}
    assert numbers_of(found["keras"]) == {
        epoch + 1: as_float32(learning_rate=0.01, **{ours: told[theirs][epoch] for ours, theirs in names.items()})
        for epoch in range(3)
    }

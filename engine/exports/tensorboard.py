"""Export of TensorBoard event files: one folder per run, one scalar per measured quantity of a record.

A file is a TFRecord of serialised ``Event`` messages, the first of which holds the version of the format:
https://github.com/tensorflow/tensorboard/blob/master/tensorboard/compat/proto/event.proto. They are written with
TensorFlow alone; TensorBoard need not be installed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from engine.analysis.results import ExperimentResult, RunResult
from engine.devices.hardware import silence_stderr
from engine.events.runs import Record
from engine.exports.curves import activation_values
from engine.exports.files import file_name
from engine.storage.store import Store
from engine.utils.files import atomic_path

FILE_VERSION = "brain.Event:2"
FILE_NAME = "events.out.tfevents.{}.trainscope"  # formatted with the first record's time in seconds


def write_event_files(folder: Path, store: Store, result: ExperimentResult) -> Iterator[Path]:
    """Write one event file per run to ``folder/<variant>/<repeat>``, and yield the files.

    A file replaces that of an earlier export, as TensorBoard draws all files of a folder as one run.

    Args:
        folder: the root of the runs' folders.
        store: the store, queried for the time of each record.
        result: the runs.
    """
    for variant in result.variants:
        for run in variant.runs:
            (times,), _ = store.columns(run.run.id, ("wall_time",), ())
            run_folder = folder / file_name(variant.name) / str(run.run.spec.repeat)
            run_folder.mkdir(parents=True, exist_ok=True)
            # TensorBoard reads the files of a folder in the order of their names, which contain a time and a host.
            path = run_folder / FILE_NAME.format(int(times[0]))
            with silence_stderr(), atomic_path(path) as part:
                _write(part, run, times.tolist())
            _remove_others(run_folder, path)
            yield path


def _remove_others(run_folder: Path, kept: Path) -> None:
    """Remove event files of earlier exports from ``run_folder``, but none of other programs."""
    for path in run_folder.glob(FILE_NAME.format("*")):
        if path != kept:
            path.unlink()


def scalars(record: Record, layers: tuple[str, ...]) -> Iterator[tuple[str, float]]:
    """Yield tag and value of every finite quantity of a record.

    TensorBoard groups tags by the part before the slash, so that training and validation are side by side.
    """
    named = {
        "loss/training": record.training_loss,
        "loss/validation": record.validation_loss,
        "accuracy/training": record.training_accuracy,
        "accuracy/validation": record.validation_accuracy,
        "learning_rate": record.learning_rate,
    }
    # Not strictly: a record of a logged run need not have those of each layer.
    named |= {f"gradient_norm/{n}": v for n, v in zip(layers, record.gradient_norms, strict=False)}
    named |= {f"update_ratio/{n}": v for n, v in zip(layers, record.update_ratios, strict=False)}
    for name, values in activation_values(record).items():
        named |= {f"{name}/{number}": value for number, value in enumerate(values, start=1)}
    named |= {f"metric/{name}" if name in named else name: value for name, value in record.metrics}
    yield from ((tag, value) for tag, value in named.items() if math.isfinite(value))


def _write(path: Path, run: RunResult, times: list[float]) -> None:
    import tensorflow as tf

    event = tf.compat.v1.Event
    with tf.io.TFRecordWriter(str(path)) as writer:
        writer.write(event(wall_time=times[0], file_version=FILE_VERSION).SerializeToString())
        for record, at in zip(run.records, times, strict=True):
            message = event(wall_time=at, step=record.step, summary=_summary(record, run.run.layers))
            writer.write(message.SerializeToString())


def _summary(record: Record, layers: tuple[str, ...]) -> Any:
    import tensorflow as tf

    kind = tf.compat.v1.Summary
    return kind(value=[kind.Value(tag=tag, simple_value=value) for tag, value in scalars(record, layers)])

"""Result dictionaries as the homework asks for them, in files, and the runs that are read from them."""

from __future__ import annotations

import json
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from engine.watching.sources.base import LogEntry, Measured, Problem, Source
from engine.watching.sources.course import source as course
from tests.engine.watching.sources.log_support import read_all

WEIGHTS = np.arange(32 * 1024, dtype=np.float32).reshape(32, 1024) / 1024


def curve(records: int = 4, start: float = 2.0, step: float = -0.25) -> list[float]:
    return [start + step * record for record in range(records)]


def part3(**changes: Any) -> dict[str, Any]:
    values = {
        "name": "mlp_1",
        "loss_curve": curve(),
        "train_acc_curve": curve(start=20.0, step=10.0),
        "val_acc_curve": curve(start=10.0, step=10.0),
        "test_acc": 37.5,
        "weights": WEIGHTS,
    }
    return values | changes


def part4(**changes: Any) -> dict[str, Any]:
    values = {
        "name": "cnn_3",
        "relu_loss_curve": curve(),
        "sigmoid_loss_curve": curve(start=3.0),
        "relu_grad_curve": curve(step=0.5),
        "sigmoid_grad_curve": curve(start=1.0, step=0.5),
    }
    return values | changes


def part5(**changes: Any) -> dict[str, Any]:
    losses = {f"loss_curve_{digits}": curve(start=start) for digits, start in (("1", 2.0), ("01", 3.0), ("001", 4.0))}
    accuracies = {f"val_acc_curve_{digits}": curve(start=10.0, step=20.0) for digits in ("1", "01", "001")}
    return {"name": "cnn_4", **losses, **accuracies, **changes}


def as_lists(values: Any) -> Any:
    """What JSON can hold."""
    if isinstance(values, dict):
        return {key: as_lists(value) for key, value in values.items()}
    if isinstance(values, list):
        return [as_lists(value) for value in values]
    return values.tolist() if isinstance(values, np.ndarray | np.generic) else values


def save(path: Path, values: Any, protocol: int = 4) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    is_json = path.suffix == ".json"
    path.write_bytes(json.dumps(as_lists(values)).encode() if is_json else pickle.dumps(values, protocol))
    return path


def sources(folder: Path) -> dict[str, Source]:
    """The runs in the files of a folder, by key."""
    files = sorted(path for path in folder.iterdir() if path.is_file())
    return {source.key: source for source in course.sources_in(folder, files)}


def one_run(folder: Path) -> list[LogEntry]:
    (source,) = sources(folder).values()
    return read_all(source)


def variants(folder: Path) -> list[str]:
    return [source.grouping.variant for source in sources(folder).values()]


def numbers(entries: Sequence[LogEntry], name: str) -> list[tuple[int, float]]:
    """Steps and values of a standard number or metric."""
    measured = [entry for entry in entries if isinstance(entry, Measured)]
    return [(entry.step, entry.numbers[name]) for entry in measured if name in entry.numbers]


def problems(entries: Sequence[LogEntry]) -> list[str]:
    return [entry.sentence for entry in entries if isinstance(entry, Problem)]

"""Rows of the store as the dataclasses of the program."""

from __future__ import annotations

import json
import math
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engine.arrays import Array
from engine.database import unpack
from engine.datasets import DatasetInfo
from engine.events import Device, Intervention, InterventionKind, Mistake, Record, Status, Weights
from engine.spec import RunSpec

UNDER_WAY = json.dumps([status for status in Status if not status.is_final])  # for json_each in a query


@dataclass(frozen=True)
class StoredExperiment:
    """A row of ``experiments``; ``spec`` is JSON text that the experiment's spec class reads.

    ``dataset`` is None for an experiment that trains nothing. ``title`` and ``notes`` are its owner's; ``deleted`` says
    when it was thrown away, ``resumed`` when it last went on with further runs, having taken ``spent`` seconds.
    """

    id: int
    name: str
    spec: str
    seed: int
    dataset: DatasetInfo | None
    versions: dict[str, str]
    device: Device | None
    workers: int
    status: Status
    reason: str
    created: float
    finished: float | None
    title: str
    notes: str
    deleted: float | None
    resumed: float | None = None
    spent: float = 0.0

    @property
    def seconds(self) -> float | None:
        """Wall time it took, the time between its end and further runs left out; None while it has not ended.

        Never negative, though an interrupted one ends by the clock of its last record, which may have been set since.
        """
        if self.finished is None:
            return None
        return self.spent + max(0.0, self.finished - (self.resumed or self.created))


@dataclass(frozen=True)
class StoredRun:
    """A row of ``runs``; see the schema for units."""

    id: int
    experiment: int
    spec: RunSpec
    parameters: int
    total_steps: int
    layers: tuple[str, ...]
    activations: tuple[str, ...]
    units: tuple[int, ...]
    steps_per_epoch: int | None
    device: Device | None
    versions: dict[str, str]
    status: Status
    reason: str
    seconds: float | None
    test_loss: float | None
    test_accuracy: float | None
    confusion: Array | None
    model: Path | None

    @property
    def is_tested(self) -> bool:
        """Whether the run came far enough to be tested."""
        return self.test_accuracy is not None


def experiment_of(row: sqlite3.Row) -> StoredExperiment:
    """A row of ``experiments``."""
    device = json.loads(row["device"])
    return StoredExperiment(
        id=row["id"],
        name=row["name"],
        spec=row["spec"],
        seed=row["seed"],
        dataset=_dataset(json.loads(row["dataset"])),
        versions=json.loads(row["versions"]),
        device=Device(**device) if device else None,
        workers=row["workers"],
        status=Status(row["status"]),
        reason=row["reason"],
        created=row["created"],
        finished=row["finished"],
        title=row["title"],
        notes=row["notes"],
        deleted=row["deleted"],
        resumed=row["resumed"],
        spent=row["spent"],
    )


def run_of(row: sqlite3.Row, workspace: Path) -> StoredRun:
    """A row of ``runs``; paths in it are inside ``workspace``."""
    device = json.loads(row["device"])
    return StoredRun(
        id=row["id"],
        experiment=row["experiment"],
        spec=RunSpec.from_json(row["spec"]),
        parameters=row["parameters"],
        total_steps=row["total_steps"],
        layers=tuple(json.loads(row["layers"])),
        activations=tuple(json.loads(row["activations"])),
        units=tuple(json.loads(row["units"])),
        steps_per_epoch=row["steps_per_epoch"],
        device=Device(**device) if device else None,
        versions=json.loads(row["versions"]),
        status=Status(row["status"]),
        reason=row["reason"],
        seconds=row["seconds"],
        test_loss=row["test_loss"],
        test_accuracy=row["test_accuracy"],
        confusion=None if row["confusion"] is None else np.array(json.loads(row["confusion"])),
        model=None if row["model"] is None else workspace / row["model"],
    )


def intervention_of(row: sqlite3.Row) -> Intervention:
    """A row of ``interventions``."""
    return Intervention(row["run"], row["step"], row["seconds"], InterventionKind(row["kind"]), row["value"])


def mistake_of(row: sqlite3.Row) -> Mistake:
    """A row of ``mistakes``."""
    pixels = np.frombuffer(row["data"], np.uint8).reshape(json.loads(row["shape"])).copy()
    return Mistake(row["image"], row["true"], row["predicted"], row["confidence"], pixels)


def _dataset(values: dict[str, Any] | None) -> DatasetInfo | None:
    if values is None:
        return None
    return DatasetInfo(**values | {"class_names": tuple(values["class_names"]), "shape": tuple(values["shape"])})


def array_of(row: sqlite3.Row) -> Array:
    """A row of ``arrays``."""
    return np.frombuffer(row["data"], dtype=row["dtype"]).reshape(json.loads(row["shape"])).copy()


def weights_of(row: sqlite3.Row) -> Weights:
    """A row of ``weights``."""
    values = np.frombuffer(row["data"], dtype="<f4").reshape(json.loads(row["shape"])).copy()
    input_shape = tuple(json.loads(row["input_shape"]))
    return Weights(row["run"], row["step"], row["epoch"], row["layer"], input_shape, values)


def record_of(row: sqlite3.Row) -> Record:
    """A row of ``points``."""
    return Record(
        run=row["run"],
        step=row["step"],
        epoch=row["epoch"],
        seconds=row["seconds"],
        training_loss=_number(row["training_loss"]),
        training_accuracy=_number(row["training_accuracy"]),
        validation_loss=_number(row["validation_loss"]),
        validation_accuracy=_number(row["validation_accuracy"]),
        learning_rate=row["learning_rate"],
        gradient_norms=unpack(row["gradient_norms"], "<f4"),
        update_ratios=unpack(row["update_ratios"], "<f4"),
        dead_units=unpack(row["dead_units"], "<i4"),
        activation_means=unpack(row["activation_means"], "<f4"),
        activation_deviations=unpack(row["activation_deviations"], "<f4"),
    )


def finite(value: float) -> float | None:
    """What a REAL column holds: null where it is not a finite number."""
    return value if math.isfinite(value) else None


def _number(value: float | None) -> float:
    return math.nan if value is None else value

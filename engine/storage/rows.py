"""Converts rows of the store to dataclasses and back."""

from __future__ import annotations

import json
import logging
import math
import os
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from pydantic import TypeAdapter, ValidationError, with_config

from engine.config.logged_runs import parse_run_spec
from engine.config.specs import BaseRunSpec, RunSpec
from engine.events.datasets import DatasetInfo
from engine.events.devices import Device
from engine.events.runs import Intervention, InterventionKind, KeptWeights, Mistake, PlannedRun, Record, Status, Weights
from engine.storage.database import pack, unpack
from engine.utils.arrays import Array
from engine.utils.errors import SpecError, StoreError
from engine.utils.text import reason

log = logging.getLogger(__name__)

ACTIVE_STATUSES = json.dumps([status for status in Status if not status.is_final])  # for ``json_each`` in queries


@dataclass(frozen=True)
class StoredExperiment:
    """A row of ``experiments``.

    Attributes:
        spec: JSON, parsed by the experiment's spec class.
        dataset: None for an experiment that trains nothing.
        created: seconds since 1970, UTC, as ``finished``, ``deleted`` and ``resumed``.
        title: given by the user, as ``notes``.
        deleted: when it was deleted; it can be restored until it is purged.
        resumed: when it was last resumed or extended.
        spent: seconds it had taken until ``resumed``.
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
        """Wall time without the time between its end and further runs; None before its end.

        Never negative, though an interrupted experiment ends at the time of its last record, and the system clock may
        have been set back since it was created.
        """
        if self.finished is None:
            return None
        return self.spent + max(0.0, self.finished - (self.resumed or self.created))


@with_config(arbitrary_types_allowed=True)
@dataclass(frozen=True)
class StoredRun:
    """A row of ``runs``; see the schema for units."""

    id: int
    experiment: int
    spec: BaseRunSpec
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
    kept: KeptWeights | None = None

    @property
    def is_tested(self) -> bool:
        """Whether the run was tested."""
        return self.test_accuracy is not None

    @property
    def planned(self) -> PlannedRun:
        """The planned run."""
        return PlannedRun(self.id, self.spec, self.parameters, self.total_steps)

    @property
    def trained_spec(self) -> RunSpec:
        """Its spec, for a run that this program trains; propagates ``TypeError`` for one that another logged."""
        return self.planned.trained_spec


# Exceptions raised by rows that are damaged, or that this program has not written.
READ_ERRORS = (ValueError, TypeError, KeyError, AttributeError, IndexError, OverflowError, RecursionError, SpecError)

Parsed = TypeVar("Parsed")


def unreadable_message(what: str, error: Exception) -> str:
    """Return the message of the ``StoreError`` to raise if ``what`` can't be parsed because of ``error``."""
    return (
        f"{what} in the workspace can't be read ({_reason(error)}); it is damaged or of another version of the "
        "program, and all else that is stored can still be used."
    )


def _reason(error: Exception) -> str:
    match error:
        case ValidationError():
            first = error.errors(include_url=False, include_input=False)[0]
            return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
        case KeyError():
            return f"{error} is missing"
        case TypeError() | AttributeError():
            return "a value is of another kind than it should be"
        case _:
            return reason(error).rstrip(".")


def _names_row(table: str, key: str) -> Callable[[Callable[..., Parsed]], Callable[..., Parsed]]:
    """Return a decorator that turns errors of parsing a row into a ``StoreError`` naming its column ``key``."""

    def decorate(parse: Callable[..., Parsed]) -> Callable[..., Parsed]:
        @wraps(parse)
        def parse_named(row: sqlite3.Row, *others: Any) -> Parsed:
            try:
                return parse(row, *others)
            except READ_ERRORS as error:
                raise StoreError(unreadable_message(f"{table} {row[key]}", error)) from None

        return parse_named

    return decorate


def read_rows(rows: Iterable[sqlite3.Row], parse: Callable[..., Parsed], *others: Any) -> list[Parsed]:
    """Parse ``rows`` by ``parse``; unreadable ones are skipped and logged."""
    found = []
    for row in rows:
        try:
            found.append(parse(row, *others))
        except StoreError as error:
            log.warning("%s", error)
    return found


@_names_row("Experiment", "id")
def experiment_of(row: sqlite3.Row) -> StoredExperiment:
    """Parse a row of ``experiments``; raises ``StoreError``, as all of these functions do."""
    columns = {name: json.loads(row[name]) for name in ("dataset", "versions", "device")}
    found: StoredExperiment = _EXPERIMENT.validate_python(
        dict(row) | columns | {"device": columns["device"] or None},
    )
    return found


@_names_row("Run", "id")
def run_of(row: sqlite3.Row, workspace: Path) -> StoredRun:
    """Parse a row of ``runs``, whose paths are relative to ``workspace``."""
    columns = {name: json.loads(row[name]) for name in ("layers", "activations", "units", "versions", "device")}
    spec = parse_run_spec(row["spec"])
    confusion = None if row["confusion"] is None else _confusion(json.loads(row["confusion"]))
    model = None if row["model"] is None else network_file(workspace, row["model"])
    kept = None if row["kept"] is None else json.loads(row["kept"])
    found: StoredRun = _RUN.validate_python(
        dict(row)
        | columns
        | {"device": columns["device"] or None, "spec": spec, "confusion": confusion, "model": model, "kept": kept}
    )
    return found


def network_file(workspace: Path, place: str) -> Path:
    """Return the file of a trained network from the relative path ``place`` of a row.

    Raises:
        ValueError: if ``place`` is no network file inside the workspace.
    """
    parts = Path(os.path.normpath(place)).parts
    if Path(place).is_absolute() or ".." in parts or Path(place).suffix != ".keras":
        raise ValueError(f"its network can't be {place}")
    return workspace / place


def _confusion(rows: Any) -> Array:
    confusion = np.array(rows)
    if confusion.ndim != 2 or len(set(confusion.shape)) != 1 or confusion.dtype.kind not in "iu":
        raise ValueError("its confusion matrix is none")
    return confusion


_EXPERIMENT, _RUN = TypeAdapter(StoredExperiment), TypeAdapter(StoredRun)


@_names_row("Run", "run")
def intervention_of(row: sqlite3.Row) -> Intervention:
    """Parse a row of ``interventions``."""
    return Intervention(row["run"], row["step"], row["seconds"], InterventionKind(row["kind"]), row["value"])


@_names_row("Run", "run")
def mistake_of(row: sqlite3.Row) -> Mistake:
    """Parse a row of ``mistakes``."""
    pixels = np.frombuffer(row["data"], np.uint8).reshape(json.loads(row["shape"])).copy()
    return Mistake(row["image"], row["true"], row["predicted"], row["confidence"], pixels)


@_names_row("Experiment", "experiment")
def array_of(row: sqlite3.Row) -> Array:
    """Parse a row of ``arrays``."""
    return np.frombuffer(row["data"], dtype=row["dtype"]).reshape(json.loads(row["shape"])).copy()


@_names_row("Experiment", "experiment")
def findings_of(row: sqlite3.Row) -> dict[str, Any]:
    """Parse the findings of a row of ``computations``.

    Raises:
        TypeError: if they are no JSON object; the decorator turns it into ``StoreError``.
    """
    found = json.loads(row["findings"])
    if not isinstance(found, dict):
        raise TypeError("findings are no table")
    return found


@_names_row("Run", "run")
def weights_of(row: sqlite3.Row) -> Weights:
    """Parse a row of ``weights``."""
    values = np.frombuffer(row["data"], dtype="<f4").reshape(json.loads(row["shape"])).copy()
    input_shape = tuple(json.loads(row["input_shape"]))
    return Weights(row["run"], row["step"], row["epoch"], row["layer"], input_shape, values)


# Columns of ``points`` with one number per layer or activation, and their dtypes.
LAYER_COLUMNS = {
    "gradient_norms": "<f4",
    "update_ratios": "<f4",
    "dead_units": "<i4",
    "activation_means": "<f4",
    "activation_deviations": "<f4",
}
# Columns that are null if the number is not finite, or of a logged run, was not logged.
MEASURED_COLUMNS = ("training_loss", "training_accuracy", "validation_loss", "validation_accuracy")
PLAIN_COLUMNS = ("step", "epoch", "seconds", "learning_rate")
# Columns that are null if the number is unknown, of a logged run.
OPTIONAL_COLUMNS = ("seconds", "learning_rate")


@_names_row("Run", "run")
def record_of(row: sqlite3.Row, metrics: Mapping[int, tuple[tuple[str, float], ...]]) -> Record:
    """Parse a row of ``points``; ``metrics`` are the further numbers of the run by step."""
    return Record(
        run=row["run"],
        step=row["step"],
        epoch=row["epoch"],
        seconds=_number(row["seconds"]),
        training_loss=_number(row["training_loss"]),
        training_accuracy=_number(row["training_accuracy"]),
        validation_loss=_number(row["validation_loss"]),
        validation_accuracy=_number(row["validation_accuracy"]),
        learning_rate=_number(row["learning_rate"]),
        gradient_norms=unpack(row["gradient_norms"], "<f4"),
        update_ratios=unpack(row["update_ratios"], "<f4"),
        dead_units=unpack(row["dead_units"], "<i4"),
        activation_means=unpack(row["activation_means"], "<f4"),
        activation_deviations=unpack(row["activation_deviations"], "<f4"),
        metrics=metrics.get(row["step"], ()),
    )


def columns_of(record: Record, is_logged: bool = False) -> dict[str, Any]:
    """Return the values of a row of ``points``; ``gradient_norm``, of the first layer, is for other programs.

    Infinity is null, but in a record of a logged run, where null stands for a number that was not logged.
    """
    to_column = _not_nan if is_logged else finite
    values = vars(record) | {"gradient_norm": finite(next(iter(record.gradient_norms), math.nan))}
    del values["metrics"]  # have a table of their own
    values |= {name: to_column(values[name]) for name in (*MEASURED_COLUMNS, *OPTIONAL_COLUMNS)}
    return values | {name: pack(values[name], dtype) for name, dtype in LAYER_COLUMNS.items()}


def _not_nan(value: float) -> float | None:
    return None if math.isnan(value) else value


def finite(value: float) -> float | None:
    """Return the value of a REAL column: null unless it is finite."""
    return value if math.isfinite(value) else None


def _number(value: float | None) -> float:
    return math.nan if value is None else value

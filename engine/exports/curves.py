"""Export of ``curves.csv``: every record of every run."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from engine.analysis.results import ExperimentResult, RunResult
from engine.events.runs import Record
from engine.utils.files import atomic_path

CURVE_COLUMNS = (
    "variant",
    "repeat",
    "step",
    "epoch",
    "training_loss",
    "training_accuracy",
    "validation_loss",
    "validation_accuracy",
    "gradient_norm",
    "learning_rate",
    "seconds",
)

# Prefixes of the columns per activation (numbered from 1), and the fields of a record they hold.
ACTIVATION_COLUMNS = {
    "dead_units": "dead_units",
    "activation_mean": "activation_means",
    "activation_deviation": "activation_deviations",
}


def activation_values(record: Record) -> dict[str, tuple[float, ...]]:
    """Return a record's values per activation, by the prefix in ``ACTIVATION_COLUMNS``."""
    return {name: getattr(record, attribute) for name, attribute in ACTIVATION_COLUMNS.items()}


def curve_rows(result: ExperimentResult) -> Iterator[dict[str, Any]]:
    """Yield the rows of ``curves.csv``, one per record.

    A value that is not finite is left empty, as is one that a logged run does not have.
    """
    columns = _metric_columns(result, _columns(result))
    for variant in result.variants:
        for run in variant.runs:
            yield from _run_rows(variant.name, run, columns)


def _metric_columns(result: ExperimentResult, others: Sequence[str]) -> dict[str, str]:
    """Return the columns of the further numbers of logged runs, by name; one with the name of another is prefixed."""
    names = dict.fromkeys(name for variant in result.variants for name in variant.metrics)
    return {name: f"metric_{name}" if name in others else name for name in names}


def _run_rows(variant: str, result: RunResult, columns: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    layers, has_all = result.run.layers, not result.run.planned.is_logged
    for record in result.records:
        row: dict[str, Any] = {
            "variant": variant,
            "repeat": result.run.spec.repeat,
            "step": record.step,
            "epoch": record.epoch or "",  # 0: unknown, of a logged run
            "training_loss": record.training_loss,
            "training_accuracy": record.training_accuracy,
            "validation_loss": record.validation_loss,
            "validation_accuracy": record.validation_accuracy,
            "gradient_norm": record.gradient_norms[0] if record.gradient_norms else "",
            "learning_rate": record.learning_rate,
            "seconds": round(record.seconds, 6),
        }
        row |= {f"gradient_norm_{n}": v for n, v in zip(layers[1:], record.gradient_norms[1:], strict=has_all)}
        for name, values in activation_values(record).items():
            row |= {f"{name}_{number}": value for number, value in enumerate(values, start=1)}
        row |= {f"update_ratio_{n}": v for n, v in zip(layers, record.update_ratios, strict=has_all)}
        row |= {columns[name]: value for name, value in record.metrics}
        yield {
            key: "" if isinstance(value, float) and not math.isfinite(value) else value for key, value in row.items()
        }


def write_curves(path: Path, result: ExperimentResult) -> Path:
    """Write ``curve_rows`` as CSV, and return the file."""
    columns = _columns(result)
    columns += _metric_columns(result, columns).values()
    with atomic_path(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows(curve_rows(result))
    return path


def _columns(result: ExperimentResult) -> list[str]:
    """Return the columns but for further numbers of logged runs."""
    layers = list(dict.fromkeys(name for v in result.variants for run in v.runs for name in run.run.layers))
    inner = list(dict.fromkeys(name for v in result.variants for run in v.runs for name in run.run.layers[1:]))
    activations = max(
        (len(record.dead_units) for v in result.variants for run in v.runs for record in run.records[:1]), default=0
    )
    return [
        *CURVE_COLUMNS,
        *(f"gradient_norm_{n}" for n in inner),
        *(f"update_ratio_{n}" for n in layers),
        *(f"{name}_{number}" for name in ACTIVATION_COLUMNS for number in range(1, activations + 1)),
    ]

"""Writes an experiment's results to a folder: summary, curves, figures and the course's dictionaries."""

from __future__ import annotations

import csv
import io
import json
import math
import pickle
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import numpy as np

from engine.errors import ExportError
from engine.experiments import find_experiment
from engine.experiments.base import CourseDictionary, Experiment
from engine.results import ExperimentResult, RunResult, VariantResult, load_results, spread
from engine.spec import ExperimentSpec
from engine.store import Store

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


def export_experiment(store: Store, experiment: int, folder: Path) -> list[Path]:
    """Write everything known of ``experiment`` to ``folder``, which is made if need be; gives the files written.

    Raises :class:`ExportError` where the folder can't be written.
    """
    result = load_results(store, experiment)
    definition = find_experiment(result.experiment.name)
    check_writable(folder)
    try:
        return list(_write_all(result, definition, folder))
    except OSError as error:
        raise ExportError(f"{folder} can't be written ({error.strerror}); choose another folder.") from error


def check_writable(folder: Path) -> None:
    """Make ``folder`` if need be and try to write into it; raises :class:`ExportError` where that fails."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ExportError(f"{folder} can't be written ({error.strerror}); choose another folder.") from error


def summary(result: ExperimentResult, spec: ExperimentSpec) -> dict[str, Any]:
    """The contents of ``summary.json``; accuracies are fractions."""
    stored = result.experiment
    return {
        "experiment": stored.name,
        "dataset": stored.dataset.name,
        "device": f"{stored.device.kind}: {stored.device.name}" if stored.device else None,
        "versions": stored.versions,
        "seed": stored.seed,
        "variants": [_variant_summary(variant, spec) for variant in result.variants],
        "status": stored.status,
        "reason": stored.reason,
        "workers": stored.workers,
        "threads_per_worker": stored.device.threads if stored.device else None,
        "dataset_details": {
            "title": stored.dataset.title,
            "classes": stored.dataset.class_names,
            "shape": stored.dataset.shape,
            "training_images": stored.dataset.train_count,
            "validation_images": stored.dataset.validation_count,
            "test_images": stored.dataset.test_count,
            "sha256": stored.dataset.fingerprint,
        },
        "settings": spec.model_dump(mode="json"),
    }


def curve_rows(result: ExperimentResult) -> Iterator[dict[str, Any]]:
    """The rows of ``curves.csv``: one a record, empty where a number is not finite."""
    for variant in result.variants:
        for run in variant.runs:
            yield from _run_rows(variant.name, run)


def _write_all(result: ExperimentResult, definition: Experiment, folder: Path) -> Iterator[Path]:
    spec = definition.spec.from_json(result.experiment.spec)
    yield _write_text(folder / "summary.json", json.dumps(summary(result, spec), indent=2, ensure_ascii=False))
    yield _write_text(folder / "settings.toml", spec.to_toml())
    yield _write_curves(folder / "curves.csv", result)
    for name, figure in definition.figures(result):
        for suffix in ("png", "svg"):
            path = folder / f"{_file_name(name)}.{suffix}"
            figure.savefig(path, dpi=150, metadata={"Date": None} if suffix == "svg" else None)
            yield path
    for name, dictionary in definition.course_dictionaries(result):
        yield from _write_course(folder / "course", _file_name(name), dictionary)


def _variant_summary(variant: VariantResult, spec: ExperimentSpec) -> dict[str, Any]:
    settings = spec.model_dump()
    return {
        "name": variant.name,
        "parameters": variant.parameters,
        "repeats": settings["repeats"],
        "epochs": settings["epochs"],
        "test_accuracy": spread(variant.test_accuracies),
        "seconds": variant.mean_seconds,
        "counted_runs": len(variant.counted),
        "runs": [
            {
                "repeat": run.run.spec.repeat,
                "seed": run.run.spec.seed,
                "status": run.run.status,
                "reason": run.run.reason,
                "records": len(run.records),
                "test_loss": run.run.test_loss,
                "test_accuracy": run.run.test_accuracy,
                "confusion": None if run.run.confusion is None else run.run.confusion.tolist(),
                "seconds": run.run.seconds,
            }
            for run in variant.runs
        ],
    }


def _run_rows(variant: str, result: RunResult) -> Iterator[dict[str, Any]]:
    layers = result.run.layers
    for record in result.records:
        row: dict[str, Any] = {
            "variant": variant,
            "repeat": result.run.spec.repeat,
            "step": record.step,
            "epoch": record.epoch,
            "training_loss": record.training_loss,
            "training_accuracy": record.training_accuracy,
            "validation_loss": record.validation_loss,
            "validation_accuracy": record.validation_accuracy,
            "gradient_norm": record.gradient_norms[0],
            "learning_rate": record.learning_rate,
            "seconds": round(record.seconds, 6),
        }
        row |= {f"gradient_norm_{n}": v for n, v in zip(layers[1:], record.gradient_norms[1:], strict=True)}
        row |= {f"update_ratio_{n}": v for n, v in zip(layers, record.update_ratios, strict=True)}
        yield {
            key: "" if isinstance(value, float) and not math.isfinite(value) else value for key, value in row.items()
        }


def _write_curves(path: Path, result: ExperimentResult) -> Path:
    layers = list(dict.fromkeys(name for v in result.variants for run in v.runs for name in run.run.layers))
    inner = list(dict.fromkeys(name for v in result.variants for run in v.runs for name in run.run.layers[1:]))
    columns = [*CURVE_COLUMNS, *(f"gradient_norm_{n}" for n in inner), *(f"update_ratio_{n}" for n in layers)]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows(curve_rows(result))
    return path


def _write_course(folder: Path, name: str, dictionary: CourseDictionary) -> Iterator[Path]:
    folder.mkdir(exist_ok=True)
    yield _write_text(folder / f"{name}.json", json.dumps(dictionary, default=lambda array: array.tolist()))
    path = folder / f"{name}.pkl"
    path.write_bytes(portable_pickle(dictionary))
    yield path


class _PortablePickler(pickle.Pickler):
    """Writes arrays by NumPy's public names: its own way names a module that older versions don't have."""

    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, np.ndarray):
            return np.ndarray, (value.shape, value.dtype.str, bytearray(np.ascontiguousarray(value).tobytes()))
        return NotImplemented


def portable_pickle(dictionary: CourseDictionary) -> bytes:
    """``dictionary`` pickled so that any NumPy reads it back, its arrays writable."""
    file = io.BytesIO()
    _PortablePickler(file, protocol=4).dump(dictionary)
    return file.getvalue()


def _write_text(path: Path, text: str) -> Path:
    path.write_text(text + "\n", encoding="utf-8")
    return path


def _file_name(name: str) -> str:
    """Variants such as ``cnn_5/relu`` name no folder."""
    return name.replace("/", "_")

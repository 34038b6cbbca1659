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
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.errors import ExportError
from engine.experiments import find_experiment
from engine.experiments.base import Computation, ComputedExperiment, CourseDictionary, TrainingExperiment
from engine.results import ExperimentResult, RunResult, VariantResult, load_results
from engine.spec import ExperimentSpec
from engine.statistics import spread
from engine.store import Store, StoredExperiment

if TYPE_CHECKING:
    from matplotlib.figure import Figure

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
    stored = store.experiment(experiment)
    definition = find_experiment(stored.name)
    check_writable(folder)
    try:
        match definition:
            case TrainingExperiment():
                return list(_write_training(load_results(store, experiment), definition, folder))
            case ComputedExperiment():
                return list(_write_computation(stored, store.computation(experiment), definition, folder))
    except OSError as error:
        raise ExportError(f"{folder} can't be written ({error.strerror}); choose another folder.") from error
    raise TypeError(f"{type(definition).__name__} is no kind of experiment")


def check_writable(folder: Path) -> None:
    """Make ``folder`` if need be and try to write into it; raises :class:`ExportError` where that fails."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ExportError(f"{folder} can't be written ({error.strerror}); choose another folder.") from error


def summary(result: ExperimentResult, spec: ExperimentSpec, findings: dict[str, Any]) -> dict[str, Any]:
    """The contents of ``summary.json`` of an experiment with runs; accuracies are fractions."""
    dataset = result.dataset
    return (
        _heading(result.experiment)
        | {"variants": [_variant_summary(variant) for variant in result.compared]}
        | findings
        | {
            "dataset_details": {
                "title": dataset.title,
                "classes": dataset.class_names,
                "shape": dataset.shape,
                "training_images": dataset.train_count,
                "validation_images": dataset.validation_count,
                "test_images": dataset.test_count,
                "sha256": dataset.fingerprint,
            },
            "settings": spec.model_dump(mode="json"),
        }
    )


def _heading(stored: StoredExperiment) -> dict[str, Any]:
    return {
        "experiment": stored.name,
        "dataset": stored.dataset.name if stored.dataset else None,
        "device": f"{stored.device.kind}: {stored.device.name}" if stored.device else None,
        "versions": stored.versions,
        "seed": stored.seed,
        "status": stored.status,
        "reason": stored.reason,
        "workers": stored.workers,
        "threads_per_worker": stored.device.threads if stored.device else None,
    }


def curve_rows(result: ExperimentResult) -> Iterator[dict[str, Any]]:
    """The rows of ``curves.csv``: one a record, empty where a number is not finite."""
    for variant in result.variants:
        for run in variant.runs:
            yield from _run_rows(variant.name, run)


def _write_training(result: ExperimentResult, definition: TrainingExperiment, folder: Path) -> Iterator[Path]:
    spec = definition.spec.from_json(result.experiment.spec)
    yield _write_json(folder / "summary.json", summary(result, spec, definition.findings(spec, result)))
    yield _write_text(folder / "settings.toml", spec.to_toml())
    yield _write_curves(folder / "curves.csv", result)
    yield from _write_figures(folder, definition.figures(result))
    for name, dictionary in definition.course_dictionaries(result):
        yield from _write_course(folder / "course", _file_name(name), dictionary)


def _write_computation(
    stored: StoredExperiment, found: Computation | None, definition: ComputedExperiment, folder: Path
) -> Iterator[Path]:
    spec = definition.spec.from_json(stored.spec)
    findings = found.findings if found else {}
    settings = {"settings": spec.model_dump(mode="json")}
    yield _write_json(folder / "summary.json", _heading(stored) | {"variants": []} | findings | settings)
    yield _write_text(folder / "settings.toml", spec.to_toml())
    if found is None:
        return
    for name, arrays in definition.archives.items():
        path = folder / f"{name}.npz"
        chosen: dict[str, Any] = {array: found.arrays[array] for array in arrays}
        np.savez_compressed(path, **chosen)
        yield path
    yield from _write_figures(folder, definition.figures(spec, found))


def _write_figures(folder: Path, figures: Iterator[tuple[str, Figure]]) -> Iterator[Path]:
    for name, figure in figures:
        for suffix in ("png", "svg"):
            path = folder / f"{_file_name(name)}.{suffix}"
            figure.savefig(path, dpi=150, metadata={"Date": None} if suffix == "svg" else None)
            yield path


def _variant_summary(variant: VariantResult) -> dict[str, Any]:
    return {
        "name": variant.name,
        "parameters": variant.parameters,
        "repeats": variant.planned,
        "epochs": variant.epochs,
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
        row |= {f"dead_units_{number}": count for number, count in enumerate(record.dead_units, start=1)}
        row |= {f"update_ratio_{n}": v for n, v in zip(layers, record.update_ratios, strict=True)}
        yield {
            key: "" if isinstance(value, float) and not math.isfinite(value) else value for key, value in row.items()
        }


def _write_curves(path: Path, result: ExperimentResult) -> Path:
    layers = list(dict.fromkeys(name for v in result.variants for run in v.runs for name in run.run.layers))
    inner = list(dict.fromkeys(name for v in result.variants for run in v.runs for name in run.run.layers[1:]))
    counted = max(
        (len(record.dead_units) for v in result.variants for run in v.runs for record in run.records[:1]), default=0
    )
    columns = [
        *CURVE_COLUMNS,
        *(f"gradient_norm_{n}" for n in inner),
        *(f"update_ratio_{n}" for n in layers),
        *(f"dead_units_{number}" for number in range(1, counted + 1)),
    ]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows(curve_rows(result))
    return path


def _write_course(folder: Path, name: str, dictionary: CourseDictionary) -> Iterator[Path]:
    folder.mkdir(exist_ok=True)
    yield _write_text(
        folder / f"{name}.json", json.dumps({k: _plain(v) for k, v in dictionary.items()}, allow_nan=False)
    )
    path = folder / f"{name}.pkl"
    path.write_bytes(portable_pickle(dictionary))
    yield path


def _plain(value: Any) -> Any:
    """What JSON can hold: lists for arrays, null for NaN and infinity."""
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


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


def _write_json(path: Path, values: dict[str, Any]) -> Path:
    return _write_text(path, json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False))


def _write_text(path: Path, text: str) -> Path:
    path.write_text(text + "\n", encoding="utf-8")
    return path


def _file_name(name: str) -> str:
    """Variants such as ``cnn_5/relu`` name no folder."""
    return name.replace("/", "_")

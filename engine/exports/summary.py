"""Contents of ``summary.json``: an experiment's results, environment and settings."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from engine.analysis.ranking import result_largest_class
from engine.analysis.results import ExperimentResult, RunResult, VariantResult
from engine.analysis.scores import scores_of
from engine.analysis.statistics import spread
from engine.config.specs import ExperimentSpec
from engine.storage.store import StoredExperiment


def summary(result: ExperimentResult, spec: ExperimentSpec, findings: dict[str, Any]) -> dict[str, Any]:
    """Return the contents of ``summary.json`` for an experiment with runs; accuracies are fractions."""
    dataset, largest = result.dataset, result_largest_class(result)
    return (
        summary_header(result.experiment)
        | {"device": "; ".join(device.title for device in result.devices) or None}
        | {"variants": [_variant_summary(variant, dataset.class_names) for variant in result.compared]}
        | findings
        | {
            "dataset_details": {
                "title": dataset.title,
                "classes": dataset.class_names,
                "shape": dataset.shape,
                "training_images": dataset.train_count,
                "validation_images": dataset.validation_count,
                "test_images": dataset.test_count,
                "training_images_per_class": dataset.class_counts,
                "test_images_per_class": dataset.test_class_counts,
                "validation_source": "its own" if dataset.own_validation else "held back from the training images",
                "largest_test_class": largest and {"name": largest.name, "share": largest.share},
                "duplicates": dataset.duplicates,
                "warnings": dataset.warnings,
                "sha256": dataset.fingerprint,
            },
            "settings": spec.model_dump(mode="json"),
        }
    )


def summary_header(stored: StoredExperiment) -> dict[str, Any]:
    """Return the entries common to the summaries of all experiments."""
    return {
        "experiment": stored.name,
        "dataset": stored.dataset.name if stored.dataset else None,
        "device": stored.device.title if stored.device else None,
        "library": stored.device.library or None if stored.device else None,
        "instructions": stored.device.instructions or None if stored.device else None,
        "versions": stored.versions,
        "seed": stored.seed,
        "status": stored.status,
        "reason": stored.reason,
        "workers": stored.workers,
        "threads_per_worker": stored.device.threads if stored.device else None,
    }


def _variant_summary(variant: VariantResult, class_names: tuple[str, ...]) -> dict[str, Any]:
    return {
        "name": variant.name,
        "parameters": variant.parameters,
        "repeats": variant.planned,
        "epochs": variant.epochs,
        "test_accuracy": spread(variant.test_accuracies),
        "seconds": variant.mean_seconds,
        "counted_runs": len(variant.counted_runs),
        "runs": [
            {
                "repeat": run.run.spec.repeat,
                "seed": run.run.spec.seed,
                "status": run.run.status,
                "reason": run.run.reason,
                "records": len(run.records),
                "recorded_every": run.run.planned.record_interval,
                "rates_by_hand": [{"step": each.step, "rate": each.value} for each in run.manual_rates],
                "device": run.run.device.title if run.run.device else None,
                "library": run.run.device.library or None if run.run.device else None,
                "refused_device": run.run.device.refusal or None if run.run.device else None,
                "continued_elsewhere": [each.step for each in run.moves],
                "test_loss": run.run.test_loss,
                "test_accuracy": run.run.test_accuracy,
                "confusion": None if run.run.confusion is None else run.run.confusion.tolist(),
                "scores": _scores(run, class_names),
                "seconds": run.run.seconds,
            }
            for run in variant.runs
        ],
    }


def _scores(run: RunResult, class_names: tuple[str, ...]) -> dict[str, Any] | None:
    """Return the scores of a run's test, means over the classes and each class; None without a test."""
    scores = scores_of(run.run.confusion, class_names)
    return None if scores is None else asdict(scores)

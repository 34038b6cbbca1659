"""Contents of ``summary.json``: an experiment's results, environment and settings."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from engine.analysis.ranking import result_largest_class
from engine.analysis.results import ExperimentResult, RunResult, VariantResult
from engine.analysis.scores import scores_of
from engine.analysis.statistics import spread
from engine.config.logged_runs import LOGGED_EXPERIMENT, UNKNOWN_SEED, LoggedRunSpec
from engine.config.specs import ExperimentSpec, RunSpec
from engine.storage.store import StoredExperiment


def summary(result: ExperimentResult, spec: ExperimentSpec, findings: dict[str, Any]) -> dict[str, Any]:
    """Return the contents of ``summary.json`` for an experiment with runs; accuracies are fractions."""
    return (
        summary_header(result.experiment)
        | {"device": "; ".join(device.title for device in result.devices) or None}
        | {"variants": [_variant_summary(variant, result.dataset.class_names) for variant in result.compared]}
        | findings
        | {"dataset_details": _known(_dataset_details(result)) if result.is_logged else _dataset_details(result)}
        | {"settings": spec.model_dump(mode="json")}
    )


def _dataset_details(result: ExperimentResult) -> dict[str, Any]:
    dataset, largest = result.dataset, result_largest_class(result)
    return {
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
    }


def _known(details: dict[str, Any]) -> dict[str, Any]:
    """Return details of the data of logged runs; None for those that no log tells."""
    told = {key: value if value and value != (0, 0, 0) else None for key, value in details.items()}
    return told | {"validation_source": None, "duplicates": None, "warnings": details["warnings"]}


def summary_header(stored: StoredExperiment) -> dict[str, Any]:
    """Return the entries common to the summaries of all experiments."""
    return {
        "experiment": stored.name,
        "dataset": stored.dataset.name or None if stored.dataset else None,
        "device": stored.device.title if stored.device else None,
        "library": stored.device.library or None if stored.device else None,
        "instructions": stored.device.instructions or None if stored.device else None,
        "versions": stored.versions,
        "seed": _told_seed(stored.seed),
        "status": stored.status,
        "reason": stored.reason,
        "workers": None if stored.name == LOGGED_EXPERIMENT else stored.workers,
        "threads_per_worker": stored.device.threads or None if stored.device else None,
    }


def _architecture(variant: VariantResult) -> str | None:
    """Return the network as name or ``name[layers]``, which tells what *as trained* was; None of logged runs."""
    spec = variant.runs[0].run.spec if variant.runs else None
    return spec.architecture if isinstance(spec, RunSpec) else None


def _variant_summary(variant: VariantResult, class_names: tuple[str, ...]) -> dict[str, Any]:
    return {
        "name": variant.name,
        "architecture": _architecture(variant),
        "parameters": variant.parameters or None if variant.is_logged else variant.parameters,
        "repeats": variant.planned,
        "epochs": variant.epochs or None,
        "test_accuracy": spread(variant.test_accuracies),
        "seconds": variant.mean_seconds,
        "counted_runs": len(variant.counted_runs),
        "runs": [
            {
                "repeat": run.run.spec.repeat,
                "seed": _told_seed(run.run.spec.seed),
                "status": run.run.status,
                "reason": run.run.reason,
                "records": len(run.records),
                "recorded_every": run.run.planned.record_interval or None,
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
                "kept_weights": run.run.kept and asdict(run.run.kept),
            }
            | _log_summary(run)
            for run in variant.runs
        ],
    }


def _told_seed(seed: int) -> int | None:
    return None if seed == UNKNOWN_SEED else seed


def _log_summary(run: RunResult) -> dict[str, Any]:
    """Return the further entries of a logged run."""
    spec = run.run.spec
    if not isinstance(spec, LoggedRunSpec):
        return {}
    return {"source": spec.source, "format": spec.format, "settings": spec.settings, "metrics": run.metrics}


def _scores(run: RunResult, class_names: tuple[str, ...]) -> dict[str, Any] | None:
    """Return the scores of a run's test, means over the classes and each class; None without a test."""
    scores = scores_of(run.run.confusion, class_names)
    return None if scores is None else asdict(scores)

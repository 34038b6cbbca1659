"""Claim: how much validation accuracy a trained network gained by further training."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import fmean
from typing import Any

from engine.analysis.claims import (
    Claim,
    accuracy_numbers,
    accuracy_with_spread,
    last_epoch_mean,
    percent,
    points,
)
from engine.analysis.results import ExperimentResult, VariantResult


def continuation_claims(result: ExperimentResult, _findings: dict[str, Any]) -> Iterator[Claim]:
    """Compare validation accuracy at the first record and in the last epoch, for each variant."""
    for variant in result.compared:
        if variant.counted_runs:
            yield _gain(result, variant)


def _gain(result: ExperimentResult, variant: VariantResult) -> Claim:
    """Compare the first record with the last epoch, means over the counted runs."""
    first = fmean(run.records[0].validation_accuracy for run in variant.counted_runs)
    last = fmean(last_epoch_mean(run, "validation_accuracy") for run in variant.counted_runs)
    step = variant.counted_runs[0].records[0].step
    moved = f"{'rises' if last > first else 'falls'} by {points(abs(last - first))}" if last != first else "stays"
    sentence = (
        f"{variant.name}: validation accuracy {moved}, from {percent(first)} at step {step} to {percent(last)} in the "
        f"last epoch; test accuracy is {accuracy_with_spread(variant)}."
    )
    numbers = {"validation accuracy at first": first, "in the last epoch": last, **accuracy_numbers(variant)}
    return Claim(sentence, numbers, (result.experiment.id,), headline=True)

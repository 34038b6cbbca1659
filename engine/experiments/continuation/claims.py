"""Claim: how much validation accuracy a trained network gained by further training."""

from __future__ import annotations

import math
from collections.abc import Iterator
from statistics import fmean
from typing import Any

from engine.analysis.claims import (
    Claim,
    accuracy_numbers,
    accuracy_with_spread,
    last_epoch,
    last_epoch_mean,
    percent,
    points,
)
from engine.analysis.results import ExperimentResult, VariantResult
from engine.analysis.significance import MIN_IMAGES, uncertainty
from engine.utils.text import pluralise


def continuation_claims(result: ExperimentResult, _findings: dict[str, Any]) -> Iterator[Claim]:
    """Compare validation accuracy at the first record and in the last epoch, for each variant."""
    for variant in result.compared:
        if variant.counted_runs:
            yield _gain(result, variant)


def _gain(result: ExperimentResult, variant: VariantResult) -> Claim:
    """Compare the first record with the last epoch, means over the counted runs."""
    first = fmean(run.records[0].validation_accuracy for run in variant.counted_runs)
    last = fmean(last_epoch_mean(run, "validation_accuracy") for run in variant.counted_runs)
    epoch = last_epoch(variant.counted_runs)
    step = variant.counted_runs[0].records[0].step
    images = result.dataset.validation_count
    uncertain = math.hypot(uncertainty(first, images), uncertainty(last, images))
    is_clear = images >= MIN_IMAGES and abs(last - first) > uncertain
    if is_clear:
        moved = f"validation accuracy {'rises' if last > first else 'falls'} by {points(abs(last - first))}"
    else:
        of_images = pluralise(images, "validation image")
        moved = f"whether validation accuracy changed can't be told from {of_images} (uncertain by {points(uncertain)})"
    sentence = (
        f"{variant.name}: {moved}, from {percent(first)} at step {step} to {percent(last)} in {epoch}; test "
        f"accuracy is {accuracy_with_spread(variant)}."
    )
    numbers = {"validation accuracy at first": first, "in the last epoch": last, **accuracy_numbers(variant)}
    return Claim(sentence, numbers, (result.experiment.id,), supported=is_clear, headline=True)

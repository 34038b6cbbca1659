"""Claims: in which networks the first layer's gradient vanishes, and whose loss stays at that of guessing."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import numpy as np

from engine.analysis.claims import Claim, Number, join_names, last_epoch, last_epoch_mean
from engine.analysis.guessing import guessing_loss
from engine.analysis.results import ExperimentResult, VariantResult
from engine.networks.notation import ACTIVATION_NAMES
from engine.utils.text import scientific

VANISHING_RATIO = 10.0  # times smaller than under the other activation
TITLES = {str(name): title for name, title in ACTIVATION_NAMES.items()}
NEAR_GUESSING = 0.02  # relative distance from the loss of guessing within which a loss counts as it


@dataclass(frozen=True)
class _Pair:
    """One architecture under two activations; ``norms``: medians over the steps of the first layer's gradient norm."""

    architecture: str
    reference: VariantResult
    other: VariantResult
    norms: tuple[float, float]

    @property
    def ratio(self) -> float:
        """How many times smaller the gradient of ``other`` is."""
        return self.norms[0] / self.norms[1] if self.norms[1] > 0 else math.inf


def activation_claims(result: ExperimentResult, _findings: dict[str, Any]) -> Iterator[Claim]:
    """Compare the first activation with each of the others."""
    names = list(dict.fromkeys(_activation(variant) for variant in result.compared))
    for other in names[1:]:
        pairs = list(_pairs(result, names[0], other))
        if pairs:
            yield _vanishing(result, pairs, names[0], other)
            yield from (_measured(result, pair) for pair in pairs)
    yield from _guessing(result)


def _pairs(result: ExperimentResult, reference: str, other: str) -> Iterator[_Pair]:
    for variant in result.compared:
        architecture, _, activation = variant.name.rpartition("/")
        if activation == other:
            against = result.variant(f"{architecture}/{reference}")
            if against is not None and (norms := _norms(against, variant)) is not None:
                yield _Pair(architecture, against, variant, norms)


def _norms(*variants: VariantResult) -> tuple[float, float] | None:
    """Return the median over the steps of the mean norm over the runs; None if either variant has no finite value."""
    values = [variant.mean("gradient_norm") for variant in variants if variant.runs]
    finite = [each[np.isfinite(each)] for each in values]
    if len(finite) < 2 or not all(len(each) for each in finite):
        return None
    return float(np.median(finite[0])), float(np.median(finite[1]))


def _vanishing(result: ExperimentResult, pairs: list[_Pair], reference: str, other: str) -> Claim:
    small = [pair for pair in pairs if pair.ratio >= VANISHING_RATIO]
    first, second = TITLES[reference], TITLES[other]
    figure = "median of the gradient norm of its first layer over the steps"
    if small:
        least = max(small, key=lambda pair: pair.ratio)
        affected = join_names([pair.architecture for pair in small])
        sentence = (
            f"Under {second} the gradient vanishes in {affected}: the {figure} is at least {VANISHING_RATIO:g} times "
            f"smaller than under {first}, and {_times(least.ratio)} smaller in {least.architecture} ({_runs(pairs)})."
        )
    else:
        most = max(pairs, key=lambda pair: pair.ratio)
        sentence = (
            f"Under {second} the gradient vanishes in no architecture (of {len(pairs)}): the {figure} is less than "
            f"{VANISHING_RATIO:g} times smaller than under {first}, at most {_times(most.ratio)} ({most.architecture}; "
            f"{_runs(pairs)})."
        )
    numbers: dict[str, Number] = {f"{p.architecture}: {first} over {second}": _finite(p.ratio) for p in pairs}
    return Claim(sentence, numbers, (result.experiment.id,), headline=True)


def _runs(pairs: list[_Pair]) -> str:
    """Format the number of runs behind the means, such as ``n = 2 to 3``."""
    counts = sorted({len(variant.runs) for pair in pairs for variant in (pair.reference, pair.other)})
    return f"n = {counts[0]}" if len(counts) == 1 else f"n = {counts[0]} to {counts[-1]}"


def _measured(result: ExperimentResult, pair: _Pair) -> Claim:
    first, second = pair.norms
    relation = f"{_times(pair.ratio)} smaller" if pair.ratio >= 1 else f"{_times(1 / pair.ratio)} larger"
    sentence = (
        f"{pair.architecture}: the first layer's gradient is {scientific(first, 2)} under "
        f"{TITLES[_activation(pair.reference)]} and {scientific(second, 2)} under "
        f"{TITLES[_activation(pair.other)]}, {relation} (medians over the steps, {_runs([pair])})."
    )
    numbers: dict[str, Number] = {pair.reference.name: first, pair.other.name: second, "ratio": _finite(pair.ratio)}
    return Claim(sentence, numbers, (result.experiment.id,))


def _guessing(result: ExperimentResult) -> Iterator[Claim]:
    """State which losses end near that of guessing."""
    chance = guessing_loss(len(result.dataset.class_names), result.dataset.class_counts)
    ends = {v.name: loss for v in result.compared if v.runs and math.isfinite(loss := _last_loss(v))}
    if not ends:
        return
    near = [name for name, loss in ends.items() if abs(loss - chance.nats) <= NEAR_GUESSING * chance.nats]
    epoch = last_epoch(run for variant in result.compared for run in variant.runs)
    level = f"{chance.text}, the loss of guessing in nats"
    if near:
        losses = join_names([f"{name} ({ends[name]:.3f})" for name in near])
        sentence = f"The training loss of {epoch} is within {100 * NEAR_GUESSING:g} % of {level}, for {losses}."
    else:
        name, loss = max(ends.items(), key=lambda item: item[1])
        sentence = f"No loss stays at {level}: the largest of {epoch} is {loss:.3f} ({name})."
    yield Claim(sentence, {**ends, "loss of guessing": chance.nats}, (result.experiment.id,), headline=True)


def _last_loss(variant: VariantResult) -> float:
    """Average the last epoch's loss over the runs where it is finite; NaN if there is none."""
    losses = [last_epoch_mean(result, "training_loss") for result in variant.runs]
    return fmean(finite) if (finite := [loss for loss in losses if math.isfinite(loss)]) else math.nan


def _activation(variant: VariantResult) -> str:
    return variant.name.rpartition("/")[2]


def _times(ratio: float) -> str:
    if not math.isfinite(ratio):
        return "infinitely many times"
    return f"{ratio:,.0f} times" if ratio >= 10 else f"{ratio:.1f} times"


def _finite(ratio: float) -> float | None:
    return ratio if math.isfinite(ratio) else None

"""Claims: the best learning rate, and which rates were too large."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from engine.analysis.claims import Claim, Number, accuracy_with_spread, join_names
from engine.analysis.ranking import best_variant_claims, clear_best, ranked
from engine.analysis.results import ExperimentResult, VariantResult
from engine.events.runs import Status
from engine.utils.text import pluralise


def learning_rate_claims(result: ExperimentResult, findings: dict[str, Any]) -> Iterator[Claim]:
    """Compare learning rates, and report divergence and the range test."""
    tested = ranked(result.compared)
    yield from best_variant_claims(result, "test accuracy")
    if len(tested) == 1:
        only = tested[0][0]
        sentence = f"{only.name} is the only rate whose runs were tested: {accuracy_with_spread(only)}."
        yield Claim(sentence, {"test accuracy": tested[0][1]}, (result.experiment.id,), supported=False, headline=True)
    yield from _divergence(result)
    yield from _range_test(result, findings.get("range_test"))


def _divergence(result: ExperimentResult) -> Iterator[Claim]:
    tried = [variant for variant in result.compared if variant.runs]
    diverged = {variant.name: (variant, steps) for variant in tried if (steps := _diverged_at(variant))}
    if not tried:
        return
    if diverged:
        cases = [f"{name} ({_when(*where)})" for name, where in diverged.items()]
        sentence = f"Training diverged at {join_names(cases)}: its loss or a gradient was no longer a finite number."
    else:
        runs = pluralise(sum(len(variant.runs) for variant in tried), "run")
        sentence = f"None of {runs} at {pluralise(len(tried), 'rate')} diverged."
    numbers: dict[str, Number] = {f"{v.name}: runs that diverged": len(_diverged_at(v)) for v in tried}
    yield Claim(sentence, numbers, (result.experiment.id,), headline=bool(diverged))


def _diverged_at(variant: VariantResult) -> list[int]:
    """Return the last recorded step of each run that diverged."""
    return [run.records[-1].step for run in variant.runs if run.run.status is Status.DIVERGED]


def _when(variant: VariantResult, steps: list[int]) -> str:
    which = f"{len(steps)} of {pluralise(len(variant.runs), 'run')}"
    return f"{which}, at step {steps[0]}" if len(steps) == 1 else f"{which}, from step {min(steps)} on"


def _range_test(result: ExperimentResult, test: dict[str, Any] | None) -> Iterator[Claim]:
    """Compare the rate suggested by the range test with the best of the trained rates."""
    tested = ranked(result.compared)
    if test is None or not tested:
        return
    suggestion, best = test["suggested_rate"], clear_best(result)
    training = None if best is None else best.runs[0].run.trained_spec.training
    rate = None if training is None else training.learning_rate
    trained = "of the rates trained none is clearly best"
    if training is not None:
        over_time = f" ({training.rate_over_time_text})" if training.rate_over_time_text else ""
        trained = f"the best rate trained is {training.learning_rate:g}{over_time}"
    if suggestion is None:
        sentence = f"The range test suggests no rate: the loss hardly fell within {test['steps']} steps."
    else:
        sentence = f"The range test suggests {suggestion:.2g}, from {test['steps']} steps; {trained}."
    yield Claim(sentence, {"suggested rate": suggestion, "best rate": rate}, (result.experiment.id,))

"""Claims: the step schedule compared with the baselines, in test accuracy and in time to the target accuracy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from engine.analysis.claims import Claim, Number, accuracy_numbers, accuracy_with_spread, percent, points
from engine.analysis.results import ExperimentResult, VariantResult
from engine.analysis.significance import compare
from engine.experiments.schedule.variants import BASELINES, STEPS
from engine.utils.text import as_duration


def schedule_claims(result: ExperimentResult, findings: dict[str, Any]) -> Iterator[Claim]:
    """Compare the step schedule with each baseline, and the times to the target accuracy."""
    schedule = result.variant(STEPS)
    if schedule is None or not schedule.test_accuracies:
        return
    for baseline in result.compared:
        if baseline.name in BASELINES and baseline.test_accuracies:
            yield _accuracy(result, schedule, baseline)
    yield from _time_to_target(result, findings)


def _accuracy(result: ExperimentResult, schedule: VariantResult, baseline: VariantResult) -> Claim:
    compared = compare(schedule.test_accuracies, baseline.test_accuracies, result.dataset.test_count)
    name, by = BASELINES[baseline.name], points(abs(compared.difference))
    figures = f"{accuracy_with_spread(schedule)} against {accuracy_with_spread(baseline)}"
    runs = [run.run for variant in (schedule, baseline) for run in variant.counted_runs]
    most = "up to " if any(run.kept is not None and run.kept.stopped_early for run in runs) else ""
    warm_up = runs[0].trained_spec.training.rate_over_time_text
    epochs = f"at {most}{schedule.epochs} epochs each{warm_up and f', {warm_up}'}"
    if compared.shortfall:
        lacking = f"can't be told from {compared.shortfall}"
        sentence = f"A ranking of the schedule in steps and {name} {lacking}: {figures}, {epochs}."
    elif compared.difference == 0:
        sentence = f"The schedule in steps and {name} reach the same test accuracy: {figures}, {epochs}."
    elif not compared.is_clear:
        sentence = (
            f"The schedule in steps and {name} do not differ clearly in test accuracy: {figures}, {by} apart, {epochs}"
            f"{compared.verdict}."
        )
    else:
        relation = "above" if compared.difference > 0 else "below"
        sentence = (
            f"The schedule in steps ends {by} {relation} {name} in test accuracy: {figures}, {epochs}"
            f"{compared.verdict}."
        )
    numbers = accuracy_numbers(schedule) | accuracy_numbers(baseline) | compared.numbers
    return Claim(sentence, numbers, (result.experiment.id,), supported=not compared.shortfall, headline=True)


def _time_to_target(result: ExperimentResult, findings: dict[str, Any]) -> Iterator[Claim]:
    """State when each variant reached the target accuracy."""
    target, comparison = findings["target_accuracy"], findings["comparison"]
    numbers: dict[str, Number] = {"target accuracy": target}
    parts = []
    for name, each in comparison.items():
        if not each["n"]:
            continue
        reached = f"{each['runs_that_reach_target']} of {each['n']} runs"
        numbers[f"{name}: epochs to target"] = each["epochs_to_target"]
        if each["epochs_to_target"] is None:
            parts.append(f"{name} never ({reached})")
        else:
            epochs, seconds = each["epochs_to_target"], each["seconds_to_target"]
            parts.append(f"{name} after {epochs:.1f} epochs and {as_duration(seconds, decimals=1)} ({reached})")
    if parts:
        sentence = f"{percent(target)} validation accuracy is reached by {'; by '.join(parts)}."
        yield Claim(sentence, numbers, (result.experiment.id,))

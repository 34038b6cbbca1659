"""Output of ``--batch``: messages, and the results of an experiment as a table."""

from __future__ import annotations

import sys

from engine.analysis.ranking import largest_class_claims, result_largest_class
from engine.analysis.results import ExperimentResult, VariantResult, load_results
from engine.analysis.statistics import spread
from engine.events.runs import Status, count_finished
from engine.experiments.base import ComputedExperiment, Experiment, ExperimentWithRuns
from engine.exports.report.runs import curve_findings
from engine.storage.store import Store


def print_lines(*lines: str) -> None:
    """Print lines to standard output."""
    sys.stdout.writelines(f"{line}\n" for line in lines)


def print_error(line: str) -> None:
    """Print a line to standard error."""
    sys.stderr.write(f"{line}\n")


def report_results(store: Store, experiment: Experiment, number: int) -> None:
    """Print the results of stored experiment ``number``."""
    match experiment:
        case ExperimentWithRuns():
            result = load_results(store, number)
            _report_runs(result)
            statuses = [run.status for run in store.runs(number)]
            if set(statuses) - {Status.FINISHED}:
                print_lines(f"{count_finished(statuses)}.")
            # Diagnoses of the curves, such as a network that guesses, which a table of accuracies does not show.
            for group in curve_findings(store, result, store.runs(number)):
                print_lines(f"{group.text} {group.finding.advice}")
            findings = experiment.findings(experiment.spec.from_json(result.experiment.spec), result)
            print_lines(*experiment.batch_lines(findings))
        case ComputedExperiment() if (found := store.computation(number)) is not None:
            print_lines(*experiment.batch_lines(found.findings))
    print_lines(f"Stored as experiment {number} in {store.file}")


def _report_runs(result: ExperimentResult) -> None:
    width = max([16, *(len(variant.name) + 2 for variant in result.compared)])
    titles = f"{'parameters':>11}{'runs':>8}{'best':>9}{'mean':>9}{'std':>8}{'seconds':>9}"
    print_lines(f"{'variant':<{width}}{titles}")
    largest = result_largest_class(result)
    for variant in result.compared:
        print_lines(_table_row(variant, width))
        for run in variant.runs:
            if run.run.status is Status.DIVERGED:
                print_lines(f"  run {run.run.spec.repeat} diverged at step {run.records[-1].step}")
    if largest is not None:
        print_lines(f"{'largest class':<{width}}{'-':>11}{'-':>8}{'-':>9}{100 * largest.share:7.2f} %{'-':>8}{'-':>9}")
    print_lines(*(claim.sentence for claim in largest_class_claims(result)))


def _table_row(variant: VariantResult, width: int) -> str:
    accuracy = spread(variant.test_accuracies)
    seconds = f"{'-':>9}" if variant.mean_seconds is None else f"{variant.mean_seconds:9.1f}"
    cells = "".join(
        f"{'-':>{room}}" if value is None else f"{100 * value:>{room - 2}.2f} %"
        for value, room in ((accuracy["best"], 9), (accuracy["mean"], 9), (accuracy["std"], 8))
    )
    parameters = f"{variant.parameters:,}" if variant.parameters or not variant.is_logged else "-"
    return f"{variant.name:<{width}}{parameters:>11}{len(variant.counted_runs):>8}{cells}{seconds}"

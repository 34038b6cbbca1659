"""Tables of a training experiment: accuracies, runs that ended early or were changed, and findings in the curves."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from statistics import fmean

from engine.analysis.blocks import Table, TableColumn
from engine.analysis.claims import percent
from engine.analysis.diagnosis import GroupedFinding, diagnose, group_findings, restored_curves
from engine.analysis.ranking import clear_best, result_largest_class
from engine.analysis.results import ExperimentResult, RunResult, VariantResult
from engine.analysis.scores import MeanScores, scores_of
from engine.analysis.statistics import best_run, mean_in_percent
from engine.config.specs import RunSpec
from engine.events.runs import Status
from engine.networks.architectures import layers_of
from engine.networks.layers import Act
from engine.networks.notation import ACTIVATION_NAMES
from engine.storage.store import Store, StoredRun
from engine.utils.text import as_duration
from engine.workspace.replay import restored_runs

ACCURACY_COLUMNS = (
    TableColumn("Variant", width=4),
    TableColumn("Parameters", numeric=True, width=3),
    TableColumn("Runs", numeric=True, width=2),
    TableColumn("Test accuracy, mean ± std", numeric=True, width=5),
    TableColumn("Best", numeric=True, width=2),
    TableColumn("Time a run", numeric=True, width=3),
)
SCORE_COLUMNS = (
    TableColumn("Variant", width=4),
    TableColumn("Balanced accuracy", numeric=True, width=4),
    TableColumn("Precision", numeric=True, width=3),
    TableColumn("Recall", numeric=True, width=3),
    TableColumn("F1", numeric=True, width=3),
)
CLASS_COLUMNS = (
    TableColumn("Class", width=4),
    TableColumn("Test images", numeric=True, width=3),
    TableColumn("Precision", numeric=True, width=3),
    TableColumn("Recall", numeric=True, width=3),
    TableColumn("F1", numeric=True, width=3),
)
EVENT_COLUMNS = (TableColumn("Variant", width=3), TableColumn("Runs", width=2), TableColumn("What happened", width=9))
CURVE_COLUMNS = (
    TableColumn("What was seen", width=9),
    TableColumn("Runs", width=2),
    TableColumn("What to try", width=6),
)
CURVE_NOTE = "By the rules that the window applies while networks train; what is not named here was not seen."
NOTE = "Means and sample standard deviations are over the runs that ended by their settings alone"
LOGGED_NOTE = "Means and sample standard deviations are over the runs that finished"
LARGEST_NOTE = " The last row is always answering the largest class of the test images."
SCORE_NOTE = (
    "On the test images, unweighted means over the classes and then over the same runs; balanced accuracy is the mean "
    "recall of the classes with test images."
)
CLASS_NOTE = "The run with the best test accuracy. A score whose denominator is 0 is 0."
MAX_CLASS_ROWS = 40  # classes of a table; of more, the file test_scores.csv tells
MOVED = (
    "Interrupted after step {}, it went on with another device, library, number of threads or version: numbers may "
    "differ."
)
NONE = "–"


def accuracy_table(result: ExperimentResult) -> Table:
    """Tabulate the variants, one per row, with a clear best marked; the last row always answers the largest class."""
    best, largest = clear_best(result), result_largest_class(result)
    marked = frozenset(position for position, variant in enumerate(result.compared) if variant is best)
    rows = [_accuracy_row(variant) for variant in result.compared]
    if largest is not None:
        rows.append((f"always '{largest.name}'", NONE, NONE, f"{100 * largest.share:.2f} %", NONE, NONE))
    note = LOGGED_NOTE if result.is_logged else NOTE
    note += _counting_exceptions(result.compared) + (LARGEST_NOTE if largest else "")
    return Table("", ACCURACY_COLUMNS, tuple(rows), marked, note)


def score_tables(result: ExperimentResult) -> Iterator[Table]:
    """Tabulate the scores of the tests: means over each variant's runs, and each class in the best run of all."""
    means = [(variant, scores) for variant in result.compared if (scores := _scores(result, variant.counted_runs))]
    if not means:
        return
    columns = ("balanced_accuracy", "precision", "recall", "f1")
    rows = tuple(
        (variant.name, *(percent(fmean(getattr(each, column) for each in scores)) for column in columns))
        for variant, scores in means
    )
    yield Table("", SCORE_COLUMNS, rows, note=SCORE_NOTE)
    best = best_run(run for variant, _ in means for run in variant.counted_runs if run.run.confusion is not None)
    if best is not None and best.run.confusion is not None and len(best.run.confusion) <= MAX_CLASS_ROWS:
        (of_best,) = _scores(result, [best])
        rows = tuple(
            (each.name, f"{each.images:,}", percent(each.precision), percent(each.recall), percent(each.f1))
            for each in of_best.classes
        )
        spec = best.run.spec
        yield Table(f"Each class in run {spec.repeat} of {spec.variant}", CLASS_COLUMNS, rows, note=CLASS_NOTE)


def _scores(result: ExperimentResult, runs: Sequence[RunResult]) -> list[MeanScores]:
    names = result.dataset.class_names
    return [scores for run in runs if (scores := scores_of(run.run.confusion, names)) is not None]


def _accuracy_row(variant: VariantResult) -> tuple[str, ...]:
    accuracies, n = variant.test_accuracies, len(variant.counted_runs)
    return (
        variant.name,
        f"{variant.parameters:,}" if variant.parameters or not variant.is_logged else NONE,
        f"{n}" if n == variant.planned else f"{n} of {variant.planned}",
        mean_in_percent(accuracies) or NONE,
        f"{100 * max(accuracies):.2f} %" if accuracies else NONE,
        NONE if variant.mean_seconds is None else as_duration(variant.mean_seconds, decimals=1),
    )


def _counting_exceptions(variants: Sequence[VariantResult]) -> str:
    """Name the variants without a run that meets the rule of ``NOTE``, and the runs included instead."""
    stopped = [v.name for v in variants if any(run.run.status is not Status.FINISHED for run in v.counted_runs)]
    by_hand = [v.name for v in variants if v.name not in stopped and any(run.manual_rates for run in v.counted_runs)]
    notes = [f"of {', '.join(by_hand)} there is none, and runs whose rate was changed by hand count"] if by_hand else []
    notes += [f"of {', '.join(stopped)} there is none, and runs that were stopped early count"] if stopped else []
    return "; ".join(["", *notes]) + "."


def event_table(result: ExperimentResult, runs: Sequence[StoredRun]) -> Table | None:
    """Tabulate runs that ended early, never began, kept earlier weights or were changed by hand.

    Equal ones share a row; None without any.
    """
    recorded = {run.run.id: run for variant in result.variants for run in variant.runs}
    groups: dict[tuple[str, str], list[int]] = {}
    for run in runs:
        for what in _deviations(run, recorded.get(run.id)):
            groups.setdefault((run.spec.variant, what), []).append(run.spec.repeat)
    rows = tuple((variant, _format_ranges(repeats), what) for (variant, what), repeats in groups.items())
    return Table("", EVENT_COLUMNS, rows) if rows else None


def curve_findings(store: Store, result: ExperimentResult, runs: Sequence[StoredRun]) -> list[GroupedFinding]:
    """Diagnose all runs and merge equal findings.

    Probes are left out, as a range test raises its rate until training diverges.
    """
    diagnosed = [run for run in runs if not run.spec.probe]
    # Restored one by one, so that the records of only one run are in memory.
    findings = [
        finding
        for run, restored in zip(diagnosed, restored_runs(store, diagnosed), strict=True)
        for finding in diagnose(restored_curves(run.planned, restored), result.dataset)
    ]
    return group_findings(findings)


def curve_table(store: Store, result: ExperimentResult, runs: Sequence[StoredRun]) -> Table | None:
    """Tabulate ``curve_findings``, one per row; None without any."""
    groups = curve_findings(store, result, runs)
    rows = tuple((group.text, _format_ranges(group.repeats), group.finding.advice) for group in groups)
    return Table("", CURVE_COLUMNS, rows, note=CURVE_NOTE) if rows else None


def _deviations(run: StoredRun, recorded: RunResult | None) -> list[str]:
    rates = recorded.manual_rates if recorded else []
    sentences = [f"Learning rate set to {each.value:g} by hand after step {each.step:,}." for each in rates]
    sentences += [MOVED.format(f"{each.step:,}") for each in (recorded.moves if recorded else [])]
    if isinstance(run.spec, RunSpec) and run.spec.start_from is not None:
        sentences.append(_describe_start(run.spec))
    if run.status is not Status.FINISHED:
        sentences.append(_describe_end(run, recorded))
    if run.kept is not None:
        sentences.append(run.kept.sentence)
    return sentences


def _describe_start(spec: RunSpec) -> str:
    own = (
        f" and the activation {ACTIVATION_NAMES[spec.network.activation]}"
        if Act() in layers_of(spec.architecture)
        else ""
    )
    return f"Began with the weights{own} of a network trained before."


def _describe_end(run: StoredRun, recorded: RunResult | None) -> str:
    of_all = f" of {run.total_steps:,}" if run.total_steps else ""
    where = f" at step {recorded.records[-1].step:,}{of_all}" if recorded else " before its first record"
    tested = ", tested as it then was" if run.is_tested else ""
    verb = ("not ended" if not run.status.is_final else run.status.value).capitalize()
    reason = _strip_verb(verb, run.reason)
    return f"{verb}{where}{tested}." + (f" {reason}" if reason else "")


def _strip_verb(verb: str, reason: str) -> str:
    """Remove a leading repetition of the verb from the reason."""
    rest = re.sub(rf"^{verb}[.;]\s*", "", reason)
    return rest[:1].upper() + rest[1:]


def _format_ranges(numbers: Sequence[int]) -> str:
    """Format numbers as ranges, such as ``1–3, 5``."""
    spans: list[list[int]] = []
    for number in sorted(numbers):
        if spans and number == spans[-1][1] + 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    return ", ".join(f"{low}" if low == high else f"{low}–{high}" for low, high in spans)

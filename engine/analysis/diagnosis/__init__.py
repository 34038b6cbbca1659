"""Diagnosis of training problems from a run's curves: pure functions for live and stored runs."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import numpy as np

from engine.analysis.diagnosis.curves import RunCurves, kept_epoch, manual_rates, of_logged_run, restored_curves
from engine.analysis.diagnosis.findings import Finding, FindingKind, GroupedFinding
from engine.analysis.diagnosis.rules import MIN_RECORDS, RULES, RuleContext
from engine.events.datasets import DatasetInfo

__all__ = [
    "MIN_RECORDS",
    "Finding",
    "FindingKind",
    "GroupedFinding",
    "RunCurves",
    "diagnose",
    "group_findings",
    "kept_epoch",
    "manual_rates",
    "of_logged_run",
    "restored_curves",
]


def diagnose(curves: RunCurves, info: DatasetInfo | None, active: Collection[FindingKind] = ()) -> list[Finding]:
    """Diagnose the problems of a run.

    Args:
        curves: what was recorded of the run.
        info: the data set; None if unknown.
        active: kinds found before. Keeping a finding takes less than making it (hysteresis), so that findings do not
            flicker from record to record.

    Returns:
        The findings, most severe first; none for a healthy run or one with too few records. For a diverging run that
        is the only finding.
    """
    findings = []
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        for kind, rule in RULES.items():
            texts = rule(RuleContext(curves, info, kind in active))
            if texts is not None:
                step = int(curves.steps[-1]) if len(curves.steps) else 0
                findings.append(Finding(kind, curves.run, curves.variant, curves.repeat, step, *texts))
            if findings and kind is FindingKind.DIVERGING:
                break
    return findings


def group_findings(findings: Iterable[Finding]) -> list[GroupedFinding]:
    """Merge findings of the same kind and variant; most severe first, then latest first."""
    groups: dict[tuple[FindingKind, str], list[Finding]] = {}
    for finding in findings:
        groups.setdefault((finding.kind, finding.variant), []).append(finding)
    joined = [
        GroupedFinding(max(group, key=lambda each: each.step), tuple(sorted(each.repeat for each in group)))
        for group in groups.values()
    ]
    order = list(FindingKind)
    return sorted(joined, key=lambda each: (order.index(each.finding.kind), -each.finding.step))

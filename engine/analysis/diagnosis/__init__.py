"""What the curves of a run say, in words: pure functions over numbers, for a training under way or a stored one."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import numpy as np

from engine.analysis.diagnosis.curves import RunCurves, restored_curves
from engine.analysis.diagnosis.findings import Finding, FindingKind, GroupedFinding
from engine.analysis.diagnosis.rules import MIN_RECORDS, RULES, RuleContext

__all__ = [
    "MIN_RECORDS",
    "Finding",
    "FindingKind",
    "GroupedFinding",
    "RunCurves",
    "diagnose",
    "group_findings",
    "restored_curves",
]


def diagnose(curves: RunCurves, classes: int, active: Collection[FindingKind] = ()) -> list[Finding]:
    """What is wrong with a run, the gravest first; nothing for a healthy one and for one too short to tell.

    ``classes`` is their number. ``active`` names what was found before: it takes less to keep a finding than to make
    it, so that words don't come and go with every record. Of a run that diverges nothing else is said.
    """
    found = []
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        for kind, rule in RULES.items():
            words = rule(RuleContext(curves, classes, kind in active))
            if words is not None:
                step = int(curves.steps[-1])
                found.append(Finding(kind, curves.run, curves.variant, curves.repeat, step, *words))
            if found and kind is FindingKind.DIVERGING:
                break
    return found


def group_findings(findings: Iterable[Finding]) -> list[GroupedFinding]:
    """Findings of one kind in the runs of one variant as one: the gravest first, of equal ones the newest."""
    groups: dict[tuple[FindingKind, str], list[Finding]] = {}
    for finding in findings:
        groups.setdefault((finding.kind, finding.variant), []).append(finding)
    joined = [
        GroupedFinding(max(group, key=lambda each: each.step), tuple(sorted(each.repeat for each in group)))
        for group in groups.values()
    ]
    order = list(FindingKind)
    return sorted(joined, key=lambda each: (order.index(each.finding.kind), -each.finding.step))

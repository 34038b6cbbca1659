"""Text about the findings, for ``--batch`` and for a report."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from engine.analysis.blocks import Paragraph
from engine.utils.text import as_duration


def batch_lines(findings: dict[str, Any]) -> Iterator[str]:
    """Format where the rate switched, and when each variant reached the target."""
    schedule, target = findings["schedule"], 100 * findings["target_accuracy"]
    if schedule["switches"]:
        how = zip(schedule["switches"], schedule["found"], strict=True)
        epochs = ", ".join(f"{epoch} ({reason})" for epoch, reason in how)
        yield f"Switched after epochs {epochs}. {schedule['rule'] or ''}".rstrip()
    for name, compared in findings["comparison"].items():
        reached, n = compared["runs_that_reach_target"], compared["n"]
        after = ""
        if reached:
            seconds = as_duration(compared["seconds_to_target"], decimals=1)
            after = f", after {compared['epochs_to_target']:.1f} epochs, {seconds}"
        yield f"{name}: {target:g} % validation accuracy reached by {reached} of {n} runs{after}"


def report_blocks(findings: dict[str, Any]) -> Iterator[Paragraph]:
    """Describe where the schedule's rate switches, and the rule that determined it."""
    schedule = findings["schedule"]
    if not schedule["switches"]:
        return
    switches = zip(schedule["rates"][1:], schedule["switches"], schedule["found"], strict=False)
    text = "; ".join(f"to {rate:g} after epoch {epoch} ({how})" for rate, epoch, how in switches)
    yield Paragraph(f"Rates: {schedule['rates'][0]:g}, then {text}. {schedule['rule'] or ''}".rstrip())

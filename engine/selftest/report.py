"""Results of checks as lines of text, and the system description of a problem report."""

from __future__ import annotations

import platform
import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import psutil

from engine.devices.hardware import cpu_count, cpu_name
from engine.selftest.check import CheckState, Outcome
from engine.selftest.installation import format_bytes, nearest_folder
from engine.utils.text import as_duration, pluralise
from engine.utils.versions import versions

STATE_WIDTH, NAME_WIDTH, FACT_WIDTH = 9, 18, 14
INDENT = " " * (STATE_WIDTH + NAME_WIDTH)  # of continuation lines
DEVICES = "Devices"  # provided by a check


def line(outcome: Outcome) -> str:
    """Format an outcome, such as ``ok       workspace         /home/me/results can be written to``."""
    return f"{_head(outcome.result.state, outcome.check.name)}{outcome.result.sentence}"


def running_line(name: str) -> str:
    """Format the line of a running check."""
    return f"{_head('...', name)}".rstrip()


def closing_line(outcomes: Sequence[Outcome], seconds: float) -> str:
    """Summarise all outcomes in one sentence."""
    counts = Counter(outcome.result.state for outcome in outcomes)
    time = f"in {as_duration(seconds)}"
    if bad := counts[CheckState.FAILED]:
        failures = f"{bad} of {pluralise(len(outcomes), 'check')} failed, {time}"
        return f"{failures}; report the fault with these lines and the logs."
    parts = [f"{counts[state]} {state}" for state in (CheckState.WARNING, CheckState.SKIPPED) if counts[state]]
    rest = f" ({', '.join(parts)})" if parts else ""
    return f"Nothing failed of {pluralise(len(outcomes), 'check')}, {time}{rest}."


def passed(outcomes: Sequence[Outcome]) -> bool:
    """Return whether nothing failed; warnings and skipped checks are no failures."""
    return all(outcome.result.state is not CheckState.FAILED for outcome in outcomes)


def system_lines(workspace: Path, outcomes: Sequence[Outcome], logs: Path | None = None) -> list[str]:
    """Describe versions, system, machine, workspace, and where ``logs`` were kept, one line each."""
    memory = psutil.virtual_memory()
    facts = versions() | {
        "System": platform.platform(),
        "Processor": f"{cpu_name()}, {pluralise(cpu_count(), 'core')}",
        "Memory": f"{format_bytes(memory.total)}, {format_bytes(memory.available)} of it free",
        DEVICES: "not found out",
    }
    for outcome in outcomes:
        facts |= outcome.result.facts
    free = shutil.disk_usage(nearest_folder(workspace)).free
    facts["Workspace"] = f"{workspace}, {format_bytes(free)} free{'' if workspace.exists() else ', not made yet'}"
    if logs is not None:
        facts["Logs"] = str(logs)
    return [f"{name:<{FACT_WIDTH}}{value}" for name, value in facts.items()]


def _head(state: str, name: str) -> str:
    return f"{state:<{STATE_WIDTH}}{name:<{NAME_WIDTH}}"

"""Definition of a check and its result."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from engine.devices.names import AUTO


class CheckState(StrEnum):
    """Outcome of a check."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class CheckContext:
    """What a check works on.

    Attributes:
        workspace: the user's workspace, which may not exist.
        scratch: a temporary folder of the self-test.
        device: the requested device.
    """

    workspace: Path
    scratch: Path
    device: str = AUTO


@dataclass(frozen=True)
class CheckResult:
    """The result of a check.

    Attributes:
        sentence: one sentence with figures and, if needed, what to do.
        facts: details for a problem report, by title.
    """

    state: CheckState
    sentence: str
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Check:
    """Something that must hold for the program to work.

    Attributes:
        proves: what is known if it succeeds.
        run: called in a child process, so it must be a module-level function.
        seconds: time limit after which the check counts as hung; a multiple of what a slow machine needs.
        needs: names of earlier checks; if one has failed, this check is skipped.
        isolated: whether it runs in a process of its own.
    """

    name: str
    proves: str
    run: Callable[[CheckContext], CheckResult]
    seconds: float
    needs: tuple[str, ...] = ()
    isolated: bool = False


@dataclass(frozen=True)
class Outcome:
    """A check that was run or skipped, and its result."""

    check: Check
    result: CheckResult


def ok(sentence: str, facts: Mapping[str, str] | None = None) -> CheckResult:
    """Return a success."""
    return CheckResult(CheckState.OK, sentence, facts or {})


def warning(sentence: str) -> CheckResult:
    """Return a problem with which the program still works."""
    return CheckResult(CheckState.WARNING, sentence)


def failed(sentence: str) -> CheckResult:
    """Return a failure: the program can't be relied upon."""
    return CheckResult(CheckState.FAILED, sentence)


def skipped(sentence: str) -> CheckResult:
    """Return that the check does not apply."""
    return CheckResult(CheckState.SKIPPED, sentence)

"""What a check is, and what it gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from engine.devices.names import AUTO


class CheckState(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Surroundings:
    """What is looked at: the workspace, which need not exist, the device asked for, and a folder of the test's own."""

    workspace: Path
    scratch: Path
    device: str = AUTO


@dataclass(frozen=True)
class Result:
    """How a check ended, one sentence with figures and what to do, and ``facts`` that belong in a report of a fault."""

    state: CheckState
    sentence: str
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Check:
    """Something that must hold for the program to work.

    ``run`` is called in a child process, so it must be a module's function; one that takes longer than ``seconds``, a
    multiple of what a slow machine needs, counts as hung. It is skipped where one of ``needs``, names of checks before
    it, has failed. A check that stands ``alone`` has a process to itself.
    """

    name: str
    proves: str
    run: Callable[[Surroundings], Result]
    seconds: float
    needs: tuple[str, ...] = ()
    alone: bool = False


@dataclass(frozen=True)
class Outcome:
    """A check that has been carried out, or was skipped."""

    check: Check
    result: Result


def ok(sentence: str, facts: Mapping[str, str] | None = None) -> Result:
    """All is well."""
    return Result(CheckState.OK, sentence, facts or {})


def warning(sentence: str) -> Result:
    """Something to know of; the program works."""
    return Result(CheckState.WARNING, sentence)


def failed(sentence: str) -> Result:
    """The program can't be relied upon."""
    return Result(CheckState.FAILED, sentence)


def skipped(sentence: str) -> Result:
    """There was nothing to look at."""
    return Result(CheckState.SKIPPED, sentence)

"""Findings in logged runs: those of a native run with the same curves, and none of what was not logged."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.analysis.diagnosis import Finding, FindingKind, RunCurves, diagnose, restored_curves
from engine.events.datasets import DatasetInfo
from engine.events.devices import Device
from engine.events.runs import PlannedRun, Record, RunFinished, RunStarted, Status
from engine.storage.store import Store
from engine.workspace.replay import restored_runs
from gui.observations.diagnosis import observed_curves
from tests.engine.analysis.test_diagnosis import ILL, curves, falling
from tests.engine.support import INFO
from tests.logged import UNKNOWN_DATA, logged_record, logged_spec, observed, store_logged

TOLD = {"variant": "cnn_3", "epochs": 10, "steps_per_epoch": 100, "images_per_record": 500}
NUMBERS = ("training_loss", "training_accuracy", "validation_loss", "validation_accuracy", "learning_rate")
KINDS = [kind for kind in ILL if kind not in (FindingKind.DEAD_UNITS, FindingKind.RATE_BY_HAND)]


def records_of(found: RunCurves, logs: Callable[[int, str], bool] = lambda _at, _name: True) -> list[Record]:
    """Return the records of a log of the curves; ``logs`` tells at which records which numbers are logged."""
    return [
        logged_record(
            1,
            int(step),
            **{name: float(getattr(found, name)[at]) for name in NUMBERS if logs(at, name)},
            **{
                name: tuple(getattr(found, name)[at]) if logs(at, name) else ()
                for name in ("gradient_norms", "update_ratios")
            },
        )
        for at, step in enumerate(found.steps)
    ]


def findings(
    workspace: Path, records: list[Record], info: DatasetInfo = INFO, confusion: Any = None
) -> tuple[list[Finding], list[Finding]]:
    """Return the findings in a logged run: while it is watched, and of the stored one."""
    layers = curves().layers if any(record.gradient_norms or record.update_ratios for record in records) else ()

    def events(run: PlannedRun) -> list[Any]:
        started = RunStarted(run.run, Device("CPU", "any", 0), {}, layers, 100)
        ended = RunFinished(run.run, Status.FINISHED, test_accuracy=0.1, confusion=confusion)
        return [started, *(replace(record, run=run.run) for record in records), ended]

    specs = [logged_spec(**TOLD)]
    live = observed(specs, events, info=info)
    number = store_logged(workspace, specs, events, info=info)
    with closing(Store(workspace)) as store:
        (run,) = store.runs(number)
        (restored,) = restored_runs(store, [run])
    found = diagnose(observed_curves(live.runs[1]), info), diagnose(restored_curves(run.planned, restored), info)
    assert found[0] == found[1]
    return found


def kinds(found: tuple[list[Finding], list[Finding]]) -> list[FindingKind]:
    return [finding.kind for finding in found[0]]


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_curves_give_the_same_findings_as_a_native_run(workspace: Path, kind: FindingKind) -> None:
    native = replace(ILL[kind], activations=(), units=(), dead_units=np.empty((0, 0)), images_per_record=500)
    found, _ = findings(workspace, records_of(native), confusion=native.confusion)
    assert found == diagnose(native, INFO)
    assert [finding.kind for finding in found] == [kind]


@pytest.mark.parametrize("kind", KINDS)
def test_they_are_found_where_not_every_record_has_every_number(workspace: Path, kind: FindingKind) -> None:
    def logs(at: int, name: str) -> bool:
        every = {"training_loss": 2, "validation_loss": 5, "validation_accuracy": 5, "gradient_norms": 10}
        return (at + 1) % every.get(name, 1) == 0

    records = records_of(ILL[kind], logs)
    assert kinds(findings(workspace, records, confusion=ILL[kind].confusion)) == [kind]


@pytest.mark.parametrize("logged", [*NUMBERS, "gradient_norms", "update_ratios"])
def test_what_was_never_logged_makes_no_finding(workspace: Path, logged: str) -> None:
    healthy = records_of(curves(), lambda _at, name: name == logged)
    assert kinds(findings(workspace, healthy)) == []
    healthy_without = records_of(curves(), lambda _at, name: name != logged)
    assert kinds(findings(workspace, healthy_without)) == []


def test_a_loss_that_stays_between_two_records_is_no_plateau(workspace: Path) -> None:
    """A rate is logged at every step; the loss, still near that of guessing, but rarely."""
    slow = curves(1000, training_loss=falling(2.31, 0.1, 1000))
    records = records_of(slow, lambda at, name: name == "learning_rate" or at % 40 == 0)
    assert kinds(findings(workspace, records[:100])) == []


@pytest.mark.parametrize("name", ["training_loss", "validation_loss"])
def test_a_number_that_is_not_finite_is_found(workspace: Path, name: str) -> None:
    records = [*records_of(curves()), logged_record(1, 1010, **{name: math.inf})]
    (finding,), _ = findings(workspace, records)
    assert finding.kind is FindingKind.DIVERGING
    assert "no longer a finite number at step 1,010" in finding.sentence
    recovered = [logged_record(1, 5, **{name: math.inf}), *records_of(curves())]
    assert kinds(findings(workspace, recovered)) == []


def test_advice_names_no_unknown_rate(workspace: Path) -> None:
    records = records_of(ILL[FindingKind.DIVERGING], lambda _at, name: name == "training_loss")
    (finding,), _ = findings(workspace, records)
    assert finding.advice == "Try a smaller learning rate."


def test_a_large_loss_is_not_held_against_guessing_without_classes(workspace: Path) -> None:
    """As that of a regression."""
    records = records_of(curves(training_loss=falling(50_000, 3_000)), lambda _at, name: name == "training_loss")
    assert kinds(findings(workspace, records, UNKNOWN_DATA)) == []

"""Events of watched folders, as a ``Watcher`` sends them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any

from engine.config.logged_runs import LoggedRunSpec
from engine.events.devices import Device
from engine.events.experiments import ExperimentFinished, ExperimentStarted
from engine.events.runs import PlannedRun, RunStarted, Status
from engine.events.watching import FolderWatched, FoundRun, Grouping, WatchedEvent, WatchedExperiment, WatchEvent
from tests.engine.support import INFO, finished, record, weights

FOLDER = "/home/somebody/trainscope-logs"
LOG = "Trainscope log"
STEPS = 200
DEVICE = Device("Program", "unknown", 0)


def logged(run: int, variant: str = "net", repeat: int = 1) -> PlannedRun:
    """Return a run that another program logs."""
    spec = LoggedRunSpec(variant=variant, repeat=repeat, source=f"own/{variant}-{repeat}.jsonl", format=LOG, epochs=4)
    return PlannedRun(run, spec, 0, STEPS)


def begins(number: int, *runs: PlannedRun) -> WatchedEvent:
    """Return the beginning of an experiment."""
    return WatchedEvent(number, ExperimentStarted(number, "own-code", INFO, runs, 1))


def trains(number: int, runs: Iterable[int], first: int = 1, last: int = 10) -> Iterator[WatchedEvent]:
    """Yield the records of runs, which start with the first one."""
    for run in runs:
        if first == 1:
            yield WatchedEvent(number, RunStarted(run, DEVICE, {}, ("dense_1", "prediction"), 50))
            yield WatchedEvent(number, weights(run))
        for step in range(first, last + 1):
            value = 2.3 * math.exp(-step / (40 + 5 * run)) + 0.05 * math.sin(step * (1 + run / 7))
            changes: dict[str, Any] = {"training_loss": value, "validation_loss": 1.1 * value}
            changes |= {"training_accuracy": 1 - value / 2.5, "validation_accuracy": 1 - value / 2.4}
            yield WatchedEvent(number, record(run, step, gradient_norms=(value / 9, value / 5), **changes))


def ends(number: int, runs: Iterable[int] = (), status: Status = Status.FINISHED) -> Iterator[WatchedEvent]:
    """Yield the end of runs, then that of their experiment."""
    for run in runs:
        yield WatchedEvent(number, finished(run, status, test_accuracy=0.5 + run / 100))
    yield WatchedEvent(number, ExperimentFinished(number, status))


def folder_of(*experiments: WatchedExperiment, **changes: Any) -> FolderWatched:
    """Return the state of a folder."""
    return FolderWatched(changes.pop("folder", FOLDER), experiments, **changes)


def found(source: str, variant: str, repeat: int = 1, experiment: str = "own") -> FoundRun:
    """Return a run found in a folder."""
    return FoundRun(source, LOG, Grouping(experiment, variant, repeat))


def takes(target: Any, *events: WatchEvent | Iterable[WatchEvent]) -> None:
    """Pass events to whatever takes them."""
    for each in events:
        for event in each if isinstance(each, Iterable) else (each,):
            target.take(event)

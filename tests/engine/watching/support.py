"""Logs as our logger writes them, and a watcher with a clock of its own."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from engine.events.experiments import ExperimentStarted, RunsAdded
from engine.events.runs import Status
from engine.events.tasks import Event
from engine.events.watching import FolderWatched, WatchedEvent, WatchEvent, WatchRequest
from engine.storage.store import Store
from engine.utils.clock import SteadyClock
from engine.watching.run_log import HOLD_SECONDS
from engine.watching.watcher import Watcher

STARTED = 1_700_000_000.0


class Clock(SteadyClock):
    """A clock that is set by hand; seconds since 1970."""

    def __init__(self) -> None:
        super().__init__()
        self.passed = 0.0

    def now(self) -> float:
        return super().now() + self.passed


class Log:
    """A log of our format, written line by line."""

    def __init__(self, folder: Path, variant: str = "cnn_4", repeat: int = 1, experiment: str = "study") -> None:
        self.file = folder / experiment / f"{variant.replace('/', '-')}-{repeat}.jsonl"
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self._header = {"trainscope_log": 1, "experiment": experiment, "variant": variant, "repeat": repeat}

    def line(self, **values: Any) -> None:
        with self.file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(values) + "\n")

    def header(self, **values: Any) -> None:
        self.line(**self._header, started=STARTED, **values)

    def weights(self, step: int, values: np.ndarray, layer: str = "conv1") -> None:
        data = base64.b64encode(values.astype("<f4").tobytes()).decode()
        entry = {"layer": layer, "shape": values.shape, "input_shape": (8, 8, 1), "float32": data}
        self.line(step=step, weights=entry)

    def steps(self, *steps: int, **values: float) -> None:
        for step in steps:
            self.line(step=step, seconds=step / 10, training_loss=1 / step, **values)


class Watching:
    """A watcher of one folder, the clock it goes by, and what it has emitted."""

    def __init__(self, workspace: Path, folder: Path, again: bool = False) -> None:
        self.workspace, self.clock = workspace, Clock()
        self.events: list[WatchEvent] = []
        self.watcher = Watcher(workspace, self.events.append, self.clock)
        self.watcher.watch(WatchRequest(str(folder), again=again))

    def poll(self, after: float = 2.0) -> list[Event]:
        """Let time pass, read everything, and return the events of experiments that came by that."""
        before = len(self.events)
        for passed in (after, HOLD_SECONDS) if after else (0.0,):
            self.clock.passed += passed
            while self.watcher.poll():
                pass
        return [each.event for each in self.events[before:] if isinstance(each, WatchedEvent)]

    @property
    def state(self) -> FolderWatched:
        return [each for each in self.events if isinstance(each, FolderWatched)][-1]

    @property
    def finished(self) -> list[tuple[str, int]]:
        """Names of the experiments and how many of their runs finished."""
        return sorted((each.name, each.count(Status.FINISHED)) for each in self.state.experiments)

    @property
    def runs(self) -> dict[tuple[str, int], int]:
        """Numbers of the runs by variant and repeat, as told by events."""
        told = [each.event for each in self.events if isinstance(each, WatchedEvent)]
        plans = [each.runs for each in told if isinstance(each, ExperimentStarted | RunsAdded)]
        return {(run.spec.variant, run.spec.repeat): run.run for runs in plans for run in runs}


@contextmanager
def watching(workspace: Path, folder: Path, again: bool = False) -> Iterator[Watching]:
    with closing((found := Watching(workspace, folder, again)).watcher):
        yield found


@contextmanager
def opened(workspace: Path) -> Iterator[Store]:
    with closing(Store(workspace)) as store:
        yield store

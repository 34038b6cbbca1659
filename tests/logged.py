"""Stored experiments of logged runs, with gaps: made without the programs that log and the part that reads them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from engine.config.logged_runs import LOGGED_EXPERIMENT, LoggedRunSpec
from engine.events.datasets import DatasetInfo
from engine.events.devices import Device
from engine.events.experiments import ExperimentStarted
from engine.events.runs import PlannedRun, Record, RunEvent, RunFinished, RunStarted, Status, Weights
from engine.experiments.own_code import OwnCodeSpec
from engine.storage.logged import LoggedStore
from gui.observations.experiment import Observations

UNKNOWN_DATA = DatasetInfo("", "", (), (0, 0, 0), 0, 0, 0, "")
LAYERS = ("layer_1", "layer_2")
STEPS = 200
EPOCH = 1_000_000.0  # seconds since 1970 at which logging began


def logged_spec(variant: str = "net", repeat: int = 1, **changes: Any) -> LoggedRunSpec:
    """Return the spec of a run of which nothing is known but where it was logged."""
    return LoggedRunSpec(
        **{"variant": variant, "repeat": repeat, "source": f"{variant}-{repeat}", "format": "Trainscope log"} | changes
    )


def logged_record(run: int, step: int, **numbers: Any) -> Record:
    """Return a record with the given numbers only."""
    blank = dict.fromkeys(
        ("training_loss", "training_accuracy", "validation_loss", "validation_accuracy", "learning_rate", "seconds"),
        math.nan,
    )
    values: dict[str, Any] = {"epoch": 0, "gradient_norms": (), "update_ratios": ()} | blank | numbers
    return Record(run=run, step=step, **values)


def loss_of(step: int, repeat: int = 1) -> float:
    """Return a falling loss."""
    return float(2.3 * math.exp(-step / 60) + 0.05 * repeat)


def with_gaps(run: PlannedRun) -> list[RunEvent]:
    """Return the events of a run: loss every 10 steps, validation every 50, gradients every 100, a late metric.

    The second repeat is recorded 5 steps later than the first.
    """
    number, repeat, shift = run.run, run.spec.repeat, 5 * (run.spec.repeat - 1)
    events: list[RunEvent] = [RunStarted(number, Device("CPU", "any", 0), {}, LAYERS, 0)]
    weights = np.linspace(-0.1 * repeat, 0.1, 16, dtype=np.float32).reshape(4, 4)
    events.append(Weights(number, 1, 1, "layer_1", (2, 2, 1), weights))
    for step in range(10 + shift, STEPS + 1, 10):
        loss, numbers = loss_of(step, repeat), dict[str, Any]()
        if (step - shift) % 50 == 0:
            numbers |= {"validation_loss": 1.1 * loss, "validation_accuracy": 1 - loss / 3}
        if (step - shift) % 100 == 0:
            numbers |= {"gradient_norms": (loss / 10, loss), "update_ratios": (1e-3, 2e-3)}
        if step > STEPS / 2:
            numbers["metrics"] = (("perplexity", math.exp(loss)),)
        events.append(logged_record(number, step, seconds=0.1 * step, training_loss=loss, **numbers))
    events.append(RunFinished(number, Status.FINISHED, "", 20.0, None, 0.9 + repeat / 100, None, None))
    return events


Events = Callable[[PlannedRun], Sequence[RunEvent]]


def store_logged(
    workspace: Path, specs: Sequence[LoggedRunSpec] | None = None, events: Events = with_gaps, **known: Any
) -> int:
    """Store an experiment of logged runs, by default two repeats with gaps; return its number.

    Args:
        workspace: where to store it.
        specs: of the runs.
        events: the events of a run.
        known: ``info`` on the data set, ``parameters`` and ``total_steps`` of every run, if they are known.
    """
    specs = specs or [logged_spec(repeat=1), logged_spec(repeat=2)]
    spec = OwnCodeSpec(folder="logs", name="mine", settings=("optimizer: Adam",))
    with closing(LoggedStore(workspace, LOGGED_EXPERIMENT)) as store:
        number = store.add_experiment(LOGGED_EXPERIMENT, spec.to_json(), -1, known.get("info", UNKNOWN_DATA), 1)
        runs = store.add_runs(
            number, specs, [known.get("parameters", 0)] * len(specs), [known.get("total_steps", 0)] * len(specs)
        )
        for run in runs:
            for event in events(run):
                if isinstance(event, Record):
                    store.add_measured([(event, EPOCH + event.step)])
                else:
                    store.add(event)
        store.finish_experiment(number, Status.FINISHED, "")
    return number


def observed(specs: Sequence[LoggedRunSpec] | None = None, events: Events = with_gaps, **known: Any) -> Observations:
    """Return what the window observes of such an experiment while it is logged."""
    specs = specs or [logged_spec(repeat=1), logged_spec(repeat=2)]
    planned = tuple(
        PlannedRun(number, each, known.get("parameters", 0), known.get("total_steps", 0))
        for number, each in enumerate(specs, 1)
    )
    observations = Observations()
    observations.take(ExperimentStarted(1, LOGGED_EXPERIMENT, known.get("info", UNKNOWN_DATA), planned, 1))
    for run in planned:
        for event in events(run):
            observations.take(event)
    return observations

"""Replays a stored experiment as the events that a window receives from a running one.

A run is one ``RunRestored`` event with whole columns: a million records take seconds to read, where a million
``Record`` events would take minutes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np

from engine.events.devices import Device
from engine.events.experiments import ComputationStarted, Computed, ExperimentFinished, ExperimentStarted
from engine.events.runs import RunFinished, RunRestored, RunStarted
from engine.events.tasks import Event
from engine.experiments import EXPERIMENTS
from engine.experiments.base import ComputedExperiment
from engine.storage.rows import LAYER_COLUMNS, MEASURED_COLUMNS, PLAIN_COLUMNS, READ_ERRORS, unreadable_message
from engine.storage.store import Store, StoredExperiment, StoredRun
from engine.utils.arrays import Array
from engine.utils.errors import StoreError

NUMBERS = (*PLAIN_COLUMNS, *MEASURED_COLUMNS)


def experiment_events(store: Store, experiment: int) -> Iterator[Event]:
    """Yield the events of a stored experiment in their original order.

    Raises:
        StoreError: if there is none of that number, or it can't be read.
    """
    try:
        yield from _events(store, experiment)
    except READ_ERRORS as error:  # numeric columns with other values
        raise StoreError(unreadable_message(f"Experiment {experiment}", error)) from None


def replay_experiment(workspace: Path, experiment: int) -> Iterator[Event]:
    """Open the store of a workspace and yield the events of ``experiment_events``."""
    with closing(Store(workspace)) as store:
        yield from experiment_events(store, experiment)


def _events(store: Store, experiment: int) -> Iterator[Event]:
    stored = store.experiment(experiment)
    if stored.dataset is None:
        yield from _computation(store, stored)
    else:
        runs = store.runs(experiment)
        planned = tuple(run.planned for run in runs)
        yield ExperimentStarted(experiment, stored.name, stored.dataset, planned, stored.workers)
        yield from restored_runs(store, runs)
    yield ExperimentFinished(experiment, stored.status, stored.reason)


def restored_runs(store: Store, runs: list[StoredRun]) -> Iterator[RunRestored]:
    """Yield each of ``runs`` with all its stored data."""
    for run in runs:
        logged_layers = len(run.layers) if run.planned.is_logged else 0
        curves, of_layers = store.columns(run.id, NUMBERS, tuple(LAYER_COLUMNS), logged_layers)
        yield RunRestored(
            run=run.id,
            status=run.status,
            started=_started(run),
            curves=dict(zip(NUMBERS, curves, strict=True)),
            layer_curves={
                name: raw.view(dtype).astype(np.float32)
                for (name, dtype), raw in zip(LAYER_COLUMNS.items(), of_layers, strict=True)
            },
            weights=tuple(store.last_weights(run.id).values()),
            interventions=store.interventions(run.id),
            finished=_finished(store, run) if run.status.is_final else None,
            metrics=_metrics(store, run, curves[0]),
        )


def _metrics(store: Store, run: StoredRun, steps: Array) -> dict[str, Array]:
    """Return the further numbers of a logged run, aligned with ``steps``; NaN where there is none."""
    aligned = {}
    for name, (at, values) in (store.metrics(run.id) if run.planned.is_logged else {}).items():
        aligned[name] = np.full(len(steps), np.nan)
        aligned[name][np.searchsorted(steps, at)] = values
    return aligned


def _started(run: StoredRun) -> RunStarted | None:
    if run.device is None or run.steps_per_epoch is None:
        return None
    return RunStarted(run.id, run.device, run.versions, run.layers, run.steps_per_epoch, run.activations, run.units)


def _finished(store: Store, run: StoredRun) -> RunFinished:
    return RunFinished(
        run=run.id,
        status=run.status,
        reason=run.reason,
        seconds=run.seconds,
        test_loss=run.test_loss,
        test_accuracy=run.test_accuracy,
        confusion=run.confusion,
        model=None if run.model is None else str(run.model),
        mistakes=store.mistakes(run.id),
        kept=run.kept,
    )


def _computation(store: Store, stored: StoredExperiment) -> Iterator[Event]:
    yield ComputationStarted(stored.id, stored.name)
    found = store.computation(stored.id)
    if found is not None:
        experiment = EXPERIMENTS.get(stored.name)
        if isinstance(experiment, ComputedExperiment):
            yield from experiment.replay(found)
        yield Computed(found.findings, found.arrays, stored.device or Device("CPU", "unknown", 0), stored.versions)

"""A stored experiment as the events that a window is told of one that is under way.

A run comes as one :class:`~engine.events.runs.RunRestored` with whole columns: a million records are read in seconds, where
a million :class:`~engine.events.runs.Record` would take minutes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np

from engine.events.devices import Device
from engine.events.experiments import ComputationStarted, Computed, ExperimentFinished, ExperimentStarted
from engine.events.runs import PlannedRun, RunFinished, RunRestored, RunStarted
from engine.events.tasks import Event
from engine.experiments import EXPERIMENTS
from engine.experiments.base import ComputedExperiment
from engine.storage.rows import UNREADABLE, unreadable
from engine.storage.store import Store, StoredExperiment, StoredRun
from engine.utils.errors import StoreError

NUMBERS = (
    "step",
    "epoch",
    "seconds",
    "training_loss",
    "training_accuracy",
    "validation_loss",
    "validation_accuracy",
    "learning_rate",
)
OF_LAYERS = {
    "gradient_norms": "<f4",
    "update_ratios": "<f4",
    "dead_units": "<i4",
    "activation_means": "<f4",
    "activation_deviations": "<f4",
}


def restored_experiment(store: Store, experiment: int) -> Iterator[Event]:
    """Everything of a stored experiment, in the order in which it once happened.

    Raises :class:`~engine.utils.errors.StoreError` where there is none of that number, and where it can't be read.
    """
    try:
        yield from _events(store, experiment)
    except UNREADABLE as error:  # columns of numbers that hold something else
        raise unreadable(f"Experiment {experiment}", error) from None


def replayed(workspace: Path, experiment: int) -> Iterator[Event]:
    """The events of :func:`restored_experiment`, of a store that is opened for them."""
    with closing(Store(workspace)) as store:
        yield from restored_experiment(store, experiment)


def _events(store: Store, experiment: int) -> Iterator[Event]:
    stored = store.experiment(experiment)
    if stored.dataset is None:
        yield from _computation(store, stored)
    else:
        runs = store.runs(experiment)
        planned = tuple(planned_run(run) for run in runs)
        yield ExperimentStarted(experiment, stored.name, stored.dataset, planned, stored.workers)
        yield from restored_runs(store, runs)
    yield ExperimentFinished(experiment, stored.status, stored.reason)


def planned_run(run: StoredRun) -> PlannedRun:
    """A stored run as it was planned."""
    return PlannedRun(run.id, run.spec, run.parameters, run.total_steps)


def restored_runs(store: Store, runs: list[StoredRun]) -> Iterator[RunRestored]:
    """Each of ``runs`` with all that is stored of it."""
    for run in runs:
        curves, of_layers = store.columns(run.id, NUMBERS, tuple(OF_LAYERS))
        yield RunRestored(
            run=run.id,
            status=run.status,
            started=_started(run),
            curves=dict(zip(NUMBERS, curves, strict=True)),
            layer_curves={
                name: raw.view(dtype).astype(np.float32)
                for (name, dtype), raw in zip(OF_LAYERS.items(), of_layers, strict=True)
            },
            weights=tuple(store.last_weights(run.id).values()),
            interventions=store.interventions(run.id),
            finished=_finished(store, run) if run.status.is_final else None,
        )


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
    )


def _computation(store: Store, stored: StoredExperiment) -> Iterator[Event]:
    yield ComputationStarted(stored.id, stored.name)
    found = store.computation(stored.id)
    if found is not None:
        experiment = EXPERIMENTS.get(stored.name)
        if isinstance(experiment, ComputedExperiment):
            yield from experiment.retell(found)
        yield Computed(found.findings, found.arrays, stored.device or Device("CPU", "unknown", 0), stored.versions)


def not_deleted(stored: StoredExperiment) -> None:
    """Raises :class:`StoreError` where an experiment was thrown away: what it went on with would be hidden."""
    if stored.deleted is not None:
        raise StoreError(f"Experiment {stored.id} was deleted; restore it in the history before it gets further runs.")


def same_images(stored: StoredExperiment, fingerprint: str) -> None:
    """Raises :class:`StoreError` unless an experiment was trained on the images of that fingerprint."""
    if stored.dataset is None or stored.dataset.fingerprint != fingerprint:
        name = stored.dataset.name if stored.dataset else "it"
        raise StoreError(
            f"The images of {name} are no longer those that experiment {stored.id} was trained on, so further runs "
            "could not be compared; run it anew instead."
        )

"""Experiments written straight into a store, with results of the test's choosing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from engine.analysis.claims import Claim, ComputedResult
from engine.analysis.results import load_results
from engine.config.specs import RunSpec
from engine.events.datasets import DatasetInfo
from engine.events.devices import Device
from engine.events.runs import Intervention, InterventionKind, Record, RunStarted, Status
from engine.experiments import find_experiment
from engine.experiments.base import ComputedExperiment, TrainingExperiment
from engine.storage.store import Store
from tests.engine.support import INFO, finished, record

LAYERS = ("dense_1", "prediction")
DEVICE = Device("CPU", "a processor", 2)
VERSIONS = {"keras": "3.15", "tensorflow": "2.21"}

Accuracy = Callable[[RunSpec], float | None]
Records = Callable[[RunSpec, int], Iterable[Record]]


def two_records(_spec: RunSpec, run: int) -> list[Record]:
    """One at the end of each of two epochs."""
    return [record(run, 26, epoch=1), record(run, 52, epoch=2)]


def ended(
    store: Store,
    name: str,
    accuracy: Accuracy,
    *,
    parameters: Callable[[RunSpec], int] = lambda _spec: 33_130,
    records: Records = two_records,
    by_hand: Callable[[RunSpec], float | None] = lambda _spec: None,
    info: DatasetInfo = INFO,
    status: Status = Status.FINISHED,
    **changes: Any,
) -> int:
    """A training experiment of the quick preset with ``changes``, ended: its number.

    A run is tested with the ``accuracy`` that its spec is given; where that is None, it diverged. ``by_hand`` is the
    learning rate that was set after its first record, and ``status`` that of the tested runs.
    """
    definition = find_experiment(name)
    assert isinstance(definition, TrainingExperiment)
    spec: Any = definition.preset("quick", **changes)
    number = store.add_experiment(name, spec.to_json(), spec.seed, info, 1)
    plan = definition.plan(spec)
    for run in store.add_runs(number, plan, [parameters(each) for each in plan], [52] * len(plan)):
        store.add(RunStarted(run.run, DEVICE, VERSIONS, LAYERS, 26))
        for each in records(run.spec, run.run):
            store.add(each)
        if (rate := by_hand(run.spec)) is not None:
            store.add(Intervention(run.run, 26, 0.5, InterventionKind.LEARNING_RATE, rate))
        tested = accuracy(run.spec)
        if tested is None:
            store.add(
                finished(
                    run.run, Status.DIVERGED, reason="No number.", test_accuracy=None, test_loss=None, confusion=None
                )
            )
        else:
            store.add(finished(run.run, status, test_accuracy=tested))
    store.finish_experiment(number, Status.FINISHED, "")
    return number


def by_variant(values: dict[str, Iterable[float | None]]) -> Accuracy:
    """The accuracies of each variant's repeats, in their order."""
    found = {name: list(each) for name, each in values.items()}
    return lambda spec: found[spec.variant][spec.repeat - 1]


def claims_of(store: Store, number: int) -> tuple[Claim, ...]:
    """What a stored experiment is claimed to support."""
    stored = store.experiment(number)
    definition = find_experiment(stored.name)
    if isinstance(definition, TrainingExperiment):
        result = load_results(store, number)
        return tuple(definition.claims(result, definition.findings(definition.spec.from_json(stored.spec), result)))
    assert isinstance(definition, ComputedExperiment)
    found = store.computation(number)
    return () if found is None else tuple(definition.claims(ComputedResult(number, found)))

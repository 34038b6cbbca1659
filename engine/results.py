"""An experiment's results as figures and exports read them from the store."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from statistics import fmean, stdev

import numpy as np

from engine.arrays import Array
from engine.events import Record, Status, Weights
from engine.store import Store, StoredExperiment, StoredRun


@dataclass(frozen=True)
class RunResult:
    """One run with all its records, and the newest kernel of its first layer."""

    run: StoredRun
    records: list[Record]
    weights: Weights | None


@dataclass(frozen=True)
class VariantResult:
    """The runs of one variant, in the order of their repeats; runs that recorded nothing are not among them."""

    name: str
    parameters: int
    runs: list[RunResult]

    @property
    def tested(self) -> list[RunResult]:
        """The runs that came far enough to be tested."""
        return [run for run in self.runs if run.run.is_tested]

    @property
    def counted(self) -> list[RunResult]:
        """The tested runs that statistics are over: those that went through all epochs, or else those stopped early."""
        finished = [result for result in self.tested if result.run.status is Status.FINISHED]
        return finished or self.tested

    @property
    def best(self) -> RunResult | None:
        """The counted run of best test accuracy, the earliest of equals; None where none was tested."""
        return max(self.counted, key=lambda result: result.run.test_accuracy or 0.0, default=None)

    @property
    def test_accuracies(self) -> list[float]:
        """Test accuracies (fractions) of the counted runs."""
        return [result.run.test_accuracy for result in self.counted if result.run.test_accuracy is not None]

    @property
    def mean_seconds(self) -> float | None:
        """Mean training time of the counted runs."""
        seconds = [result.run.seconds for result in self.counted if result.run.seconds is not None]
        return fmean(seconds) if seconds else None

    @cached_property
    def steps(self) -> Array:
        """The steps at which any run has a record, int [records], rising."""
        return np.unique([record.step for result in self.runs for record in result.records])

    def curves(self, quantity: str) -> Array:
        """One row a run, one column a step of :attr:`steps`: float [runs, records], NaN where a run has no record.

        ``quantity`` is a number of :class:`~engine.events.Record`, such as ``training_loss``.
        """
        table = np.full((len(self.runs), len(self.steps)), np.nan)
        for row, result in zip(table, self.runs, strict=True):
            columns = np.searchsorted(self.steps, [record.step for record in result.records])
            row[columns] = [getattr(record, quantity) for record in result.records]
        return table

    def mean(self, quantity: str) -> Array:
        """Mean over the runs that have a record at a step: float [records]."""
        return mean_and_deviation(self.curves(quantity))[0]


@dataclass(frozen=True)
class ExperimentResult:
    """An experiment and its variants, in the order of the plan."""

    experiment: StoredExperiment
    variants: list[VariantResult]


def mean_and_deviation(curves: Array) -> tuple[Array, Array]:
    """Mean and sample standard deviation of each column of float [runs, records], NaN entries left out.

    The deviation is 0 where fewer than two runs have a value; a column without any is NaN in the mean.
    """
    valid = np.isfinite(curves)
    count = valid.sum(axis=0)
    filled = np.where(valid, curves, 0.0)
    mean = np.where(count > 0, filled.sum(axis=0) / np.maximum(count, 1), np.nan)
    squares = np.where(valid, (curves - mean) ** 2, 0.0).sum(axis=0)
    return mean, np.sqrt(squares / np.maximum(count - 1, 1))


def spread(values: list[float]) -> dict[str, float | None]:
    """``best``, ``mean`` and sample standard deviation ``std`` (None for fewer than two values)."""
    if not values:
        return {"best": None, "mean": None, "std": None}
    return {"best": max(values), "mean": fmean(values), "std": stdev(values) if len(values) > 1 else None}


def load_results(store: Store, experiment: int) -> ExperimentResult:
    """Everything recorded of an experiment so far; raises :class:`~engine.errors.StoreError`."""
    variants: dict[str, VariantResult] = {}
    for run in store.runs(experiment):
        variant = variants.setdefault(run.spec.variant, VariantResult(run.spec.variant, run.parameters, []))
        if records := store.records(run.id):
            variant.runs.append(RunResult(run, records, store.last_weights(run.id)))
    return ExperimentResult(store.experiment(experiment), list(variants.values()))

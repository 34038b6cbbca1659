"""Results of a training experiment, loaded from the store for figures, claims and exports."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import cached_property
from statistics import fmean

import numpy as np

from engine.analysis.alignment import align, logged_points
from engine.analysis.statistics import accuracies_of, best_run, counted_runs, mean_and_deviation
from engine.analysis.styles import Style, styles
from engine.config.logged_runs import LOGGED_EXPERIMENT
from engine.events.datasets import DatasetInfo
from engine.events.devices import Device
from engine.events.runs import Intervention, InterventionKind, Record, Status, Weights
from engine.storage.store import Store, StoredExperiment, StoredRun
from engine.utils.arrays import Array
from engine.utils.errors import StoreError


@dataclass(frozen=True)
class RunResult:
    """One run: its records, the latest weights of each layer by layer name, and its interventions."""

    run: StoredRun
    records: list[Record]
    weights: dict[str, Weights]
    interventions: tuple[Intervention, ...] = ()

    @property
    def status(self) -> Status:
        """Status of the run."""
        return self.run.status

    @property
    def test_accuracy(self) -> float | None:
        """Test accuracy (fraction); None if the run was not tested."""
        return self.run.test_accuracy

    @property
    def has_records(self) -> bool:
        """Whether the run has at least one record."""
        return bool(self.records)

    @property
    def has_manual_rate(self) -> bool:
        """Whether the learning rate was changed by hand during training."""
        return bool(self.manual_rates)

    @property
    def manual_rates(self) -> list[Intervention]:
        """Manual changes of the learning rate; with any, the settings alone do not reproduce the result."""
        return [each for each in self.interventions if each.kind is InterventionKind.LEARNING_RATE]

    @property
    def moves(self) -> list[Intervention]:
        """Resumptions with another device, library, number of threads or version, which may change numbers."""
        return [each for each in self.interventions if each.kind is InterventionKind.MOVED]

    @property
    def tested_record(self) -> Record:
        """The last record of the weights that were tested: of the run, or of the epoch whose weights were kept."""
        kept = self.run.kept
        return next((r for r in reversed(self.records) if kept is None or r.step <= kept.step), self.records[-1])

    @cached_property
    def metrics(self) -> tuple[str, ...]:
        """Names of the further numbers of a logged run."""
        return tuple(sorted({name for record in self.records for name, _ in record.metrics}))

    @property
    def first_weights(self) -> Weights | None:
        """Latest weights of the first layer; None if none are stored."""
        return next((self.weights[name] for name in self.run.layers[:1] if name in self.weights), None)


@dataclass
class VariantResult:
    """The runs of one variant that have records, ordered by repeat.

    ``planned`` is the number of planned runs, ``epochs`` the length of each (0 if unknown). A ``probe`` only determined
    settings for other variants.
    """

    name: str
    parameters: int
    epochs: int
    style: Style
    probe: bool = False
    planned: int = 0
    runs: list[RunResult] = field(default_factory=list)

    @property
    def is_logged(self) -> bool:
        """Whether other programs train and log its runs, each at steps of its own."""
        return any(result.run.planned.is_logged for result in self.runs)

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the further numbers of logged runs."""
        return tuple(sorted({name for result in self.runs for name in result.metrics})) if self.is_logged else ()

    @property
    def tested(self) -> list[RunResult]:
        """The runs that were tested."""
        return [run for run in self.runs if run.run.is_tested]

    @property
    def counted_runs(self) -> list[RunResult]:
        """The runs included in statistics, see ``engine.analysis.statistics.counted_runs``."""
        return counted_runs(self.runs)

    @property
    def counted_only(self) -> VariantResult:
        """The variant restricted to its counted runs; unchanged where no run was tested."""
        return replace(self, runs=self.counted_runs or self.runs)

    @property
    def best(self) -> RunResult | None:
        """The counted run with the best test accuracy, the first one on a tie; None if none was tested."""
        return best_run(self.counted_runs)

    @property
    def test_accuracies(self) -> list[float]:
        """Test accuracies (fractions) of the counted runs."""
        return accuracies_of(self.counted_runs)

    @property
    def mean_seconds(self) -> float | None:
        """Mean training time of the counted runs in seconds; None if none has a time."""
        seconds = [result.run.seconds for result in self.counted_runs if result.run.seconds is not None]
        return fmean(seconds) if seconds else None

    @cached_property
    def steps(self) -> Array:
        """The steps at which any run has a record: int [records], ascending."""
        return np.unique([record.step for result in self.runs for record in result.records])

    def curves(self, quantity: str) -> Array:
        """Collect the curves of all runs.

        Args:
            quantity: a numeric field of ``Record``, such as ``training_loss``, or ``gradient_norm``, that of the first
                layer.

        Returns:
            float [runs, records], columns aligned with ``steps``; NaN where a run has no record at a step.
        """
        table = np.full((len(self.runs), len(self.steps)), np.nan)
        for row, result in zip(table, self.runs, strict=True):
            columns = np.searchsorted(self.steps, [record.step for record in result.records])
            row[columns] = [_quantity(record, quantity) for record in result.records]
        return table

    def mean(self, quantity: str) -> Array:
        """Average a quantity over the runs with a record at each step: float [records]."""
        return self.mean_curve(quantity)[1]

    def mean_curve(self, quantity: str) -> tuple[Array, Array, Array]:
        """Return steps, mean over the runs and sample standard deviation: [records] each.

        The steps are ``steps``; for logged runs, those of the quantity, see ``engine.analysis.alignment``.
        """
        if not self.is_logged:
            return (self.steps, *mean_and_deviation(self.curves(quantity)))
        table = self.curves(quantity)
        steps, aligned = align([logged_points(self.steps.astype(float), row) for row in table])
        return (steps, *mean_and_deviation(aligned))

    def layer_gradients(self) -> tuple[tuple[str, ...], Array]:
        """Return the trainable layers' names and their gradient norms, means over the runs: float [layers, records]."""
        layers = self.runs[0].run.layers
        table = np.full((len(self.runs), len(layers), len(self.steps)), np.nan)
        for run, result in zip(table, self.runs, strict=True):
            columns = np.searchsorted(self.steps, [record.step for record in result.records])
            run[:, columns] = np.transpose([record.gradient_norms for record in result.records])
        return layers, np.stack([mean_and_deviation(table[:, row])[0] for row in range(len(layers))])


def _quantity(record: Record, name: str) -> float:
    if name == "gradient_norm":
        return record.gradient_norms[0] if record.gradient_norms else math.nan
    return float(getattr(record, name))


@dataclass(frozen=True)
class ExperimentResult:
    """A stored experiment and its variants in the order of the plan."""

    experiment: StoredExperiment
    dataset: DatasetInfo
    variants: list[VariantResult]

    @property
    def compared(self) -> list[VariantResult]:
        """The variants without the probes."""
        return [variant for variant in self.variants if not variant.probe]

    @property
    def is_logged(self) -> bool:
        """Whether other programs train and log its runs."""
        return self.experiment.name == LOGGED_EXPERIMENT

    @property
    def devices(self) -> list[Device]:
        """The distinct devices on which the runs were trained, in the order of the plan."""
        used = [run.run.device for variant in self.variants for run in variant.runs if run.run.device is not None]
        return list({device.title: device for device in used}.values())

    def variant(self, name: str) -> VariantResult | None:
        """Return the variant of that name, or None if none was planned."""
        return next((variant for variant in self.variants if variant.name == name), None)


def load_results(store: Store, experiment: int) -> ExperimentResult:
    """Load everything recorded so far of an experiment with runs.

    Raises:
        StoreError: if there is no such experiment, it has no runs, or the store can't be read.
    """
    stored = store.experiment(experiment)
    if stored.dataset is None:
        raise StoreError(f"Experiment {experiment} has no runs; it was computed.")
    variants: dict[str, VariantResult] = {}
    runs = store.runs(experiment)
    drawn = styles(run.spec for run in runs)
    for run in runs:
        name, epochs = run.spec.variant, run.spec.planned_epochs
        variant = variants.setdefault(name, VariantResult(name, run.parameters, epochs, drawn[name], run.spec.probe))
        variant.planned += 1
        if records := store.records(run.id):
            weights, interventions = store.last_weights(run.id), store.interventions(run.id)
            variant.runs.append(RunResult(run, records, weights, interventions))
    return ExperimentResult(stored, stored.dataset, list(variants.values()))

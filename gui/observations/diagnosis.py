"""Conversion of an observed run to the input of the diagnosis."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

import numpy as np

from engine.analysis.diagnosis import MIN_RECORDS, RunCurves, kept_epoch, manual_rates, of_logged_run
from engine.utils.arrays import Array
from gui.observations.run import RunObservation

MAX_RECORDS = 20_000  # longer runs are subsampled: no rule needs more


def observed_curves(run: RunObservation) -> RunCurves:
    """Return the curves of a run as received so far, subsampled to ``MAX_RECORDS``."""
    is_logged = run.planned.is_logged
    stride = 1 if is_logged else -(-max(len(run.steps), 1) // MAX_RECORDS)
    first = (len(run.steps) - 1) % stride if run.steps else 0
    last = 0 if is_logged else MIN_RECORDS

    def thinned(values: array[float]) -> Array:
        return np.array(values[first::stride])

    curves = RunCurves(
        run=run.planned.run,
        variant=run.planned.spec.variant,
        repeat=run.planned.spec.repeat,
        steps=thinned(run.steps),
        training_loss=thinned(run.curves["training_loss"]),
        training_accuracy=thinned(run.curves["training_accuracy"]),
        validation_loss=thinned(run.curves["validation_loss"]),
        validation_accuracy=thinned(run.curves["validation_accuracy"]),
        learning_rate=thinned(run.curves["learning_rate"]),
        layers=run.layers,
        gradient_norms=rows_of(run.layer_curves.get("gradient_norms", ()), last).T,
        update_ratios=rows_of(run.layer_curves.get("update_ratios", ()), last).T,
        activations=run.activations,
        units=run.units,
        dead_units=rows_of(run.layer_curves.get("dead_units", ()), last).T,
        images_per_record=run.planned.images_per_record,
        manual_rates=manual_rates(run.interventions),
        confusion=run.finished.confusion if run.finished else None,
        kept_epoch=kept_epoch(run.finished),
    )
    return of_logged_run(curves).thinned(MAX_RECORDS) if is_logged else curves


def rows_of(curves: Sequence[array[float]], last: int = 0) -> Array:
    """Return copies of the ``last`` values of each curve, all if 0: float, shape (curves, values)."""
    return np.array([np.array(curve[-last:]) for curve in curves]) if curves else np.empty((0, 0))

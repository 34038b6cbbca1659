"""A run as the window has seen it, for the diagnosis."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

import numpy as np

from engine.arrays import Array
from engine.diagnosis import LEAST_RECORDS, RunCurves
from gui.observations import RunObservation

MOST_RECORDS = 20_000  # of a longer run every second, third … record: no rule asks for more


def observed_curves(run: RunObservation) -> RunCurves:
    """The curves of a run as far as it was seen."""
    stride = -(-max(len(run.steps), 1) // MOST_RECORDS)
    first = (len(run.steps) - 1) % stride if run.steps else 0

    def thinned(values: array[float]) -> Array:
        return np.array(values[first::stride])

    return RunCurves(
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
        gradient_norms=_last(run.layer_curves.get("gradient_norms", ())),
        update_ratios=_last(run.layer_curves.get("update_ratios", ())),
        activations=run.activations,
        units=run.units,
        dead_units=_last(run.layer_curves.get("dead_units", ())),
    )


def _last(curves: Sequence[array[float]]) -> Array:
    """The last records of each curve: float32 [records, curves]."""
    return np.array([np.array(curve[-LEAST_RECORDS:]) for curve in curves], np.float32).reshape(len(curves), -1).T

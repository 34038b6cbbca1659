"""The curves of a run as input of the diagnosis rules."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from engine.events.runs import Intervention, PlannedRun, RunFinished, RunRestored
from engine.utils.arrays import Array

_CURVES = ("training_loss", "training_accuracy", "validation_loss", "validation_accuracy", "learning_rate")
_LAYER_CURVES = ("gradient_norms", "update_ratios", "dead_units")


@dataclass(frozen=True)
class RunCurves:
    """Recorded curves of a run.

    ``steps``, losses (nats), accuracies (fractions) and ``learning_rate`` are float64 [records]; for a long run every
    n-th record suffices, provided the last one is included. ``gradient_norms`` and ``update_ratios`` are float [last
    records, layers], ``dead_units`` float [last records, activations], of at least the last ten records.

    Attributes:
        images_per_record: training images over which a record's training loss is averaged; 0 if unknown.
        manual_rates: the learning rates set by hand, each with the step after which it was set, in order.
        confusion: of the test, int [classes, classes], rows are the true class; None without a test.
        kept_epoch: the epoch whose weights early stopping kept; 0 if none.
        ended_finite: whether loss and gradients were finite numbers in the end; None: as the curves say.
    """

    run: int
    variant: str
    repeat: int
    steps: Array
    training_loss: Array
    training_accuracy: Array
    validation_loss: Array
    validation_accuracy: Array
    learning_rate: Array
    layers: tuple[str, ...]
    gradient_norms: Array
    update_ratios: Array
    activations: tuple[str, ...]
    units: tuple[int, ...]
    dead_units: Array
    images_per_record: int = 0
    manual_rates: tuple[tuple[int, float], ...] = ()
    confusion: Array | None = None
    kept_epoch: int = 0
    ended_finite: bool | None = None

    def thinned(self, most: int) -> RunCurves:
        """Return every n-th record, with the last one: at most ``most``."""
        stride = -(-max(len(self.steps), 1) // most)
        kept = slice((len(self.steps) - 1) % stride, None, stride)
        return replace(self, steps=self.steps[kept], **{name: getattr(self, name)[kept] for name in _CURVES})


def of_logged_run(curves: RunCurves) -> RunCurves:
    """Return the curves of a logged run as those of a run that records everything with each training loss.

    Args:
        curves: of all its records, those of layers too; NaN where a number was not logged, infinite where it was and
            is not finite.

    Returns:
        The records with a training loss (with a validation loss, if there are none), and the last value logged before
        in place of each number that was not logged then. What was never logged is NaN, and makes no finding.
    """
    carried = {name: _carry_forward(getattr(curves, name)) for name in (*_CURVES, *_LAYER_CURVES)}
    logged = [np.flatnonzero(~np.isnan(each)) for each in (curves.training_loss, curves.validation_loss)]
    rows = next((each for each in logged if len(each)), np.arange(0))
    ends = (carried[name][-1:].ravel() for name in ("training_loss", "validation_loss", "gradient_norms"))
    is_finite = not np.isinf(np.concatenate(list(ends))).any()
    if not is_finite and rows[-1:].tolist() != [len(curves.steps) - 1]:
        rows = np.append(rows, len(curves.steps) - 1)
    of_rows: dict[str, Any] = {
        name: np.where(np.isinf(values), np.nan, values)[rows] for name, values in carried.items() if values.size
    }
    return replace(curves, steps=curves.steps[rows], ended_finite=is_finite, **of_rows)


def _carry_forward(values: Array) -> Array:
    """Replace each NaN by the last other value of its column; float [records] or [records, columns]."""
    rows = np.arange(len(values)).reshape(-1, *(1,) * (values.ndim - 1))
    last = np.maximum.accumulate(np.where(np.isnan(values), 0, rows), axis=0)
    filled: Array = np.take_along_axis(values, last, axis=0)
    return filled


def manual_rates(interventions: Iterable[Intervention]) -> tuple[tuple[int, float], ...]:
    """Return the learning rates among ``interventions``, each with the step after which it was set."""
    return tuple((each.step, each.value) for each in interventions if each.value is not None)


def kept_epoch(finished: RunFinished | None) -> int:
    """Return the epoch whose weights early stopping kept in a run that ended so; 0 if none."""
    return finished.kept.epoch if finished is not None and finished.kept is not None else 0


def restored_curves(planned: PlannedRun, restored: RunRestored) -> RunCurves:
    """Return the curves of a run restored from the store."""
    curves, started = restored.curves, restored.started
    found = RunCurves(
        run=planned.run,
        variant=planned.spec.variant,
        repeat=planned.spec.repeat,
        steps=curves["step"],
        training_loss=curves["training_loss"],
        training_accuracy=curves["training_accuracy"],
        validation_loss=curves["validation_loss"],
        validation_accuracy=curves["validation_accuracy"],
        learning_rate=curves["learning_rate"],
        layers=started.layers if started else (),
        gradient_norms=restored.layer_curves["gradient_norms"],
        update_ratios=restored.layer_curves["update_ratios"],
        activations=started.activations if started else (),
        units=started.units if started else (),
        dead_units=restored.layer_curves["dead_units"],
        images_per_record=planned.images_per_record,
        manual_rates=manual_rates(restored.interventions),
        confusion=restored.finished.confusion if restored.finished else None,
        kept_epoch=kept_epoch(restored.finished),
    )
    return of_logged_run(found) if planned.is_logged else found

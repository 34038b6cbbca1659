"""The curves of a run as input of the diagnosis rules."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from engine.events.runs import Intervention, PlannedRun, RunRestored
from engine.utils.arrays import Array


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


def manual_rates(interventions: Iterable[Intervention]) -> tuple[tuple[int, float], ...]:
    """Return the learning rates among ``interventions``, each with the step after which it was set."""
    return tuple((each.step, each.value) for each in interventions if each.value is not None)


def restored_curves(planned: PlannedRun, restored: RunRestored) -> RunCurves:
    """Return the curves of a run restored from the store."""
    curves, started = restored.curves, restored.started
    return RunCurves(
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
    )

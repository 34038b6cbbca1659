"""Result dictionaries of compared networks, as the course's plotting code of part 3 expects them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from engine.experiments.base import CourseDictionary

if TYPE_CHECKING:
    from engine.analysis.results import ExperimentResult

CURVES = {
    "loss_curve": ("training_loss", 1.0),
    "train_acc_curve": ("training_accuracy", 100.0),
    "val_acc_curve": ("validation_accuracy", 100.0),
}


def variant_dictionaries(result: ExperimentResult) -> Iterator[tuple[str, CourseDictionary]]:
    """Yield ``part3_<variant>``: curves averaged over the counted runs, test accuracy and weights of the best one.

    Accuracies are in percent; variants without a tested run are left out. So are logged ones without one of the curves;
    of the others, further keys have the steps of each curve, which need not be those of the others.
    """
    for variant in result.variants:
        best = variant.best
        if best is None or best.first_weights is None or best.run.test_accuracy is None:
            continue
        means = {key: (variant.counted_only.mean_curve(quantity), scale) for key, (quantity, scale) in CURVES.items()}
        if not all(len(steps) for (steps, _, _), _ in means.values()):
            continue
        dictionary: CourseDictionary = {"name": variant.name}
        dictionary |= {key: (scale * mean).tolist() for key, ((_, mean, _), scale) in means.items()}
        dictionary |= {"test_acc": 100 * best.run.test_accuracy, "weights": best.first_weights.values}
        if variant.is_logged:
            dictionary |= {f"{key}_steps": steps.astype(int).tolist() for key, ((steps, _, _), _) in means.items()}
        yield f"part3_{variant.name}", dictionary

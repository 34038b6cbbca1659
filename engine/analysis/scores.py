"""Precision, recall, F1 and balanced accuracy of a test, computed from its confusion matrix.

The definitions are scikit-learn's, ``precision_recall_fscore_support(..., zero_division=0)`` and
``balanced_accuracy_score``; the window, which shows them too, does not load scikit-learn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.analysis.claims import percent
from engine.analysis.confusion import complete_names
from engine.utils.arrays import Array


@dataclass(frozen=True)
class ClassScores:
    """Scores of one class, fractions; 0 where a denominator is 0.

    Attributes:
        precision: share of the images taken for the class that are of it.
        recall: share of the images of the class that were recognised.
        f1: harmonic mean of both.
        images: test images of the class.
        predicted: test images taken for the class.
    """

    name: str
    precision: float
    recall: float
    f1: float
    images: int
    predicted: int

    @property
    def text(self) -> str:
        """The scores in a line."""
        return f"precision {percent(self.precision)}, recall {percent(self.recall)}, F1 {percent(self.f1)}"


@dataclass(frozen=True)
class MeanScores:
    """Scores of a test: unweighted means over classes, fractions.

    The mean is over the classes that occur among the test images or the predictions, for the balanced accuracy over
    those among the test images.
    """

    classes: tuple[ClassScores, ...]
    precision: float
    recall: float
    f1: float
    balanced_accuracy: float

    @property
    def text(self) -> str:
        """The means as a sentence."""
        return (
            f"Balanced accuracy {percent(self.balanced_accuracy)}; means over the classes: precision "
            f"{percent(self.precision)}, recall {percent(self.recall)}, F1 {percent(self.f1)}."
        )


def scores_of(confusion: Array | None, class_names: Sequence[str]) -> MeanScores | None:
    """Compute the scores of a test from ``confusion``, int [classes, classes], rows are true classes; None without one.

    A class without a name gets its number as name.
    """
    if confusion is None or not confusion.sum():
        return None
    right = np.diagonal(confusion).astype(float)
    images, predicted = confusion.sum(axis=1), confusion.sum(axis=0)
    precision, recall = _ratio(right, predicted), _ratio(right, images)
    f1 = _ratio(2 * right, images + predicted)
    names = complete_names(class_names, len(confusion))
    classes = tuple(
        ClassScores(name, float(precision[at]), float(recall[at]), float(f1[at]), int(images[at]), int(predicted[at]))
        for at, name in zip(range(len(confusion)), names, strict=False)
    )
    occur = (images + predicted) > 0
    return MeanScores(
        classes,
        precision=float(precision[occur].mean()),
        recall=float(recall[occur].mean()),
        f1=float(f1[occur].mean()),
        balanced_accuracy=float(recall[images > 0].mean()),
    )


def _ratio(numerators: Array, denominators: Array) -> Array:
    """Divide, with 0 where the denominator is 0."""
    return np.divide(numerators, denominators, out=np.zeros(len(numerators)), where=denominators > 0)

"""Detection of plateaus in a curve of accuracy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from engine.utils.arrays import Array


@dataclass(frozen=True)
class Plateau:
    """The epoch (from 1) after which a curve stops rising.

    ``how`` it was determined: ``plateau``, by the rule; ``last rise``, as the curve rose until the end or nearly so;
    ``moved`` to an earlier epoch, to leave epochs for the further rates.
    """

    epoch: int
    how: Literal["plateau", "last rise", "moved"]

    def at_most(self, latest: int) -> Plateau:
        """Limit the epoch to ``latest``."""
        return self if self.epoch <= latest else Plateau(latest, "moved")


def epoch_means(epochs: Sequence[int], values: Sequence[float], count: int) -> Array:
    """Average the values of each epoch (from 1): float64 [count], NaN for an epoch without values."""
    chosen = np.asarray(epochs)
    return np.array(
        [np.mean(np.asarray(values)[chosen == e]) if (chosen == e).any() else np.nan for e in range(1, count + 1)]
    )


def find_plateau(accuracies: Array, start: int, patience: int, delta: float) -> Plateau:
    """Find where accuracies stop rising by ``plateau_rule``, considering only the epochs after ``start``.

    Args:
        accuracies: one per epoch, fractions; NaN for an epoch without records, which is skipped.
        start: epoch at which the rate was set.
        patience: epochs without a rise that make a plateau.
        delta: smallest increase over the best that counts as a rise.
    """
    best, last_rise, rests = -np.inf, start + 1, 0
    for epoch in range(start + 1, len(accuracies) + 1):
        if np.isnan(accuracies[epoch - 1]):
            continue
        if accuracies[epoch - 1] > best + delta:
            best, last_rise, rests = accuracies[epoch - 1], epoch, 0
        elif (rests := rests + 1) >= patience:
            return Plateau(last_rise, "plateau")
    return Plateau(last_rise, "last rise")


def plateau_rule(delta: float, patience: int) -> str:
    """Describe the rule of ``find_plateau`` in a sentence."""
    return (
        f"A plateau begins after the last epoch whose mean validation accuracy was more than {100 * delta:g} points "
        f"above the best since the rate was set, once {patience} epochs in a row were not; where that never comes, "
        "after the last epoch that was. An epoch is left for each rate to come."
    )

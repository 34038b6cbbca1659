"""Where a curve of accuracy stops rising."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from engine.utils.arrays import Array


@dataclass(frozen=True)
class Plateau:
    """The epoch (from 1) after which a curve stops rising.

    ``how`` it was found: ``plateau``, by the rule; ``last rise``, since it rose to the end or nearly so; ``moved``
    before that, to leave epochs for what is to follow.
    """

    epoch: int
    how: Literal["plateau", "last rise", "moved"]

    def at_most(self, latest: int) -> Plateau:
        """This plateau, or the epoch ``latest`` if it comes later."""
        return self if self.epoch <= latest else Plateau(latest, "moved")


def epoch_means(epochs: Sequence[int], values: Sequence[float], count: int) -> Array:
    """Mean of the values of each epoch (epochs count from 1): float64 [count], NaN for an epoch without any."""
    chosen = np.asarray(epochs)
    return np.array(
        [np.mean(np.asarray(values)[chosen == e]) if (chosen == e).any() else np.nan for e in range(1, count + 1)]
    )


def find_plateau(accuracies: Array, start: int, patience: int, delta: float) -> Plateau:
    """Where ``accuracies`` (one an epoch) stop rising, looking at the epochs after ``start`` alone.

    See :func:`plateau_rule`; NaN stands for an epoch without a record, which counts for nothing.
    """
    best, last_rise, rests = -np.inf, start + 1, 0
    for epoch in range(start + 1, len(accuracies) + 1):
        if np.isnan(accuracies[epoch - 1]):
            continue  # no record fell into it: it says nothing
        if accuracies[epoch - 1] > best + delta:
            best, last_rise, rests = accuracies[epoch - 1], epoch, 0
        elif (rests := rests + 1) >= patience:
            return Plateau(last_rise, "plateau")
    return Plateau(last_rise, "last rise")


def plateau_rule(delta: float, patience: int) -> str:
    """The rule of :func:`find_plateau`, as a sentence."""
    return (
        f"A plateau begins after the last epoch whose mean validation accuracy was more than {100 * delta:g} points "
        f"above the best since the rate was set, once {patience} epochs in a row were not; where that never comes, "
        "after the last epoch that was. An epoch is left for each rate to come."
    )

"""The rule by which curves recorded at different steps are averaged, the same in window, figures and exports.

A logged run has a point of a curve wherever the number was logged, be it finite or not. A mean or a band over several
runs is defined at every step at which one of them has a point. Each run contributes to it from its first point to its
last: its value at its own points, and between them the linear interpolation of its two neighbours. Runs with points at
the same steps are so averaged exactly. Only means and bands make use of interpolated values: the curve of a single run
has no other points than its own.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.utils.arrays import Array

Points = tuple[Array, Array]  # steps, ascending, and values: float [points] each


def logged_points(steps: Array, values: Array) -> Points:
    """Return the points of a curve: float [points] each; NaN stands for a number that was not logged.

    Args:
        steps: of the records, float [records].
        values: at these steps, float [records].
    """
    logged = ~np.isnan(values)
    return steps[logged], values[logged]


def union_of_steps(curves: Sequence[Points], after: float = -np.inf) -> Array:
    """Return the steps beyond ``after`` at which any of the curves has a point: float [steps], ascending."""
    parts = [steps[np.searchsorted(steps, after, "right") :] for steps, _ in curves]
    longest = max(parts, key=len, default=np.empty(0))
    if all(np.array_equal(part, longest[: len(part)]) for part in parts):  # most often they are logged alike
        return np.array(longest, float)
    return np.unique(np.concatenate(parts))


def interpolated(curve: Points, steps: Array) -> Array:
    """Return the values of a curve at ``steps`` by the rule above: float [steps].

    They are not finite outside of the curve's range and next to a value that is not finite.
    """
    own, values = curve
    if not len(own) or not len(steps):
        return np.full(len(steps), np.nan)
    found: Array = np.interp(steps, own, values, left=np.nan, right=np.nan)
    return found


def align(curves: Sequence[Points]) -> tuple[Array, Array]:
    """Return the steps of the mean over ``curves``, and each curve there: float [steps] and [curves, steps]."""
    steps = union_of_steps(curves)
    table = np.empty((len(curves), len(steps)))
    for row, curve in zip(table, curves, strict=True):
        row[:] = interpolated(curve, steps)
    return steps, table

"""Incremental mean and spread of a quantity over the runs of a variant."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence

import numpy as np

from engine.analysis.statistics import mean_and_deviation
from engine.utils.arrays import Array
from gui.observations.growable_array import GrowableArray

COLUMNS_AT_ONCE = 4096  # a block of fifty runs fits the CPU cache


class RepeatedCurve:
    """Statistics of each record over the runs that have reached it; only changed records are recomputed.

    ``mean`` is float64, shape (records,); ``deviation`` (sample standard deviation, 0 for fewer than two values),
    ``least``, ``greatest`` and ``count`` are float32, which is indistinguishable when drawn. Non-finite values are
    excluded. For a single run only the mean is stored: the rest follows from it.
    """

    def __init__(self) -> None:
        self._lengths: list[int] = []
        self._generations: list[int] = []
        self._several = False  # more than one run has records
        self._changes: list[int] = []  # first record that each update changed
        self._mean = GrowableArray()
        self._deviation, self._least, self._greatest, self._count = (GrowableArray(np.float32) for _ in range(4))

    @property
    def mean(self) -> Array:
        """Mean over the runs; NaN if no run has a finite value."""
        return self._mean.values

    @property
    def deviation(self) -> Array:
        """Sample standard deviation over the runs."""
        return self._deviation.values if self._several else np.zeros(len(self.mean), np.float32)

    @property
    def least(self) -> Array:
        """Minimum over the runs."""
        return self._least.values if self._several else self.mean

    @property
    def greatest(self) -> Array:
        """Maximum over the runs."""
        return self._greatest.values if self._several else self.mean

    @property
    def count(self) -> Array:
        """Number of runs with a finite value."""
        return self._count.values if self._several else np.isfinite(self.mean).astype(np.float32)

    @property
    def version(self) -> int:
        """Number of changes so far."""
        return len(self._changes)

    def changed_since(self, version: int) -> int:
        """Return the position of the first record changed since ``version``; the number of records if none."""
        return min(self._changes[version:], default=len(self.mean))

    def update(self, curves: Sequence[array[float]], generations: Sequence[int] = ()) -> None:
        """Update by the records since the last call.

        Args:
            curves: the quantity for each run, usually longer than at the last call; a shorter one means that the run
                resumed from a checkpoint.
            generations: of each run, see ``RunObservation.generation``.
        """
        lengths, generations = [len(curve) for curve in curves], list(generations)
        is_replaced = generations[: len(self._generations)] != self._generations
        if lengths == self._lengths and not is_replaced:
            return
        self._generations = generations
        before = self._lengths + [0] * (len(lengths) - len(self._lengths))
        several = sum(length > 0 for length in lengths) > 1
        shrunk = len(before) > len(lengths) or any(new < old for new, old in zip(lengths, before, strict=True))
        shrunk = shrunk or is_replaced
        if shrunk or several != self._several:
            before = [0] * len(lengths)
        if shrunk:  # a run resumed from a checkpoint: its later records come again; or its content was replaced
            most = max(lengths, default=0)
            for growing in (self._mean, self._deviation, self._least, self._greatest, self._count):
                growing.replace(min(most, len(growing)), np.empty(0))
        self._several = several
        grown = sorted((old, new) for old, new in zip(before, lengths, strict=True) if new > old)
        if max(lengths, default=0) > COLUMNS_AT_ONCE + len(self.mean):  # many at once, such as of a stored run
            for growing in self._kept:
                growing.reserve(max(lengths))
        for begin, end in _merged(grown):
            for first in range(begin, end, COLUMNS_AT_ONCE):
                self._compute(curves, first, min(end, first + COLUMNS_AT_ONCE))
        self._lengths = lengths
        self._changes.append(grown[0][0] if grown else 0)

    @property
    def _kept(self) -> tuple[GrowableArray, ...]:
        rest = (self._deviation, self._least, self._greatest, self._count)
        return (self._mean, *rest) if self._several else (self._mean,)

    def _compute(self, curves: Sequence[array[float]], first: int, last: int) -> None:
        """Compute records ``first`` up to ``last``, leaving later ones unchanged."""
        parts = _statistics([curve for curve in curves if len(curve) > first], first, last)
        with np.errstate(over="ignore"):  # values beyond float32 are not drawn
            for growing, part in zip(self._kept, parts, strict=False):
                if last < len(growing):
                    growing.values[first:last] = part
                else:
                    growing.replace(first, part)


def _statistics(reaching: Sequence[array[float]], first: int, last: int) -> tuple[Array, ...]:
    """Return mean, deviation, minimum, maximum and count, shape (last - first,) each."""
    if len(reaching) == 1:
        values = copied(reaching[0], first, last)
        finite = np.isfinite(values)
        mean = np.where(finite, values, np.nan)
        return mean, np.zeros(len(values)), mean, mean, finite
    table = _table(reaching, first, last)
    table[~np.isfinite(table)] = np.nan
    mean, deviation = mean_and_deviation(table)
    return mean, deviation, np.fmin.reduce(table), np.fmax.reduce(table), np.isfinite(table).sum(axis=0)


def _table(curves: Sequence[array[float]], first: int, last: int) -> Array:
    """Stack the curves, padded by NaN: float64, shape (runs, last - first)."""
    table = np.full((len(curves), last - first), np.nan)
    for row, curve in zip(table, curves, strict=True):
        piece = copied(curve, first, last)
        row[: len(piece)] = piece
    return table


def copied(curve: array[float], first: int = 0, last: int | None = None) -> Array:
    """Copy part of a growing curve to float64; an ``array`` with an exported buffer can't grow."""
    return np.frombuffer(curve[first:last], curve.typecode).astype(float, copy=False)


def _merged(spans: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield the union of sorted spans as disjoint spans."""
    begin, end = spans[0] if spans else (0, 0)
    for next_begin, next_end in spans:
        if next_begin > end:
            yield begin, end
            begin, end = next_begin, next_end
        end = max(end, next_end)
    if end > begin:
        yield begin, end

"""How kernels changed while they were learned: at which steps they are known, and the one scale to show them on."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque

from engine.events.runs import Weights
from engine.networks.weight_images import common_scale
from gui.background.weight_reader import WeightReader

LayerKey = tuple[int, str]  # a run's number and a layer's name


class WeightHistory:
    """What is known of the kernels of the runs in sight; without a ``reader`` only the newest ones are.

    The kernels themselves stay in the store, but for the one of each layer that is shown: sixteen epochs of the
    homework's fifty runs are 100 MB.
    """

    def __init__(self, reader: WeightReader | None = None) -> None:
        self._reader = reader
        self._newest: dict[LayerKey, Weights] = {}
        self._steps: dict[LayerKey, list[int]] = {}
        self._peaks: dict[LayerKey, dict[int, float]] = {}
        self._unmeasured: deque[tuple[LayerKey, int]] = deque()
        self._read: dict[LayerKey, Weights] = {}

    def note(self, newest: Weights) -> None:
        """Take in the newest kernel of a layer, and ask the store which others there are."""
        key = (newest.run, newest.layer)
        if self._newest.get(key) is newest:
            return
        self._newest[key] = newest
        stored = self._reader.steps(*key) if self._reader is not None else []
        self._steps[key] = sorted({*stored, newest.step})
        peaks = self._peaks.setdefault(key, {})
        peaks[newest.step] = common_scale(newest.values)
        waiting = set(self._unmeasured)
        self._unmeasured.extend((key, s) for s in stored if s not in peaks and (key, s) not in waiting)

    def steps(self, run: int, layer: str) -> list[int]:
        """The steps at which a kernel of that layer is known, rising."""
        return self._steps.get((run, layer), [])

    def at(self, newest: Weights, step: int) -> Weights:
        """The kernel of the layer of ``newest`` as it was at ``step``: the last one known by then."""
        key = (newest.run, newest.layer)
        known = self.steps(*key)
        then = known[max(bisect_right(known, step) - 1, 0)] if known else newest.step
        if then == newest.step or self._reader is None:
            return newest
        read = self._read.get(key)
        if read is None or read.step != then:
            read = self._reader.weights(*key, then) or newest
            self._read[key] = read
        return read

    def scale(self, newest: Weights) -> float:
        """The largest magnitude that a weight of that layer has had so far, as far as measured."""
        return max(self._peaks.get((newest.run, newest.layer), {newest.step: common_scale(newest.values)}).values())

    def measure_one(self) -> bool:
        """Measure one kernel that the scale has not seen; False where none is left."""
        if not self._unmeasured or self._reader is None:
            return False
        key, step = self._unmeasured.popleft()
        weights = self._reader.weights(*key, step)
        if weights is not None:
            self._peaks[key][step] = common_scale(weights.values)
        return bool(self._unmeasured)

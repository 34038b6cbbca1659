"""History of weights during training: the steps at which they are known, and a common colour scale."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Protocol

from engine.events.runs import Weights
from engine.networks.weight_images import common_scale

LayerKey = tuple[int, str]  # run number, layer name
OnFailure = Callable[[str], None]


class WeightSource(Protocol):
    """Asynchronous source of stored weights; answers arrive in the order of the queries."""

    def steps(self, run: int, layer: str, take: Callable[[list[int]], None], failed: OnFailure) -> None:
        """Pass the steps at which weights of that layer were stored, ascending, to ``take``."""

    def weights(
        self, run: int, layer: str, step: int, take: Callable[[Weights | None], None], failed: OnFailure
    ) -> None:
        """Pass the weights stored at ``step`` to ``take``; None if there are none."""


class WeightHistory:
    """Weights of the displayed runs at the recorded steps; without a ``source`` only the newest.

    Only the weights shown of each layer are kept in memory: sixteen epochs of the homework's fifty runs take 100 MB.

    Args:
        source: where earlier weights are read from.
        changed: called when more is known.
        failed: called once with a sentence if the source can't be read; it is not queried again.
    """

    def __init__(
        self,
        source: WeightSource | None = None,
        changed: Callable[[], None] = lambda: None,
        failed: OnFailure = lambda _sentence: None,
    ) -> None:
        self._source, self._changed, self._failed = source, changed, failed
        self._newest: dict[LayerKey, Weights] = {}
        self._steps: dict[LayerKey, list[int]] = {}
        self._peaks: dict[LayerKey, dict[int, float]] = {}
        self._unmeasured: deque[tuple[LayerKey, int]] = deque()
        self._is_measuring = False
        self._read: dict[LayerKey, tuple[int, Weights]] = {}  # last weights read for each layer, and their step
        self._wanted: dict[LayerKey, int] = {}  # the step being read; only the newest request counts

    @property
    def is_complete(self) -> bool:
        """Whether no query is pending."""
        return not (self._is_measuring or self._wanted)

    def drop(self) -> None:
        """Stop querying the source and reporting failures."""
        self._source = None

    def note(self, newest: Weights) -> None:
        """Add the newest weights of a layer, and query the steps of the stored ones."""
        key = (newest.run, newest.layer)
        if self._newest.get(key) is newest:
            return
        self._newest[key] = newest
        self._steps[key] = sorted({*self._steps.get(key, ()), newest.step})
        self._peaks.setdefault(key, {})[newest.step] = common_scale(newest.values)
        if self._source is not None:
            self._source.steps(*key, partial(self._take_steps, key), self._fail)

    def steps(self, run: int, layer: str) -> list[int]:
        """Return the steps at which weights of that layer are known, ascending."""
        return self._steps.get((run, layer), [])

    def at(self, newest: Weights, step: int) -> Weights | None:
        """Return the last known weights of the layer of ``newest`` at or before ``step``.

        Returns:
            None while they are being read.
        """
        key = (newest.run, newest.layer)
        known = self.steps(*key)
        then = known[max(bisect_right(known, step) - 1, 0)] if known else newest.step
        if then == newest.step or self._source is None:
            return newest
        read = self._read.get(key)
        if read is not None and read[0] == then:
            return read[1]
        is_asking = key in self._wanted
        self._wanted[key] = then
        if not is_asking:
            self._ask(key, then)
        return None

    def scale(self, newest: Weights) -> float:
        """Return the largest magnitude of any weight of that layer so far, as far as measured."""
        return max(self._peaks.get((newest.run, newest.layer), {newest.step: common_scale(newest.values)}).values())

    def _take_steps(self, key: LayerKey, stored: list[int]) -> None:
        if self._source is None:
            return
        self._steps[key] = sorted({*stored, self._newest[key].step})
        waiting = set(self._unmeasured)
        self._unmeasured.extend((key, s) for s in stored if s not in self._peaks[key] and (key, s) not in waiting)
        if not self._is_measuring:
            self._measure_next()
        self._changed()

    def _ask(self, key: LayerKey, step: int) -> None:
        if self._source is not None:
            self._source.weights(*key, step, partial(self._take_weights, key, step), self._fail)

    def _take_weights(self, key: LayerKey, step: int, weights: Weights | None) -> None:
        if self._source is None:
            return
        self._read[key] = (step, weights or self._newest[key])
        if self._wanted[key] != step:
            self._ask(key, self._wanted[key])
        else:
            del self._wanted[key]
            self._changed()

    def _measure_next(self) -> None:
        """Measure the next weights missing from the scale; one at a time, so that displayed weights need not wait."""
        self._is_measuring = bool(self._unmeasured)
        if self._unmeasured and self._source is not None:
            key, step = self._unmeasured.popleft()
            self._source.weights(*key, step, partial(self._measure, key, step), self._fail)

    def _measure(self, key: LayerKey, step: int, weights: Weights | None) -> None:
        if self._source is None:
            return
        if weights is not None:
            self._peaks[key][step] = common_scale(weights.values)
        self._measure_next()
        if not self._is_measuring:
            self._changed()

    def _fail(self, sentence: str) -> None:
        if self._source is not None:
            self.drop()
            self._failed(sentence)

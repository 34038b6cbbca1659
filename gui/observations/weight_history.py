"""How weights changed while they were learned: at which steps they are known, and the one scale to show them on."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Protocol

from engine.events.runs import Weights
from engine.networks.weight_images import common_scale

LayerKey = tuple[int, str]  # a run's number and a layer's name
Say = Callable[[str], None]


class WeightSource(Protocol):
    """Where weights of earlier steps are stored; every answer comes later, in the order of the questions."""

    def steps(self, run: int, layer: str, take: Callable[[list[int]], None], failed: Say) -> None:
        """Have ``take`` called with the steps at which weights of that layer were stored, rising."""

    def weights(self, run: int, layer: str, step: int, take: Callable[[Weights | None], None], failed: Say) -> None:
        """Have ``take`` called with the weights stored at ``step``; with None if none were."""


class KernelHistory:
    """What is known of the weights of the runs in sight; without a ``source`` only the newest ones are.

    The weights themselves stay in the store, but for the ones of each layer that are shown: sixteen epochs of the
    homework's fifty runs are 100 MB.

    Args:
        source: is asked for what was stored.
        changed: called when more is known than before.
        failed: called with a sentence, once, where the source can't be read; from then on it isn't asked any more.
    """

    def __init__(
        self,
        source: WeightSource | None = None,
        changed: Callable[[], None] = lambda: None,
        failed: Say = lambda _sentence: None,
    ) -> None:
        self._source, self._changed, self._failed = source, changed, failed
        self._newest: dict[LayerKey, Weights] = {}
        self._steps: dict[LayerKey, list[int]] = {}
        self._peaks: dict[LayerKey, dict[int, float]] = {}
        self._unmeasured: deque[tuple[LayerKey, int]] = deque()
        self._is_measuring = False
        self._read: dict[LayerKey, tuple[int, Weights]] = {}  # what was read last of each layer, and for which step
        self._wanted: dict[LayerKey, int] = {}  # the step that is waited for; the newest wish alone counts

    @property
    def is_complete(self) -> bool:
        """Whether nothing is waited for."""
        return not (self._is_measuring or self._wanted)

    def drop(self) -> None:
        """Ask nothing more, and say nothing more."""
        self._source = None

    def note(self, newest: Weights) -> None:
        """Take in the newest weights of a layer, and ask the store which others there are."""
        key = (newest.run, newest.layer)
        if self._newest.get(key) is newest:
            return
        self._newest[key] = newest
        self._steps[key] = sorted({*self._steps.get(key, ()), newest.step})
        self._peaks.setdefault(key, {})[newest.step] = common_scale(newest.values)
        if self._source is not None:
            self._source.steps(*key, partial(self._take_steps, key), self._fail)

    def steps(self, run: int, layer: str) -> list[int]:
        """The steps at which weights of that layer are known, rising."""
        return self._steps.get((run, layer), [])

    def at(self, newest: Weights, step: int) -> Weights | None:
        """The weights of the layer of ``newest`` as they were at ``step``: the last ones known by then.

        None where they have to be read first, which is asked for.
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
        """The largest magnitude that a weight of that layer has had so far, as far as measured."""
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
        """Measure weights that the scale has not seen, one at a time: what is to be shown doesn't wait for all."""
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

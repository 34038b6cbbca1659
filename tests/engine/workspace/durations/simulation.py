"""Experiments that are only simulated: their events with the times at which they come."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from engine.events.durations import ExpectedRun, Span
from engine.events.experiments import ExperimentStarted, RunsAdded
from engine.events.runs import Intervention, InterventionKind, PlannedRun
from engine.events.tasks import Event
from engine.workspace.durations.time_left import TimeLeft
from tests.engine.support import INFO, finished, record, small_run, started


@dataclass(frozen=True)
class Network:
    """A network, and what it truly takes on the simulated machine.

    Attributes:
        step: seconds per step, records included.
        operations: per step.
        slow_start: factor on the first interval.
        compilation: seconds before the first step.
        test: seconds after the last.
    """

    name: str
    step: float
    operations: float
    steps: int = 260
    slow_start: float = 1.0
    compilation: float = 1.5
    test: float = 0.3

    def planned(self, number: int, repeat: int = 1) -> PlannedRun:
        run = small_run().replace(variant=self.name, architecture=self.name, repeat=repeat)
        return PlannedRun(number, run, 1, self.steps)

    @property
    def overhead(self) -> float:
        return self.compilation + self.test + (self.slow_start - 1) * 10 * self.step

    @property
    def is_convolutional(self) -> bool:
        return self.name.startswith("cnn")


# About the times of the course's networks on the digits: per step and with one thread.
MLP = Network("mlp_1", 0.0006, 7.5e6)
SMALL = Network("cnn_3", 0.009, 5e8)
LARGE = Network("cnn_4", 0.02, 9e8)
COSTLY = Network("cnn_5", 0.12, 4e9)
COURSE = (MLP, replace(MLP, name="mlp_2"), SMALL, LARGE, COSTLY)


@dataclass(frozen=True)
class Machine:
    """How evenly a machine computes.

    Attributes:
        noise: deviation of an interval's time, relative.
        drift: by how much its speed rises and falls, relative, within one to ten minutes.
    """

    noise: float = 0.15
    drift: float = 0.15

    def slowness(self, random: Random) -> Callable[[float], float]:
        """Return the factor on all times at a time, with random phase and period."""
        phase, period = random.uniform(0, 2 * math.pi), random.uniform(60, 600)
        return lambda at: 1 + self.drift * math.sin(phase + 2 * math.pi * at / period)


@dataclass
class Simulation:
    """An experiment of ``stages`` of networks.

    Attributes:
        pauses: when the user holds it, in seconds of training, and for how long.
        expects: the factor by which earlier experiments were slower or faster; None if there was none.
        spread: of that expectation.
    """

    stages: Sequence[Sequence[Network]]
    workers: int = 1
    machine: Machine = field(default_factory=Machine)
    pauses: Sequence[tuple[float, float]] = ()
    expects: float | None = None
    spread: float = 1.15
    seed: int = 0

    def events(self) -> list[tuple[float, Event]]:
        """Return all events and their times, pauses included."""
        random = Random(self.seed)  # noqa: S311
        slowness = self.machine.slowness(random)
        numbered = list(self._numbered())
        begun = ExperimentStarted(1, "architectures", INFO, tuple(run for run, _ in numbered[0]), self.workers)
        every = [network for stage in numbered for _, network in stage]
        later = tuple(tuple(replace(run, run=0) for run, _ in stage) for stage in numbered[1:])
        timeline: list[tuple[float, Event]] = [
            (0.0, replace(begun, expected=tuple(map(self._expected, every)), later=later))
        ]
        now = 0.0
        for position, stage in enumerate(numbered):
            if position:
                timeline.append((now, RunsAdded(tuple(run for run, _ in stage))))
            free = [(now, worker) for worker in range(self.workers)]
            for run, network in stage:
                at, worker = heapq.heappop(free)
                timeline += self._run(random, slowness, run, network, at)
                heapq.heappush(free, (timeline[-1][0], worker))
            now = max(at for at, _ in free)
        return list(self._with_pauses(sorted(timeline, key=lambda each: each[0])))

    def _numbered(self) -> Iterator[list[tuple[PlannedRun, Network]]]:
        number = 0
        for stage in self.stages:
            numbered = []
            for network in stage:
                number += 1
                numbered.append((network.planned(number, number), network))
            yield numbered

    def _expected(self, network: Network) -> ExpectedRun:
        known = ExpectedRun(network.operations, network.is_convolutional)
        if self.expects is None:
            return known
        step, overhead = network.step * self.expects, network.overhead * self.expects
        return replace(
            known, step=Span(step, step).widened(self.spread), overhead=Span(overhead, overhead).widened(self.spread)
        )

    def _run(
        self, random: Random, slowness: Callable[[float], float], run: PlannedRun, network: Network, at: float
    ) -> Iterator[tuple[float, Event]]:
        yield at + 0.1 * network.compilation, started(run.run)
        at += network.compilation * random.uniform(0.8, 1.2)
        seconds, interval = 0.0, run.record_interval
        for step in range(interval, run.total_steps + 1, interval):
            taken = interval * network.step * random.lognormvariate(0, self.machine.noise)
            seconds += taken * slowness(at + seconds) * (network.slow_start if step == interval else 1.0)
            yield at + seconds, record(run.run, step, seconds=seconds)
        yield at + seconds + network.test * random.uniform(0.8, 1.2), finished(run.run, seconds=seconds)

    def _with_pauses(self, timeline: Sequence[tuple[float, Event]]) -> Iterator[tuple[float, Event]]:
        """Hold all running runs at the given times; what comes later is delayed."""
        delay, left, running = 0.0, list(self.pauses), set[int]()
        for at, event in timeline:
            while left and at > left[0][0]:
                since, length = left.pop(0)
                for kind, when in ((InterventionKind.PAUSED, 0.0), (InterventionKind.RESUMED, length)):
                    yield from ((since + delay + when, Intervention(run, 0, 0.0, kind)) for run in running)
                delay += length if running else 0.0
            number: Any = getattr(event, "run", None)
            match type(event).__name__:
                case "RunStarted":
                    running.add(number)
                case "RunFinished":
                    running.discard(number)
            yield at + delay, event


@dataclass(frozen=True)
class Moment:
    """What was shown at a moment, and the seconds of training that were truly left then."""

    at: float
    shown: Span | None
    truth: float
    text: str


def follow(simulation: Simulation, moments: int = 200) -> list[Moment]:
    """Ask for the time left at evenly spaced moments of a simulated experiment."""
    events = simulation.events()
    now = 0.0
    left = TimeLeft(lambda: now)
    end, found, position = events[-1][0], [], 0
    held = _held(events)
    for number in range(moments):
        at = end * (number + 0.5) / moments
        while position < len(events) and events[position][0] <= at:
            now = events[position][0]
            left.take(events[position][1])
            position += 1
        now = at
        truth = end - at - sum(max(0.0, until - max(since, at)) for since, until in held)
        found.append(Moment(at, left.seconds, truth, str(left)))
    return found


def _held(events: Sequence[tuple[float, Event]]) -> list[tuple[float, float]]:
    since: float | None = None
    found = []
    for at, event in events:
        if isinstance(event, Intervention) and event.kind is InterventionKind.PAUSED and since is None:
            since = at
        elif isinstance(event, Intervention) and event.kind is InterventionKind.RESUMED and since is not None:
            found.append((since, at))
            since = None
    return found

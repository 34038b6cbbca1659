"""How much time a running experiment has left, from its events."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass

from engine.events.durations import ExpectedRun, Span
from engine.events.experiments import ExperimentFinished, ExperimentStarted, RunsAdded
from engine.events.runs import (
    Intervention,
    InterventionKind,
    PlannedRun,
    Record,
    RunFinished,
    RunRestored,
    RunStarted,
    Status,
)
from engine.events.tasks import Event, Progress
from engine.utils.text import as_estimate
from engine.workspace.durations.makespan import makespan
from engine.workspace.durations.rates import Rate

UPDATE_SECONDS = 1.0  # between two computations; the time shown counts down meanwhile
# By these factors the time of a run besides its steps differs from that of runs of the same network, as expected from
# earlier experiments, and from that of other networks.
SAME_OVERHEAD, EXPECTED_OVERHEAD, OTHER_OVERHEAD = 1.4, 1.5, 2.0
EXPECTED_STEP = 1.25  # by this factor the machine's speed differs from hour to hour
# Operations per second differ by up to these factors between networks of one kind, and between dense networks and
# convolutions.
SAME_KIND, OTHER_KIND = 2.0, 3.0
# A range whose ends differ by more than this factor is not shown, unless it ends within so many seconds.
VAGUE, SHORT = 10.0, 30.0
UNKNOWN = Span(0.0, math.inf)


@dataclass
class _Run:
    """A run that is not over yet.

    Attributes:
        kind: equal for runs of the same work.
        expected: None if nothing is known.
        step: number of steps done.
        first: step and seconds of the first record in this session.
        last: likewise of the newest one.
        began: when its process was free for it; None before it starts.
        prepared: seconds from then until its first step.
        seen: when the last event came.
    """

    planned: PlannedRun
    kind: Hashable
    expected: ExpectedRun | None
    step: int = 0
    first: tuple[int, float] | None = None
    last: tuple[int, float] | None = None
    began: float | None = None
    prepared: float | None = None
    seen: float = 0.0
    resumed: bool = False
    paused: bool = False

    @property
    def spent(self) -> float:
        """The seconds it has taken besides its steps so far."""
        return (self.prepared or 0.0) + self.slow_start

    @property
    def slow_start(self) -> float:
        """The seconds by which its first interval took longer than the following ones."""
        if self.first is None or self.last is None or self.last[0] <= self.first[0]:
            return 0.0
        step = (self.last[1] - self.first[1]) / (self.last[0] - self.first[0])
        return max(0.0, self.first[1] - self.first[0] * step)


class TimeLeft:
    """Estimates the time left, as a range that holds its true end.

    Steps of a run take as long as those of the same network in this experiment. Networks that have not begun are judged
    by what was expected of them, corrected by how far expectation and measurement agree for those that have; or else
    by their number of operations.

    Args:
        clock: seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._computed: Span | None = None
        self._computed_at = 0.0
        self._begin(1)

    def take(self, event: Event) -> None:
        """Take an event of the experiment, in the order they arise."""
        match event:
            case ExperimentStarted(runs=runs) | RunsAdded(runs=runs) if any(run.is_logged for run in runs):
                self._begin(1)  # nobody knows how long another program's steps will take
            case ExperimentStarted():
                self._begin(event.workers)
                self._plan(event)
            case RunsAdded(runs) if not any(run.is_logged for run in runs):
                added = self._later.pop(0) if self._later else []
                known = {run.kind: run.expected for run in (*added, *self._everything)}
                self._add(runs, [known.get(_kind(run)) for run in runs])
            case RunRestored(run, status):
                self._restore(run, status, event)
            case ExperimentFinished():
                self._begin(1)
            case Progress():
                # A library or a device is being measured, once: what follows is not what further runs take.
                self._free.clear()
            case RunStarted() | Record() | Intervention() | RunFinished() if event.run in self._runs:
                self._follow(self._runs[event.run], event)

    def __str__(self) -> str:
        """Such as ``2 to 4 min left``; empty if unknown."""
        return as_time_left(self.seconds)

    @property
    def seconds(self) -> Span | None:
        """The range of seconds until the last run ends; None as long as hardly anything is known."""
        now = self._now()
        if self._computed is None or math.isinf(self._computed.high) or now - self._computed_at >= UPDATE_SECONDS:
            self._computed, self._computed_at = self._compute(now), now
        passed = now - self._computed_at
        span = Span(max(0.0, self._computed.low - passed), max(0.0, self._computed.high - passed))
        is_vague = span.high > max(VAGUE * span.low, SHORT)
        return span if (self._runs or self._later) and not is_vague else None

    def of_run(self, number: int) -> Span | None:
        """Return the range of seconds until a run ends; None unless it is running and has a record."""
        run = self._runs.get(number)
        if run is None or run.last is None:
            return None
        return self._remaining(run, self._now())

    def _begin(self, workers: int) -> None:
        self._workers = max(1, workers)
        self._paused = 0.0  # seconds
        self._paused_since: float | None = None
        self._runs: dict[int, _Run] = {}  # those that are not over
        self._running: dict[int, _Run] = {}
        self._everything: list[_Run] = []
        self._later: list[list[_Run]] = []
        self._rates: dict[Hashable, Rate] = {}
        self._overheads: dict[Hashable, list[float]] = {}
        self._free = [self._clock()] * self._workers
        self._durations: dict[Hashable, tuple[Span, Span]] = {}  # of each kind of work, since the last event
        self._computed = None

    def _plan(self, event: ExperimentStarted) -> None:
        if any(run.is_logged for run in event.runs):
            return  # nothing is known of the time of runs that another program trains
        expected: list[ExpectedRun | None] = list(event.expected)
        expected += [None] * (len(event.runs) + sum(map(len, event.later)) - len(expected))
        self._add(event.runs, expected[: len(event.runs)])
        rest = iter(expected[len(event.runs) :])
        self._later = [[_Run(run, _kind(run), next(rest)) for run in stage] for stage in event.later]

    def _add(self, runs: Sequence[PlannedRun], expected: Iterable[ExpectedRun | None]) -> None:
        added = [_Run(run, _kind(run), each) for run, each in zip(runs, expected, strict=True)]
        self._runs |= {run.planned.run: run for run in added}
        self._everything += added
        self._durations.clear()
        self._computed = None

    def _restore(self, number: int, status: Status, event: RunRestored) -> None:
        if status.is_final:
            self._runs.pop(number, None)
        elif number in self._runs and (steps := list(event.curves.get("step", []))):
            self._runs[number].step = int(steps[-1])

    def _follow(self, run: _Run, event: RunStarted | Record | Intervention | RunFinished) -> None:
        match event:
            case RunStarted(after=after):
                run.began = self._take_slot()
                self._running[event.run] = run
                run.step, run.resumed = after, after > 0
            case Record(step=step, seconds=seconds):
                self._record(run, step, seconds)
            case Intervention(kind=InterventionKind.PAUSED):
                run.paused = True
            case Intervention(kind=InterventionKind.RESUMED):
                run.paused = False
            case RunFinished():
                self._finish(run, event)
        self._hold()
        self._durations.clear()
        run.seen = self._now()

    def _record(self, run: _Run, step: int, seconds: float) -> None:
        rate = self._rates.setdefault(run.kind, Rate())
        if run.last is not None and step > run.last[0]:
            rate.intervals.append((step - run.last[0], seconds - run.last[1]))
        elif run.began is not None:
            # The seconds of a resumed run began before; its first interval is short beside loading and compilation.
            run.prepared = max(0.0, self._now() - run.began - (0.0 if run.resumed else seconds))
            if not run.resumed:
                run.first, rate.first = (step, seconds), seconds / step
        run.step, run.last = step, (step, seconds)

    def _finish(self, run: _Run, event: RunFinished) -> None:
        del self._runs[event.run]
        self._running.pop(event.run, None)
        if run.began is None:
            return
        now = self._now()
        self._free.append(now)
        if event.status is Status.FINISHED and event.seconds is not None and not run.resumed:
            overhead = now - run.began - event.seconds + run.slow_start
            self._overheads.setdefault(run.kind, []).append(max(0.0, overhead))

    def _take_slot(self) -> float:
        """Return when the process that starts a run was free: it is the one whose last run ended last."""
        since = max(self._free, default=self._now())
        if self._free:
            self._free.remove(since)
        return since

    def _hold(self) -> None:
        """Stop the clock while all running runs are paused."""
        is_held = bool(self._running) and all(run.paused for run in self._running.values())
        if is_held and self._paused_since is None:
            self._paused_since = self._clock()
        elif not is_held and self._paused_since is not None:
            self._paused += self._clock() - self._paused_since
            self._paused_since = None

    def _now(self) -> float:
        """Return the time on a clock that stands still during pauses."""
        return (self._clock() if self._paused_since is None else self._paused_since) - self._paused

    def _compute(self, now: float) -> Span:
        running = [self._remaining(run, now) for run in self._running.values()]
        waiting = [self._whole(run) for run in self._runs.values() if run.began is None]
        total = _parallel(waiting, self._workers, running)
        for stage in self._later:
            total += _parallel([self._whole(run) for run in stage], self._workers)
        return total

    def _whole(self, run: _Run) -> Span:
        step, overhead = self._step_and_overhead(run)
        return step.times(run.planned.total_steps - run.step) + overhead

    def _remaining(self, run: _Run, now: float) -> Span:
        """Return the time left of a running run, which counts down between its records."""
        step, overhead = self._step_and_overhead(run)
        steps = step.times(run.planned.total_steps - run.step)
        if run.prepared is not None:
            passed, overhead = now - run.seen, _less(overhead, run.spent)
        else:
            passed = now - (run.began if run.began is not None and run.last is None else run.seen)
        return _less(steps + overhead, min(passed, overhead.high + steps.high))

    def _step_and_overhead(self, run: _Run) -> tuple[Span, Span]:
        """Return the seconds of a step, and of the run besides its steps."""
        if run.kind not in self._durations:
            self._durations[run.kind] = self._step(run), self._overhead(run)
        return self._durations[run.kind]

    def _step(self, run: _Run) -> Span:
        """Return the seconds of a step."""
        expected = None
        if run.expected is not None and run.expected.step is not None:
            expected = run.expected.step.widened(EXPECTED_STEP)
        rate = self._rates.get(run.kind)
        if rate is not None and (found := rate.span(expected)) is not None:
            return found
        measured = [(other.expected, span) for other, span in self._measured() if other.expected is not None]
        if expected is not None:
            factors = [
                math.sqrt(span.low * span.high / (each.step.low * each.step.high))
                for each, span in measured
                if each.step is not None and each.step.low > 0
            ]
            return expected.times(min(1.0, *factors, 1.0), max(1.0, *factors, 1.0))
        if run.expected is None or not measured:
            return UNKNOWN
        return _scaled(run.expected, measured)

    def _measured(self) -> list[tuple[_Run, Span]]:
        """Return a run of each kind of work that was measured, and its seconds per step."""
        runs = {run.kind: run for run in self._everything}
        spans = ((runs[kind], rate.span(None)) for kind, rate in self._rates.items())
        return [(run, span) for run, span in spans if span is not None]

    def _overhead(self, run: _Run) -> Span:
        """Return the seconds of a run besides its steps."""
        if found := self._overheads.get(run.kind):
            return Span(min(found), max(found)).widened(SAME_OVERHEAD)
        if run.expected is not None and run.expected.overhead is not None:
            return run.expected.overhead.widened(EXPECTED_OVERHEAD)
        others = [seconds for each in self._overheads.values() for seconds in each]
        # Without any, the time until the first step is the larger part of it.
        others = others or [each.spent for each in self._everything if each.prepared is not None]
        return Span(min(others), max(others)).widened(OTHER_OVERHEAD) if others else UNKNOWN


def as_time_left(span: Span | None) -> str:
    """Format a range of seconds as ``2 to 4 min left``; empty if it is None."""
    text = "" if span is None else as_estimate(span.low, span.high)
    return f"{text} left" if text else ""


def _kind(run: PlannedRun) -> Hashable:
    """Return what the time of a step depends on within an experiment."""
    spec = run.trained_spec
    training = spec.training
    return (
        *(spec.architecture, spec.network.activation, spec.data, spec.augmentation.operations, spec.counts_dead_units),
        *(training.step_settings, training.batch_size, training.validation_precision, run.record_interval),
    )


def _parallel(waiting: Sequence[Span], workers: int, running: Sequence[Span] = ()) -> Span:
    low = makespan([span.low for span in waiting], workers, [span.low for span in running])
    return Span(low, makespan([span.high for span in waiting], workers, [span.high for span in running]))


def _less(span: Span, seconds: float) -> Span:
    return Span(max(0.0, span.low - seconds), max(0.0, span.high - seconds))


def _scaled(wanted: ExpectedRun, measured: Sequence[tuple[ExpectedRun, Span]]) -> Span:
    """Return the seconds of a step by the measured work that is nearest in operations, if possible of the same kind.

    They grow at most in proportion to the operations, and shrink at most so.
    """
    alike = [each for each in measured if each[0].is_convolutional == wanted.is_convolutional]
    nearest, span = min(alike or measured, key=lambda each: abs(math.log(each[0].operations / wanted.operations)))
    ratio = wanted.operations / nearest.operations
    return span.times(min(1.0, ratio), max(1.0, ratio)).widened(SAME_KIND if alike else OTHER_KIND)

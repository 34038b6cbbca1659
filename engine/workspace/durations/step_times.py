"""The time of a step and of a run besides its steps, judging by what was measured on this machine.

The best basis decides: runs of the same work, else runs of the same kind of network scaled by the number of operations,
else the reference networks of this machine's calibration, scaled likewise. Without any there is no time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Hashable, Iterable, Sequence
from statistics import median

from engine.config.specs import RunSpec
from engine.datasets.sizes import DataSizes
from engine.devices.cache import DeviceCache
from engine.devices.calibration import CONVOLUTIONAL, DENSE, REFERENCES, STEPS, read_calibration
from engine.devices.hardware import may_have_gpu
from engine.devices.names import AUTO, CPU, Allocation
from engine.events.durations import ExpectedRun, Span
from engine.networks.architectures import summarize
from engine.networks.operations import evaluation_operations, step_operations
from engine.utils.paths import devices_file
from engine.workspace.durations.measurements import MeasuredRun, Measurements
from engine.workspace.durations.work import Work

NEWEST = 10  # runs of the same work that are considered
NEWEST_STARTS = 5  # experiments whose start is considered
# Times of the same work differ by this factor from one experiment to the next, and scaled ones from measured ones; see
# docs/performance.md, section "Time estimates".
SAME_WORK, SCALED = 1.15, 1.5
DIGITS = "digits"
COMPILATION = 2.0  # networks compile in times that differ from that of the reference by about this factor
REFERENCE_SHAPE, REFERENCE_CLASSES, REFERENCE_BATCH, REFERENCE_VALIDATION = (32, 32, 1), 10, 50, 5_000


class StepTimes:
    """Expected times of runs on this machine.

    Args:
        measured: what earlier experiments took.
        allocation: how the runs will be trained; None on a cluster, of which nothing is known.
    """

    def __init__(self, measured: Measurements, allocation: Allocation | None) -> None:
        self._threads = 1 if allocation is None else allocation.threads
        self._calibration = read_calibration()
        device = "" if allocation is None else allocation.device
        gpus = DeviceCache(devices_file()).gpus()
        sound = [gpu for gpu, verification in gpus.items() if verification.state == "sound"]
        runs = [run for run in measured.runs if device in (AUTO, run.device)]
        self._runs = [run for run in runs if run.device == CPU or any(each.startswith(run.gpu) for each in sound)]
        self._starts = measured.starts
        self._known: dict[Hashable, ExpectedRun] = {}  # repeats and learning rates take the same time
        # Operations don't tell how fast a GPU is. One that was not verified yet is verified before the first run; if
        # runs were trained without, TensorFlow finds none.
        if gpus:
            may_use_gpu = any(verification.state != "wrong" for verification in gpus.values())
        else:
            may_use_gpu = may_have_gpu() and (not measured.runs or any(run.gpu for run in measured.runs))
        self._can_scale = device == CPU or (device == AUTO and not may_use_gpu)

    def of(self, run: RunSpec, sizes: DataSizes, total_steps: int) -> ExpectedRun:
        """Return how long a run of ``total_steps`` is expected to take; propagates ``NetworkError``."""
        augmentation = run.augmentation.operations
        key = (run.architecture, run.network, run.training, run.counts_dead_units, augmentation, sizes, total_steps)
        if key not in self._known:
            work = Work.of(run, sizes, total_steps)
            self._known[key] = ExpectedRun(
                work.operations, work.is_convolutional, self._step(work), self._overhead(work)
            )
        return self._known[key]

    def start(self, dataset: str) -> Span | None:
        """Return the time from the start of an experiment to its first step; None if it is unknown.

        Before the first experiment it is known of the digits alone, which come with the program: processes load, which
        takes less than compiling two networks.
        """
        of_dataset = [seconds for name, seconds in self._starts if name == dataset]
        found = (of_dataset or [seconds for _, seconds in self._starts])[:NEWEST_STARTS]
        if not found and dataset == DIGITS and (loading := self._compilation(is_convolutional=True)) is not None:
            return Span(0.0, 2 * loading.high)
        return _range(found) if found else None

    def _step(self, work: Work) -> Span | None:
        same = self._preferred(run for run in self._runs if run.work == work)
        if same and (self._can_scale or same[0].threads == self._threads):
            return self._on_threads(_range([run.step_seconds for run in same], SAME_WORK), same[0].threads)
        if not self._can_scale:
            return None
        kind = self._preferred(
            run for run in self._runs if run.device == CPU and run.work.is_convolutional == work.is_convolutional
        )
        points = _by_work(kind)
        if points and kind[0].threads == self._threads:
            return _scaled(points, work.operations)
        reference = self._reference(work.is_convolutional)
        if reference:
            return self._on_threads(_scaled(reference, work.operations), threads=1)
        return self._on_threads(_scaled(points, work.operations), kind[0].threads) if points else None

    def _preferred(self, runs: Iterable[MeasuredRun]) -> list[MeasuredRun]:
        """Return the newest runs with the wanted number of threads, else with another, all of one library."""
        found = list(runs)
        threads = self._threads
        chosen = min({run.threads for run in found}, key=lambda each: abs(math.log(each / threads)), default=threads)
        found = [run for run in found if run.threads == chosen]
        return [run for run in found if run.library == found[0].library]

    def _on_threads(self, measured: Span, threads: int) -> Span:
        """Return what was measured on ``threads`` for the wanted number, which changes times by up to their ratio."""
        ratio = threads / self._threads
        return measured.times(min(1.0, ratio), max(1.0, ratio))

    def _reference(self, is_convolutional: bool) -> list[tuple[float, float]]:
        """Return operations and seconds of a step of the reference network, without and with records."""
        kind = CONVOLUTIONAL if is_convolutional else DENSE
        seconds = self._calibration.seconds(kind)
        if seconds is None:
            return []
        layers = summarize(REFERENCES[kind], REFERENCE_SHAPE, REFERENCE_CLASSES)
        step, validation = step_operations(layers, REFERENCE_BATCH), evaluation_operations(layers, REFERENCE_VALIDATION)
        with_records = step + validation / STEPS, seconds[0] + seconds[1] / STEPS
        return [(step, seconds[0]), with_records]

    def _overhead(self, work: Work) -> Span | None:
        """Return the range of runs of the same network, else of the same kind, else of any."""
        similar: tuple[Callable[[MeasuredRun], bool], ...] = (
            lambda run: run.work.layers == work.layers,
            lambda run: run.work.is_convolutional == work.is_convolutional,
            lambda _run: True,
        )
        for is_similar in similar:
            found = [run.overhead for run in self._runs if run.overhead is not None and is_similar(run)][:NEWEST]
            if found:
                return _range(found)
        return self._compilation(work.is_convolutional)

    def _compilation(self, is_convolutional: bool) -> Span | None:
        seconds = self._calibration.compilation_seconds(CONVOLUTIONAL if is_convolutional else DENSE)
        return Span(seconds / COMPILATION, seconds * COMPILATION) if seconds is not None and self._can_scale else None


def _range(seconds: Collection[float], factor: float = 1.0) -> Span:
    """Return a range around the median that has the middle half of ``seconds``, widened by ``factor``."""
    ordered = sorted(seconds)
    quarter = len(ordered) // 4
    middle = median(ordered)
    low, high = ordered[quarter], ordered[-1 - quarter]
    return Span(min(low, middle / factor), max(high, middle * factor))


def _by_work(runs: Sequence[MeasuredRun]) -> list[tuple[float, float]]:
    """Return operations and median seconds of a step of each work."""
    works: dict[Work, list[float]] = {}
    for run in runs:
        works.setdefault(run.work, []).append(run.step_seconds)
    return [(work.operations, median(seconds[:NEWEST])) for work, seconds in works.items()]


def _scaled(points: Sequence[tuple[float, float]], operations: float) -> Span:
    """Return the seconds of a step of so many ``operations``, by a fixed time per step and a time per operation.

    Args:
        points: operations and seconds of measured steps.
        operations: of the step in question.
    """
    fixed, each = _fit(points)
    errors = [math.log((fixed + each * count) / seconds) for count, seconds in points]
    factor = max(SCALED, math.exp(max(map(abs, errors))))
    predicted = Span(fixed + each * operations, fixed + each * operations)
    if len(points) == 1:  # the fixed time is unknown: between none of it and all of it
        count, seconds = points[0]
        predicted = Span(seconds * min(1.0, operations / count), seconds * max(1.0, operations / count))
    return predicted.widened(factor)


def _fit(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Return the fixed seconds and those per operation, not negative, with the least squares of relative errors."""
    rows = [(1 / seconds, count / seconds) for count, seconds in points]
    aa, ab, bb = (sum(row[i] * row[j] for row in rows) for i, j in ((0, 0), (0, 1), (1, 1)))
    a, b = (sum(row[i] for row in rows) for i in (0, 1))
    determinant = aa * bb - ab * ab
    if determinant > 1e-9 * aa * bb:
        fixed, each = (a * bb - b * ab) / determinant, (b * aa - a * ab) / determinant
        if fixed >= 0 and each >= 0:
            return fixed, each
        if each < 0:
            return a / aa, 0.0
    return 0.0, b / bb

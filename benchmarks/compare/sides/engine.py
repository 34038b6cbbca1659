"""(d) and (e) This program without its window: session, training processes, store."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from statistics import fmean

from benchmarks.compare.protocol import BATCH, LEARNING_RATE, RECORD_EVERY, SEED, Round, Workload
from engine.config.specs import ExperimentSpec
from engine.events.channel import ControlChannel
from engine.events.runs import Record, RunFinished, RunStarted, Status
from engine.events.tasks import Event
from engine.executors.processes.pool import ProcessExecutor
from engine.experiments.architectures import ARCHITECTURES_EXPERIMENT
from engine.session import Session
from engine.storage.store import Store


def make(workload: Workload, workers: int | None, runs: int, **changes: object) -> Callable[[], Round]:
    """Return a function that trains ``runs`` runs with as many workers."""
    folder = Path(tempfile.mkdtemp(dir=workload.file.parent))
    executor = ProcessExecutor(workers, folder / "logs")
    return partial(_train, executor, spec_of(workload, runs, **changes), folder)


def spec_of(workload: Workload, runs: int, **changes: object) -> ExperimentSpec:
    return ARCHITECTURES_EXPERIMENT.preset(
        "course",
        **workload.data.model_dump(),
        architectures=[workload.architecture],
        learning_rate=LEARNING_RATE,
        batch_size=BATCH,
        record_every=RECORD_EVERY,
        seed=SEED,
        epochs=1,
        repeats=runs,
        **changes,
    )


def _train(executor: ProcessExecutor, spec: ExperimentSpec, folder: Path) -> Round:
    seen = Seen()
    with closing(Store(folder)) as store, closing(ControlChannel()) as control:
        finished = Session(store, executor, seen.take, control).run(ARCHITECTURES_EXPERIMENT, spec)
    if finished.status is not Status.FINISHED:
        raise SystemExit(f"compare: {finished.reason}")
    return seen.round()


class Seen:
    """Timing of the parallel runs of an experiment, from its events."""

    def __init__(self) -> None:
        self._ended: list[RunFinished] = []
        self._last: dict[int, Record] = {}
        self._library = ""

    def take(self, event: Event) -> None:
        match event:
            case Record(run=run):
                self._last[run] = event
            case RunStarted():
                self._library = event.device.library
            case RunFinished():
                self._ended.append(event)

    def round(self) -> Round:
        """Return the time of training alone, from each run's first step to its last, as for the other sides."""
        seconds = fmean(each.seconds / each.steps for each in self._ended) / len(self._ended)
        return Round(seconds, fmean(each.validation_accuracy for each in self._last.values()), self._library)

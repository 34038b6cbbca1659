"""A plan of many runs on a Dask cluster of two local workers, of which each says a few things and computes nothing.

    python -m benchmarks.cluster [--runs 10000]

What is measured is everything around the training: placing a run, the question where it begins, its events on their way
to the store. Prints, for each tenth of the plan: runs and events a second, how late events were when they were stored
(by the clock that both ends share), and the memory of this process.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil

from benchmarks.growth import INFO, record, started
from engine.cluster import parse_cluster
from engine.control import ControlChannel
from engine.events import Event, Record, RunFinished, Status
from engine.executors import dask_remote
from engine.executors.dask import DaskExecutor
from engine.executors.inline import InlineExecutor
from engine.executors.tasks import TrainTask
from engine.experiments.architectures import ARCHITECTURES_EXPERIMENT, plan
from engine.storage.store import Store

RECORDS = 5


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cluster")
    parser.add_argument("--runs", type=int, default=10_000)
    runs = parser.parse_args().runs
    dask_remote.train_remotely = synthetic
    with tempfile.TemporaryDirectory() as folder, closing(Store(Path(folder))) as store:
        tasks = planned(store, runs)
        executor = DaskExecutor(parse_cluster("local:2"), InlineExecutor(), "benchmark")
        executor._fingerprint = lambda _data: INFO.fingerprint
        executor.start(runs)
        watch = Watch(store, runs)
        try:
            with closing(ControlChannel()) as control:
                executor.run(tasks, watch.take, control)
        finally:
            executor.close()
        kept = sum(run.status is Status.FINISHED for run in store.runs(1))
        print(f"{kept:,} of {runs:,} runs are stored as finished; {1000 * watch.seconds / runs:.1f} ms a run")


def planned(store: Store, count: int) -> list[TrainTask]:
    spec = ARCHITECTURES_EXPERIMENT.preset("course", architectures=["mlp_1"], repeats=1)
    (run,) = plan(spec)
    specs = [run.replace(repeat=number, seed=number) for number in range(1, count + 1)]
    number = store.add_experiment("architectures", spec.to_json(), 0, INFO, 2)
    return [TrainTask(each.run, each.spec, None) for each in store.add_runs(number, specs, [1] * count, [50] * count)]


def synthetic(ticket: dask_remote.Ticket) -> None:
    """What a worker does instead of training."""
    dask_remote.carry_out(ticket, _say)


def _say(attempt: dask_remote.Attempt, task: TrainTask) -> None:
    attempt.say(started(task.run))
    for number in range(1, RECORDS + 1):
        attempt.say(replace(record(task.run, 10 * number), seconds=time.time()))
    attempt.say(RunFinished(task.run, Status.FINISHED, "", 0.1, 0.5, 0.9, np.eye(10, dtype=np.int64), steps=50))


class Watch:
    """Stores what comes, and tells of each tenth."""

    def __init__(self, store: Store, runs: int) -> None:
        self._store, self._tenth = store, max(1, runs // 10)
        self._begin = self._since = time.perf_counter()
        self._ended = self._events = 0
        self._late: list[float] = []
        print(f"{'runs':>8}{'runs/s':>9}{'events/s':>10}{'late p50':>11}{'p99':>9}{'memory':>11}")

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self._begin

    def take(self, event: Event) -> None:
        self._store.add(event)
        self._events += 1
        if isinstance(event, Record):
            self._late.append(time.time() - event.seconds)
        if isinstance(event, RunFinished):
            self._ended += 1
            if self._ended % self._tenth == 0:
                self._tell()

    def _tell(self) -> None:
        now = time.perf_counter()
        seconds, self._since = now - self._since, now
        middle, high = np.percentile(self._late, [50, 99])
        memory = psutil.Process().memory_info().rss / 2**20
        print(
            f"{self._ended:>8,}{self._tenth / seconds:>9.0f}{self._events / seconds:>10.0f}"
            f"{1000 * middle:>8.0f} ms{1000 * high:>6.0f} ms{memory:>7,.0f} MiB",
            flush=True,
        )
        self._events, self._late = 0, []


if __name__ == "__main__":
    main()

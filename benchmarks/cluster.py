"""Many runs on a Dask cluster of two local workers; each run sends a few events and computes nothing.

    python -m benchmarks.cluster [--runs 10000] [--records 5] [--window]

Measures the overhead around training: placing a run, its start signal, and passing its events to the store. Prints, for
each tenth of the plan: runs and events per second, the delay of events until they were stored (both ends share a
clock), and the memory of this process. With ``--window`` the program's window shows the runs offscreen: then the delay
is until the window has received an event, and the lateness of a timer in its event loop is printed too. A large number
of ``--records`` per run measures the throughput of the connection.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import psutil

from benchmarks.growth import INFO, record, started
from engine.config.cluster import parse_cluster
from engine.events.channel import ControlChannel
from engine.events.runs import Record, RunFinished, Status
from engine.events.tasks import Event
from engine.executors.dask import worker
from engine.executors.dask.attempts import Attempt
from engine.executors.dask.executor import DaskExecutor
from engine.executors.dask.messages import RunRequest
from engine.executors.inline import InlineExecutor
from engine.executors.tasks import TrainTask
from engine.experiments.architectures import ARCHITECTURES_EXPERIMENT
from engine.experiments.architectures.experiment import plan
from engine.storage.store import Store


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cluster")
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--records", type=int, default=5)
    parser.add_argument("--window", action="store_true")
    options = parser.parse_args()
    worker.train_remotely = partial(synthetic, records=options.records)
    (in_window if options.window else with_store)(options.runs)


def with_store(runs: int) -> None:
    with tempfile.TemporaryDirectory() as folder, closing(Store(Path(folder))) as store:
        tasks = planned(store, runs)
        executor = DaskExecutor(parse_cluster("local:2"), InlineExecutor(), "benchmark")
        executor._fingerprint = lambda _data: INFO.fingerprint
        executor.start(runs)
        watch = Watch(runs)

        def take(event: Event) -> None:
            store.add(event)
            watch.take(event)

        try:
            with closing(ControlChannel()) as control:
                executor.run(tasks, take, control)
        finally:
            executor.close()
        print_end(store, watch, runs)


def in_window(runs: int) -> None:
    """Measure like ``with_store``, with the runs requested by the window's form."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtCore import QEventLoop
    from PySide6.QtWidgets import QApplication

    from benchmarks.lateness import LatenessTimer
    from gui.dialogs.questions import MAX_REPEATS
    from gui.experiment.experiment_tab import ExperimentTab
    from gui.startup.garbage_collector import GarbageCollector
    from gui.utils.theme import Scheme, apply_scheme, apply_style
    from gui.window.main_window import MainWindow

    app = QApplication([])
    apply_style(app)
    apply_scheme(app, Scheme.LIGHT)
    with tempfile.TemporaryDirectory() as folder:
        workspace = Path(folder)
        window = MainWindow(workspace, *(InlineExecutor() for _ in range(4)), cluster=parse_cluster("local:2"))
        window.resize(1280, 800)
        window.show()
        GarbageCollector(app)
        tab = window.findChild(ExperimentTab, "tab_architectures")
        networks = -(-runs // MAX_REPEATS)
        names = [f"net_{number}[FC-{4 + number}]" for number in range(networks)]
        for name in names:
            tab.form.offer_architecture(name)
        tab.form.show_spec(
            tab.experiment.preset("quick", architectures=names, repeats=runs // networks, epochs=1, batch_size=50)
        )
        watch, over, late = Watch(runs), QEventLoop(), list[float]()
        window.trained.connect(watch.take)
        window.training_ended.connect(over.quit)
        timer = LatenessTimer(late.append, window)
        timer.begin()
        tab.start()
        over.exec()
        timer.stop()
        p50, p99 = np.percentile(late, [50, 99])
        print(f"the window's timer was late by {p50:.0f} ms (p50), {p99:.0f} ms (p99), {max(late):.0f} ms (max)")
        with closing(Store(workspace)) as store:
            print_end(store, watch, runs)
        window.close()


def print_end(store: Store, watch: Watch, runs: int) -> None:
    kept = sum(run.status is Status.FINISHED for run in store.runs(1))
    print(f"{kept:,} of {runs:,} runs are stored as finished; {1000 * watch.seconds / runs:.1f} ms a run")


def planned(store: Store, count: int) -> list[TrainTask]:
    spec = ARCHITECTURES_EXPERIMENT.preset("course", architectures=["mlp_1"], repeats=1)
    (run,) = plan(spec)
    specs = [run.replace(repeat=number, seed=number) for number in range(1, count + 1)]
    number = store.add_experiment("architectures", spec.to_json(), 0, INFO, 2)
    return [TrainTask(each.run, each.spec, None) for each in store.add_runs(number, specs, [1] * count, [50] * count)]


def synthetic(request: RunRequest, records: int) -> None:
    """Replace training on the workers."""
    worker.run_attempt(request, partial(_publish, records=records))


def _publish(attempt: Attempt, task: TrainTask, records: int) -> None:
    attempt.publish(started(task.run))
    for number in range(1, records + 1):
        attempt.publish(replace(record(task.run, 10 * number), seconds=time.time()))
    attempt.publish(RunFinished(task.run, Status.FINISHED, "", 0.1, 0.5, 0.9, np.eye(10, dtype=np.int64), steps=50))


class Watch:
    """Counts events and prints a line for each tenth of the runs."""

    def __init__(self, runs: int) -> None:
        self._tenth = max(1, runs // 10)
        self._begin = self._since = time.perf_counter()
        self._ended = self._events = 0
        self._late: list[float] = []
        print(f"{'runs':>8}{'runs/s':>9}{'events/s':>10}{'late p50':>11}{'p99':>9}{'memory':>11}")

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self._begin

    def take(self, event: Event) -> None:
        self._events += 1
        if isinstance(event, Record):
            self._late.append(time.time() - event.seconds)
        if isinstance(event, RunFinished):
            self._ended += 1
            if self._ended % self._tenth == 0:
                self._print()

    def _print(self) -> None:
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

"""Cost of training as a function of epochs, image side and workers; it should be linear or better.

    python -m benchmarks.training_growth

On scikit-learn's digits, through the session, its training processes and its store, records included. (a) One long run:
the time per step after a number of epochs. (b) Image side: the time per step, and per pixel. (c) Workers: steps per
second of identical runs.
"""

from __future__ import annotations

import tempfile
import time
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from statistics import median

from engine.devices.hardware import cpu_count
from engine.events.channel import ControlChannel
from engine.events.runs import Record, RunFinished, RunStarted, Status
from engine.events.tasks import Event
from engine.executors.processes.pool import ProcessExecutor
from engine.experiments.architectures import ARCHITECTURES_EXPERIMENT
from engine.session import Session
from engine.storage.store import Store

NETWORKS = ("mlp_1", "cnn_3")
EPOCHS = (10, 100, 1_000)
SIDES = (32, 64, 128)
RECORD_EVERY = 10  # steps
RUNS = 12
SHOWN = 50  # records per median


def main() -> None:
    print("Milliseconds a step after so many epochs, of one run:")
    print(f"{'':<10}" + "".join(f"{epochs:>10,}" for epochs in EPOCHS))
    for network, epochs in (("mlp_1", EPOCHS), ("cnn_3", EPOCHS[:2])):
        steps = steps_of(train(network, epochs=epochs[-1]))
        cut = [steps[: len(steps) * each // epochs[-1]][-SHOWN:] for each in epochs]
        print(f"{network:<10}" + "".join(f"{1000 * median(each):>10.3f}" for each in cut), flush=True)

    print("\nMilliseconds a step, and nanoseconds a pixel of it, by the side of the images:")
    print(f"{'':<10}" + "".join(f"{side:>10} px{'':>7}" for side in SIDES))
    for network in NETWORKS:
        times = [median(steps_of(train(network, epochs=4, image_size=side))) for side in SIDES]
        pixels = [50 * side**2 for side in SIDES]
        figures = [f"{1000 * s:>10.3f}{1e9 * s / p:>10.2f}" for s, p in zip(times, pixels, strict=True)]
        print(f"{network:<10}" + "".join(figures), flush=True)

    counts = sorted({1, cpu_count(), 2 * cpu_count()})
    print(f"\nSteps a second of {RUNS} runs, by the number of workers; {cpu_count()} cores:")
    print(f"{'':<10}" + "".join(f"{workers:>10}" for workers in counts))
    for network, epochs in zip(NETWORKS, (60, 6), strict=True):
        rates = [throughput(train(network, workers, epochs=epochs, repeats=RUNS), workers) for workers in counts]
        print(f"{network:<10}" + "".join(f"{rate:>10,.0f}" for rate in rates), flush=True)


def train(network: str, workers: int = 1, **settings: object) -> list[tuple[float, Event]]:
    """Return the events of an experiment with their times; its processes are warm."""
    spec = ARCHITECTURES_EXPERIMENT.preset("course", architectures=[network], dataset="digits", **settings)
    spec = spec.replace(repeats=settings.get("repeats", 1))
    seen: list[tuple[float, Event]] = []
    with tempfile.TemporaryDirectory() as folder:
        executor = ProcessExecutor(workers, Path(folder) / "logs")
        try:
            with closing(Store(Path(folder))) as store, closing(ControlChannel()) as control:
                session = Session(store, executor, lambda event: seen.append((time.perf_counter(), event)), control)
                finished = session.run(ARCHITECTURES_EXPERIMENT, spec)
        finally:
            executor.close()
    if finished.status is not Status.FINISHED:
        raise SystemExit(f"training_growth: {finished.reason}")
    return seen


def steps_of(seen: list[tuple[float, Event]]) -> list[float]:
    """Return the seconds per step of each record but the first, which includes one-time costs."""
    records = [event for _, event in seen if isinstance(event, Record)]
    return [(b.seconds - a.seconds) / (b.step - a.step) for a, b in pairwise(records)]


def throughput(seen: list[tuple[float, Event]], workers: int) -> float:
    """Return the steps per second of all runs, set-up included, while every worker is busy."""
    begun = [moment for moment, event in seen if isinstance(event, RunStarted)]
    ended = [moment for moment, event in seen if isinstance(event, RunFinished)]
    first, last = begun[workers - 1], ended[len(ended) - workers]
    records = sum(isinstance(event, Record) and first <= moment < last for moment, event in seen)
    return RECORD_EVERY * records / (last - first)


if __name__ == "__main__":
    main()

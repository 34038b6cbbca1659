"""How the cost of training grows with epochs, image side and workers: straight lines, or better, are wanted.

    python -m benchmarks.training_growth

On scikit-learn's digits, through the session, its training processes and its store, records included. (a) One long
run: the time of a step after so many epochs. (b) Image side: the time of a step, and that divided by the pixels. (c)
Workers: steps a second of runs that are all alike.
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
SHOWN = 50  # records that a figure is the median of


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
    """The events of an experiment, each with the moment it came; its processes were ready before."""
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
    """Seconds of a step, one figure a record; the first record has things in it that come only once."""
    records = [event for _, event in seen if isinstance(event, Record)]
    return [(b.seconds - a.seconds) / (b.step - a.step) for a, b in pairwise(records)]


def throughput(seen: list[tuple[float, Event]], workers: int) -> float:
    """Steps a second, all runs together, set-up of each included, while every worker is at work."""
    begun = [moment for moment, event in seen if isinstance(event, RunStarted)]
    ended = [moment for moment, event in seen if isinstance(event, RunFinished)]
    first, last = begun[workers - 1], ended[len(ended) - workers]
    records = sum(isinstance(event, Record) and first <= moment < last for moment, event in seen)
    return RECORD_EVERY * records / (last - first)


if __name__ == "__main__":
    main()

"""Cost as a function of the number of runs and records in a store; it should be linear or better.

    python -m benchmarks.growth [--largest 1000000]

(a) Experiments of 10, 100 and 1,000 runs: planning, storing and reading results, per run.
(b) Stores of 10^4 records up to ``--largest``, in runs of 1,000: the cost of a further record; reading the results of
one experiment of ten runs, which should not depend on the size of the store; the list of experiments; the records of
one run. A million records take 0.13 GB of disk.

Times depend on this machine's disk; compare how the columns change from row to row.
"""

from __future__ import annotations

import argparse
import sqlite3
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from statistics import median

from engine.analysis.results import load_results
from engine.events.datasets import DatasetInfo
from engine.events.devices import Device
from engine.events.runs import Record, RunStarted
from engine.experiments.architectures import ARCHITECTURES_EXPERIMENT
from engine.experiments.architectures.experiment import plan
from engine.storage.store import Store
from engine.utils.paths import store_file
from engine.workspace.catalogue import Catalogue

INFO = DatasetInfo("digits", "Digits", tuple("0123456789"), (32, 32, 1), 1293, 144, 360, "0" * 64)
RUNS = (10, 100, 1_000)
RECORDS_A_RUN = 1_000
RUNS_AN_EXPERIMENT = 10
FEWEST = 10_000
ADDED = 2_000


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth")
    parser.add_argument("--largest", type=int, default=1_000_000)
    options = parser.parse_args()
    print("An experiment of so many runs, 48 records each; microseconds a run:")
    print(f"{'runs':>10}{'plan':>10}{'store':>10}{'results':>10}")
    for count in RUNS:
        with tempfile.TemporaryDirectory() as folder, closing(Store(Path(folder))) as store:
            grow_runs(store, count)
    print("\nA store of so many records:")
    print(f"{'records':>10}{'a record':>12}{'results of 10 runs':>20}{'list':>10}{'one run':>10}{'size':>10}")
    with tempfile.TemporaryDirectory() as folder, closing(Store(Path(folder))) as store:
        filled = 0
        while (wanted := max(FEWEST, 10 * filled)) <= options.largest:
            fill(store, filled, wanted)
            filled = wanted
            look(store, Path(folder), filled)


def grow_runs(store: Store, count: int) -> None:
    spec = ARCHITECTURES_EXPERIMENT.preset("course", architectures=["mlp_1"], repeats=count)
    begin = time.perf_counter()
    runs = plan(spec)
    planned = time.perf_counter() - begin
    number = store.add_experiment("architectures", spec.to_json(), 0, INFO, 1)
    begin = time.perf_counter()
    of_store = store.add_runs(number, runs, [33_130] * count, [480] * count)
    stored = time.perf_counter() - begin
    start(store, of_store[0].run)
    for step in range(1, 49):
        store.add(record(of_store[0].run, 10 * step))
    copy_records(store, of_store[0].run, [each.run for each in of_store[1:]])
    read = timed(lambda: load_results(store, number))
    print(f"{count:>10,}" + "".join(f"{1e6 * seconds / count:>10.1f}" for seconds in (planned, stored, read)))


def fill(store: Store, filled: int, wanted: int) -> None:
    """Add experiments until the store holds ``wanted`` records; the first run is stored the program's own way."""
    spec = ARCHITECTURES_EXPERIMENT.preset("course", architectures=["mlp_1"], repeats=RUNS_AN_EXPERIMENT)
    for _ in range((wanted - filled) // (RECORDS_A_RUN * RUNS_AN_EXPERIMENT)):
        number = store.add_experiment("architectures", spec.to_json(), 0, INFO, 1)
        total = [10 * RECORDS_A_RUN] * RUNS_AN_EXPERIMENT
        runs = [each.run for each in store.add_runs(number, plan(spec), [33_130] * RUNS_AN_EXPERIMENT, total)]
        start(store, runs[0])
        if number == 1:
            for step in range(1, RECORDS_A_RUN + 1):
                store.add(record(runs[0], 10 * step))
            runs = runs[1:]
        copy_records(store, 1, runs)


def look(store: Store, workspace: Path, filled: int) -> None:
    run = store.runs(1)[0].id
    last = store.records(run)[-1].step
    begin = time.perf_counter()
    for step in range(1, ADDED + 1):
        store.add(record(run, last + 10 * step))
    adding = (time.perf_counter() - begin) / ADDED
    with closing(sqlite3.connect(store_file(workspace))) as rows, rows:
        rows.execute("DELETE FROM points WHERE run=? AND step>?", (run, last))
    with closing(Catalogue(workspace)) as catalogue:
        listing = timed(catalogue.entries)
    results, records = timed(lambda: load_results(store, 1)), timed(lambda: store.records(run))
    size = store_file(workspace).stat().st_size
    print(
        f"{filled:>10,}{f'{1e6 * adding:.0f} us':>12}{f'{1000 * results:.1f} ms':>20}{f'{1000 * listing:.1f} ms':>10}"
        f"{f'{1000 * records:.1f} ms':>10}{f'{size / 2**20:,.0f} MiB':>10}",
        flush=True,
    )


def start(store: Store, run: int) -> None:
    store.add(started(run))


def started(run: int) -> RunStarted:
    device = Device("CPU", "a processor", 1, "cpu", "")
    return RunStarted(run, device, {}, ("dense_1", "prediction"), 900, ("act_1",), (32,), 0)


def record(run: int, step: int) -> Record:
    return Record(
        run=run,
        step=step,
        epoch=1,
        seconds=step / 1000,
        training_loss=1 / step,
        training_accuracy=0.5,
        validation_loss=1 / step,
        validation_accuracy=0.5,
        learning_rate=0.001,
        gradient_norms=(0.1, 0.2),
        update_ratios=(0.001, 0.002),
        dead_units=(3,),
        activation_means=(0.2,),
        activation_deviations=(0.3,),
    )


def copy_records(store: Store, source: int, runs: list[int]) -> None:
    """Copy the records to other runs in SQL, a thousand times as fast as one by one."""
    with closing(sqlite3.connect(store_file(store.workspace))) as rows, rows:
        columns = [row[1] for row in rows.execute("PRAGMA table_info(points)")][1:]
        names = ", ".join(columns)
        rows.executemany(
            f"INSERT INTO points (run, {names}) SELECT ?, {names} FROM points WHERE run=?",  # noqa: S608
            [(run, source) for run in runs],
        )


def timed(work: Callable[[], object]) -> float:
    """Return the median of three times, in seconds."""
    times = []
    for _ in range(3):
        begin = time.perf_counter()
        work()
        times.append(time.perf_counter() - begin)
    return median(times)


if __name__ == "__main__":
    main()

"""Checks of the workspace's store, read-only, and of a temporary store."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

import numpy as np

from engine.events.devices import Device
from engine.events.runs import Record, RunFinished, RunStarted, Status, Weights
from engine.experiments.architectures import ARCHITECTURES_EXPERIMENT
from engine.selftest.check import CheckContext, CheckResult, failed, ok, warning
from engine.storage.errors import BUSY_CODES, is_damage, primary_code
from engine.storage.schema import SCHEMA_VERSION
from engine.storage.store import Store
from engine.utils.paths import store_file
from engine.utils.text import as_duration, pluralise

RECORDS = 1000
MAX_FAULTS = 1  # one suffices


def check_store(context: CheckContext) -> CheckResult:
    """Check, without writing, that the workspace's store is intact and of a version that this program reads."""
    file = store_file(context.workspace)
    if not file.exists():
        return ok("None yet; it is made when the program is first used on this workspace.")
    try:
        with closing(sqlite3.connect(_read_only_uri(file), uri=True)) as database:
            return _inspect(file, database)
    except sqlite3.DatabaseError as error:
        return _unreadable(file, error)


def check_scratch_store(context: CheckContext) -> CheckResult:
    """Check that a new store returns, after reopening, exactly the numbers written."""
    workspace = context.scratch / "store"
    spec = ARCHITECTURES_EXPERIMENT.preset("quick", architectures=("mlp_1",), epochs=1, repeats=1)
    kernel = np.random.default_rng(1).standard_normal((32, 1024)).astype(np.float32)
    begin = time.perf_counter()
    with closing(Store(workspace)) as store:
        number = store.add_experiment(ARCHITECTURES_EXPERIMENT.name, spec.to_json(), 1, None, 1)
        [planned] = store.add_runs(number, ARCHITECTURES_EXPERIMENT.plan(spec), [33_130], [RECORDS])
        written = [_record(planned.run, step) for step in range(1, RECORDS + 1)]
        store.add(RunStarted(planned.run, Device("CPU", "a processor", 1), {}, ("dense_1", "prediction"), RECORDS))
        for record in written:
            store.add(record)
        store.add(Weights(planned.run, RECORDS, 1, "dense_1", (32, 32, 1), kernel))
        store.add(RunFinished(planned.run, Status.FINISHED, seconds=1.0))
        store.finish_experiment(number, Status.FINISHED, "")
    seconds = time.perf_counter() - begin
    with closing(Store(workspace)) as store:
        read = store.records(planned.run)
        weights = store.weights(planned.run, "dense_1", RECORDS)
        status = store.experiment(number).status
    if read != written or weights is None or not np.array_equal(weights.values, kernel) or status != Status.FINISHED:
        return failed("What was read is not what was written; check the disk, and keep copies of your workspace.")
    took = as_duration(seconds, decimals=1)
    return ok(f"{pluralise(RECORDS, 'record')} and weights written in {took} and read again, bit for bit.")


def _inspect(file: Path, database: sqlite3.Connection) -> CheckResult:
    version = database.execute("PRAGMA user_version").fetchone()[0]
    fault = database.execute(f"PRAGMA integrity_check({MAX_FAULTS})").fetchone()[0]
    if fault != "ok":
        return failed(_damage_message(file, str(fault).splitlines()[-1]))
    if version > SCHEMA_VERSION:
        return failed(f"{file} is of version {version}, and this program reads {SCHEMA_VERSION}; update it.")
    count = database.execute("SELECT count(*) FROM experiments").fetchone()[0] if version else 0
    size = file.stat().st_size / 1e6
    later = "" if version == SCHEMA_VERSION else f", brought to version {SCHEMA_VERSION} when it is next opened"
    return ok(f"{pluralise(count, 'experiment')} in {size:.1f} MB, whole, of version {version}{later}.")


def _unreadable(file: Path, error: sqlite3.DatabaseError) -> CheckResult:
    if primary_code(error) in BUSY_CODES:
        return warning(f"{file} is in use ({error}); close other programs that use it, and test again.")
    if is_damage(error):
        return failed(_damage_message(file, str(error)))
    return failed(f"{file} can't be read ({error}); check its permissions and the disk it is on.")


def _read_only_uri(file: Path) -> str:
    """Return an SQLite URI that never writes.

    Without a write-ahead log no process has the store open; then ``immutable`` also prevents the auxiliary files that
    readers of a log create.
    """
    log = file.with_name(file.name + "-wal")
    return file.absolute().as_uri() + ("?mode=ro" if log.exists() else "?mode=ro&immutable=1")


def _damage_message(file: Path, fault: str) -> str:
    return (
        f"{file} is damaged ({fault}); keep a copy of it, and put a backup in its place or choose another workspace: "
        "--workspace DIR."
    )


def _record(run: int, step: int) -> Record:
    part = step / RECORDS
    norms = (float(np.float32(part)), float(np.float32(1 / step)))
    return Record(run, step, 1, part, 2.3 * (1 - part), part, 2.4 * (1 - part), 0.9 * part, 1e-3, norms, norms)

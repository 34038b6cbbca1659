"""The store of the workspace, which is only looked at, and one of the self-test's own."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

import numpy as np

from engine.events.devices import Device
from engine.events.runs import Record, RunFinished, RunStarted, Status, Weights
from engine.experiments.architectures import ARCHITECTURES_EXPERIMENT
from engine.selftest.check import Result, Surroundings, failed, ok, warning
from engine.storage.errors import BUSY, is_damage, primary_code
from engine.storage.schema import SCHEMA_VERSION
from engine.storage.store import Store
from engine.utils.paths import store_file
from engine.utils.text import pluralise

RECORDS = 1000
FAULTS_TOLD = 1  # one is enough to know


def check_store(surroundings: Surroundings) -> Result:
    """The store of the workspace is whole and of a version that this program reads; nothing is written."""
    file = store_file(surroundings.workspace)
    if not file.exists():
        return ok("None yet; it is made when the program is first used on this workspace.")
    try:
        with closing(sqlite3.connect(_address(file), uri=True)) as database:
            return _looked_at(file, database)
    except sqlite3.DatabaseError as error:
        return _not_looked_at(file, error)


def check_scratch_store(surroundings: Surroundings) -> Result:
    """A store of our own gives back, after it was closed, the very numbers that were written."""
    workspace = surroundings.scratch / "store"
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
    return ok(f"{pluralise(RECORDS, 'record')} and a kernel written in {seconds:.1f} s and read again, bit for bit.")


def _looked_at(file: Path, database: sqlite3.Connection) -> Result:
    version = database.execute("PRAGMA user_version").fetchone()[0]
    fault = database.execute(f"PRAGMA integrity_check({FAULTS_TOLD})").fetchone()[0]
    if fault != "ok":
        return failed(_damaged(file, str(fault).splitlines()[-1]))
    if version > SCHEMA_VERSION:
        return failed(f"{file} is of version {version}, and this program reads {SCHEMA_VERSION}; update it.")
    count = database.execute("SELECT count(*) FROM experiments").fetchone()[0] if version else 0
    size = file.stat().st_size / 1e6
    later = "" if version == SCHEMA_VERSION else f", brought to version {SCHEMA_VERSION} when it is next opened"
    return ok(f"{pluralise(count, 'experiment')} in {size:.1f} MB, whole, of version {version}{later}.")


def _not_looked_at(file: Path, error: sqlite3.DatabaseError) -> Result:
    if primary_code(error) in BUSY:
        return warning(f"{file} is in use ({error}); close other programs that use it, and test again.")
    if is_damage(error):
        return failed(_damaged(file, str(error)))
    return failed(f"{file} can't be read ({error}); check its permissions and the disk it is on.")


def _address(file: Path) -> str:
    """For SQLite to read and never write. Without a log beside it nobody has it open, and then even the auxiliary files
    that readers of a log make would be a change of the workspace."""
    log = file.with_name(file.name + "-wal")
    return file.absolute().as_uri() + ("?mode=ro" if log.exists() else "?mode=ro&immutable=1")


def _damaged(file: Path, fault: str) -> str:
    return (
        f"{file} is damaged ({fault}); keep a copy of it, and put a backup in its place or choose another workspace: "
        "--workspace DIR."
    )


def _record(run: int, step: int) -> Record:
    part = step / RECORDS
    norms = (float(np.float32(part)), float(np.float32(1 / step)))
    return Record(run, step, 1, part, 2.3 * (1 - part), part, 2.4 * (1 - part), 0.9 * part, 1e-3, norms, norms)

"""Everything that was ever trained, in one SQLite file of the workspace.

The session is the only writer; anybody may read while it writes (write-ahead log). Numbers that come one per layer are
JSON text, kernels are raw little-endian float32, so that any SQLite tool and a line of NumPy can read them.
"""

from __future__ import annotations

import json
import math
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engine.arrays import Array
from engine.datasets import DatasetInfo
from engine.errors import StoreError
from engine.events import Computed, Device, PlannedRun, Record, RunFinished, RunStarted, Status, Weights
from engine.experiments.base import Computation
from engine.paths import store_file
from engine.schema import MIGRATIONS, SCHEMA, SCHEMA_VERSION
from engine.spec import RunSpec

BUSY_SECONDS = 5.0  # how long to wait for another program that is writing
BUSY_PAUSE = 0.02


@dataclass(frozen=True)
class StoredExperiment:
    """A row of ``experiments``; ``spec`` is JSON text that the experiment's spec class reads.

    ``dataset`` is None for an experiment that trains nothing.
    """

    id: int
    name: str
    spec: str
    seed: int
    dataset: DatasetInfo | None
    versions: dict[str, str]
    device: Device | None
    workers: int
    status: Status
    reason: str
    created: float
    finished: float | None


@dataclass(frozen=True)
class StoredRun:
    """A row of ``runs``; see the schema for units."""

    id: int
    experiment: int
    spec: RunSpec
    parameters: int
    total_steps: int
    layers: tuple[str, ...]
    status: Status
    reason: str
    seconds: float | None
    test_loss: float | None
    test_accuracy: float | None
    confusion: Array | None
    model: Path | None

    @property
    def is_tested(self) -> bool:
        """Whether the run came far enough to be tested."""
        return self.test_accuracy is not None


class Store:
    """The store of a workspace. One object serves one thread; raises :class:`StoreError` with a sentence."""

    def __init__(self, workspace: Path) -> None:
        self.workspace = workspace.expanduser().absolute()
        self.file = store_file(self.workspace)
        with self._explained("opened"):
            self.workspace.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(self.file, isolation_level=None)
        try:
            self._set_up()
        except BaseException:
            self._db.close()
            raise

    def _set_up(self) -> None:
        with self._explained("opened"):
            self._db.row_factory = sqlite3.Row
            # A commit then costs no disk flush; a power cut can lose the last moments but never harm the file.
            self._db.executescript("PRAGMA busy_timeout=5000; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;")
            self._use_write_ahead_log()
            self._ensure_schema()

    def _use_write_ahead_log(self) -> None:
        """Switch the journal over, once in the life of a file; SQLite doesn't wait for others there, so this does."""
        deadline = time.monotonic() + BUSY_SECONDS
        while self._db.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
            try:
                self._db.execute("PRAGMA journal_mode=WAL")
            except sqlite3.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(BUSY_PAUSE)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def add_experiment(self, name: str, spec: str, seed: int, info: DatasetInfo | None, workers: int) -> int:
        """Store a new experiment; ``spec`` is JSON. Gives its number."""
        return self._insert(
            "experiments",
            name=name,
            spec=spec,
            seed=seed,
            dataset=json.dumps(asdict(info) if info else None),
            workers=workers,
            status=Status.RUNNING,
            created=time.time(),
        )

    def add_runs(
        self, experiment: int, specs: Sequence[RunSpec], parameters: Sequence[int], total_steps: Sequence[int]
    ) -> tuple[PlannedRun, ...]:
        """Store the planned runs of an experiment in one transaction."""
        planned = []
        with self._transaction():
            for spec, count, steps in zip(specs, parameters, total_steps, strict=True):
                run = self._insert(
                    "runs",
                    experiment=experiment,
                    variant=spec.variant,
                    repeat=spec.repeat,
                    seed=spec.seed,
                    spec=spec.to_json(),
                    parameters=count,
                    total_steps=steps,
                    status=Status.QUEUED,
                )
                planned.append(PlannedRun(run, spec, count, steps))
        return tuple(planned)

    def add(self, event: RunStarted | Record | Weights | RunFinished) -> None:
        """Store what happened in a run; committed when this returns."""
        match event:
            case RunStarted():
                self._start_run(event)
            case Record():
                self._add_record(event)
            case Weights():
                self._add_weights(event)
            case RunFinished():
                self._finish_run(event)

    def add_computation(self, experiment: int, computed: Computed) -> None:
        """Store what an experiment without runs found, in one transaction."""
        device, versions = json.dumps(asdict(computed.device)), json.dumps(computed.versions)
        with self._transaction():
            self._execute("UPDATE experiments SET device=?, versions=? WHERE id=?", device, versions, experiment)
            self._insert("computations", experiment=experiment, findings=json.dumps(computed.findings))
            for name, array in computed.arrays.items():
                values = np.asarray(array, order="C")
                self._insert(
                    "arrays",
                    experiment=experiment,
                    name=name,
                    dtype=values.dtype.newbyteorder("<").str,
                    shape=json.dumps(values.shape),
                    data=values.astype(values.dtype.newbyteorder("<")).tobytes(),
                )

    def computation(self, experiment: int) -> Computation | None:
        """What an experiment without runs found; None if it came to nothing."""
        row = self._execute("SELECT findings FROM computations WHERE experiment=?", experiment).fetchone()
        if row is None:
            return None
        arrays = self._execute("SELECT * FROM arrays WHERE experiment=? ORDER BY rowid", experiment)
        return Computation(json.loads(row["findings"]), {array["name"]: _array(array) for array in arrays})

    def finish_experiment(self, experiment: int, status: Status, reason: str) -> None:
        """Store how an experiment ended."""
        self._execute(
            "UPDATE experiments SET status=?, reason=?, finished=? WHERE id=?", status, reason, time.time(), experiment
        )

    def experiment(self, experiment: int) -> StoredExperiment:
        """The experiment of that number; raises :class:`StoreError` if there is none."""
        row = self._execute("SELECT * FROM experiments WHERE id=?", experiment).fetchone()
        if row is None:
            raise StoreError(f"There is no experiment {experiment} in {self.file}.")
        return _experiment(row)

    def runs(self, experiment: int) -> list[StoredRun]:
        """The runs of an experiment in the order of the plan."""
        rows = self._execute("SELECT * FROM runs WHERE experiment=? ORDER BY id", experiment)
        return [self._run(row) for row in rows]

    def tested_runs(self, limit: int) -> list[StoredRun]:
        """The runs tested last, of all experiments, whose trained network was kept; newest first."""
        rows = self._execute("SELECT * FROM runs WHERE model IS NOT NULL ORDER BY finished DESC LIMIT ?", limit)
        return [self._run(row) for row in rows]

    def records(self, run: int) -> list[Record]:
        """All records of a run, by step."""
        return [_record(row) for row in self._execute("SELECT * FROM points WHERE run=? ORDER BY step", run)]

    def last_weights(self, run: int) -> dict[str, Weights]:
        """The newest kernel stored of each layer of a run, by the layer's name; empty if none was."""
        rows = self._execute("SELECT *, max(step) FROM weights WHERE run=? GROUP BY layer ORDER BY rowid", run)
        return {row["layer"]: _weights(row) for row in rows}

    def _start_run(self, event: RunStarted) -> None:
        device, versions = json.dumps(asdict(event.device)), json.dumps(event.versions)
        with self._transaction():
            self._execute(
                "UPDATE runs SET status=?, started=?, layers=?, steps_per_epoch=?, device=?, versions=? WHERE id=?",
                *(Status.RUNNING, time.time(), json.dumps(event.layers), event.steps_per_epoch, device, versions),
                event.run,
            )
            self._execute(
                "UPDATE experiments SET device=?, versions=? WHERE id=(SELECT experiment FROM runs WHERE id=?)",
                *(device, versions, event.run),
            )

    def _add_record(self, event: Record) -> None:
        self._insert(
            "points",
            run=event.run,
            step=event.step,
            epoch=event.epoch,
            wall_time=time.time(),
            seconds=event.seconds,
            training_loss=_finite(event.training_loss),
            training_accuracy=_finite(event.training_accuracy),
            validation_loss=_finite(event.validation_loss),
            validation_accuracy=_finite(event.validation_accuracy),
            gradient_norm=_finite(event.gradient_norms[0]),
            learning_rate=event.learning_rate,
            gradient_norms=_json_numbers(event.gradient_norms),
            update_ratios=_json_numbers(event.update_ratios),
            dead_units=json.dumps(event.dead_units),
        )

    def _add_weights(self, event: Weights) -> None:
        self._insert(
            "weights",
            run=event.run,
            step=event.step,
            epoch=event.epoch,
            layer=event.layer,
            shape=json.dumps(event.values.shape),
            input_shape=json.dumps(event.input_shape),
            data=event.values.astype("<f4").tobytes(),
        )

    def _finish_run(self, event: RunFinished) -> None:
        confusion = None if event.confusion is None else json.dumps(event.confusion.tolist())
        model = None if event.model is None else Path(event.model).relative_to(self.workspace).as_posix()
        self._execute(
            "UPDATE runs SET status=?, reason=?, finished=?, seconds=?, test_loss=?, test_accuracy=?, confusion=?, "
            "model=? WHERE id=?",
            *(event.status, event.reason, time.time(), event.seconds, event.test_loss, event.test_accuracy),
            *(confusion, model, event.run),
        )

    def _run(self, row: sqlite3.Row) -> StoredRun:
        return StoredRun(
            id=row["id"],
            experiment=row["experiment"],
            spec=RunSpec.from_json(row["spec"]),
            parameters=row["parameters"],
            total_steps=row["total_steps"],
            layers=tuple(json.loads(row["layers"])),
            status=Status(row["status"]),
            reason=row["reason"],
            seconds=row["seconds"],
            test_loss=row["test_loss"],
            test_accuracy=row["test_accuracy"],
            confusion=None if row["confusion"] is None else np.array(json.loads(row["confusion"])),
            model=None if row["model"] is None else self.workspace / row["model"],
        )

    def _ensure_schema(self) -> None:
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version > SCHEMA_VERSION:
            raise StoreError(
                f"{self.file} was written by a newer Trainscope; update the program or choose another workspace."
            )
        if version < SCHEMA_VERSION:
            self._bring_up_to_date()

    def _bring_up_to_date(self) -> None:
        """Make the tables, or change those of an older version; two programs may open a workspace at once."""
        self._db.execute("BEGIN EXCLUSIVE")
        version = self._db.execute("PRAGMA user_version").fetchone()[0]  # the other one may have done it by now
        migrations = [MIGRATIONS[number] for number in range(version, SCHEMA_VERSION)] if version else []
        for statement in (*migrations, *SCHEMA, f"PRAGMA user_version={SCHEMA_VERSION}", "COMMIT"):
            self._db.execute(statement)

    def _insert(self, table: str, **values: Any) -> int:
        # Table and column names are this module's own; every value is a parameter.
        marks = ", ".join("?" * len(values))
        sql = f"INSERT INTO {table} ({', '.join(values)}) VALUES ({marks})"  # noqa: S608
        return self._execute(sql, *values.values()).lastrowid or 0

    def _execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        with self._explained("written" if not sql.startswith("SELECT") else "read"):
            return self._db.execute(sql, values)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.rollback()
            raise
        self._execute("COMMIT")

    @contextmanager
    def _explained(self, action: str) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise StoreError(
                f"{self.file} can't be {action} ({error}); check the folder, its permissions and the free space."
            ) from error


def _experiment(row: sqlite3.Row) -> StoredExperiment:
    device = json.loads(row["device"])
    return StoredExperiment(
        id=row["id"],
        name=row["name"],
        spec=row["spec"],
        seed=row["seed"],
        dataset=_dataset(json.loads(row["dataset"])),
        versions=json.loads(row["versions"]),
        device=Device(**device) if device else None,
        workers=row["workers"],
        status=Status(row["status"]),
        reason=row["reason"],
        created=row["created"],
        finished=row["finished"],
    )


def _dataset(values: dict[str, Any] | None) -> DatasetInfo | None:
    if values is None:
        return None
    return DatasetInfo(**values | {"class_names": tuple(values["class_names"]), "shape": tuple(values["shape"])})


def _array(row: sqlite3.Row) -> Array:
    return np.frombuffer(row["data"], dtype=row["dtype"]).reshape(json.loads(row["shape"])).copy()


def _weights(row: sqlite3.Row) -> Weights:
    values = np.frombuffer(row["data"], dtype="<f4").reshape(json.loads(row["shape"])).copy()
    input_shape = tuple(json.loads(row["input_shape"]))
    return Weights(row["run"], row["step"], row["epoch"], row["layer"], input_shape, values)


def _record(row: sqlite3.Row) -> Record:
    return Record(
        run=row["run"],
        step=row["step"],
        epoch=row["epoch"],
        seconds=row["seconds"],
        training_loss=_number(row["training_loss"]),
        training_accuracy=_number(row["training_accuracy"]),
        validation_loss=_number(row["validation_loss"]),
        validation_accuracy=_number(row["validation_accuracy"]),
        learning_rate=row["learning_rate"],
        gradient_norms=tuple(_number(value) for value in json.loads(row["gradient_norms"])),
        update_ratios=tuple(_number(value) for value in json.loads(row["update_ratios"])),
        dead_units=tuple(json.loads(row["dead_units"])),
    )


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _json_numbers(values: Sequence[float]) -> str:
    """JSON has neither NaN nor infinity; null stands for both."""
    return json.dumps([_finite(value) for value in values])

"""Queries of the store: experiments, runs, and their recorded data."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from engine.events.experiments import Computation
from engine.events.runs import Interrupted, Intervention, InterventionKind, Mistake, Record, Weights
from engine.storage.database import Database
from engine.storage.rows import (
    StoredExperiment,
    StoredRun,
    array_of,
    experiment_of,
    findings_of,
    intervention_of,
    mistake_of,
    read_rows,
    record_of,
    run_of,
    weights_of,
)
from engine.utils.arrays import Array
from engine.utils.errors import StoreError

# Rows per fetchmany; converting them holds the GIL, and with it the window, for about 5 ms.
ROWS_PER_FETCH = 1000
OF_LAYERS = ("gradient_norms", "update_ratios")  # BLOB columns that a logged run may have


class StoreQueries(Database):
    """The reading half of the store. Not thread-safe; all methods raise ``StoreError``."""

    def experiment(self, experiment: int) -> StoredExperiment:
        """Return an experiment by its number.

        Raises:
            StoreError: if there is none of that number.
        """
        row = self._execute("SELECT * FROM experiments WHERE id=?", experiment).fetchone()
        if row is None:
            raise StoreError(f"There is no experiment {experiment} in {self.file}.")
        return experiment_of(row)

    def experiments(self, limit: int) -> list[StoredExperiment]:
        """Return up to ``limit`` experiments that are not deleted, newest first; unreadable ones are skipped."""
        rows = self._execute("SELECT * FROM experiments WHERE deleted IS NULL ORDER BY id DESC LIMIT ?", limit)
        return read_rows(rows, experiment_of)

    def runs(self, experiment: int) -> list[StoredRun]:
        """Return the runs of an experiment in planned order."""
        rows = self._execute("SELECT * FROM runs WHERE experiment=? ORDER BY id", experiment)
        return [run_of(row, self.workspace) for row in rows]

    def computation(self, experiment: int) -> Computation | None:
        """Return the result of an experiment without runs; None if it has none."""
        row = self._execute("SELECT * FROM computations WHERE experiment=?", experiment).fetchone()
        if row is None:
            return None
        arrays = self._execute("SELECT * FROM arrays WHERE experiment=? ORDER BY rowid", experiment)
        return Computation(findings_of(row), {array["name"]: array_of(array) for array in arrays})

    def tested_runs(self, limit: int) -> list[StoredRun]:
        """Return the most recently tested runs with a stored network, of experiments not deleted; newest first."""
        rows = self._execute(
            "SELECT runs.* FROM runs JOIN experiments ON experiments.id=runs.experiment "
            "WHERE model IS NOT NULL AND deleted IS NULL ORDER BY runs.finished DESC LIMIT ?",
            limit,
        )
        return read_rows(rows, run_of, self.workspace)

    def run_of_model(self, file: Path) -> StoredRun | None:
        """Return the run whose trained network is ``file``; None if it is none of this workspace."""
        try:
            place = file.resolve().relative_to(self.workspace.resolve()).as_posix()
        except (OSError, ValueError):
            return None
        row = self._execute("SELECT * FROM runs WHERE model=?", place).fetchone()
        return None if row is None else run_of(row, self.workspace)

    def records(self, run: int) -> list[Record]:
        """Return all records of a run, by step."""
        metrics: dict[int, tuple[tuple[str, float], ...]] = {}
        for step, name, value in self._execute("SELECT step, name, value FROM metrics WHERE run=? ORDER BY name", run):
            metrics[step] = (*metrics.get(step, ()), (name, value))
        rows = self._execute("SELECT * FROM points WHERE run=? ORDER BY step", run)
        return [record_of(row, metrics) for row in rows]

    def metrics(self, run: int) -> dict[str, tuple[Array, Array]]:
        """Return the further numbers of a logged run by name: steps, int64, and values, float64, (values,) each."""
        found: dict[str, tuple[list[int], list[float]]] = {}
        rows = self._execute("SELECT name, step, value FROM metrics WHERE run=? ORDER BY name, step", run)
        for name, step, value in rows:
            steps, values = found.setdefault(name, ([], []))
            steps.append(step)
            values.append(value)
        return {name: (np.array(steps), np.array(values, float)) for name, (steps, values) in found.items()}

    def columns(
        self, run: int, numbers: Sequence[str], blobs: Sequence[str], layers: int = 0
    ) -> tuple[list[Array], list[Array]]:
        """Return columns of all records of a run, by step.

        Args:
            run: number of the run.
            numbers: names of numeric columns.
            blobs: names of BLOB columns.
            layers: of a logged run, whose records may lack the numbers of layers; they are then NaN.

        Returns:
            The numeric columns, float64 of shape (records,), NaN for null; the BLOB columns, uint8 of shape
            (records, bytes), padded or cut to the size in the first record, or to that of ``layers``.
        """
        names = ", ".join((*numbers, *blobs))
        # All column names are constants of the program.
        cursor = self._execute(f"SELECT {names} FROM points WHERE run=? ORDER BY step", run)  # noqa: S608
        cursor.row_factory = None  # plain tuples: ``sqlite3.Row`` takes three times as long
        floats, raw = [array("d") for _ in numbers], [bytearray() for _ in blobs]
        unknown = np.full(layers, np.nan, "<f4").tobytes()
        widths = [len(unknown) if name in OF_LAYERS else 0 for name in blobs] if layers else []
        count = 0
        while rows := cursor.fetchmany(ROWS_PER_FETCH):
            columns = list(zip(*rows, strict=True))
            widths = widths or [len(column[0]) for column in columns[len(numbers) :]]
            count += len(rows)
            for kept, column in zip(floats, columns, strict=False):
                kept.frombytes(np.array(column, dtype=float).tobytes())
            for data, width, column in zip(raw, widths, columns[len(numbers) :], strict=True):
                if layers:
                    data.extend(b"".join((blob + unknown)[:width] for blob in column))
                else:
                    data.extend(b"".join(blob[:width].ljust(width, b"\0") for blob in column))
        tables = [np.frombuffer(data, np.uint8).reshape(count, -1 if data else 0) for data in raw]
        return [np.array(kept) for kept in floats], tables

    def run(self, run: int) -> StoredRun:
        """Return a run by its number.

        Raises:
            StoreError: if there is none of that number.
        """
        row = self._execute("SELECT * FROM runs WHERE id=?", run).fetchone()
        if row is None:
            raise StoreError(f"There is no run {run} in {self.file}.")
        return run_of(row, self.workspace)

    def interventions(self, run: int) -> tuple[Intervention, ...]:
        """Return the interventions in a run, in order."""
        rows = self._execute("SELECT * FROM interventions WHERE run=? ORDER BY id", run)
        return tuple(intervention_of(row) for row in rows)

    def mistakes(self, run: int) -> tuple[Mistake, ...]:
        """Return the stored misclassified test images of a run, highest confidence first."""
        return tuple(mistake_of(row) for row in self._execute("SELECT * FROM mistakes WHERE run=? ORDER BY rank", run))

    def weight_steps(self, run: int, layer: str) -> list[int]:
        """Return the steps at which weights of a layer were stored, ascending."""
        rows = self._execute("SELECT step FROM weights WHERE run=? AND layer=? ORDER BY step", run, layer)
        return [row["step"] for row in rows]

    def weights(self, run: int, layer: str, step: int) -> Weights | None:
        """Return the weights of a layer stored at ``step``; None if there are none."""
        row = self._execute("SELECT * FROM weights WHERE run=? AND layer=? AND step=?", run, layer, step).fetchone()
        return None if row is None else weights_of(row)

    def last_weights(self, run: int) -> dict[str, Weights]:
        """Return the newest stored weights of each layer of a run, or those that were kept, by layer name."""
        rows = self._execute(
            "SELECT weights.*, max(weights.step) FROM weights JOIN runs ON runs.id=run WHERE run=? "
            "AND weights.step <= coalesce(json_extract(kept, '$.step'), weights.step) "
            "GROUP BY layer ORDER BY weights.rowid",
            run,
        )
        return {row["layer"]: weights_of(row) for row in rows}

    def interrupted(self, run: int) -> Interrupted | None:
        """Return the state from which a run can be resumed; None if it has to start from scratch."""
        row = self._execute("SELECT step, data FROM checkpoints WHERE run=?", run).fetchone()
        if row is None:
            return None
        rates = self._execute(
            "SELECT step, value FROM interventions WHERE run=? AND kind=? AND step>? ORDER BY id",
            *(run, InterventionKind.LEARNING_RATE, row["step"]),
        )
        return Interrupted(row["data"], tuple((each["step"], each["value"]) for each in rates))

    def runs_with_records(self, experiment: int) -> set[int]:
        """Return the numbers of the runs of an experiment that have records."""
        rows = self._execute(
            "SELECT id FROM runs WHERE experiment=? AND EXISTS (SELECT 1 FROM points WHERE run=runs.id)", experiment
        )
        return {row["id"] for row in rows}

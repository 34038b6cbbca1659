"""The part of the store that holds runs logged by other programs."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path

from engine.config.logged_runs import LoggedRunSpec
from engine.events.datasets import DatasetInfo
from engine.events.runs import PlannedRun, Record, RunEvent, RunFinished, RunStarted, Status
from engine.storage.database import RECORDING_BUSY_SECONDS, pack, unpack
from engine.storage.rows import StoredExperiment, columns_of, experiment_of, read_rows, record_of
from engine.storage.store import Store

_OF_FOLDER = "name=? AND deleted IS NULL AND json_extract(experiments.spec, '$.folder')=?"


class LoggedStore(Store):
    """The results of a workspace, with what logged runs need. Not thread-safe; all methods raise ``StoreError``.

    Args:
        workspace: the folder.
        kind: name of the experiments whose runs are logged.
    """

    def __init__(self, workspace: Path, kind: str) -> None:
        super().__init__(workspace, RECORDING_BUSY_SECONDS)
        self._kind = kind

    def together(self) -> AbstractContextManager[None]:
        """Return a context in which everything written is committed at once, or nothing of it."""
        return self._transaction()

    def experiments_of(self, folder: str) -> list[StoredExperiment]:
        """Return the experiments that were read from a folder, oldest first; deleted ones are left out."""
        rows = self._execute(f"SELECT * FROM experiments WHERE {_OF_FOLDER} ORDER BY id", self._kind, folder)  # noqa: S608
        return read_rows(rows, experiment_of)

    def numbers_of(self, folder: str) -> set[int]:
        """Return the numbers of ``experiments_of``."""
        rows = self._execute(f"SELECT id FROM experiments WHERE {_OF_FOLDER}", self._kind, folder)  # noqa: S608
        return {number for (number,) in rows}

    def dismissed(self, folder: str) -> set[str]:
        """Return the sources of a folder whose experiments were deleted."""
        rows = self._execute("SELECT source FROM dismissed WHERE folder=?", folder).fetchall()
        deleted = self._execute(
            "SELECT json_extract(runs.spec, '$.source') FROM runs JOIN experiments ON experiments.id=runs.experiment "
            "WHERE name=? AND deleted IS NOT NULL AND json_extract(experiments.spec, '$.folder')=?",
            *(self._kind, folder),
        )
        return {source for (source,) in (*rows, *deleted)}

    def readmit(self, folder: str) -> None:
        """Forget that experiments of a folder were deleted, so that their logs are read again."""
        self._execute("DELETE FROM dismissed WHERE folder=?", folder)

    def sizes(self, run: int) -> dict[str, int]:
        """Return how many bytes of each file of a run were read."""
        rows = self._execute("SELECT file, size FROM logs WHERE run=?", run)
        return {row["file"]: row["size"] for row in rows}

    def set_sizes(self, run: int, sizes: Mapping[str, int]) -> None:
        """Store how many bytes of each file were read."""
        for file, size in sizes.items():
            self._replace("logs", run=run, file=file, size=size)

    def add_logged_run(self, experiment: int, spec: LoggedRunSpec, parameters: int, total_steps: int) -> PlannedRun:
        """Store a run; its variant and repeat must be new in the experiment."""
        (planned,) = self.add_runs(experiment, [spec], [parameters], [total_steps])
        return planned

    def change_run(self, planned: PlannedRun, experiment: int) -> None:
        """Store the changed spec and sizes of a run, and the experiment that it belongs to."""
        spec = planned.spec
        self._execute(
            "UPDATE runs SET experiment=?, variant=?, repeat=?, seed=?, spec=?, parameters=?, total_steps=? WHERE id=?",
            *(experiment, spec.variant, spec.repeat, spec.seed, spec.to_json()),
            *(planned.parameters, planned.total_steps, planned.run),
        )

    def describe(self, experiment: int, spec: str, info: DatasetInfo) -> None:
        """Store the settings of an experiment and what is known of its data."""
        self._execute(
            "UPDATE experiments SET spec=?, dataset=?, thumbnail=NULL WHERE id=?",
            *(spec, json.dumps(asdict(info)), experiment),
        )

    def start_logged(self, event: RunStarted, at: float) -> None:
        """Store that a run started at ``at`` (seconds since 1970), or that its layers have become known.

        Records from before a layer was known get NaN for it.
        """
        with self._transaction():
            (layers,) = self._execute("SELECT layers FROM runs WHERE id=?", event.run).fetchone()
            self.add(event)
            self._execute("UPDATE runs SET started=? WHERE id=?", at, event.run)
            if json.loads(layers) != list(event.layers):
                self._arrange_layers(event.run, json.loads(layers), event.layers)

    def _arrange_layers(self, run: int, before: Sequence[str], layers: Sequence[str]) -> None:
        """Rewrite the numbers of layers in the records of a run for another list of layers."""

        def arranged(data: bytes) -> bytes:
            values = dict(zip(before, unpack(data, "<f4"), strict=False))
            return pack([values.get(layer, math.nan) for layer in layers], "<f4")

        rows = self._execute("SELECT step, gradient_norms, update_ratios FROM points WHERE run=?", run).fetchall()
        for step, norms, ratios in rows:
            self._execute(
                "UPDATE points SET gradient_norms=?, update_ratios=? WHERE run=? AND step=?",
                *(arranged(norms), arranged(ratios), run, step),
            )

    def add_measured(self, records: Iterable[tuple[Record, float]], others: Iterable[RunEvent] = ()) -> None:
        """Store records, each with the time (seconds since 1970) at which it was logged, and other events."""
        with self._transaction():
            for record, wall_time in records:
                self._replace("points", wall_time=wall_time, **columns_of(record, is_logged=True))
                for name, value in record.metrics:
                    self._replace("metrics", run=record.run, name=name, step=record.step, value=value)
            for event in others:
                self.add(event)

    def record(self, run: int, step: int) -> Record | None:
        """Return the record of a run at a step; None if there is none."""
        row = self._execute("SELECT * FROM points WHERE run=? AND step=?", run, step).fetchone()
        if row is None:
            return None
        metrics = self._execute("SELECT name, value FROM metrics WHERE run=? AND step=? ORDER BY name", run, step)
        return record_of(row, {step: tuple((name, value) for name, value in metrics)})

    def beginning(self, run: int) -> tuple[float, int] | None:
        """Return when a run started (seconds since 1970) and the step of its first record; None if it has none."""
        row = self._execute(
            "SELECT started, min(step) FROM runs JOIN points ON points.run=runs.id WHERE runs.id=?", run
        ).fetchone()
        return None if row[1] is None else (row[0], row[1])

    def last_step(self, run: int) -> int:
        """Return the step of the last record of a run; 0 if there is none."""
        (step,) = self._execute("SELECT coalesce(max(step), 0) FROM points WHERE run=?", run).fetchone()
        return int(step)

    def discard(self, run: int, after: int = -1) -> None:
        """Remove what was recorded of a run after a step; everything by default."""
        with self._transaction():
            for table in ("points", "metrics", "weights"):
                self._execute(f"DELETE FROM {table} WHERE run=? AND step>?", run, after)  # noqa: S608 - names from here

    def end_logged(self, event: RunFinished, at: float) -> None:
        """Store how a run ended, and when (seconds since 1970)."""
        with self._transaction():
            self.add(event)
            self._execute("UPDATE runs SET finished=? WHERE id=?", at, event.run)

    def end_experiment(self, experiment: int, status: Status, reason: str, at: float) -> None:
        """Store how an experiment ended, and when (seconds since 1970)."""
        self._execute(
            "UPDATE experiments SET status=?, reason=?, finished=max(?, created), thumbnail=NULL WHERE id=?",
            *(status, reason, at, experiment),
        )

    def mark_deleted(self, experiment: int) -> None:
        """Mark an experiment without runs as deleted."""
        self._execute("UPDATE experiments SET deleted=? WHERE id=?", self._clock.now(), experiment)

    def entitle(self, experiment: int, title: str) -> None:
        """Store a title for an experiment."""
        self._execute("UPDATE experiments SET title=? WHERE id=?", title, experiment)

    def began_at(self, experiment: int, at: float) -> None:
        """Store when an experiment began (seconds since 1970), if that is earlier than was known."""
        self._execute("UPDATE experiments SET created=min(created, ?) WHERE id=?", at, experiment)

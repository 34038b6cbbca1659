"""Everything that was ever trained, in one SQLite file of the workspace.

The session is the only writer; anybody may read while it writes (write-ahead log). Numbers that come one per layer and
kernels are raw little-endian float32, so that a million records open at once and a line of NumPy can read them.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from engine.config.specs import RunSpec
from engine.events.datasets import DatasetInfo
from engine.events.experiments import Computation, Computed
from engine.events.runs import (
    Checkpoint,
    Interrupted,
    Intervention,
    InterventionKind,
    Mistake,
    PlannedRun,
    Record,
    RunEvent,
    RunFinished,
    RunStarted,
    Status,
    Weights,
)
from engine.storage.database import BUSY_SECONDS, Database, pack
from engine.storage.rows import (
    UNDER_WAY,
    StoredExperiment,
    StoredRun,
    array_of,
    experiment_of,
    findings_of,
    finite,
    intervention_of,
    mistake_of,
    readable,
    record_of,
    run_of,
    weights_of,
)
from engine.utils.arrays import Array
from engine.utils.clock import SteadyClock
from engine.utils.errors import StoreError
from engine.utils.paths import highest_experiment_folder

__all__ = ["Store", "StoredExperiment", "StoredRun"]

# Records: the interpreter is held while they change hands, and with it the window, if one waits: for about 5 ms.
READ_AT_ONCE = 1000


class Store(Database):
    """The results of a workspace. One object serves one thread; raises :class:`StoreError` with a sentence.

    Times of an experiment are by a clock that starts with it.
    """

    def __init__(
        self, workspace: Path, busy_seconds: float = BUSY_SECONDS, say: Callable[[str], None] | None = None
    ) -> None:
        super().__init__(workspace, busy_seconds, say)
        self._clock = SteadyClock()

    def add_experiment(
        self,
        name: str,
        spec: str,
        seed: int,
        info: DatasetInfo | None,
        workers: int,
        owner: str = "",
        order: int | None = None,
    ) -> int:
        """Store a new experiment; ``spec`` is JSON, ``owner`` the lock of who carries it out. Gives its number.

        ``order`` is the entry of the queue that asked for it, which is done with then.
        """
        self._clock = SteadyClock()
        with self._transaction():
            self._execute("DELETE FROM queue WHERE id=?", order)
            return self._insert(
                "experiments",
                id=self._next_number(),
                name=name,
                spec=spec,
                seed=seed,
                dataset=json.dumps(asdict(info) if info else None),
                workers=workers,
                status=Status.RUNNING,
                created=self._clock.now(),
                owner=owner,
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

    def add(self, event: RunEvent) -> None:
        """Store what happened in a run; committed when this returns."""
        match event:
            case RunStarted():
                self._start_run(event)
            case Record():
                self._add_record(event)
            case Weights():
                self._add_weights(event)
            case Intervention():
                self._add_intervention(event)
            case Checkpoint():
                self._replace("checkpoints", run=event.run, step=event.step, data=event.data)
            case RunFinished():
                self._finish_run(event)

    def add_computation(self, experiment: int, computed: Computed) -> None:
        """Store what an experiment without runs found, in one transaction."""
        device, versions = json.dumps(asdict(computed.device)), json.dumps(computed.versions)
        with self._transaction():
            self._execute("UPDATE experiments SET device=?, versions=? WHERE id=?", device, versions, experiment)
            self._execute("DELETE FROM arrays WHERE experiment=?", experiment)
            self._replace("computations", experiment=experiment, findings=json.dumps(computed.findings))
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
        row = self._execute("SELECT * FROM computations WHERE experiment=?", experiment).fetchone()
        if row is None:
            return None
        arrays = self._execute("SELECT * FROM arrays WHERE experiment=? ORDER BY rowid", experiment)
        return Computation(findings_of(row), {array["name"]: array_of(array) for array in arrays})

    def reopen_experiment(
        self,
        experiment: int,
        spec: str,
        workers: int,
        owner: str = "",
        void: Sequence[int] = (),
        again: Sequence[int] = (),
        order: int | None = None,
    ) -> None:
        """Let an experiment that has ended go on with other settings, JSON, such as more repeats.

        Runs that are ``void`` are forgotten with all that was recorded of them; those to be trained ``again`` wait for
        it, and how they ended is forgotten. ``order`` is the entry of the queue that asked for it, which is done with.
        Raises :class:`StoreError`, and changes nothing, where the experiment has not ended.
        """
        self._clock = SteadyClock()
        with self._transaction():
            changed = self._execute(
                "UPDATE experiments SET spec=?, workers=?, status=?, reason='', thumbnail=NULL, "
                "spent=spent + max(0, coalesce(finished, created) - coalesce(resumed, created)), resumed=?, "
                "finished=NULL, owner=? WHERE id=? AND status NOT IN (SELECT value FROM json_each(?))",
                *(spec, workers, Status.RUNNING, self._clock.now(), owner, experiment, UNDER_WAY),
            )
            if not changed.rowcount:
                raise StoreError(f"Experiment {experiment} is under way, maybe in another window; wait for its end.")
            self._execute("DELETE FROM queue WHERE id=?", order)
            for run in void:
                self._execute("DELETE FROM runs WHERE id=?", run)
            for run in again:
                self._execute(
                    "UPDATE runs SET status=?, reason='', finished=NULL, seconds=NULL, test_loss=NULL, "
                    "test_accuracy=NULL, confusion=NULL, model=NULL WHERE id=?",
                    *(Status.QUEUED, run),
                )
                self._execute("DELETE FROM mistakes WHERE run=?", run)

    def interrupted(self, run: int) -> Interrupted | None:
        """Where a run can go on from; None where it has to begin anew."""
        row = self._execute("SELECT step, data FROM checkpoints WHERE run=?", run).fetchone()
        if row is None:
            return None
        rates = self._execute(
            "SELECT step, value FROM interventions WHERE run=? AND kind=? AND step>? ORDER BY id",
            *(run, InterventionKind.LEARNING_RATE, row["step"]),
        )
        return Interrupted(row["data"], tuple((each["step"], each["value"]) for each in rates))

    def has_records(self, run: int) -> bool:
        """Whether anything was recorded of a run."""
        return self._execute("SELECT 1 FROM points WHERE run=? LIMIT 1", run).fetchone() is not None

    def finish_experiment(self, experiment: int, status: Status, reason: str) -> None:
        """Store how an experiment ended."""
        self._execute(
            "UPDATE experiments SET status=?, reason=?, finished=? WHERE id=?",
            *(status, reason, self._clock.now(), experiment),
        )

    def experiment(self, experiment: int) -> StoredExperiment:
        """The experiment of that number; raises :class:`StoreError` if there is none."""
        row = self._execute("SELECT * FROM experiments WHERE id=?", experiment).fetchone()
        if row is None:
            raise StoreError(f"There is no experiment {experiment} in {self.file}.")
        return experiment_of(row)

    def experiments(self, limit: int) -> list[StoredExperiment]:
        """The experiments that were not thrown away, newest first, at most ``limit`` of those that can be read."""
        rows = self._execute("SELECT * FROM experiments WHERE deleted IS NULL ORDER BY id DESC LIMIT ?", limit)
        return readable(rows, experiment_of)

    def runs(self, experiment: int) -> list[StoredRun]:
        """The runs of an experiment in the order of the plan."""
        rows = self._execute("SELECT * FROM runs WHERE experiment=? ORDER BY id", experiment)
        return [run_of(row, self.workspace) for row in rows]

    def tested_runs(self, limit: int) -> list[StoredRun]:
        """The runs tested last, of all experiments not thrown away, whose network was kept; newest first."""
        rows = self._execute(
            "SELECT runs.* FROM runs JOIN experiments ON experiments.id=runs.experiment "
            "WHERE model IS NOT NULL AND deleted IS NULL ORDER BY runs.finished DESC LIMIT ?",
            limit,
        )
        return readable(rows, run_of, self.workspace)

    def records(self, run: int) -> list[Record]:
        """All records of a run, by step."""
        return [record_of(row) for row in self._execute("SELECT * FROM points WHERE run=? ORDER BY step", run)]

    def columns(self, run: int, numbers: Sequence[str], blobs: Sequence[str]) -> tuple[list[Array], list[Array]]:
        """Columns of all records of a run, by step: ``numbers`` as float64 [records], NaN for null.

        ``blobs`` come raw, uint8 [records, bytes]; of records that differ in how many they have, the first decides.
        """
        names = ", ".join((*numbers, *blobs))
        # Column names are the program's own.
        cursor = self._execute(f"SELECT {names} FROM points WHERE run=? ORDER BY step", run)  # noqa: S608
        cursor.row_factory = None  # plain tuples: named rows take three times as long
        floats, raw = [array("d") for _ in numbers], [bytearray() for _ in blobs]
        widths: list[int] = []
        count = 0
        while rows := cursor.fetchmany(READ_AT_ONCE):
            columns = list(zip(*rows, strict=True))
            widths = widths or [len(column[0]) for column in columns[len(numbers) :]]
            count += len(rows)
            for kept, column in zip(floats, columns, strict=False):
                kept.frombytes(np.array(column, dtype=float).tobytes())
            for data, width, column in zip(raw, widths, columns[len(numbers) :], strict=True):
                data.extend(b"".join(blob[:width].ljust(width, b"\0") for blob in column))
        tables = [np.frombuffer(data, np.uint8).reshape(count, -1 if data else 0) for data in raw]
        return [np.array(kept) for kept in floats], tables

    def run(self, run: int) -> StoredRun:
        """The run of that number; raises :class:`StoreError` if there is none."""
        row = self._execute("SELECT * FROM runs WHERE id=?", run).fetchone()
        if row is None:
            raise StoreError(f"There is no run {run} in {self.file}.")
        return run_of(row, self.workspace)

    def interventions(self, run: int) -> tuple[Intervention, ...]:
        """What was done by hand to a run, in order."""
        rows = self._execute("SELECT * FROM interventions WHERE run=? ORDER BY id", run)
        return tuple(intervention_of(row) for row in rows)

    def mistakes(self, run: int) -> tuple[Mistake, ...]:
        """The wrong test images a run was surest of, surest first."""
        return tuple(mistake_of(row) for row in self._execute("SELECT * FROM mistakes WHERE run=? ORDER BY rank", run))

    def weight_steps(self, run: int, layer: str) -> list[int]:
        """The steps at which a kernel of that layer was stored, rising."""
        rows = self._execute("SELECT step FROM weights WHERE run=? AND layer=? ORDER BY step", run, layer)
        return [row["step"] for row in rows]

    def weights(self, run: int, layer: str, step: int) -> Weights | None:
        """The kernel of a layer as it was stored at ``step``; None if none was."""
        row = self._execute("SELECT * FROM weights WHERE run=? AND layer=? AND step=?", run, layer, step).fetchone()
        return None if row is None else weights_of(row)

    def last_weights(self, run: int) -> dict[str, Weights]:
        """The newest kernel stored of each layer of a run, by the layer's name; empty if none was."""
        rows = self._execute("SELECT *, max(step) FROM weights WHERE run=? GROUP BY layer ORDER BY rowid", run)
        return {row["layer"]: weights_of(row) for row in rows}

    def _next_number(self) -> int:
        """Beyond every experiment stored here, and every one whose networks a store that is gone has left behind."""
        stored = self._execute("SELECT coalesce(max(id), 0) FROM experiments").fetchone()[0]
        return 1 + max(int(stored), highest_experiment_folder(self.workspace))

    def _start_run(self, event: RunStarted) -> None:
        device, versions = json.dumps(asdict(event.device)), json.dumps(event.versions)
        with self._transaction():
            self._execute(
                "UPDATE runs SET status=?, started=coalesce(started, ?), layers=?, activations=?, units=?, "
                "steps_per_epoch=?, device=?, versions=? WHERE id=?",
                *(Status.RUNNING, self._clock.now(), json.dumps(event.layers), json.dumps(event.activations)),
                *(json.dumps(event.units), event.steps_per_epoch, device, versions, event.run),
            )
            self._execute(
                "UPDATE experiments SET device=?, versions=? WHERE id=(SELECT experiment FROM runs WHERE id=?)",
                *(device, versions, event.run),
            )

    def _add_record(self, event: Record) -> None:
        self._replace(
            "points",
            run=event.run,
            step=event.step,
            epoch=event.epoch,
            wall_time=self._clock.now(),
            seconds=event.seconds,
            training_loss=finite(event.training_loss),
            training_accuracy=finite(event.training_accuracy),
            validation_loss=finite(event.validation_loss),
            validation_accuracy=finite(event.validation_accuracy),
            gradient_norm=finite(event.gradient_norms[0]),
            learning_rate=event.learning_rate,
            gradient_norms=pack(event.gradient_norms, "<f4"),
            update_ratios=pack(event.update_ratios, "<f4"),
            dead_units=pack(event.dead_units, "<i4"),
            activation_means=pack(event.activation_means, "<f4"),
            activation_deviations=pack(event.activation_deviations, "<f4"),
        )

    def _add_weights(self, event: Weights) -> None:
        self._replace(
            "weights",
            run=event.run,
            step=event.step,
            epoch=event.epoch,
            layer=event.layer,
            shape=json.dumps(event.values.shape),
            input_shape=json.dumps(event.input_shape),
            data=event.values.astype("<f4").tobytes(),
        )

    def _add_intervention(self, event: Intervention) -> None:
        statuses = {InterventionKind.PAUSED: Status.PAUSED, InterventionKind.RESUMED: Status.RUNNING}
        with self._transaction():
            self._insert(
                "interventions",
                run=event.run,
                step=event.step,
                seconds=event.seconds,
                wall_time=self._clock.now(),
                kind=event.kind,
                value=event.value,
            )
            if event.kind in statuses:
                self._execute("UPDATE runs SET status=? WHERE id=?", statuses[event.kind], event.run)

    def _finish_run(self, event: RunFinished) -> None:
        confusion = None if event.confusion is None else json.dumps(event.confusion.tolist())
        model = None if event.model is None else Path(event.model).relative_to(self.workspace).as_posix()
        with self._transaction():
            self._execute(
                "UPDATE runs SET status=?, reason=?, finished=?, seconds=?, test_loss=?, test_accuracy=?, "
                "confusion=?, model=? WHERE id=?",
                *(event.status, event.reason, self._clock.now(), event.seconds, event.test_loss, event.test_accuracy),
                *(confusion, model, event.run),
            )
            if event.steps is not None:  # what an earlier life of the run recorded beyond its end
                self._execute("DELETE FROM points WHERE run=? AND step>?", event.run, event.steps)
                self._execute("DELETE FROM weights WHERE run=? AND step>?", event.run, event.steps)
            if event.status in (Status.FINISHED, Status.DIVERGED):
                self._execute("DELETE FROM checkpoints WHERE run=?", event.run)
            for rank, mistake in enumerate(event.mistakes):
                self._insert(
                    "mistakes",
                    run=event.run,
                    rank=rank,
                    image=mistake.image,
                    true=mistake.true,
                    predicted=mistake.predicted,
                    confidence=mistake.confidence,
                    shape=json.dumps(mistake.pixels.shape),
                    data=mistake.pixels.astype(np.uint8).tobytes(),
                )

"""All results of a workspace in one SQLite file.

Results are written by the session only; others can read meanwhile (write-ahead log). Numbers per layer and weights are
raw little-endian float32, so that a million records load in seconds and one line of NumPy reads them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from engine.config.specs import BaseRunSpec, RunSpec
from engine.events.datasets import DatasetInfo
from engine.events.experiments import Computed
from engine.events.runs import (
    Checkpoint,
    Intervention,
    InterventionKind,
    PlannedRun,
    Record,
    RunEvent,
    RunFinished,
    RunStarted,
    Status,
    Weights,
)
from engine.storage.database import BUSY_SECONDS
from engine.storage.queries import StoreQueries
from engine.storage.rows import ACTIVE_STATUSES, StoredExperiment, StoredRun, columns_of
from engine.utils.clock import SteadyClock
from engine.utils.errors import StoreError
from engine.utils.paths import highest_experiment_folder

__all__ = ["ActiveExperiment", "BeginRequest", "Store", "StoredExperiment", "StoredRun"]


@dataclass(frozen=True)
class BeginRequest:
    """What to store when an experiment begins, or a stored one is resumed or extended.

    Attributes:
        number: the stored experiment; None for a new one.
        spec: its settings from now on, JSON.
        dataset: None if nothing is trained.
        owner: name of the lock of the program that runs it.
        queue_entry: id of the queue entry that requested it, which is removed from the queue.
        preparation: seconds that it has taken before, for starting the processes and preparing the images.
        runs: all planned runs; those not stored yet are added.
        parameters: number of parameters of each of ``runs``.
        total_steps: number of optimiser steps of each of ``runs``.
        resumed: numbers of stored runs to be trained further; how they ended is discarded.
        discarded: numbers of stored runs to be removed with all their records.
    """

    number: int | None
    name: str
    spec: str
    seed: int
    dataset: DatasetInfo | None
    workers: int
    owner: str
    queue_entry: int | None = None
    preparation: float = 0.0
    runs: Sequence[RunSpec] = ()
    parameters: Sequence[int] = ()
    total_steps: Sequence[int] = ()
    resumed: Sequence[int] = ()
    discarded: Sequence[int] = ()


@dataclass(frozen=True)
class ActiveExperiment:
    """A stored experiment that is now running.

    Attributes:
        stored: the runs that it had before.
        planned: all its runs.
        pending: those of them to be trained.
    """

    number: int
    stored: list[StoredRun]
    planned: tuple[PlannedRun, ...]
    pending: tuple[PlannedRun, ...]


class Store(StoreQueries):
    """The results of a workspace. Not thread-safe; all methods raise ``StoreError``.

    Times within an experiment are of a monotonic clock that is set when the experiment begins.
    """

    def __init__(
        self, workspace: Path, busy_seconds: float = BUSY_SECONDS, notify: Callable[[str], None] | None = None
    ) -> None:
        super().__init__(workspace, busy_seconds, notify)
        self._clock = SteadyClock()

    def begin(self, request: BeginRequest) -> ActiveExperiment:
        """Store that an experiment begins, or is resumed or extended, in one transaction.

        Propagates ``StoreError``, without changes, if the stored experiment has not ended.
        """
        with self._transaction():
            if request.number is None:
                number = self.add_experiment(
                    *(request.name, request.spec, request.seed, request.dataset, request.workers, request.owner),
                    *(request.queue_entry, request.preparation),
                )
            else:
                number = request.number
                self.reopen_experiment(
                    *(number, request.spec, request.workers, request.owner),
                    *(request.discarded, request.resumed, request.queue_entry, request.preparation),
                )
            stored = self.runs(number)
            added = self.add_runs(number, request.runs, request.parameters, request.total_steps)
        before = tuple(run.planned for run in stored)
        resumed = tuple(run for run in before if run.run in request.resumed)
        return ActiveExperiment(number, stored, before + added, resumed + added)

    def add_experiment(
        self,
        name: str,
        spec: str,
        seed: int,
        info: DatasetInfo | None,
        workers: int,
        owner: str = "",
        queue_entry: int | None = None,
        preparation: float = 0.0,
    ) -> int:
        """Store a new experiment; return its number. The arguments are those of ``BeginRequest``."""
        self._clock = SteadyClock()
        with self._transaction():
            self._execute("DELETE FROM queue WHERE id=?", queue_entry)
            return self._insert(
                "experiments",
                id=self._next_number(),
                name=name,
                spec=spec,
                seed=seed,
                dataset=json.dumps(asdict(info) if info else None),
                workers=workers,
                status=Status.RUNNING,
                created=self._clock.now() - preparation,
                owner=owner,
            )

    def add_runs(
        self, experiment: int, specs: Sequence[BaseRunSpec], parameters: Sequence[int], total_steps: Sequence[int]
    ) -> tuple[PlannedRun, ...]:
        """Store and return the runs that the experiment doesn't have yet, in one transaction.

        Args:
            experiment: its number.
            specs: the planned runs.
            parameters: number of parameters of each.
            total_steps: number of optimiser steps of each.
        """
        planned = []
        with self._transaction():
            rows = self._execute("SELECT variant, repeat FROM runs WHERE experiment=?", experiment)
            known = {(row["variant"], row["repeat"]) for row in rows}
            for spec, count, steps in zip(specs, parameters, total_steps, strict=True):
                if (spec.variant, spec.repeat) in known:
                    continue
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
        """Store an event of a run; committed on return."""
        match event:
            case RunStarted():
                self._start_run(event)
            case Record():
                self._replace("points", wall_time=self._clock.now(), **columns_of(event))
            case Weights():
                self._add_weights(event)
            case Intervention():
                self._add_intervention(event)
            case Checkpoint():
                self._replace("checkpoints", run=event.run, step=event.step, data=event.data)
            case RunFinished():
                self._finish_run(event)

    def add_computation(self, experiment: int, computed: Computed) -> None:
        """Store the result of an experiment without runs, in one transaction."""
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

    def reopen_experiment(
        self,
        experiment: int,
        spec: str,
        workers: int,
        owner: str = "",
        discarded: Sequence[int] = (),
        resumed: Sequence[int] = (),
        queue_entry: int | None = None,
        preparation: float = 0.0,
    ) -> None:
        """Mark an experiment that has ended as running, with other settings.

        The arguments are those of ``BeginRequest``.

        Raises:
            StoreError: without changes, if it has not ended.
        """
        self._clock = SteadyClock()
        with self._transaction():
            changed = self._execute(
                "UPDATE experiments SET spec=?, workers=?, status=?, reason='', thumbnail=NULL, "
                "spent=spent + max(0, coalesce(finished, created) - coalesce(resumed, created)), resumed=?, "
                "finished=NULL, owner=? WHERE id=? AND status NOT IN (SELECT value FROM json_each(?))",
                *(spec, workers, Status.RUNNING, self._clock.now() - preparation, owner, experiment, ACTIVE_STATUSES),
            )
            if not changed.rowcount:
                raise StoreError(f"Experiment {experiment} is under way, maybe in another window; wait for its end.")
            self._execute("DELETE FROM queue WHERE id=?", queue_entry)
            for run in discarded:
                self._execute("DELETE FROM runs WHERE id=?", run)
            for run in resumed:
                self._execute(
                    "UPDATE runs SET status=?, reason='', finished=NULL, seconds=NULL, test_loss=NULL, "
                    "test_accuracy=NULL, confusion=NULL, model=NULL, kept=NULL WHERE id=?",
                    *(Status.QUEUED, run),
                )
                self._execute("DELETE FROM mistakes WHERE run=?", run)

    def add_start_seconds(self, experiment: int) -> None:
        """Store the time from the beginning of an experiment to its first run, which has begun."""
        with self._transaction():
            self._execute(
                "UPDATE experiments SET start_seconds=(SELECT min(started) FROM runs WHERE experiment=experiments.id) "
                "- created WHERE id=?",
                experiment,
            )

    def finish_experiment(self, experiment: int, status: Status, reason: str) -> None:
        """Store how an experiment ended."""
        self._execute(
            "UPDATE experiments SET status=?, reason=?, finished=? WHERE id=?",
            *(status, reason, self._clock.now(), experiment),
        )

    def _next_number(self) -> int:
        """Return a number above those of all stored experiments and of all network folders left by a lost store."""
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
                "confusion=?, model=?, kept=? WHERE id=?",
                *(event.status, event.reason, self._clock.now(), event.seconds, event.test_loss, event.test_accuracy),
                *(confusion, model, None if event.kept is None else json.dumps(asdict(event.kept)), event.run),
            )
            if event.steps is not None:  # records beyond its end, written before the run was interrupted and resumed
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

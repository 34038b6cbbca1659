"""Estimates the duration of an experiment from the durations of similar runs in its workspace."""

from __future__ import annotations

from dataclasses import dataclass

from engine.config.specs import RunSpec
from engine.events.runs import Status
from engine.experiments.base import ComputedExperiment, TrainingExperiment
from engine.storage.database import Database
from engine.training.timetable import Timetable
from engine.utils.errors import TrainscopeError
from engine.workspace.queue import QueueEntry


@dataclass(frozen=True)
class _Measurement:
    """Measured values of one architecture on one data set; ``images`` is the number of training images."""

    seconds_per_step: float
    images: int


class Estimates(Database):
    """Estimates durations by the newest finished runs of the same architecture on the same data set."""

    def seconds(self, entry: QueueEntry) -> float | None:
        """Estimate the wall time of a queue entry; None if no similar run was trained in this workspace.

        Follow-up runs, planned from the results of other runs as by a schedule, are not included.
        """
        match entry.experiment:
            case ComputedExperiment(name=name):
                return self._seconds_of_computation(name)
            case TrainingExperiment() as experiment:
                try:
                    runs = experiment.plan(entry.spec)
                except TrainscopeError:
                    return None  # reported when it is run
                return self._seconds_of_runs([run for run in runs if not self._is_trained(entry, run)])
        return None

    def _is_trained(self, entry: QueueEntry, run: RunSpec) -> bool:
        row = self._execute(
            "SELECT status FROM runs WHERE experiment=? AND variant=? AND repeat=?",
            *(entry.extends, run.variant, run.repeat),
        ).fetchone()
        return row is not None and not (entry.resumes and Status(row["status"]).can_resume)

    def _seconds_of_runs(self, runs: list[RunSpec]) -> float | None:
        measured: dict[tuple[str, str], _Measurement | None] = {}
        total = 0.0
        for run in runs:
            key = (run.architecture, run.data.dataset)
            if key not in measured:
                measured[key] = self._measurement(*key)
            if (found := measured[key]) is None:
                return None
            steps = Timetable.of(found.images, run.training, run.max_steps).total_steps
            total += steps * found.seconds_per_step
        return total / self._workers()

    def _measurement(self, architecture: str, dataset: str) -> _Measurement | None:
        row = self._execute(
            "SELECT avg(speed), max(images) FROM (SELECT runs.seconds / runs.total_steps AS speed, "
            "json_extract(experiments.dataset, '$.train_count') AS images FROM runs "
            "JOIN experiments ON experiments.id=runs.experiment WHERE runs.status=? AND runs.seconds > 0 "
            "AND json_valid(runs.spec) AND json_valid(experiments.dataset) "
            "AND json_extract(runs.spec, '$.architecture')=? AND json_extract(runs.spec, '$.data.dataset')=? "
            "ORDER BY runs.id DESC LIMIT 10)",
            *(Status.FINISHED, architecture, dataset),
        ).fetchone()
        return _Measurement(*row) if all(isinstance(each, int | float) for each in row) else None

    def _workers(self) -> int:
        """Return the number of parallel runs of the newest experiment that trained networks."""
        row = self._execute(
            "SELECT workers FROM experiments WHERE dataset != 'null' ORDER BY id DESC LIMIT 1"
        ).fetchone()
        return max(1, row[0]) if row and isinstance(row[0], int) else 1

    def _seconds_of_computation(self, name: str) -> float | None:
        row = self._execute(
            "SELECT avg(spent + max(0, finished - coalesce(resumed, created))) FROM (SELECT * FROM experiments "
            "WHERE name=? AND status=? ORDER BY id DESC LIMIT 5)",
            *(name, Status.FINISHED),
        ).fetchone()
        found: float | None = row[0]
        return found

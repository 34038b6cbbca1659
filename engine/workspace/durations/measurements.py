"""Times of earlier experiments on this machine, read from the store."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from pydantic import TypeAdapter

from engine.config.logged_runs import LOGGED_EXPERIMENT
from engine.config.specs import RunSpec
from engine.datasets.sizes import DataSizes
from engine.devices.hardware import cpu_name
from engine.devices.names import CPU
from engine.events.datasets import DatasetInfo
from engine.events.devices import Device
from engine.events.runs import Status
from engine.storage.database import Database
from engine.storage.rows import READ_ERRORS
from engine.utils.errors import NetworkError
from engine.workspace.durations.work import Work

NEWEST_RUNS = 500  # read; so that the time to read them doesn't grow with the store


@dataclass(frozen=True)
class MeasuredRun:
    """Times of a run.

    Attributes:
        step_seconds: per step, records included, without the first interval, which includes one-time costs.
        overhead: seconds of its process besides the steps: compilation, test, saving; None if it did not finish, or
            was paused or resumed.
        threads: of its process.
        library: that computed, if that is known.
        device: key of its device.
        gpu: key and name of a GPU, as its description in the cache of devices begins; empty for a processor.
    """

    work: Work
    step_seconds: float
    overhead: float | None
    threads: int
    library: str
    device: str
    gpu: str = ""


@dataclass(frozen=True)
class Measurements:
    """Times measured on this machine, each list newest first.

    Attributes:
        runs: those with a record.
        starts: name of the data set, and seconds from the start of an experiment to that of its first run, except where
            something was downloaded, decoded, measured or verified meanwhile, which is done only once.
    """

    runs: Sequence[MeasuredRun] = ()
    starts: Sequence[tuple[str, float]] = ()


@dataclass(frozen=True)
class StoredWork:
    """A run of the experiment that is resumed or extended.

    Attributes:
        is_kept: whether it stays as it is when the experiment is extended; see ``engine.workspace.planning``.
        done: number of steps before the one from which it is resumed.
        threads: with which it was trained, and is resumed; None if it never began.
    """

    run: RunSpec
    status: Status
    is_kept: bool
    done: int
    threads: int | None


_RUNS = """
SELECT runs.id, experiment, spec, total_steps, status, started, finished, runs.seconds, device,
    oldest.step AS first_step, oldest.seconds AS first_seconds,
    newest.step AS last_step, newest.seconds AS last_seconds,
    EXISTS (SELECT 1 FROM interventions WHERE run=runs.id AND kind != 'learning rate') AS was_interrupted
FROM runs
JOIN points AS oldest ON oldest.run=runs.id AND oldest.step=(SELECT min(step) FROM points WHERE run=runs.id)
JOIN points AS newest ON newest.run=runs.id AND newest.step=(SELECT max(step) FROM points WHERE run=runs.id)
WHERE runs.id > (SELECT coalesce(max(id), 0) FROM runs) - ?
AND experiment NOT IN (SELECT id FROM experiments WHERE name=?)
ORDER BY runs.id DESC
"""


class DurationStore(Database):
    """Reads what earlier experiments took."""

    def measurements(self) -> Measurements:
        """Return the times of the newest experiments on this machine; unreadable rows are skipped."""
        by_experiment: dict[Any, list[dict[str, Any]]] = defaultdict(list)
        for row in self._execute(_RUNS, NEWEST_RUNS, LOGGED_EXPERIMENT):
            by_experiment[row["experiment"]].append(dict(row))
        runs: list[MeasuredRun] = []
        starts: list[tuple[str, float]] = []
        processor = cpu_name()
        for number, rows in by_experiment.items():
            found = self._execute(
                "SELECT dataset, start_seconds, resumed FROM experiments WHERE id=?", number
            ).fetchone()
            try:
                info = _INFO.validate_python(json.loads(found["dataset"]))
                sizes, is_whole = DataSizes.of(info), found["resumed"] is None
                overheads = _overheads(rows) if is_whole else {}
                here = [run for row in rows if (run := _measured(row, sizes, overheads, processor)) is not None]
                if here and is_whole and found["start_seconds"] is not None:
                    starts.append((info.name, max(0.0, found["start_seconds"])))
            except (*READ_ERRORS, NetworkError):
                continue
            runs += here
        return Measurements(runs, starts)

    def computed_seconds(self, name: str, spec: str) -> list[float]:
        """Return the wall times of the newest finished computed experiments with the same settings on this machine."""
        rows = self._execute(
            "SELECT device, spent + max(0, finished - coalesce(resumed, created)) AS seconds FROM experiments "
            "WHERE name=? AND spec=? AND status=? ORDER BY id DESC LIMIT 5",
            *(name, spec, Status.FINISHED),
        )
        processor = cpu_name()
        here = [row["seconds"] for row in rows if _device(row["device"], processor) is not None]
        return [seconds for seconds in here if isinstance(seconds, float)]

    def stored_work(self, experiment: int) -> list[StoredWork]:
        """Return the runs of an experiment in planned order; unreadable ones are skipped."""
        rows = self._execute(
            "SELECT spec, status, device, coalesce(checkpoints.step, 0) AS done, "
            "EXISTS (SELECT 1 FROM points WHERE run=runs.id) AS has_records "
            "FROM runs LEFT JOIN checkpoints ON checkpoints.run=runs.id WHERE experiment=? ORDER BY runs.id",
            experiment,
        )
        found: list[StoredWork] = []
        for row in rows:
            with suppress(*READ_ERRORS):
                run, status, device = RunSpec.from_json(row["spec"]), Status(row["status"]), json.loads(row["device"])
                has_result = status in (Status.FINISHED, Status.DIVERGED)
                is_kept = has_result or (bool(row["has_records"]) and not run.probe)
                found.append(StoredWork(run, status, is_kept, int(row["done"]), device.get("threads")))
        return found


_INFO, _DEVICE = TypeAdapter(DatasetInfo), TypeAdapter(Device)


def _device(text: Any, processor: str) -> Device | None:
    """Return the device of a row if it is a GPU or this machine's ``processor``."""
    try:
        device = _DEVICE.validate_python(json.loads(text))
    except READ_ERRORS:
        return None
    return device if device.kind != "CPU" or device.name == processor else None


def _measured(row: dict[str, Any], sizes: DataSizes, overheads: dict[int, float], processor: str) -> MeasuredRun | None:
    """Return the times of a row of ``_RUNS``; None if they can't be read, or were measured on another machine."""
    device = _device(row["device"], processor)
    try:
        steps, seconds = _interval(row)
        if device is None or seconds <= 0 or steps <= 0:
            return None
        slow_start = row["first_seconds"] - row["first_step"] * seconds / steps
        overhead = overheads.get(row["id"])
        return MeasuredRun(
            _work(row["spec"], sizes, row["total_steps"]),
            seconds / steps,
            None if overhead is None else max(0.0, overhead + max(0.0, slow_start)),
            device.threads,
            device.library,
            CPU if device.kind == "CPU" else device.key,
            "" if device.kind == "CPU" else f"{device.key}: {device.name}, ",
        )
    except (*READ_ERRORS, NetworkError):
        return None


@lru_cache(maxsize=2 * NEWEST_RUNS)  # the same runs are read whenever a form changes
def _work(spec: str, sizes: DataSizes, total_steps: int) -> Work:
    return Work.of(RunSpec.from_json(spec), sizes, total_steps)


def _interval(row: dict[str, Any]) -> tuple[int, float]:
    """Return steps and seconds from the first record of a run to its last, or of the whole run if it has only one."""
    if row["last_step"] > row["first_step"]:
        return row["last_step"] - row["first_step"], row["last_seconds"] - row["first_seconds"]
    if row["status"] == Status.FINISHED and row["seconds"] is not None:
        return row["total_steps"], row["seconds"]
    return row["last_step"], row["last_seconds"]


def _overheads(rows: Iterable[dict[str, Any]]) -> dict[int, float]:
    """Return the seconds of each finished run besides its training, by its number.

    That includes the time from the end of the run before in the same process, which is the last one that ended before
    it started.
    """
    return {
        row["id"]: row["finished"] - row["started"] - row["seconds"] + gap
        for row, gap in _with_gaps(rows)
        if row["status"] == Status.FINISHED and row["seconds"] is not None and not row["was_interrupted"]
    }


def _with_gaps(rows: Iterable[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], float]]:
    ends: list[float] = []
    for row in sorted((row for row in rows if row["finished"] is not None), key=lambda row: row["started"]):
        before = max((end for end in ends if end <= row["started"]), default=None)
        if before is not None:
            ends.remove(before)
        ends.append(row["finished"])
        yield row, 0.0 if before is None else row["started"] - before

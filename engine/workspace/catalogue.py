"""The list of all experiments of a workspace, and the user's titles, notes and deletions.

Results are written by the session only; this module writes titles, notes, deletions, and thumbnails, which are derived
from stored results.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import fmean
from typing import Any

from engine.events.runs import Status, count_finished, has_unfinished_work
from engine.experiments import EXPERIMENTS
from engine.experiments.base import LoggedExperiment
from engine.experiments.presets import Setting, describe_settings
from engine.storage.database import Database
from engine.storage.rows import ACTIVE_STATUSES, READ_ERRORS, StoredExperiment, experiment_of, network_file
from engine.utils.errors import StoreError
from engine.workspace.listed_runs import ListedRun, counted_accuracies, listed_runs, runs_query
from engine.workspace.thumbnails import ThumbnailCurve, format_thumbnail, make_thumbnail, parse_thumbnail

UNREADABLE_NAME = "unreadable"  # name of an experiment with a damaged row


@dataclass(frozen=True)
class CatalogueEntry:
    """A row in the list of experiments.

    Attributes:
        kind: title of the experiment class.
        planned: number of runs, as are ``unfinished`` and ``tested``.
        statuses: of its runs.
        unfinished: runs that can be resumed.
        best: highest test accuracy (fraction) of its runs.
        mean: mean test accuracy (fraction) of its runs.
        preset: the preset closest to its settings.
        thumbnail: None until it is made.
        devices: of its runs, such as ``CPU: Intel``.
    """

    stored: StoredExperiment
    kind: str
    planned: int
    statuses: tuple[Status, ...]
    unfinished: int
    tested: int
    best: float | None
    mean: float | None
    preset: str
    settings: tuple[Setting, ...]
    thumbnail: tuple[ThumbnailCurve, ...] | None
    devices: tuple[str, ...] = ()

    @property
    def number(self) -> int:
        """The experiment's number in the store."""
        return self.stored.id

    @property
    def dataset(self) -> str:
        """Name of the data set; empty for an experiment that trains nothing."""
        return self.stored.dataset.name if self.stored.dataset else ""

    @property
    def seconds(self) -> float | None:
        """Wall time; None before its end."""
        return self.stored.seconds

    @property
    def has_runs(self) -> bool:
        """Whether it trains networks."""
        return self.stored.dataset is not None

    @property
    def finished(self) -> int:
        """Number of runs that finished, so neither skipped ones nor those that ended early."""
        return self.statuses.count(Status.FINISHED)

    @property
    def outcome(self) -> str:
        """How many runs finished and how the others ended; empty for an experiment without runs."""
        return count_finished(self.statuses) if self.statuses else ""

    @property
    def is_deleted(self) -> bool:
        """Whether it is deleted; it can be restored until it is purged."""
        return self.stored.deleted is not None

    @property
    def can_resume(self) -> bool:
        """Whether it has ended with something left to run, by this program."""
        status = self.stored.status
        is_unfinished = has_unfinished_work(status, self.unfinished, self.planned)
        return not self.is_deleted and not self.is_logged and status.is_final and is_unfinished

    @property
    def is_logged(self) -> bool:
        """Whether other programs train and log its runs, so that it can't be run, resumed or extended here."""
        return isinstance(EXPERIMENTS.get(self.stored.name), LoggedExperiment)

    @property
    def name(self) -> str:
        """Its title, or else its kind."""
        return self.stored.title or self.kind

    @property
    def difference(self) -> str:
        """The settings as text: the closest preset and the differences from it; the name of logged runs."""
        if self.is_logged:
            return str(self.values.get("name", ""))
        differing = [f"{each.label} {each.value}" for each in self.settings if each.differs]
        return " · ".join([*([self.preset.capitalize()] if self.preset else []), *differing])

    @cached_property
    def values(self) -> dict[str, Any]:
        """The settings by key, as JSON values."""
        return _values(self.stored.spec)

    @cached_property
    def search_text(self) -> str:
        """The text to search, in lower case."""
        stored = self.stored
        title = stored.dataset.title if stored.dataset else ""
        settings = (f"{each.key} {each.label} {each.value}" for each in self.settings)
        parts = (f"#{stored.id}", stored.title, stored.name, self.kind, stored.notes, self.dataset, title)
        return "\n".join((*parts, stored.status.value, stored.reason, self.preset, *settings)).lower()


@dataclass(frozen=True)
class TrainedChoice:
    """A run with a saved network, and its label in a list."""

    run: int
    label: str


class Catalogue(Database):
    """Lists the experiments of a workspace. Not thread-safe; all methods raise ``StoreError``."""

    def entries(self) -> list[CatalogueEntry]:
        """Return all experiments, including deleted ones, newest first."""
        return self._entries(self._execute("SELECT * FROM experiments ORDER BY id DESC"), runs_query(""))

    def newest(self, count: int, also: Iterable[int] = ()) -> list[CatalogueEntry]:
        """Return the newest ``count`` experiments and those of the numbers ``also``, newest first.

        Deleted and unreadable ones are skipped.
        """
        rows = self._execute(
            "SELECT * FROM experiments WHERE deleted IS NULL AND (id IN (SELECT value FROM json_each(?)) OR id IN "
            "(SELECT id FROM experiments WHERE deleted IS NULL ORDER BY id DESC LIMIT ?)) ORDER BY id DESC",
            *(json.dumps(list(also)), count),
        ).fetchall()
        numbers = json.dumps([row["id"] for row in rows])
        chosen = runs_query(" WHERE experiment IN (SELECT value FROM json_each(?))")
        entries = self._entries(rows, chosen, numbers)
        return [entry for entry in entries if entry.stored.name != UNREADABLE_NAME]

    def entry(self, number: int) -> CatalogueEntry:
        """Return an experiment; propagates ``StoreError`` if there is none of that number."""
        (entry,) = self._entries([self._row(number)], runs_query(" WHERE experiment=?"), number)
        return entry

    def _entries(self, rows: Iterable[sqlite3.Row], query: str, *values: Any) -> list[CatalogueEntry]:
        """Return the entries of ``rows`` of ``experiments``; ``query`` selects their runs."""
        runs: dict[int, list[ListedRun]] = defaultdict(list)
        for run in listed_runs(self._execute(query, *values)):
            runs[run.experiment].append(run)
        return [_entry_of(row, runs[row["id"]]) for row in rows]

    def rename(self, number: int, title: str) -> None:
        """Set the title of an experiment; an empty one removes it."""
        self._execute("UPDATE experiments SET title=? WHERE id=?", title.strip(), number)

    def annotate(self, number: int, notes: str) -> None:
        """Set the notes of an experiment."""
        self._execute("UPDATE experiments SET notes=? WHERE id=?", notes, number)

    def delete(self, numbers: Iterable[int]) -> None:
        """Mark experiments as deleted; their data are kept until ``purge``.

        Raises:
            StoreError: without changes, if one of them waits in the queue for further runs.
        """
        with self._transaction():
            for number in numbers:
                if self._execute("SELECT 1 FROM queue WHERE extends=?", number).fetchone() is not None:
                    raise StoreError(
                        f"Experiment {number} waits in the queue for further runs; take them out of the queue first, "
                        "then delete it."
                    )
                self._execute("UPDATE experiments SET deleted=? WHERE id=?", time.time(), number)

    def restore(self, numbers: Iterable[int]) -> None:
        """Undo ``delete``."""
        with self._transaction():
            for number in numbers:
                self._execute("UPDATE experiments SET deleted=NULL WHERE id=?", number)

    def purge(self, numbers: Iterable[int]) -> None:
        """Remove the rows, records and trained networks of deleted experiments; can't be undone.

        An experiment that has not ended stays hidden only, as another program may be running it.
        """
        for number in numbers:
            can_purge = self._execute(
                "SELECT 1 FROM experiments WHERE id=? AND deleted IS NOT NULL "
                "AND status NOT IN (SELECT value FROM json_each(?))",
                *(number, ACTIVE_STATUSES),
            ).fetchone()
            if can_purge is None:
                continue
            runs = self._execute("SELECT id, model FROM runs WHERE experiment=?", number).fetchall()
            # One transaction per run, as a program that trains in this workspace has to wait for each of them.
            self._dismiss_logs(number)
            for run in runs:
                self._execute("DELETE FROM runs WHERE id=?", run["id"])
            self._execute("DELETE FROM experiments WHERE id=?", number)
            # Networks last: a file without a row only takes space, but a row without its file is broken.
            _remove([model for run in runs if (model := self._network(run["model"])) is not None])

    def _dismiss_logs(self, number: int) -> None:
        """Remember the logs that the runs of an experiment were read from, which would be found again otherwise."""
        self._execute(
            "INSERT OR IGNORE INTO dismissed SELECT json_extract(experiments.spec, '$.folder'), "
            "json_extract(runs.spec, '$.source') FROM runs JOIN experiments ON experiments.id=runs.experiment "
            "WHERE experiments.id=? AND json_valid(experiments.spec) AND json_valid(runs.spec) "
            "AND json_extract(runs.spec, '$.source') IS NOT NULL "
            "AND json_extract(experiments.spec, '$.folder') IS NOT NULL",
            number,
        )

    def trained(self, number: int) -> list[TrainedChoice]:
        """Return the runs of an experiment whose network file exists, highest test accuracy first."""
        rows = self._execute(
            "SELECT id, variant, repeat, test_accuracy, model FROM runs WHERE experiment=? AND model IS NOT NULL "
            "ORDER BY test_accuracy DESC, id",
            number,
        )
        return [
            TrainedChoice(row["id"], f"{row['variant']}, run {row['repeat']}{_percent(row['test_accuracy'])}")
            for row in rows
            if (model := self._network(row["model"])) is not None and model.exists()
        ]

    def make_thumbnails(self) -> Iterator[tuple[int, tuple[ThumbnailCurve, ...]]]:
        """Make the missing thumbnails of experiments that have ended, newest first.

        Yields:
            The number of the experiment and its thumbnail, as soon as it is stored.
        """
        rows = self._execute(
            "SELECT id FROM experiments WHERE thumbnail IS NULL "
            "AND status NOT IN (SELECT value FROM json_each(?)) ORDER BY id DESC",
            ACTIVE_STATUSES,
        ).fetchall()
        for row in rows:
            try:
                curves = make_thumbnail(self._execute, row["id"])
            except READ_ERRORS:  # reported when the experiment is opened
                continue
            # Unless it was resumed meanwhile: the thumbnail would show only its beginning.
            self._execute(
                "UPDATE experiments SET thumbnail=? WHERE id=? AND status NOT IN (SELECT value FROM json_each(?))",
                *(format_thumbnail(curves), row["id"], ACTIVE_STATUSES),
            )
            yield row["id"], curves

    def _network(self, place: Any) -> Path | None:
        """Return the file of a trained network; None if the path in the row is missing or invalid."""
        try:
            return None if place is None else network_file(self.workspace, place)
        except (TypeError, ValueError):
            return None

    def _row(self, number: int) -> Any:
        row = self._execute("SELECT * FROM experiments WHERE id=?", number).fetchone()
        if row is None:
            raise StoreError(f"There is no experiment {number} in {self.file}.")
        return row


def _entry_of(row: sqlite3.Row, runs: list[ListedRun]) -> CatalogueEntry:
    """Convert a row of ``experiments``; an unreadable one becomes an entry that says so."""
    try:
        return _entry(experiment_of(row), runs, row["thumbnail"])
    except StoreError as error:
        return _entry(_unreadable(row, str(error)), runs, None)


def _unreadable(row: sqlite3.Row, reason: str) -> StoredExperiment:
    deleted = row["deleted"] if isinstance(row["deleted"], float) else None
    return StoredExperiment(
        id=row["id"],
        name=UNREADABLE_NAME,
        spec="{}",
        seed=0,
        dataset=None,
        versions={},
        device=None,
        workers=0,
        status=Status.FAILED,
        reason=reason,
        created=0.0,
        finished=None,
        title="",
        notes="",
        deleted=deleted,
    )


def _values(spec: str) -> dict[str, Any]:
    """Parse stored settings; empty if they are unreadable."""
    try:
        found = json.loads(spec)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _entry(stored: StoredExperiment, runs: list[ListedRun], thumbnail: str | None) -> CatalogueEntry:
    preset, settings = describe_settings(stored.name, _values(stored.spec))
    accuracies = counted_accuracies(runs)
    kind = EXPERIMENTS[stored.name].title if stored.name in EXPERIMENTS else stored.name
    return CatalogueEntry(
        stored=stored,
        kind=kind,
        planned=len(runs),
        statuses=tuple(run.status for run in runs),
        unfinished=sum(run.status.can_resume for run in runs),
        tested=sum(run.is_tested for run in runs),
        best=max(accuracies, default=None),
        mean=fmean(accuracies) if accuracies else None,
        preset=preset,
        settings=settings,
        thumbnail=None if thumbnail is None else parse_thumbnail(thumbnail),
        devices=tuple(dict.fromkeys(run.device for run in runs if run.device is not None)),
    )


def _percent(accuracy: Any) -> str:
    return f" · {100 * accuracy:.2f} %" if isinstance(accuracy, float) else ""


def _remove(models: list[Path]) -> None:
    """Remove files, and then their empty folders; errors are ignored."""
    for model in models:
        with suppress(OSError):
            model.unlink(missing_ok=True)
    for folder in {model.parent for model in models}:
        with suppress(OSError):
            folder.rmdir()

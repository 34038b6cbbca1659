"""Every experiment of a workspace at a glance, and what its owner says about them.

The session stays the only writer of results: written here are titles, notes, what was thrown away, and thumbnails,
which only repeat what is stored.
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

import numpy as np
from pydantic import TypeAdapter

from engine.analysis.styles import styles
from engine.config.specs import RunSpec
from engine.events.runs import Status
from engine.experiments import EXPERIMENTS
from engine.experiments.presets import Setting, describe_settings
from engine.storage.database import Database
from engine.storage.rows import UNDER_WAY, UNREADABLE, StoredExperiment, experiment_of, network_file
from engine.utils.errors import StoreError
from engine.workspace.listed_runs import ListedRun, counted_accuracies, listed_runs, runs_query

THUMBNAIL_VALUES = 48  # about as many as a thumbnail has pixels for
DIGITS = 4  # of an accuracy in a thumbnail
UNREADABLE_NAME = "unreadable"  # what an experiment is called whose row is damaged


@dataclass(frozen=True)
class Line:
    """A variant in a thumbnail: its colour as #RRGGBB, mean validation accuracies (fractions) evenly over its steps."""

    variant: str
    colour: str
    values: tuple[float, ...]


@dataclass(frozen=True)
class CatalogueEntry:
    """An experiment as a row of a list.

    ``unfinished`` runs ended before they had come to what they were for. ``best`` and ``mean`` are test accuracies
    (fractions) over its runs; ``devices`` are what they were trained on, such as ``CPU: Intel``; ``preset`` is the one
    its settings come closest to. ``thumbnail`` is None as long as there is none.
    """

    stored: StoredExperiment
    kind: str
    planned: int
    ended: int
    unfinished: int
    tested: int
    best: float | None
    mean: float | None
    preset: str
    settings: tuple[Setting, ...]
    thumbnail: tuple[Line, ...] | None
    devices: tuple[str, ...] = ()

    @property
    def number(self) -> int:
        """The experiment's number in the store."""
        return self.stored.id

    @property
    def dataset(self) -> str:
        """The data set's name; empty for an experiment that trains nothing."""
        return self.stored.dataset.name if self.stored.dataset else ""

    @property
    def seconds(self) -> float | None:
        """Wall time from beginning to end; None before the end."""
        return self.stored.seconds

    @property
    def has_runs(self) -> bool:
        """Whether it trains networks."""
        return self.stored.dataset is not None

    @property
    def is_deleted(self) -> bool:
        """Whether it was thrown away."""
        return self.stored.deleted is not None

    @property
    def can_resume(self) -> bool:
        """Whether it has ended and there is something left of it to carry out."""
        status = self.stored.status
        began = self.unfinished > 0 or status is Status.INTERRUPTED
        return not self.is_deleted and status.is_final and (began or (status.can_resume and not self.planned))

    @property
    def name(self) -> str:
        """What it is called: its title, or else its kind."""
        return self.stored.title or self.kind

    @property
    def difference(self) -> str:
        """The settings in words: the nearest preset and what differs from it."""
        differing = [f"{each.label} {each.value}" for each in self.settings if each.differs]
        return " · ".join([*([self.preset.capitalize()] if self.preset else []), *differing])

    @cached_property
    def values(self) -> dict[str, Any]:
        """The settings as plain values, by key."""
        return _values(self.stored.spec)

    @cached_property
    def words(self) -> str:
        """All that a search looks through, in lower case."""
        stored = self.stored
        title = stored.dataset.title if stored.dataset else ""
        settings = (f"{each.key} {each.label} {each.value}" for each in self.settings)
        parts = (f"#{stored.id}", stored.title, stored.name, self.kind, stored.notes, self.dataset, title)
        return "\n".join((*parts, stored.status.value, stored.reason, self.preset, *settings)).lower()


@dataclass(frozen=True)
class TrainedChoice:
    """A run whose network was kept, with a text to choose it by."""

    run: int
    label: str


class Catalogue(Database):
    """Lists the experiments of a workspace. One object serves one thread; raises :class:`StoreError`."""

    def entries(self) -> list[CatalogueEntry]:
        """Every experiment, the newest first, those thrown away too."""
        return self._entries(self._execute("SELECT * FROM experiments ORDER BY id DESC"), runs_query(""))

    def newest(self, count: int, besides: Iterable[int] = ()) -> list[CatalogueEntry]:
        """The newest ``count`` experiments and, if they are older, those of the numbers ``besides``; newest first.

        Those that were thrown away or can't be read are left out.
        """
        rows = self._execute(
            "SELECT * FROM experiments WHERE deleted IS NULL AND (id IN (SELECT value FROM json_each(?)) OR id IN "
            "(SELECT id FROM experiments WHERE deleted IS NULL ORDER BY id DESC LIMIT ?)) ORDER BY id DESC",
            *(json.dumps(list(besides)), count),
        ).fetchall()
        numbers = json.dumps([row["id"] for row in rows])
        chosen = runs_query(" WHERE experiment IN (SELECT value FROM json_each(?))")
        entries = self._entries(rows, chosen, numbers)
        return [entry for entry in entries if entry.stored.name != UNREADABLE_NAME]

    def entry(self, number: int) -> CatalogueEntry:
        """One experiment; raises :class:`StoreError` where there is none of that number."""
        (entry,) = self._entries([self._row(number)], runs_query(" WHERE experiment=?"), number)
        return entry

    def _entries(self, rows: Iterable[sqlite3.Row], query: str, *values: Any) -> list[CatalogueEntry]:
        """The experiments of ``rows`` with their runs, which ``query`` selects."""
        runs: dict[int, list[ListedRun]] = defaultdict(list)
        for run in listed_runs(self._execute(query, *values)):
            runs[run.experiment].append(run)
        return [_entry_of(row, runs[row["id"]]) for row in rows]

    def rename(self, number: int, title: str) -> None:
        """Call an experiment ``title``; nothing takes its title away."""
        self._execute("UPDATE experiments SET title=? WHERE id=?", title.strip(), number)

    def annotate(self, number: int, notes: str) -> None:
        """Keep ``notes`` with an experiment."""
        self._execute("UPDATE experiments SET notes=? WHERE id=?", notes, number)

    def delete(self, numbers: Iterable[int]) -> None:
        """Mark experiments as thrown away; everything of them is kept until :meth:`purge`.

        Raises :class:`StoreError`, and marks none, where one of them waits in the queue for further runs.
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
        """Take back :meth:`delete`."""
        with self._transaction():
            for number in numbers:
                self._execute("UPDATE experiments SET deleted=NULL WHERE id=?", number)

    def purge(self, numbers: Iterable[int]) -> None:
        """Remove those of ``numbers`` that are thrown away: rows, records and trained networks. Can't be taken back.

        One that has not ended only stays hidden: another program may be training it.
        """
        for number in numbers:
            is_gone = self._execute(
                "SELECT 1 FROM experiments WHERE id=? AND deleted IS NOT NULL "
                "AND status NOT IN (SELECT value FROM json_each(?))",
                *(number, UNDER_WAY),
            ).fetchone()
            if is_gone is None:
                continue
            runs = self._execute("SELECT id, model FROM runs WHERE experiment=?", number).fetchall()
            # One after the other: a program that trains in this workspace has to wait for each of them to be gone.
            for run in runs:
                self._execute("DELETE FROM runs WHERE id=?", run["id"])
            self._execute("DELETE FROM experiments WHERE id=?", number)
            # Then the networks: one without a row is only a file too many, a row without its network is broken.
            _remove([model for run in runs if (model := self._network(run["model"])) is not None])

    def trained(self, number: int) -> list[TrainedChoice]:
        """The runs of an experiment whose network is there to go on from, the most accurate first."""
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

    def make_thumbnails(self) -> Iterator[tuple[int, tuple[Line, ...]]]:
        """Make the thumbnails that are missing of experiments that have ended, newest first, each as it is done."""
        rows = self._execute(
            "SELECT id FROM experiments WHERE thumbnail IS NULL "
            "AND status NOT IN (SELECT value FROM json_each(?)) ORDER BY id DESC",
            UNDER_WAY,
        ).fetchall()
        for row in rows:
            try:
                lines = self._thumbnail(row["id"])
            except UNREADABLE:  # said where the experiment is opened
                continue
            text = json.dumps([{"name": line.variant, "colour": line.colour, "values": line.values} for line in lines])
            # Unless it goes on meanwhile: the thumbnail would show only its beginning.
            self._execute(
                "UPDATE experiments SET thumbnail=? WHERE id=? AND status NOT IN (SELECT value FROM json_each(?))",
                *(text, row["id"], UNDER_WAY),
            )
            yield row["id"], lines

    def _thumbnail(self, number: int) -> tuple[Line, ...]:
        specs: dict[str, RunSpec] = {}
        curves: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
        for run in self._execute("SELECT id, spec, total_steps FROM runs WHERE experiment=? ORDER BY id", number):
            spec = RunSpec.from_json(run["spec"])
            if spec.probe:
                continue
            specs.setdefault(spec.variant, spec)
            for step, value in self._sampled(run["id"], run["total_steps"], spec.training.record_every):
                curves[spec.variant][step].append(value)
        drawn = styles(specs.values())
        return tuple(
            Line(
                name,
                drawn[name].hex,
                tuple(round(float(np.mean(curves[name][s])), DIGITS) for s in sorted(curves[name])),
            )
            for name in specs
            if curves[name]
        )

    def _sampled(self, run: int, total_steps: int, every: int) -> list[tuple[int, float]]:
        """Steps and validation accuracies of up to :data:`THUMBNAIL_VALUES` records, evenly over all steps of the run.

        Each is looked up by its key, so that a run of a million records costs no more than one of fifty.
        """
        records = total_steps // every
        places = np.unique(np.linspace(1, records, min(records, THUMBNAIL_VALUES)).round().astype(int)) * every
        marks = ", ".join("?" * len(places))
        rows = self._execute(
            f"SELECT step, validation_accuracy FROM points WHERE run=? AND step IN ({marks}) "  # noqa: S608
            "AND validation_accuracy IS NOT NULL",
            *(run, *places.tolist()),
        )
        return [(row["step"], row["validation_accuracy"]) for row in rows]

    def _network(self, place: Any) -> Path | None:
        """The file of a trained network; None where a row names none that could be the program's own."""
        try:
            return None if place is None else network_file(self.workspace, place)
        except (TypeError, ValueError):
            return None

    def _row(self, number: int) -> Any:
        row = self._execute("SELECT * FROM experiments WHERE id=?", number).fetchone()
        if row is None:
            raise StoreError(f"There is no experiment {number} in {self.file}.")
        return row


_LINES = TypeAdapter(tuple[Line, ...])


def _entry_of(row: sqlite3.Row, runs: list[ListedRun]) -> CatalogueEntry:
    """A row of ``experiments`` as an entry; one that can't be read stays in the list and says so."""
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
    """Stored settings as plain values; none where they can't be read."""
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
        ended=sum(run.status.is_final for run in runs),
        unfinished=sum(run.status.can_resume for run in runs),
        tested=sum(run.is_tested for run in runs),
        best=max(accuracies, default=None),
        mean=fmean(accuracies) if accuracies else None,
        preset=preset,
        settings=settings,
        thumbnail=_lines(thumbnail),
        devices=tuple(dict.fromkeys(run.device for run in runs if run.device is not None)),
    )


def _lines(thumbnail: str | None) -> tuple[Line, ...] | None:
    if thumbnail is None:
        return None
    try:
        return _LINES.validate_python([line | {"variant": line["name"]} for line in json.loads(thumbnail)])
    except UNREADABLE:  # only a picture of what is stored
        return None


def _percent(accuracy: Any) -> str:
    return f" · {100 * accuracy:.2f} %" if isinstance(accuracy, float) else ""


def _remove(models: list[Path]) -> None:
    """Remove files, and their folders where nothing is left in them; what can't be removed stays."""
    for model in models:
        with suppress(OSError):
            model.unlink(missing_ok=True)
    for folder in {model.parent for model in models}:
        with suppress(OSError):
            folder.rmdir()

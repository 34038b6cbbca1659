"""Queries of the window to the store, for a ``StoreReader``.

In a workspace without a store nothing is opened, so that none is created.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from engine.config.specs import RunSpec
from engine.events.runs import Status
from engine.storage.recovery import Recovery
from engine.storage.store import Store
from engine.utils.paths import store_file
from engine.workspace.catalogue import Catalogue, CatalogueEntry
from engine.workspace.thumbnails import ThumbnailCurve
from engine.workspace.trained_networks import TrainedRun, trained_runs
from gui.background.store_reader import StoreQuery


def all_entries(workspace: Path) -> Iterator[list[CatalogueEntry] | tuple[int, tuple[ThumbnailCurve, ...]]]:
    """Read the history.

    Yields:
        All entries as one list, then each newly made thumbnail with the number of its experiment.
    """
    if not store_file(workspace).exists():
        yield []
        return
    with closing(Catalogue(workspace)) as catalogue:
        entries = catalogue.entries()
        for entry in entries:
            entry.search_text, entry.values  # noqa: B018 - cached here rather than in the GUI thread at the first search
        yield entries
        yield from catalogue.make_thumbnails()


def newest_entries(count: int, besides: Collection[int]) -> StoreQuery:
    """Query the newest ``count`` experiments, and older ones of the numbers ``besides``, as one list."""

    def query(workspace: Path) -> Iterator[list[CatalogueEntry]]:
        if not store_file(workspace).exists():
            yield []
            return
        with closing(Catalogue(workspace)) as catalogue:
            yield catalogue.newest(count, besides)

    return query


def one_entry(number: int) -> StoreQuery:
    """Query the experiment of that number; the query fails if there is none."""

    def query(workspace: Path) -> Iterator[CatalogueEntry]:
        with closing(Catalogue(workspace)) as catalogue:
            yield catalogue.entry(number)

    return query


def all_trained_runs(workspace: Path) -> Iterator[list[TrainedRun]]:
    """Read the runs whose trained networks are stored.

    Yields:
        One list, newest first.
    """
    if not store_file(workspace).exists():
        yield []
        return
    with closing(Store(workspace)) as store:
        yield trained_runs(store)


@dataclass(frozen=True)
class RunToContinue:
    """A run whose training is to be continued.

    Attributes:
        spec: its settings.
        model: file of its network; None if it has none.
        learning_rate: the last recorded one, of the epoch whose weights were kept; 0 without records.
    """

    spec: RunSpec
    model: Path | None
    learning_rate: float


def run_to_continue(run: int) -> StoreQuery:
    """Query the stored run ``run`` as a ``RunToContinue``."""

    def query(workspace: Path) -> Iterator[RunToContinue]:
        with closing(Store(workspace)) as store:
            stored = store.run(run)
            (steps, rates), _ = store.columns(run, ("step", "learning_rate"), ())
        if stored.kept is not None:
            rates = rates[steps <= stored.kept.step]
        yield RunToContinue(stored.trained_spec, stored.model, float(rates[-1]) if len(rates) else 0.0)

    return query


def interrupted(decided: Collection[int]) -> StoreQuery:
    """Query interrupted experiments, except those of the numbers ``decided``.

    Returns:
        A query that yields the numbers of experiments newly marked as interrupted, if any, then the entry of the newest
        interrupted one or None.
    """

    def query(workspace: Path) -> Iterator[list[int] | CatalogueEntry | None]:
        if not store_file(workspace).exists():
            return
        with closing(Recovery(workspace)) as recovery:
            if marked := recovery.mark_interrupted():
                yield marked
            number = recovery.newest(statuses=[Status.INTERRUPTED], exclude=decided)
        if number is None:
            yield None
            return
        with closing(Catalogue(workspace)) as catalogue:
            yield catalogue.entry(number)

    return query


MOST_COMPARED = 200  # experiments to choose from


@dataclass(frozen=True)
class Comparable:
    """Experiments that one can be compared with, newest first, and the number of the one that suggests itself."""

    entries: list[CatalogueEntry]
    preferred: int | None


def comparable(experiment: int, variants: Collection[str]) -> StoreQuery:
    """Query what experiment ``experiment`` can be compared with, as a ``Comparable``.

    The newest finished experiment that this program trained suggests itself, if possible one with some of ``variants``.
    """

    def query(workspace: Path) -> Iterator[Comparable]:
        with closing(Catalogue(workspace)) as catalogue:
            newest = catalogue.newest(MOST_COMPARED)
        entries = [entry for entry in newest if entry.has_runs and entry.number != experiment]
        own = [entry.number for entry in entries if not entry.is_logged and entry.finished]
        with closing(Store(workspace)) as store:
            alike = (each for each in own if any(run.spec.variant in variants for run in store.runs(each)))
            yield Comparable(entries, next(alike, next(iter(own), None)))

    return query


def dismiss(number: int) -> StoreQuery:
    """Mark an interrupted experiment as dismissed; the query yields None once that is stored."""

    def query(workspace: Path) -> Iterator[None]:
        with closing(Recovery(workspace)) as recovery:
            recovery.dismiss(number)
        yield

    return query

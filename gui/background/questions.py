"""What the window asks of the store, as questions for a :class:`~gui.background.store_reader.StoreReader`.

A workspace without a store is left alone: nothing is opened there, so that none is made.
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
from engine.workspace.catalogue import Catalogue, CatalogueEntry, ThumbnailCurve
from engine.workspace.trained_networks import TrainedRun, trained_runs
from gui.background.store_reader import Question


def all_entries(workspace: Path) -> Iterator[list[CatalogueEntry] | tuple[int, tuple[ThumbnailCurve, ...]]]:
    """All entries, then the thumbnails that are made anew, each with the number of its experiment."""
    if not store_file(workspace).exists():
        yield []
        return
    with closing(Catalogue(workspace)) as catalogue:
        entries = catalogue.entries()
        for entry in entries:
            entry.search_text, entry.values  # noqa: B018 - found here, where nobody waits, rather than at the first search
        yield entries
        yield from catalogue.make_thumbnails()


def newest_entries(count: int, besides: Collection[int]) -> Question:
    """The newest ``count`` experiments, and older ones of the numbers ``besides``, as one list."""

    def question(workspace: Path) -> Iterator[list[CatalogueEntry]]:
        if not store_file(workspace).exists():
            yield []
            return
        with closing(Catalogue(workspace)) as catalogue:
            yield catalogue.newest(count, besides)

    return question


def one_entry(number: int) -> Question:
    """The experiment of that number; the question fails where there is none."""

    def question(workspace: Path) -> Iterator[CatalogueEntry]:
        with closing(Catalogue(workspace)) as catalogue:
            yield catalogue.entry(number)

    return question


def all_trained_runs(workspace: Path) -> Iterator[list[TrainedRun]]:
    """The runs whose networks can be tried, newest first, as one list."""
    if not store_file(workspace).exists():
        yield []
        return
    with closing(Store(workspace)) as store:
        yield trained_runs(store)


@dataclass(frozen=True)
class RunToContinue:
    """A run whose network is to go on: its settings, its network's file if it has one, its last learning rate."""

    spec: RunSpec
    model: Path | None
    learning_rate: float


def run_to_continue(run: int) -> Question:
    """A :class:`RunToContinue`."""

    def question(workspace: Path) -> Iterator[RunToContinue]:
        with closing(Store(workspace)) as store:
            stored = store.run(run)
            (rates,), _ = store.columns(run, ("learning_rate",), ())
        yield RunToContinue(stored.spec, stored.model, float(rates[-1]) if len(rates) else 0.0)

    return question


def interrupted(decided: Collection[int]) -> Question:
    """The numbers of experiments that turn out to be interrupted, if any, then the entry to offer or None.

    Those of the numbers ``decided`` are offered no more.
    """

    def question(workspace: Path) -> Iterator[list[int] | CatalogueEntry | None]:
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

    return question


def leave(number: int) -> Question:
    """Offer an interrupted experiment no more; answers once that is stored."""

    def question(workspace: Path) -> Iterator[None]:
        with closing(Recovery(workspace)) as recovery:
            recovery.dismiss(number)
        yield

    return question

"""Finds what was interrupted when the window opens, and offers to go on with it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal

from engine.events.experiments import ComputationStarted, ExperimentStarted
from engine.events.runs import Status
from engine.events.tasks import Event
from engine.storage.recovery import Recovery
from engine.utils.paths import store_file
from engine.workspace.catalogue import Catalogue, CatalogueEntry
from gui.background.store_reader import Question, StoreReader
from gui.history.resume_bar import ResumeBar


class ResumeController(QObject):
    """One offer after the other, the newest first, until one is put off.

    Emits ``marked(numbers)`` where experiments turned out to be interrupted, ``resume_requested(number)``, ``left()``
    when one was left as it is, and ``failed(sentence)``.

    Args:
        reader: asks the store away from the event loop.
        bar: shows the offer.
    """

    marked = Signal(list)
    resume_requested = Signal(int)
    left = Signal()
    failed = Signal(str)

    def __init__(self, reader: StoreReader, bar: ResumeBar, parent: QObject) -> None:
        super().__init__(parent)
        self._reader, self._bar = reader, bar
        self._decided: set[int] = set()  # offered no more by this window
        bar.resume_wanted.connect(self._resume)
        bar.leaving_wanted.connect(self._leave)
        bar.closed.connect(lambda: bar.show_offer(None))

    def look(self) -> None:
        """Offer the newest that there is."""
        self._reader.ask(_looking(frozenset(self._decided)), self._take, self.failed.emit)

    def look_again(self) -> None:
        """What is offered may have been renamed, thrown away or resumed elsewhere."""
        if self._bar.entry is not None:
            self.look()

    def take(self, event: Event) -> None:
        """What goes on is offered no more."""
        match event:
            case ExperimentStarted(experiment=number) | ComputationStarted(experiment=number):
                self._decide(number)

    def _take(self, part: Any) -> None:
        match part:
            case list():
                self.marked.emit(part)
            case CatalogueEntry() | None:
                self._bar.show_offer(part)

    def _decide(self, number: int) -> None:
        self._decided.add(number)
        if self._bar.entry is not None and self._bar.entry.number == number:
            self._bar.show_offer(None)
            self.look()

    def _resume(self, number: int) -> None:
        self._decide(number)
        self.resume_requested.emit(number)

    def _leave(self, number: int) -> None:
        def question(workspace: Path) -> Iterator[None]:
            with closing(Recovery(workspace)) as recovery:
                recovery.leave(number)
            yield

        self._reader.ask(question, lambda _done: self.left.emit(), self.failed.emit)
        self._decide(number)


def _looking(decided: frozenset[int]) -> Question:
    """The numbers of experiments that turn out to be interrupted, if any, then the entry to offer or None."""

    def question(workspace: Path) -> Iterator[list[int] | CatalogueEntry | None]:
        if not store_file(workspace).exists():
            return  # a workspace without a store is left alone
        with closing(Recovery(workspace)) as recovery:
            if marked := recovery.mark_interrupted():
                yield marked
            number = recovery.newest(statuses=[Status.INTERRUPTED], besides=decided)
        if number is None:
            yield None
            return
        with closing(Catalogue(workspace)) as catalogue:
            yield catalogue.entry(number)

    return question

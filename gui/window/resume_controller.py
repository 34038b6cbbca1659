"""Detection of interrupted experiments when the window opens, and the offer to resume them."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QObject, Signal

from engine.events.experiments import ComputationStarted, ExperimentStarted
from engine.events.tasks import Event
from engine.workspace.catalogue import CatalogueEntry
from gui.background.questions import dismiss, interrupted
from gui.background.store_reader import StoreReader
from gui.history.resume_bar import ResumeBar


class ResumeController(QObject):
    """Offers interrupted experiments one by one, newest first, until the user closes the offer.

    Emits ``marked(numbers)`` when experiments were found to be interrupted, ``resume_requested(number)``,
    ``dismissed()`` when one was left as it is, and ``failed(sentence)``.

    Args:
        reader: the thread that reads the store.
        bar: shows the offer.
    """

    marked = Signal(list)
    resume_requested = Signal(int)
    dismissed = Signal()
    failed = Signal(str)

    def __init__(self, reader: StoreReader, bar: ResumeBar, parent: QObject) -> None:
        super().__init__(parent)
        self._reader, self._bar = reader, bar
        self._decided: set[int] = set()  # not offered again by this window
        bar.resume_requested.connect(self._resume)
        bar.dismiss_requested.connect(self._dismiss)
        bar.closed.connect(lambda: bar.show_offer(None))

    def offer_newest(self) -> None:
        """Offer the newest interrupted experiment, if any."""
        self._reader.ask(interrupted(frozenset(self._decided)), self._take, self.failed.emit)

    def update_offer(self) -> None:
        """Update the offer: its experiment may have been renamed, deleted or resumed elsewhere."""
        if self._bar.entry is not None:
            self.offer_newest()

    def take(self, event: Event) -> None:
        """Withdraw the offer of an experiment that has resumed."""
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
            self.offer_newest()

    def _resume(self, number: int) -> None:
        self._decide(number)
        self.resume_requested.emit(number)

    def _dismiss(self, number: int) -> None:
        self._reader.ask(dismiss(number), lambda _done: self.dismissed.emit(), self.failed.emit)
        self._decide(number)

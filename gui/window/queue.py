"""The window's model of the experiment queue."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QObject, Signal

from engine.workspace.durations.estimate import Allocate, Estimate
from engine.workspace.queue import QueueEntry, QueueStore
from gui.background.store_reader import StoreReader
from gui.background.stored_queue import QueueContents, StoredQueue, TakenEntry


class ExperimentQueue(QObject):
    """The waiting experiments of the workspace with their estimated durations; read and written by ``reader``.

    While ``is_held``, initially and after a stop, no entry is started automatically. Emits ``changed()`` and
    ``failed(sentence)``.

    Args:
        reader: reads and writes the queue.
        allocate: tells how an experiment would be trained.
        parent: the window.
    """

    changed = Signal()
    failed = Signal(str)

    def __init__(self, reader: StoreReader, allocate: Allocate, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._reader, self._stored = reader, StoredQueue(allocate)
        self._adding: list[QueueEntry] = []  # being stored
        self.is_held = True
        self.entries: list[QueueEntry] = []
        self.estimates: dict[int, Estimate] = {}

    def refresh(self, refreshed: Callable[[], None] = lambda: None) -> None:
        """Read the queue again; ``refreshed`` is called afterwards."""
        self._reader.ask(self._stored.read, self._show, self.failed.emit, refreshed)

    def add(self, entry: QueueEntry, added: Callable[[], None]) -> None:
        """Append an experiment; ``added`` is called once it is stored."""
        self._adding.append(entry)

        def end() -> None:
            self._adding.remove(entry)
            added()

        def fail(sentence: str) -> None:
            self._adding.remove(entry)
            self.failed.emit(sentence)

        query = self._stored.change(
            lambda queue: queue.add(entry.experiment, entry.spec, entry.extends, resumes=entry.resumes)
        )
        self._reader.ask(query, self._show, fail, end)

    def entries_for(self, experiment: int) -> list[QueueEntry]:
        """Return the entries that extend a stored experiment, including those being added."""
        return [entry for entry in (*self.entries, *self._adding) if entry.extends == experiment]

    def take(self, taken: Callable[[QueueEntry | None], None]) -> None:
        """Take the first entry off the queue; ``taken`` is called with it, or with None if there is none."""

        def take(answer: TakenEntry | QueueContents) -> None:
            if isinstance(answer, TakenEntry):
                taken(answer.entry)
            else:
                self._show(answer)

        def fail(sentence: str) -> None:
            self.hold(True)  # so that it can be started again
            self.failed.emit(sentence)
            taken(None)

        self._reader.ask(self._stored.take, take, fail)

    def close(self) -> None:
        """Release the lock on the taken entries."""
        self._reader.ask(self._stored.release, lambda _done: None, self.failed.emit)

    def arrange(self, numbers: Sequence[int]) -> None:
        """Reorder the entries to the order of ``numbers``."""
        self._change(lambda queue: queue.reorder(numbers))

    def remove(self, number: int) -> None:
        """Remove an entry."""
        self._change(lambda queue: queue.remove(number))

    def hold(self, held: bool) -> None:
        """Set whether entries are held rather than started automatically."""
        if held != self.is_held:
            self.is_held = held
            self.changed.emit()

    def _change(self, change: Callable[[QueueStore], object]) -> None:
        def fail(sentence: str) -> None:
            self.failed.emit(sentence)
            self.changed.emit()  # views that already show the change revert to the stored queue

        self._reader.ask(self._stored.change(change), self._show, fail)

    def _show(self, waiting: QueueContents) -> None:
        self.entries, self.estimates = waiting.entries, waiting.estimates
        self.changed.emit()
        if waiting.problem:
            self.failed.emit(waiting.problem)

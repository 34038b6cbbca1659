"""The queue of experiments as the window handles it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QObject, Signal

from engine.workspace.queue import QueueEntry, QueueStore
from gui.background.store_reader import StoreReader
from gui.background.stored_queue import StoredQueue, Taken, Waiting


class ExperimentQueue(QObject):
    """What waits in the workspace, with estimates of how long each will take; read and written by ``reader``.

    While it ``holds``, nothing is begun by itself: after a stop, or when the window has just been opened. Emits
    ``changed()`` and ``failed(sentence)``.
    """

    changed = Signal()
    failed = Signal(str)

    def __init__(self, reader: StoreReader, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._reader, self._stored = reader, StoredQueue()
        self._adding: list[QueueEntry] = []  # not stored yet
        self.holds = True
        self.entries: list[QueueEntry] = []
        self.seconds: dict[int, float | None] = {}

    def look(self, looked: Callable[[], None] = lambda: None) -> None:
        """Read the queue anew; ``looked`` is called once that is done."""
        self._reader.ask(self._stored.look, self._show, self.failed.emit, looked)

    def add(self, entry: QueueEntry, added: Callable[[], None]) -> None:
        """Put an experiment at the end; ``added`` is called once it is there."""
        self._adding.append(entry)

        def end() -> None:
            self._adding.remove(entry)
            added()

        def fail(sentence: str) -> None:
            self._adding.remove(entry)
            self.failed.emit(sentence)

        question = self._stored.change(
            lambda orders: orders.add(entry.experiment, entry.spec, entry.extends, resumes=entry.resumes)
        )
        self._reader.ask(question, self._show, fail, end)

    def entries_for(self, experiment: int) -> list[QueueEntry]:
        """The entries that further runs of a stored experiment wait in, also those that are just being added."""
        return [entry for entry in (*self.entries, *self._adding) if entry.extends == experiment]

    def take(self, taken: Callable[[QueueEntry | None], None]) -> None:
        """Take the first entry, which waits no longer then; ``taken`` is called with None where there is none."""

        def take(answer: Taken | Waiting) -> None:
            if isinstance(answer, Taken):
                taken(answer.entry)
            else:
                self._show(answer)

        def fail(sentence: str) -> None:
            self.hold(True)  # so that it can be started again
            self.failed.emit(sentence)
            taken(None)

        self._reader.ask(self._stored.take, take, fail)

    def close(self) -> None:
        """Let go of what was taken."""
        self._reader.ask(self._stored.let_go, lambda _done: None, self.failed.emit)

    def arrange(self, numbers: Sequence[int]) -> None:
        """Put the entries in the order of their numbers."""
        self._change(lambda orders: orders.reorder(numbers))

    def remove(self, number: int) -> None:
        """Take an entry out."""
        self._change(lambda orders: orders.remove(number))

    def hold(self, holds: bool) -> None:
        """Let the queue begin what waits by itself, or not."""
        if holds != self.holds:
            self.holds = holds
            self.changed.emit()

    def _change(self, change: Callable[[QueueStore], object]) -> None:
        def fail(sentence: str) -> None:
            self.failed.emit(sentence)
            self.changed.emit()  # whoever has shown the change already shows what is stored again

        self._reader.ask(self._stored.change(change), self._show, fail)

    def _show(self, waiting: Waiting) -> None:
        self.entries, self.seconds = waiting.entries, waiting.seconds
        self.changed.emit()
        if waiting.problem:
            self.failed.emit(waiting.problem)

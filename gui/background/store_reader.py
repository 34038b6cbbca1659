"""Reads and writes the store away from the event loop, one question after the other."""

from __future__ import annotations

import logging
import queue
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Qt, QThread, Signal

from engine.utils.errors import TrainscopeError

log = logging.getLogger(__name__)

Question = Callable[[Path], Iterator[Any]]
Take = Callable[[Any], None]
Say = Callable[[str], None]


def _ignore() -> None:
    """Nothing to do at the end."""


@dataclass
class Reading:
    """A question under way; once it is dropped, nobody is told its answers any more, and it ends at the next."""

    take: Take
    failed: Say
    ended: Callable[[], None]
    is_dropped: bool = field(default=False)

    def drop(self) -> None:
        """Forget the question."""
        self.is_dropped = True


class StoreReader(QThread):
    """A thread that answers questions to the store of a workspace; it starts with the first of them.

    A question is a generator function of the workspace; what it yields is handed to ``take`` in the window's thread.
    """

    _answered = Signal(object, object)  # the reading, and what to call unless it was dropped

    def __init__(self, workspace: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._workspace = workspace
        self._is_closed = False
        self._jobs: queue.SimpleQueue[tuple[Question, Reading] | None] = queue.SimpleQueue()
        self._answered.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    def ask(self, question: Question, take: Take, failed: Say, ended: Callable[[], None] = _ignore) -> Reading:
        """Ask; then ``take`` is called with each answer, and either ``ended`` or ``failed`` with a sentence."""
        reading = Reading(take, failed, ended, is_dropped=self._is_closed)
        if not self._is_closed:
            self._jobs.put((question, reading))
            if not self.isRunning():
                self.start()
        return reading

    def close(self) -> None:
        """Answer what was asked and end the thread; answers not yet delivered are lost, and nothing more is asked."""
        self._is_closed = True
        self._jobs.put(None)
        self.wait()

    def run(self) -> None:
        """The thread's body; Qt calls it."""
        while (job := self._jobs.get()) is not None:
            if not job[1].is_dropped:
                self._answer(*job)
            del job  # what it holds on to, maybe the last to do so, is not to be destroyed in this thread

    def _answer(self, question: Question, reading: Reading) -> None:
        try:
            for value in question(self._workspace):
                if reading.is_dropped:
                    return
                self._answered.emit(reading, partial(reading.take, value))
        except TrainscopeError as error:
            self._answered.emit(reading, partial(reading.failed, str(error)))
        except Exception as error:
            log.exception("unexpected error while reading the store")
            sentence = f"An unexpected {type(error).__name__} came up in the store ({error}); try again."
            self._answered.emit(reading, partial(reading.failed, sentence))
        else:
            self._answered.emit(reading, reading.ended)

    def _deliver(self, reading: Reading, call: Callable[[], None]) -> None:
        if not (self._is_closed or reading.is_dropped):
            call()

"""Reads and annotates the store away from the event loop, one question after the other."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Qt

from engine.executors.inline import InlineExecutor
from engine.utils.errors import TrainscopeError
from gui.background.engine_thread import EngineThread

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


@dataclass(frozen=True)
class _Answer:
    reading: Reading
    value: Any


@dataclass(frozen=True)
class _Failed:
    reading: Reading
    sentence: str


@dataclass(frozen=True)
class _Ended:
    reading: Reading


class StoreReader(QObject):
    """Asks questions in a thread of its own, which starts with the first of them.

    A question is a generator function of the workspace; what it yields is handed to ``take`` in the window's thread.
    """

    def __init__(self, workspace: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._workspace = workspace
        self._is_closed = False
        self._bridge = EngineThread(InlineExecutor(), self)  # which trains nothing here
        self._bridge.happened.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    def ask(self, question: Question, take: Take, failed: Say, ended: Callable[[], None] = _ignore) -> Reading:
        """Ask; then ``take`` is called with each answer, and either ``ended`` or ``failed`` with a sentence."""
        reading = Reading(take, failed, ended, is_dropped=self._is_closed)
        if self._is_closed:
            return reading
        if not self._bridge.isRunning():
            self._bridge.start()
        self._bridge.run_job(
            lambda emit, _control: None if reading.is_dropped else self._answer(question, reading, emit)
        )
        return reading

    def close(self) -> None:
        """Answer what was asked and end the thread; answers not yet delivered are lost, and nothing more is asked."""
        self._is_closed = True
        self._bridge.close()

    def _answer(self, question: Question, reading: Reading, emit: Take) -> None:
        try:
            for value in question(self._workspace):
                if reading.is_dropped:
                    return
                emit(_Answer(reading, value))
        except TrainscopeError as error:
            emit(_Failed(reading, str(error)))
        except Exception as error:
            log.exception("unexpected error while reading the store")
            emit(_Failed(reading, f"An unexpected {type(error).__name__} came up in the store ({error}); try again."))
        else:
            emit(_Ended(reading))

    def _deliver(self, message: object) -> None:
        if self._is_closed:
            return
        match message:
            case _Answer(reading, value) if not reading.is_dropped:
                reading.take(value)
            case _Failed(reading, sentence) if not reading.is_dropped:
                reading.failed(sentence)
            case _Ended(reading) if not reading.is_dropped:
                reading.ended()

"""Thread that runs queries on the store one after the other."""

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

StoreQuery = Callable[[Path], Iterator[Any]]
OnAnswer = Callable[[Any], None]
OnFailure = Callable[[str], None]


def _ignore() -> None:
    """Do nothing at the end."""


@dataclass
class PendingQuery:
    """A submitted query; once cancelled, its answers are no longer delivered, and it ends at the next one."""

    take: OnAnswer
    failed: OnFailure
    ended: Callable[[], None]
    is_cancelled: bool = field(default=False)

    def cancel(self) -> None:
        """Cancel the query."""
        self.is_cancelled = True


class StoreReader(QThread):
    """A thread that runs queries on the store of a workspace; it starts with the first query.

    A query is a generator function of the workspace; each value it yields is passed to ``take`` in the GUI thread.
    """

    _answered = Signal(object, object)  # the pending query, and what to call unless it was cancelled

    def __init__(self, workspace: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._workspace = workspace
        self._is_closed = False
        self._jobs: queue.SimpleQueue[tuple[StoreQuery, PendingQuery] | None] = queue.SimpleQueue()
        self._answered.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    @property
    def workspace(self) -> Path:
        """The workspace whose store is read."""
        return self._workspace

    def ask(
        self, query: StoreQuery, take: OnAnswer, failed: OnFailure, ended: Callable[[], None] = _ignore
    ) -> PendingQuery:
        """Submit a query.

        Args:
            query: the query.
            take: called with each answer.
            failed: called with a sentence if the query fails.
            ended: called after the last answer if it does not fail.
        """
        pending = PendingQuery(take, failed, ended, is_cancelled=self._is_closed)
        if not self._is_closed:
            self._jobs.put((query, pending))
            if not self.isRunning():
                self.start()
        return pending

    def close(self) -> None:
        """Run the submitted queries and end the thread; undelivered answers are lost, later queries ignored."""
        self._is_closed = True
        self._jobs.put(None)
        self.wait()

    def run(self) -> None:
        """Run the thread; called by Qt."""
        while (job := self._jobs.get()) is not None:
            if not job[1].is_cancelled:
                self._answer(*job)
            del job  # objects whose last reference it holds must not be destroyed in this thread

    def _answer(self, query: StoreQuery, pending: PendingQuery) -> None:
        try:
            for value in query(self._workspace):
                if pending.is_cancelled:
                    return
                self._answered.emit(pending, partial(pending.take, value))
        except TrainscopeError as error:
            self._answered.emit(pending, partial(pending.failed, str(error)))
        except Exception as error:
            log.exception("unexpected error while reading the store")
            sentence = f"An unexpected {type(error).__name__} came up in the store ({error}); try again."
            self._answered.emit(pending, partial(pending.failed, sentence))
        else:
            self._answered.emit(pending, pending.ended)

    def _deliver(self, pending: PendingQuery, call: Callable[[], None]) -> None:
        if not (self._is_closed or pending.is_cancelled):
            call()

"""The experiment queue of a workspace as queries for a ``StoreReader``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path

from engine.storage.locks import owner_lock
from engine.utils.errors import TrainscopeError
from engine.utils.paths import store_file
from engine.workspace.durations.estimate import Allocate, Estimate, estimate
from engine.workspace.queue import QueueEntry, QueueStore
from gui.background.store_reader import StoreQuery


@dataclass(frozen=True)
class QueueContents:
    """Contents of the queue.

    Attributes:
        entries: the waiting entries, first to last.
        estimates: of each entry by its number.
        problem: why nothing could be estimated, as a sentence.
    """

    entries: list[QueueEntry] = field(default_factory=list)
    estimates: dict[int, Estimate] = field(default_factory=dict)
    problem: str = ""


@dataclass(frozen=True)
class TakenEntry:
    """The entry taken from the queue; None if it was empty."""

    entry: QueueEntry | None


class StoredQueue:
    """Methods are queries or return one; they run in the reader's thread, which holds the lock on the taken entries.

    A taken entry returns to the queue when the lock is released or the program ends, unless its experiment is stored.

    Args:
        allocate: returns how an experiment would be trained.
    """

    def __init__(self, allocate: Allocate) -> None:
        self._owner, self._held, self._allocate = "", ExitStack(), allocate

    def read(self, workspace: Path) -> Iterator[QueueContents]:
        """Read the queue.

        Yields:
            Its contents; nothing without a store, which is not created.
        """
        if store_file(workspace).exists():
            with closing(QueueStore(workspace)) as queue:
                entries = queue.all()
            yield _estimated(workspace, entries, self._allocate)

    def change(self, change: Callable[[QueueStore], object]) -> StoreQuery:
        """Return a query that applies ``change`` and yields the contents afterwards."""

        def query(workspace: Path) -> Iterator[QueueContents]:
            with closing(QueueStore(workspace)) as queue:
                change(queue)
            yield from self.read(workspace)

        return query

    def take(self, workspace: Path) -> Iterator[TakenEntry | QueueContents]:
        """Take the first entry.

        Yields:
            The entry, then the remaining contents.
        """
        with closing(QueueStore(workspace)) as queue:
            if not self._owner:
                self._owner = self._held.enter_context(owner_lock(queue.workspace))
            yield TakenEntry(queue.take(self._owner))
        yield from self.read(workspace)

    def release(self, _workspace: Path) -> Iterator[None]:
        """Release the lock on the taken entries."""
        self._held.close()
        self._owner = ""
        yield


def _estimated(workspace: Path, entries: list[QueueEntry], allocate: Allocate) -> QueueContents:
    if not entries:
        return QueueContents()
    try:
        found = estimate(workspace, entries, allocate)
        return QueueContents(entries, {entry.id: each for entry, each in zip(entries, found, strict=True)})
    except TrainscopeError as error:
        return QueueContents(entries, problem=str(error))

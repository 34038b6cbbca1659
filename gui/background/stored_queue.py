"""The queue of a workspace as questions for a :class:`~gui.background.store_reader.StoreReader`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path

from engine.storage.locks import owner_lock
from engine.utils.errors import TrainscopeError
from engine.utils.paths import store_file
from engine.workspace.estimates import Estimates
from engine.workspace.queue import QueueEntry, QueueStore
from gui.background.store_reader import Question


@dataclass(frozen=True)
class Waiting:
    """What waits, first to last; how many seconds each entry will take, by its number, as far as that is known.

    ``problem`` says why nothing could be estimated.
    """

    entries: list[QueueEntry] = field(default_factory=list)
    seconds: dict[int, float | None] = field(default_factory=dict)
    problem: str = ""


@dataclass(frozen=True)
class Taken:
    """The entry that was taken; None where the queue is empty."""

    entry: QueueEntry | None


class StoredQueue:
    """Its methods are questions, or give one; all run in the reader's thread, where the lock of what was taken is held.

    What was taken is another's again once it is let go, or the program ends, unless it was stored by then.
    """

    def __init__(self) -> None:
        self._owner, self._held = "", ExitStack()

    def look(self, workspace: Path) -> Iterator[Waiting]:
        """What waits; no answer where there is no store, which stays so."""
        if store_file(workspace).exists():
            with closing(QueueStore(workspace)) as orders:
                entries = orders.all()
            yield _estimated(workspace, entries)

    def change(self, change: Callable[[QueueStore], object]) -> Question:
        """Change the queue, and look at it."""

        def question(workspace: Path) -> Iterator[Waiting]:
            with closing(QueueStore(workspace)) as orders:
                change(orders)
            yield from self.look(workspace)

        return question

    def take(self, workspace: Path) -> Iterator[Taken | Waiting]:
        """Take the first entry, and look at what waits after it."""
        with closing(QueueStore(workspace)) as orders:
            if not self._owner:
                self._owner = self._held.enter_context(owner_lock(orders.workspace))
            yield Taken(orders.take(self._owner))
        yield from self.look(workspace)

    def let_go(self, _workspace: Path) -> Iterator[None]:
        """Release the lock."""
        self._held.close()
        self._owner = ""
        yield


def _estimated(workspace: Path, entries: list[QueueEntry]) -> Waiting:
    if not entries:
        return Waiting()
    try:
        with closing(Estimates(workspace)) as estimates:
            return Waiting(entries, {entry.id: estimates.seconds(entry) for entry in entries})
    except TrainscopeError as error:
        return Waiting(entries, problem=str(error))

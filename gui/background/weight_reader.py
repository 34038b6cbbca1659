"""Background reading of weights of earlier steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from engine.events.runs import Weights
from engine.storage.store import Store
from engine.utils.paths import store_file
from gui.background.store_reader import OnFailure, StoreReader


class WeightReader:
    """Reads weights from the store of a workspace, which is opened at the first query.

    A read fetches one row by its key, takes a fraction of a millisecond for the homework's networks, and never waits
    for a session that writes to the store. A workspace without a store has no weights.

    Args:
        reader: the thread that reads; it opens and closes the store.
    """

    def __init__(self, reader: StoreReader) -> None:
        self._reader = reader
        self._store: Store | None = None  # used in the reader's thread only

    def steps(self, run: int, layer: str, take: Callable[[list[int]], None], failed: OnFailure) -> None:
        """Pass the steps at which weights of that layer were stored, ascending, to ``take``."""
        self._ask(lambda store: store.weight_steps(run, layer), [], take, failed)

    def weights(
        self, run: int, layer: str, step: int, take: Callable[[Weights | None], None], failed: OnFailure
    ) -> None:
        """Pass the weights stored at ``step`` to ``take``; None if there are none."""
        self._ask(lambda store: store.weights(run, layer, step), None, take, failed)

    def close(self) -> None:
        """Close the store; a later query reopens it."""

        def query(_workspace: Path) -> Iterator[None]:
            self._close_store()
            yield

        self._reader.ask(query, lambda _nothing: None, lambda _sentence: None)

    def _ask(self, read: Callable[[Store], Any], nothing: Any, take: Callable[[Any], None], failed: OnFailure) -> None:
        def query(workspace: Path) -> Iterator[Any]:
            store = self._opened(workspace)
            yield nothing if store is None else read(store)

        self._reader.ask(query, take, failed)

    def _opened(self, workspace: Path) -> Store | None:
        if self._store is not None and not self._store.is_in_place:
            self._close_store()  # the store was replaced; the new file has later records
        if self._store is None and store_file(workspace.expanduser().absolute()).exists():
            self._store = Store(workspace)
        return self._store

    def _close_store(self) -> None:
        if self._store is not None:
            self._store.close()
            self._store = None

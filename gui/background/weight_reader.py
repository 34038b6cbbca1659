"""Weights of earlier steps, read away from the event loop for whoever shows them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from engine.events.runs import Weights
from engine.storage.store import Store
from engine.utils.paths import store_file
from gui.background.store_reader import Say, StoreReader


class WeightReader:
    """Reads weights from the store of a workspace, which it opens when the first are asked for.

    A read is one row by its key, a fraction of a millisecond for the homework's networks, and never waits for the
    session that writes beside it. A workspace without a store has no weights.

    Args:
        reader: the thread that reads; the store is opened and closed there.
    """

    def __init__(self, reader: StoreReader) -> None:
        self._reader = reader
        self._store: Store | None = None  # used by the reader's thread alone

    def steps(self, run: int, layer: str, take: Callable[[list[int]], None], failed: Say) -> None:
        """Have ``take`` called with the steps at which weights of that layer were stored, rising."""
        self._ask(lambda store: store.weight_steps(run, layer), [], take, failed)

    def weights(self, run: int, layer: str, step: int, take: Callable[[Weights | None], None], failed: Say) -> None:
        """Have ``take`` called with the weights stored at ``step``; with None if none were."""
        self._ask(lambda store: store.weights(run, layer, step), None, take, failed)

    def close(self) -> None:
        """Close the store; a later question opens it again."""

        def question(_workspace: Path) -> Iterator[None]:
            self._close_store()
            yield

        self._reader.ask(question, lambda _nothing: None, lambda _sentence: None)

    def _ask(self, read: Callable[[Store], Any], nothing: Any, take: Callable[[Any], None], failed: Say) -> None:
        def question(workspace: Path) -> Iterator[Any]:
            store = self._opened(workspace)
            yield nothing if store is None else read(store)

        self._reader.ask(question, take, failed)

    def _opened(self, workspace: Path) -> Store | None:
        if self._store is not None and not self._store.is_in_place:
            self._close_store()  # what is in its place has what came since
        if self._store is None and store_file(workspace.expanduser().absolute()).exists():
            self._store = Store(workspace)
        return self._store

    def _close_store(self) -> None:
        if self._store is not None:
            self._store.close()
            self._store = None

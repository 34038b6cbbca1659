"""Kernels of the past, for whoever shows them."""

from __future__ import annotations

from pathlib import Path

from engine.events.runs import Weights
from engine.storage.store import Store
from engine.utils.paths import store_file


class WeightReader:
    """Reads kernels from the store of a workspace, which it opens when the first is asked for.

    A read is one row by its key, a fraction of a millisecond for the homework's networks, and never waits for the
    session that writes beside it. A workspace without a store has no kernels. Raises
    :class:`~engine.utils.errors.StoreError`.
    """

    def __init__(self, workspace: Path) -> None:
        self._workspace = workspace
        self._store: Store | None = None

    def steps(self, run: int, layer: str) -> list[int]:
        """The steps at which a kernel of that layer was stored, rising."""
        store = self._opened()
        return [] if store is None else store.weight_steps(run, layer)

    def weights(self, run: int, layer: str, step: int) -> Weights | None:
        """The kernel stored at ``step``; None if none was."""
        store = self._opened()
        return None if store is None else store.weights(run, layer, step)

    def close(self) -> None:
        """Close the store; a later question opens it again."""
        if self._store is not None:
            self._store.close()
            self._store = None

    def _opened(self) -> Store | None:
        if self._store is not None and not self._store.is_in_place:
            self.close()  # what is in its place has what came since
        if self._store is None and store_file(self._workspace.expanduser().absolute()).exists():
            self._store = Store(self._workspace)
        return self._store

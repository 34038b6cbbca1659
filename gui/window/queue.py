"""The queue of experiments as the window handles it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TypeVar

from PySide6.QtCore import QObject, Signal

from engine.config.specs import ExperimentSpec
from engine.experiments.base import Experiment
from engine.storage.locks import owned
from engine.utils.errors import TrainscopeError
from engine.utils.paths import store_file
from engine.workspace.estimates import Estimates
from engine.workspace.queue import QueueEntry, QueueStore

Answer = TypeVar("Answer")


class ExperimentQueue(QObject):
    """What waits in the workspace, with estimates of how long each will take.

    While it ``holds``, nothing is begun by itself: after a stop, or when the window has just been opened. Emits
    ``changed()`` and ``failed(sentence)``.

    What it has taken is another's again once it closes, or the program ends, unless it was stored by then.
    """

    changed = Signal()
    failed = Signal(str)

    def __init__(self, workspace: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._workspace = workspace
        self.holds = True
        self._owner, self._held = "", ExitStack()  # the lock of what this window has taken
        self.orders: list[QueueEntry] = []
        self.seconds: dict[int, float | None] = {}
        self.look()

    def look(self) -> None:
        """Read the queue anew; a workspace without a store is left alone."""
        if store_file(self._workspace).exists():
            self._show(self._ask(lambda orders: orders.all()) or [])

    def add(
        self, experiment: Experiment, spec: ExperimentSpec, extends: int | None = None, resumes: bool = False
    ) -> bool:
        """Put an experiment at the end; gives whether that was possible."""
        return self._change(lambda orders: orders.add(experiment, spec, extends, resumes=resumes))

    def take(self) -> QueueEntry | None:
        """The first entry, which waits no longer then; None where the queue is empty."""
        taken = self._ask(lambda orders: orders.take(self._lock(orders.workspace))) if self.orders else None
        self.look()
        return taken

    @property
    def owner(self) -> str:
        """The lock of what this window has taken; empty where it can't be had, which whoever stores something says."""
        try:
            return self._lock(self._workspace)
        except TrainscopeError:
            return ""

    def close(self) -> None:
        """Let go of what was taken."""
        self._held.close()
        self._owner = ""

    def arrange(self, numbers: Sequence[int]) -> None:
        """Put the entries in the order of their numbers."""
        self._change(lambda orders: orders.arrange(numbers))

    def remove(self, number: int) -> None:
        """Take an entry out."""
        self._change(lambda orders: orders.remove(number))

    def hold(self, holds: bool) -> None:
        """Let the queue begin what waits by itself, or not."""
        if holds != self.holds:
            self.holds = holds
            self.changed.emit()

    def _lock(self, workspace: Path) -> str:
        if not self._owner:
            self._owner = self._held.enter_context(owned(workspace))
        return self._owner

    def _change(self, change: Callable[[QueueStore], object]) -> bool:
        done = self._ask(lambda orders: (change(orders), True)[1])
        self.look()
        return done is True

    def _show(self, orders: list[QueueEntry]) -> None:
        self.orders = orders
        self.seconds = self._estimates(orders)
        self.changed.emit()

    def _estimates(self, orders: list[QueueEntry]) -> dict[int, float | None]:
        if not orders:
            return {}
        try:
            with closing(Estimates(self._workspace)) as estimates:
                return {order.id: estimates.seconds(order) for order in orders}
        except TrainscopeError as error:
            self.failed.emit(str(error))
            return {}

    def _ask(self, question: Callable[[QueueStore], Answer]) -> Answer | None:
        try:
            with closing(QueueStore(self._workspace)) as orders:
                return question(orders)
        except TrainscopeError as error:
            self.failed.emit(str(error))
            return None

"""What the experiments of the forms will take: asked of the store in the background."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject

from engine.events.devices import MachineCalibrated
from engine.events.tasks import Event
from engine.workspace.durations.estimate import Allocate, Estimate, estimate
from engine.workspace.queue import QueueEntry
from gui.background.store_reader import PendingQuery, StoreReader
from gui.experiment.experiment_tab import ExperimentTab


class EstimateController(QObject):
    """Answers the tabs' requests for estimates; of one tab's, only the newest.

    Args:
        reader: the thread that reads the store.
        allocate: returns how an experiment would be trained.
        parent: the window.
    """

    def __init__(self, reader: StoreReader, allocate: Allocate, parent: QObject) -> None:
        super().__init__(parent)
        self._reader, self._allocate = reader, allocate
        self._tabs: list[ExperimentTab] = []
        self._pending: dict[ExperimentTab, PendingQuery] = {}

    def add(self, tab: ExperimentTab) -> None:
        """Answer the requests of ``tab``."""
        self._tabs.append(tab)
        tab.estimate_requested.connect(partial(self._ask, tab))

    def take(self, event: Event) -> None:
        """Have the visible tab ask again once the machine was measured."""
        if isinstance(event, MachineCalibrated):
            for tab in self._tabs:
                if tab.isVisible():  # a hidden one asks when it is shown
                    tab.refresh_estimate()

    def _ask(self, tab: ExperimentTab, entry: QueueEntry) -> None:
        if tab in self._pending:
            self._pending[tab].cancel()

        def query(workspace: Path) -> Iterator[Estimate]:
            yield from estimate(workspace, [entry], self._allocate)

        show = partial(tab.show_estimate, entry)
        # A store that can't be read is reported by those who need it.
        self._pending[tab] = self._reader.ask(query, show, lambda _sentence: show(Estimate()))

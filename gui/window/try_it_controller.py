"""Connection of the Try it page with the trained networks of the workspace and with its executor."""

from __future__ import annotations

from PySide6.QtCore import QObject, Qt, Signal

from engine.events.runs import RunFinished
from engine.events.tasks import Event
from gui.background.engine_thread import EngineThread
from gui.background.questions import all_trained_runs
from gui.background.store_reader import StoreReader
from gui.try_it.tab import TryItTab


class TryItController(QObject):
    """Offers every trained network of the workspace on the page. Emits ``failed(sentence)``.

    Args:
        page: the page.
        reader: the thread that reads the store.
        prober: the thread of the executor that runs inference.
    """

    failed = Signal(str)

    def __init__(self, page: TryItTab, reader: StoreReader, prober: EngineThread) -> None:
        super().__init__(page)
        self._page, self._reader = page, reader
        page.runs_requested.connect(self._offer_runs)
        page.task_requested.connect(prober.run_task)
        page.failed.connect(self.failed)
        prober.happened.connect(page.take, Qt.ConnectionType.QueuedConnection)

    def take(self, event: Event) -> None:
        """Offer the network of a run that has just finished."""
        if isinstance(event, RunFinished) and self._page.isVisible():
            self._offer_runs()

    def _offer_runs(self) -> None:
        self._reader.ask(all_trained_runs, self._page.show_runs, self.failed.emit)

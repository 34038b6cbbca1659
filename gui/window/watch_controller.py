"""Watching of other programs' trainings: the thread that follows them, the Watch tab and its dialogs."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QDialog, QTabWidget, QWidget

from engine.events.watching import FolderWatched, FoundRun, WatchEvent, WatchRequest
from engine.utils.errors import TrainscopeError
from engine.workspace.watch_library import WatchLibrary
from gui.background.questions import Comparable, comparable
from gui.background.store_reader import StoreReader
from gui.background.weight_reader import WeightReader
from gui.dialogs.questions import choose_experiment
from gui.history.tab import HistoryTab
from gui.menus.entries import MenuEntry
from gui.utils.text import TRAINING_MARK
from gui.watch.tab import WatchTab
from gui.window.export_controller import ExportController
from gui.window.tab_controller import TabController

if TYPE_CHECKING:
    from gui.background.watch_thread import WatchThread

TITLE = "Watch"


class WatchController(QObject):
    """Connects the Watch tab with the thread that reads logs.

    Emits ``changed(experiment, is_active)`` when a watched experiment begins or ends, ``shown()`` when the tab was
    brought to the front, and ``failed(sentence)``.

    Args:
        workspace: folder of the results.
        reader: the thread that reads the store.
        weights: reads weights of earlier steps.
        tabs: the tab widget, to which the page is added elsewhere.
        window: parent of the dialogs.
    """

    changed = Signal(int, bool)
    shown = Signal()
    failed = Signal(str)
    _compared = Signal(tuple)  # numbers of experiments

    def __init__(
        self, workspace: Path, reader: StoreReader, weights: WeightReader, tabs: QTabWidget, window: QWidget
    ) -> None:
        super().__init__(window)
        self._reader, self._tabs, self._window = reader, tabs, window
        self._workspace, self._library = workspace, WatchLibrary(workspace)
        self._remembered: set[str] = set()
        self.page = WatchTab(reader, weights)
        self._connect()

    @cached_property
    def _thread(self) -> WatchThread:
        """The thread; it is neither loaded nor made before something is watched."""
        from gui.background.watch_thread import WatchThread

        thread = WatchThread(self._workspace, self)
        thread.happened.connect(self._take)
        thread.failed.connect(self.failed)
        return thread

    @property
    def menu_entry(self) -> MenuEntry:
        """The entry of the File menu."""
        return MenuEntry("watch_own_code", "Watch my &own code…", self.choose, ("Ctrl+Shift+W",))

    def connect_with(self, history: HistoryTab, opened_tabs: TabController, exports: ExportController) -> None:
        """Have history and opened tabs follow the watched experiments, and the page's requests carried out."""
        self.changed.connect(history.show_under_way)
        self.changed.connect(lambda number, is_active: None if is_active else opened_tabs.reload([number]))
        self.page.export_requested.connect(exports.export)
        self.page.report_requested.connect(exports.report)
        self._compared.connect(opened_tabs.compare)

    def begin(self) -> None:
        """Follow the folders that were watched before; without any, nothing is started."""
        try:
            folders = [str(folder) for folder in self._library.paths()]
        except TrainscopeError as error:
            self.failed.emit(str(error))
            return
        self._remembered.update(folders)
        for folder in folders:
            self._thread.watch(WatchRequest(folder))

    def close(self) -> None:
        """End the thread; experiments still running are stored as interrupted."""
        self.page.stop()
        if "_thread" in self.__dict__:
            self._thread.close()

    def choose(self, path: str = "") -> None:
        """Let the user choose a folder, and follow it."""
        from gui.dialogs.watch import WatchDialog

        dialog = WatchDialog(path, self._window)
        dialog.scan_requested.connect(self._thread.scan)
        self._thread.scanned.connect(dialog.show_scan)
        is_accepted = dialog.exec() == QDialog.DialogCode.Accepted
        self._thread.scanned.disconnect(dialog.show_scan)
        dialog.deleteLater()
        if is_accepted and dialog.request is not None:
            self.page.show_folder(dialog.request.folder)
            self._tabs.setCurrentWidget(self.page)
            self.shown.emit()
            self._thread.watch(dialog.request)

    def _take(self, event: WatchEvent) -> None:
        if isinstance(event, FolderWatched):
            self._remember(event.folder)
        before = frozenset(self.page.watched.active)
        self.page.take(event)
        after = self.page.watched.active
        for number in before ^ after:
            self.changed.emit(number, number in after)

    def _remember(self, folder: str) -> None:
        if folder in self._remembered:
            return
        self._remembered.add(folder)
        try:
            self._library.add(Path(folder))
        except TrainscopeError as error:
            self.failed.emit(str(error))

    def _leave(self, folder: str) -> None:
        self._remembered.discard(folder)
        try:
            self._library.remove(Path(folder))
        except TrainscopeError as error:
            self.failed.emit(str(error))
        self._thread.leave(folder)

    def _regroup(self, experiment: int, runs: Sequence[FoundRun]) -> None:
        from gui.dialogs.grouping import GroupDialog

        dialog = GroupDialog(f"experiment {experiment}", runs, self._window)
        if dialog.exec() == QDialog.DialogCode.Accepted and dialog.groupings:
            self._thread.regroup(experiment, dialog.groupings)
        dialog.deleteLater()

    def _compare(self, experiment: int, variants: Sequence[str]) -> None:
        def take(found: Comparable) -> None:
            if not found.entries:
                self.failed.emit("There is no other experiment with runs in this workspace yet; run one first.")
            elif (chosen := choose_experiment(found.entries, found.preferred, self._window)) is not None:
                self._compared.emit((chosen, experiment))

        self._reader.ask(comparable(experiment, frozenset(variants)), take, self.failed.emit)

    def _mark(self, is_active: bool) -> None:
        """Mark the tab while one of the experiments is under way."""
        position = self._tabs.indexOf(self.page)
        self._tabs.setTabText(position, f"{TITLE} {TRAINING_MARK}" if is_active else TITLE)
        self._tabs.setTabToolTip(position, "Your own code is training" if is_active else "")

    def _connect(self) -> None:
        # Queued: a dialog within the handling of a drop would keep the file manager waiting.
        self.page.watch_requested.connect(self.choose, Qt.ConnectionType.QueuedConnection)
        self.page.leave_requested.connect(self._leave)
        self.page.regroup_requested.connect(self._regroup)
        self.page.compare_requested.connect(self._compare)
        self.page.folder_requested.connect(_open_folder)
        self.page.activity_changed.connect(self._mark)
        self.page.failed.connect(self.failed)


def _open_folder(folder: str) -> None:
    """Show a folder, or that of a file, in the file manager."""
    path = Path(folder)
    QDesktopServices.openUrl(QUrl.fromLocalFile(str(path.parent if path.is_file() else path)))

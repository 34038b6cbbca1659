"""Exports and reports, from the dialog to the task that writes the files."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QDialog, QWidget

from engine.executors.tasks import ExportTask, ReportTask, Task
from engine.workspace.catalogue import CatalogueEntry
from gui.background.questions import newest_entries, one_entry
from gui.background.store_reader import StoreReader

MOST_EXPERIMENTS = 200  # in the list of a report, besides those chosen


class ExportController(QObject):
    """Asks what to write and where, and has it written.

    Emits ``started(text)`` when something is being written, and ``failed(sentence)``.

    Args:
        workspace: where the results are kept.
        reader: the thread that reads them.
        run_task: hands a task to whoever carries it out and shows its answer.
        window: stands behind the dialogs.
    """

    started = Signal(str)
    failed = Signal(str)

    def __init__(self, workspace: Path, reader: StoreReader, run_task: Callable[[Task], None], window: QWidget) -> None:
        super().__init__(window)
        self._workspace, self._reader, self._run_task, self._window = workspace, reader, run_task, window

    def export(self, experiment: int) -> None:
        """Export a stored experiment."""
        self._reader.ask(one_entry(experiment), self._export, self.failed.emit)

    def report(self, chosen: Collection[int] | None = None) -> None:
        """Write a report; ``chosen`` experiments are ticked at first, or the newest finished one of each kind."""
        question = newest_entries(MOST_EXPERIMENTS, chosen or ())
        self._reader.ask(question, lambda entries: self._report(entries, chosen), self.failed.emit)

    def _export(self, entry: CatalogueEntry) -> None:
        from gui.dialogs.export import ExportDialog

        title = f"{entry.kind}, experiment {entry.number}"
        dialog = ExportDialog(title, f"trainscope-{entry.number}-{entry.stored.name}", self._window)
        if dialog.exec() == QDialog.DialogCode.Accepted:
            self.started.emit("Exporting …")
            self._run_task(ExportTask(self._workspace, entry.number, dialog.folder, dialog.formats))

    def _report(self, entries: list[CatalogueEntry], chosen: Collection[int] | None) -> None:
        if not entries:
            self.failed.emit("There is no experiment to report yet; run one first.")
            return
        from gui.dialogs.report import ReportDialog

        dialog = ReportDialog(entries, chosen, self._window)
        if dialog.exec() == QDialog.DialogCode.Accepted:
            self.started.emit("ExportController the report …")
            self._run_task(ReportTask(self._workspace, dialog.experiments, dialog.file))

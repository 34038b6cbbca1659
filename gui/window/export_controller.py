"""Exports and reports, from the dialog to the task that writes the files."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import closing
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QDialog, QWidget

from engine.executors.tasks import ExportTask, ReportTask, Task
from engine.storage.store import Store, StoredExperiment
from engine.utils.errors import TrainscopeError
from engine.utils.paths import store_file

MOST_EXPERIMENTS = 200  # in the list of a report, besides those chosen; the window waits while it is read


class ExportController(QObject):
    """Asks what to write and where, and has it written.

    Emits ``started(text)`` when something is being written, and ``failed(sentence)``.

    Args:
        workspace: where the results are kept.
        run_task: hands a task to whoever carries it out and shows its answer.
        window: stands behind the dialogs.
    """

    started = Signal(str)
    failed = Signal(str)

    def __init__(self, workspace: Path, run_task: Callable[[Task], None], window: QWidget) -> None:
        super().__init__(window)
        self._workspace, self._run_task, self._window = workspace, run_task, window

    def export(self, experiment: int, title: str) -> None:
        """Export a stored experiment; ``title`` says which, above the choice of formats."""
        try:
            folder = self._own_folder(experiment)
        except TrainscopeError as error:
            self.failed.emit(str(error))
            return
        from gui.dialogs.export import ExportDialog

        dialog = ExportDialog(title, folder, self._window)
        if dialog.exec() == QDialog.DialogCode.Accepted:
            self.started.emit("Exporting …")
            self._run_task(ExportTask(self._workspace, experiment, dialog.folder, dialog.formats))

    def report(self, chosen: Collection[int] | None = None) -> None:
        """Write a report; ``chosen`` experiments are ticked at first, or the newest finished one of each kind."""
        try:
            stored = self._stored(chosen or ())
        except TrainscopeError as error:
            self.failed.emit(str(error))
            return
        if not stored:
            self.failed.emit("There is no experiment to report yet; run one first.")
            return
        from gui.dialogs.report import ReportDialog

        dialog = ReportDialog(stored, chosen, self._window)
        if dialog.exec() == QDialog.DialogCode.Accepted:
            self.started.emit("ExportController the report …")
            self._run_task(ReportTask(self._workspace, dialog.experiments, dialog.file))

    def _own_folder(self, experiment: int) -> str:
        """Such as ``trainscope-7-architectures``."""
        with closing(Store(self._workspace)) as store:
            return f"trainscope-{experiment}-{store.experiment(experiment).name}"

    def _stored(self, chosen: Collection[int]) -> list[StoredExperiment]:
        """The newest experiments, and older ones that are chosen. A workspace without a store is left alone."""
        if not store_file(self._workspace).exists():
            return []
        with closing(Store(self._workspace)) as store:
            newest = store.experiments(MOST_EXPERIMENTS)
            older = set(chosen) - {each.id for each in newest}
            return newest + [store.experiment(number) for number in sorted(older, reverse=True)]

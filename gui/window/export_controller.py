"""Exports and reports: their dialogs, and the tasks that write the files."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QDialog, QFileDialog, QMessageBox, QWidget

from engine.executors.tasks import ExportNetworkTask, ExportTask, ReportTask, Task
from engine.exports.networks import network_properties
from engine.workspace.catalogue import CatalogueEntry
from gui.background.questions import newest_entries, one_entry
from gui.background.store_reader import StoreReader
from gui.try_it.candidate import Candidate

NETWORK_FILES = {"ONNX (*.onnx)": ".onnx", "TFLite (*.tflite)": ".tflite", "Keras (*.keras)": ".keras"}
MOST_EXPERIMENTS = 200  # in the list of a report, in addition to those chosen


class ExportController(QObject):
    """Asks what to write and where, and starts the task.

    Emits ``started(text)`` when a task was started, and ``failed(sentence)``.

    Args:
        workspace: folder of the results.
        reader: the thread that reads the store.
        run_task: starts a task, whose result is shown elsewhere.
        window: parent of the dialogs.
    """

    started = Signal(str)
    failed = Signal(str)

    def __init__(self, workspace: Path, reader: StoreReader, run_task: Callable[[Task], None], window: QWidget) -> None:
        super().__init__(window)
        self._workspace, self._reader, self._run_task, self._window = workspace, reader, run_task, window

    def export(self, experiment: int) -> None:
        """Export a stored experiment."""
        self._reader.ask(one_entry(experiment), self._export, self.failed.emit)

    def export_network(self, network: Candidate) -> None:
        """Write a trained network to a file that the user chooses."""
        file = self._network_file(network.model.stem)
        if file is None:
            return
        if file.suffix.lower() not in NETWORK_FILES.values():
            endings = ", ".join(NETWORK_FILES.values())
            self.failed.emit(f"{file.name} is of no format for networks; choose a name that ends with {endings}.")
            return
        known = (network.trained_on, network.black, network.white)
        properties = network_properties(network.normalization, network.shape[2] == 1, network.class_names, *known)
        self.started.emit("Exporting …")
        self._run_task(ExportNetworkTask(network.model, network.shape, properties, file))

    def report(self, chosen: Collection[int] | None = None) -> None:
        """Write a report; ``chosen`` experiments, or the newest finished one of each kind, are preselected."""
        query = newest_entries(MOST_EXPERIMENTS, chosen or ())
        self._reader.ask(query, lambda entries: self._report(entries, chosen), self.failed.emit)

    def _network_file(self, start: str) -> Path | None:
        """Ask for the file of a network; a name without a suffix gets that of the chosen type."""
        title = "Export the network"
        # Proposed without a suffix, so that choosing a type is enough.
        name, kind = QFileDialog.getSaveFileName(self._window, title, start.replace(".", "_"), ";;".join(NETWORK_FILES))
        if not name:
            return None
        file = Path(name)
        if file.suffix or kind not in NETWORK_FILES:
            return file
        file = file.with_suffix(NETWORK_FILES[kind])
        if file.exists():  # the dialog has asked about the name without it
            answer = QMessageBox.question(self._window, title, f"{file.name} already exists. Replace it?")
            return file if answer == QMessageBox.StandardButton.Yes else None
        return file

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
            self.started.emit("Writing the report …")
            self._run_task(ReportTask(self._workspace, dialog.experiments, dialog.file))

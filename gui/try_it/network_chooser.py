"""Choice of the network to try: one trained in this workspace, or one opened from a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from engine.datasets.registry import DATASETS
from engine.events.inference import NetworkOpened, PickedTestImages
from engine.workspace.trained_networks import TrainedRun
from gui.try_it.candidate import Candidate
from gui.try_it.file_settings import FileSettings
from gui.utils.text import literally
from gui.widgets.factories import push_button, shrinkable_combo_box

EXPORT_TIP = "Write this network as ONNX, TFLite or Keras file, for other programs"
OPEN_TIP = "Try any .keras file of layers that the program has; it can be dropped on the page as well"


class NetworkChooser(QWidget):
    """A list of networks, files first; emits ``changed()`` when another network, or its preparation, is chosen.

    Emits ``open_requested()`` when the user wants to open a file, and ``export_requested(network)``, a ``Candidate``,
    when they want to write the chosen one.
    """

    changed = Signal()
    open_requested = Signal()
    export_requested = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._runs: list[TrainedRun] = []
        self._files: list[NetworkOpened] = []
        self._shown: Candidate | None = None
        self._box = shrinkable_combo_box(
            "trained_run", "Trained network", "Which trained network is tried: opened files, then the newest first"
        )
        self._open = push_button("open_network", "Open a file…", OPEN_TIP)
        self._export = push_button("export_network", "Export…", EXPORT_TIP)
        self._settings = FileSettings()
        self._settings.hide()
        row = QHBoxLayout()
        row.addWidget(QLabel("Trained network"), 1)
        row.addWidget(self._open)
        row.addWidget(self._export)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addLayout(row)
        column.addWidget(self._box)
        column.addWidget(self._settings)
        self._open.clicked.connect(lambda _checked=False: self.open_requested.emit())
        self._export.clicked.connect(lambda _checked=False: self.export_requested.emit(self.network))
        self._box.currentIndexChanged.connect(lambda _index: self._choose())
        self._settings.changed.connect(self._report)

    @property
    def network(self) -> Candidate | None:
        """The chosen network."""
        position = self._box.currentIndex()
        if position < 0:
            return None
        if position < len(self._files):
            return self._settings.candidate
        return Candidate.of_run(self._runs[position - len(self._files)])

    @property
    def is_file(self) -> bool:
        """Whether it is one of a file."""
        return 0 <= self._box.currentIndex() < len(self._files)

    def show_runs(self, runs: Sequence[TrainedRun]) -> None:
        """Offer the networks of ``runs``; the choice is kept if it is among them."""
        chosen = (self.is_file, self.network.model) if self.network is not None else None
        self._runs = list(runs)
        self._fill(chosen)

    def show_file(self, opened: NetworkOpened) -> None:
        """Offer the network of a file, and choose it."""
        self._files = [opened, *(each for each in self._files if each.file != opened.file)]
        self._shown = None  # the file may be another network than when it was opened before
        self._fill((True, opened.file), is_new=True)

    def take_classes(self, picked: PickedTestImages) -> str:
        """Use the classes of a data set for the chosen file; return a sentence if they are not those of the network."""
        return self._settings.take_classes(picked)

    def drop_dataset(self) -> None:
        """Choose no data set for the chosen file."""
        self._settings.drop_dataset()

    def _fill(self, chosen: tuple[bool, Path] | None, is_new: bool = False) -> None:
        """List the networks.

        Args:
            chosen: whether a file is to be chosen, which may be that of a run as well, and which.
            is_new: whether it was just opened.
        """
        labels = [f"{each.file.name} · file" for each in self._files] + [run.label for run in self._runs]
        models = [(True, each.file) for each in self._files] + [(False, run.model) for run in self._runs]
        before = self._box.currentIndex() if self.is_file else None
        with QSignalBlocker(self._box):
            self._box.clear()
            for label in labels:
                self._box.addItem(label)
                self._box.setItemData(self._box.count() - 1, literally(label), Qt.ItemDataRole.ToolTipRole)
            self._box.setCurrentIndex(models.index(chosen) if chosen in models else 0 if models else -1)
        if is_new or before != (self._box.currentIndex() if self.is_file else None):
            self._choose()
        else:
            self._report()

    def _choose(self) -> None:
        self._settings.setVisible(self.is_file)
        if self.is_file:
            used = dict.fromkeys([*DATASETS, *(run.data.dataset for run in self._runs)])
            self._settings.show_file(self._files[self._box.currentIndex()], list(used))
        self._report()

    def _report(self) -> None:
        """Emit ``changed`` if another network or preparation is chosen."""
        if self.network != self._shown:
            self._shown = self.network
            self.changed.emit()

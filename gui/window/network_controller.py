"""The user's own and trained networks: offered in the forms, defined and chosen in dialogs."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QDialog, QWidget

from engine.utils.errors import TrainscopeError
from engine.workspace.network_library import NetworkLibrary
from engine.workspace.trained_networks import TrainedRun
from gui.background.questions import all_trained_runs
from gui.background.store_reader import StoreReader
from gui.dialogs.questions import Network, choose_network
from gui.experiment.experiment_tab import ExperimentTab

# For checking a network before the data set is known: digits, or CIFAR-10 in grayscale.
DEFAULT_SHAPE, DEFAULT_CLASSES = (32, 32, 1), 10


class NetworkController(QObject):
    """Emits ``continuation_requested(run)`` when a trained network was chosen to continue, and ``failed(sentence)``.

    Args:
        workspace: where the user's networks are stored.
        reader: the thread that reads the store.
        tabs: the tabs whose forms offer the networks.
        window: parent of the dialogs.
    """

    continuation_requested = Signal(int)
    failed = Signal(str)

    def __init__(self, workspace: Path, reader: StoreReader, tabs: Sequence[ExperimentTab], window: QWidget) -> None:
        super().__init__(window)
        self._library, self._reader = NetworkLibrary(workspace), reader
        self._tabs, self._window = tabs, window

    def offer_saved(self, tab: ExperimentTab) -> None:
        """Offer the networks of the workspace in the form of ``tab``."""
        for architecture in self._saved:
            tab.form.offer_architecture(architecture)

    @cached_property
    def _saved(self) -> list[str]:
        """The networks saved when the window opened."""
        try:
            return list(self._library.networks().values())
        except TrainscopeError as error:
            self.failed.emit(str(error))
            return []

    def write(self, tab: ExperimentTab) -> None:
        """Let the user define a network; it is offered in every tab and selected in ``tab``."""
        chooser = tab.form.dataset_chooser
        samples = chooser.samples if chooser is not None else None
        shape, classes = DEFAULT_SHAPE, DEFAULT_CLASSES
        if samples is not None:
            shape, classes = tab.form.image_shape(samples.images.shape[1:]), len(samples.class_names)
        from gui.dialogs.network import NetworkDialog

        dialog = NetworkDialog(self._library, shape, classes, self._window)
        if dialog.exec() == QDialog.DialogCode.Accepted:
            for other in self._tabs:
                other.form.offer_architecture(dialog.architecture, chosen=other is tab)

    def choose_trained(self) -> None:
        """Let one of the trained networks of the workspace be chosen."""
        self._reader.ask(all_trained_runs, self._choose_among, self.failed.emit)

    def choose(self, networks: Sequence[Network]) -> None:
        """Let one of ``networks`` be chosen."""
        if (run := choose_network(networks, self._window)) is not None:
            self.continuation_requested.emit(run)

    def _choose_among(self, runs: list[TrainedRun]) -> None:
        if runs:
            self.choose(runs)
        else:
            self.failed.emit("No network was trained in this workspace yet; run an experiment first, or choose a file.")

"""A network as picture and as table."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QTabWidget, QToolButton, QWidget

from engine.networks.architectures import LayerSummary
from gui.forms.network_table import NetworkTable
from gui.forms.network_view import NetworkView


class NetworkPages(QTabWidget):
    """Picture and table of a network, with buttons for the picture; emits ``failed(sentence)``."""

    failed = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("network_pages")
        self.picture, self._table = NetworkView(), NetworkTable()
        self.addTab(self.picture, "Picture")
        self.addTab(self._table, "Table")
        self.picture.failed.connect(self.failed.emit)
        buttons = QWidget()
        row = QHBoxLayout(buttons)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2)
        for name, action in (("fit", self.picture.fit), ("copy", self.picture.copy), ("save", self.picture.save)):
            button = QToolButton()
            button.setObjectName(f"network_picture_{name}")
            button.setDefaultAction(action)
            button.setAutoRaise(True)
            row.addWidget(button)
        self.setCornerWidget(buttons)
        self.currentChanged.connect(lambda _index: buttons.setVisible(self.currentWidget() is self.picture))

    def show_layers(self, summaries: Sequence[LayerSummary]) -> None:
        """Show the layers of a network."""
        self.picture.show_network(summaries)
        self._table.show_layers(summaries)

    def show_problem(self) -> None:
        """Show that the text is no network: the picture of the last one greyed, and no table."""
        self.picture.fade()
        self._table.clear_layers()

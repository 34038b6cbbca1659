"""Table of a network's layers: output shape and parameters."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem

from engine.networks.architectures import LayerSummary
from engine.networks.notation import format_network
from gui.widgets.tables import fit_titles, make_read_only

TITLES = ("Layer", "Output", "Formula", "Parameters")


class NetworkTable(QTableWidget):
    """One row per layer, the prediction layer last, and a row with the total; a sum says what it adds."""

    def __init__(self) -> None:
        super().__init__(0, len(TITLES))
        make_read_only(self, "network_layers", "Layers of the network", 22)
        self.setHorizontalHeaderLabels(TITLES)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        fit_titles(self)

    def show_layers(self, layers: Sequence[LayerSummary]) -> None:
        """Show the layers of a network."""
        rows = [
            (
                layer.name,
                "x".join(map(str, layer.output_shape)),
                " + ".join(layer.inputs) if len(layer.inputs) > 1 else layer.formula,
                f"{layer.parameters:,}",
            )
            for layer in layers
        ]
        tips = [f"{format_network([layer.layer])}\nInput: {', '.join(layer.inputs)}" for layer in layers]
        rows.append(("sum", "", "", f"{sum(layer.parameters for layer in layers):,}"))
        self.setRowCount(len(rows))
        for row, texts in enumerate(rows):
            for column, text in enumerate(texts):
                item = QTableWidgetItem(text)
                if column == len(TITLES) - 1:
                    item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                item.setToolTip(tips[row] if row < len(tips) else "")
                self.setItem(row, column, item)

    def clear_layers(self) -> None:
        """Remove all rows."""
        self.setRowCount(0)

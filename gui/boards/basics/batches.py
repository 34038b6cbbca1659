"""Batches per epoch and iterations for any number of images, batch size and number of epochs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QGridLayout, QGroupBox, QHBoxLayout, QLabel, QVBoxLayout

from engine.config.fields import describe
from engine.experiments.basics.experiment import BasicsSpec
from engine.experiments.basics.formulas import Batches
from gui.widgets.spin_boxes import number_box

TITLES = {"images": "N images", "batch_size": "B a batch", "epochs": "E epochs"}
RESULTS = {
    "batches_per_epoch": ("Batches per epoch", "⌈N / B⌉"),
    "last_batch": ("Last batch", "N - (⌈N / B⌉ - 1)·B"),
    "iterations": ("Iterations", "⌈N / B⌉·E"),
}


class BatchesPanel(QGroupBox):
    """Emits ``chosen({key: value})`` when the user changes a number."""

    chosen = Signal(dict)

    def __init__(self) -> None:
        super().__init__("Batches and iterations")
        self.setObjectName("batches_panel")
        fields = {item.key: item for item in describe(BasicsSpec)}
        self._boxes = {key: number_box(f"count_{key}", fields[key]) for key in TITLES}
        self._numbers = {key: QLabel() for key in RESULTS}
        for key, label in self._numbers.items():
            label.setObjectName(key)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._arrange()
        for box in self._boxes.values():
            box.valueChanged.connect(self._changed)
        self._show()

    def show_values(self, values: Mapping[str, Any]) -> None:
        """Show other numbers without emitting ``chosen``."""
        for key, box in self._boxes.items():
            blocked = box.blockSignals(True)
            box.setValue(values[key])
            box.blockSignals(blocked)
        self._show()

    def _changed(self) -> None:
        self._show()
        self.chosen.emit(self._values())

    def _values(self) -> dict[str, int]:
        return {key: box.value() for key, box in self._boxes.items()}

    def _show(self) -> None:
        batches = Batches(**self._values())
        n, b, e = batches.images, batches.batch_size, batches.epochs
        count, last = batches.per_epoch, batches.last_size
        full = "full" if last == b else "short"
        texts = {
            "batches_per_epoch": f"⌈{n:,} / {b:,}⌉ = <b>{count:,}</b>",
            "last_batch": f"{n:,} - {count - 1:,}·{b:,} = <b>{last:,}</b>, {full}",
            "iterations": f"{count:,}·{e:,} = <b>{count * e:,}</b>",
        }
        for key, text in texts.items():
            self._numbers[key].setText(text)

    def _arrange(self) -> None:
        row = QHBoxLayout()
        for key, box in self._boxes.items():
            label = QLabel(TITLES[key])
            label.setBuddy(box)
            row.addWidget(label)
            row.addWidget(box, 1)
        grid = QGridLayout()
        grid.setVerticalSpacing(3)
        grid.setHorizontalSpacing(12)
        grid.setColumnStretch(2, 1)
        for line, (key, (title, formula)) in enumerate(RESULTS.items()):
            for column, widget in enumerate((QLabel(title), QLabel(formula), self._numbers[key])):
                grid.addWidget(widget, line, column)
        column_layout = QVBoxLayout(self)
        column_layout.addLayout(row)
        column_layout.addLayout(grid)

"""Number of parameters of any network written by the user, layer by layer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QGroupBox, QHBoxLayout, QLabel, QLineEdit, QSpinBox, QVBoxLayout

from engine.config.fields import describe
from engine.experiments.basics.experiment import COURSE_INPUT, LARGEST_SIDE, BasicsSpec, with_relu
from engine.networks.architectures import ARCHITECTURES, format_network, parse_network, summarize_layers
from engine.utils.errors import NetworkError
from gui.forms.network_pages import NetworkPages
from gui.widgets.spin_boxes import bounded_box, number_box

SIDES = ("height", "width", "channels")
OWN = "your own"
MESSAGE_LINES = 2


class ParametersPanel(QGroupBox):
    """Counts while the user types; emits ``chosen({key: value})`` when another valid network was entered."""

    chosen = Signal(dict)

    def __init__(self) -> None:
        super().__init__("Parameters of a network")
        self.setObjectName("parameters_panel")
        self._make_widgets()
        self._arrange()
        self._settings = self._count()  # as in the form
        self._text.textChanged.connect(self._changed)
        self._text.textEdited.connect(lambda _text: self._start.setCurrentIndex(0))
        self._start.activated.connect(self._start_from)
        for box in (*self._sides, self._classes):
            box.valueChanged.connect(self._changed)

    def show_values(self, values: Mapping[str, Any]) -> None:
        """Show another network without emitting ``chosen``; an equivalent text is left as typed."""
        if {key: values[key] for key in self._settings} == self._settings:
            return
        for widget in (self._text, self._classes, *self._sides):
            widget.blockSignals(True)
        self._write(values["network"])
        self._classes.setValue(values["classes"])
        for box, side in zip(self._sides, values["input_shape"], strict=True):
            box.setValue(side)
        for widget in (self._text, self._classes, *self._sides):
            widget.blockSignals(False)
        self._start.setCurrentIndex(0)
        self._settings = self._count()

    def _changed(self) -> None:
        if settings := self._count():
            self._settings = settings
            self.chosen.emit(settings)

    def _count(self) -> dict[str, Any]:
        """Show layers and total, or the error; return the valid settings, or none."""
        shape, classes = tuple(box.value() for box in self._sides), self._classes.value()
        try:
            layers = parse_network(self._text.text())
            summaries = summarize_layers(layers, shape, classes)
        except NetworkError as error:
            self._layers.show_problem()
            self._message.setText(f"<b>This can't be counted:</b> {str(error).removesuffix('.')}.")
            return {}
        self._layers.show_layers(summaries)
        total = sum(summary.parameters for summary in summaries)
        self._message.setText(f"<b>{total:,} parameters</b>, the prediction layer FC-{classes} included")
        return {"network": format_network(layers), "input_shape": shape, "classes": classes}

    def _start_from(self, _index: int) -> None:
        layers = ARCHITECTURES.get(self._start.currentText())
        if layers is not None:
            self._write(format_network(with_relu(layers)))

    def _write(self, network: str) -> None:
        self._text.setText(network)
        self._text.setCursorPosition(0)

    def _make_widgets(self) -> None:
        fields = {item.key: item for item in describe(BasicsSpec)}
        self._start = QComboBox()
        self._start.setObjectName("parameters_start")
        self._start.setAccessibleName("Network to start from")
        self._start.addItems([OWN, *ARCHITECTURES])
        self._text = QLineEdit()
        self._write(fields["network"].default)
        self._text.setObjectName("parameters_network")
        self._text.setAccessibleName("Layers of the network")
        self._text.setToolTip(fields["network"].help)
        self._sides: list[QSpinBox] = [
            bounded_box(f"input_{side}", f"Input {side}", 1, LARGEST_SIDE, value, f"{side.capitalize()} of an image")
            for side, value in zip(SIDES, COURSE_INPUT, strict=True)
        ]
        self._classes = number_box("count_classes", fields["classes"])
        self._layers, self._message = NetworkPages(), QLabel()
        self._layers.failed.connect(self._message.setText)
        self._message.setObjectName("parameters_message")
        self._message.setWordWrap(True)
        self._message.setMinimumHeight(MESSAGE_LINES * self._message.fontMetrics().lineSpacing())

    def _arrange(self) -> None:
        network, shape = QHBoxLayout(), QHBoxLayout()
        network.addWidget(self._start)
        network.addWidget(self._text, 1)
        shape.addWidget(QLabel("Input"))
        for position, box in enumerate(self._sides):
            if position:
                shape.addWidget(QLabel("x"))
            shape.addWidget(box)
        shape.addStretch()
        shape.addWidget(QLabel("Classes"))
        shape.addWidget(self._classes)
        column = QVBoxLayout(self)
        column.addLayout(network)
        column.addLayout(shape)
        column.addWidget(self._message)
        column.addWidget(self._layers, 1)

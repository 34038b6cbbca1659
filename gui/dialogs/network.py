"""Dialog to define a network in the homework's notation, checked while typing."""

from __future__ import annotations

from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from engine.experiments.fields import normalize_architecture
from engine.networks.architectures import ARCHITECTURES, format_network, layers_of, summarize_layers
from engine.networks.notation import EXAMPLE, split_architecture
from engine.utils.errors import NetworkError, TrainscopeError
from engine.utils.text import pluralise
from engine.workspace.network_library import NetworkLibrary
from gui.forms.network_table import NetworkTable

HINT = (
    "Layers from first to last, separated by commas: <b>Conv-3x3x16</b> (width x height x channels), "
    "<b>MaxPool-2x2</b>, <b>FC-64</b>, <b>FC-64(no bias)</b>, an activation such as <b>ReLU</b>, or <b>Act</b> for the "
    "one set in the form. The prediction layer follows by itself."
)


class NetworkDialog(QDialog):
    """Sets ``architecture``, a text ``name[layers]``, when accepted, and saves it in the library.

    Args:
        library: the user's named networks.
        input_shape: height, width and channels of the images.
        classes: number of classes.
        parent: the window.
    """

    def __init__(
        self, library: NetworkLibrary, input_shape: tuple[int, int, int], classes: int, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setObjectName("network_dialog")
        self.setWindowTitle("Write a network")
        self._library, self._input_shape, self._classes = library, input_shape, classes
        self._saved: dict[str, str] = {}
        self.architecture = ""
        self._make_widgets()
        self._arrange()
        self._offer()
        self._notation.setPlainText(EXAMPLE)
        self._name.setText("my_net")
        self.resize(620, 560)

    def accept(self) -> None:
        """Save the network and close if it is valid, else show why not."""
        try:
            self.architecture = normalize_architecture(self._written())
            self._library.save(self.architecture)
        except (TrainscopeError, ValueError) as error:
            self._message.setText(str(error))
            return
        super().accept()

    def _written(self) -> str:
        return f"{self._name.text().strip()}[{self._notation.toPlainText()}]"

    def _check(self) -> None:
        """Show the layers of the current text, or why it is invalid."""
        problem = ""
        try:
            layers = layers_of(f"network[{self._notation.toPlainText()}]")
            self._layers.show_layers(summarize_layers(layers, self._input_shape, self._classes))
            normalize_architecture(self._written())
        except (NetworkError, ValueError) as error:
            problem = str(error)
        if problem and problem.startswith("at "):
            problem = f"On {self._input_shape[1]}x{self._input_shape[0]} images: {problem}."
        self._message.setText(problem)
        if problem:
            self._layers.clear_layers()
        self._buttons.button(QDialogButtonBox.StandardButton.Save).setEnabled(not problem)

    def _offer(self) -> None:
        """List the networks to start from."""
        try:
            self._saved = self._library.networks()
        except TrainscopeError as error:
            self._message.setText(str(error))
        self._start.blockSignals(True)
        self._start.clear()
        self._start.addItem("Start from …", None)
        for name in (*self._saved, *ARCHITECTURES):
            self._start.addItem(name, name)
        self._start.blockSignals(False)

    def _begin_from(self, _index: int) -> None:
        name = self._start.currentData()
        if name is None:
            return
        self._remove.setEnabled(name in self._saved)
        notation = split_architecture(self._saved[name])[1] if name in self._saved else None
        self._name.setText(name if notation is not None else f"{name}_changed")
        self._notation.setPlainText(notation if notation is not None else format_network(ARCHITECTURES[name]))

    def _forget(self) -> None:
        try:
            self._library.remove(str(self._start.currentData()))
        except TrainscopeError as error:
            self._message.setText(str(error))
        self._remove.setEnabled(False)
        self._offer()

    def _make_widgets(self) -> None:
        self._start = QComboBox()
        self._start.setObjectName("network_start")
        self._start.currentIndexChanged.connect(self._begin_from)
        self._remove = QPushButton("Forget this network")
        self._remove.setObjectName("network_remove")
        self._remove.setEnabled(False)
        self._remove.clicked.connect(self._forget)
        self._name, self._notation = QLineEdit(), QPlainTextEdit()
        self._name.setObjectName("network_name")
        self._name.textChanged.connect(lambda _text: self._check())
        self._notation.setObjectName("network_notation")
        self._notation.setMaximumHeight(90)
        self._notation.setTabChangesFocus(True)
        self._notation.textChanged.connect(self._check)
        self._layers, self._message = NetworkTable(), QLabel()
        self._message.setObjectName("network_message")
        self._message.setWordWrap(True)
        self._buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Save | QDialogButtonBox.StandardButton.Cancel)
        self._buttons.button(QDialogButtonBox.StandardButton.Save).setObjectName("network_save")
        self._buttons.accepted.connect(self.accept)
        self._buttons.rejected.connect(self.reject)

    def _arrange(self) -> None:
        column = QVBoxLayout(self)
        hint = QLabel(HINT)
        hint.setWordWrap(True)
        column.addWidget(hint)
        rows = QFormLayout()
        rows.addRow("Start from", self._start)
        rows.addRow("", self._remove)
        rows.addRow("Name", self._name)
        rows.addRow("Layers", self._notation)
        column.addLayout(rows)
        column.addWidget(self._message)
        height, width, channels = self._input_shape
        column.addWidget(
            QLabel(f"On {width}x{height} images with {pluralise(channels, 'channel')}, {self._classes} classes:")
        )
        column.addWidget(self._layers, 1)
        column.addWidget(self._buttons)

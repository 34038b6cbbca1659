"""Dialog to define a network in the homework's notation, checked while typing."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, count

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QMessageBox,
    QPushButton,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from engine.experiments.fields import normalize_architecture
from engine.networks.architectures import (
    ARCHITECTURES,
    LayerSummary,
    architecture_name,
    format_network,
    layers_of,
    summarize_layers,
)
from engine.networks.notation import EXAMPLE, check_name, split_architecture
from engine.utils.errors import NetworkError, TrainscopeError
from engine.utils.text import pluralise
from engine.workspace.network_library import NetworkLibrary
from gui.forms.network_pages import NetworkPages
from gui.forms.notation_editor import NotationEditor

HINT = (
    "Layers from first to last, separated by commas, such as <b>Conv-3x3x16, ReLU, MaxPool-2x2, FC-64</b>; <b>Act</b> "
    "is the activation set in the form. The prediction layer is added automatically."
)

MESSAGE_LINES = 3
GAP = 6  # beside the handle between the two sides
WIDTH, HEIGHT, EDITOR_WIDTH = 1080, 640, 370
SCREEN_MARGINS = 20, 60  # of a small screen, for the frame of the window
LONGEST_STEM = 36  # characters of a name that get a number appended; a name has at most 40


class NetworkDialog(QDialog):
    """Sets ``architecture``, a text ``name[layers]``, when accepted, and saves it in the library.

    Saving under the name of another saved network asks before replacing it; saving the one chosen in *Start from* does
    not.

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
        self._edited = ""  # the saved network that the user began from, as it was then
        self.architecture = ""
        self._make_widgets()
        self._arrange()
        self._offer()
        self._notation.write(EXAMPLE)
        self._name.setText(self._free_name("my_net"))
        self.resize(QSize(WIDTH, HEIGHT).boundedTo(self.screen().availableSize() - QSize(*SCREEN_MARGINS)))

    def accept(self) -> None:
        """Save the network and close if it is valid, else show why not."""
        try:
            architecture = normalize_architecture(self._written())
            self._saved = self._library.networks()  # another window may have saved some
            if not self._may_replace(architecture):
                self._name.setFocus()
                self._name.selectAll()
                return
            architecture = normalize_architecture(self._written())  # the name may have been changed by the question
            self._library.save(architecture)
        except (TrainscopeError, ValueError) as error:
            self._message.setText(str(error))
            return
        self.architecture = architecture
        super().accept()

    def _may_replace(self, architecture: str) -> bool:
        """Ask if another saved network has the name; the answer may be to save under a free name instead."""
        name = architecture_name(architecture)
        existing = self._saved.get(name)
        if existing in (None, architecture, self._edited):
            return True
        other = self._free_name(name)
        box = QMessageBox(
            QMessageBox.Icon.Question,
            "Replace the saved network?",
            f"Another network is saved as {name}: {split_architecture(existing)[1]}. Replace it?",
            QMessageBox.StandardButton.Cancel,
            self,
        )
        box.setObjectName("ask_to_replace")
        box.setTextFormat(Qt.TextFormat.PlainText)
        replace = box.addButton("&Replace", QMessageBox.ButtonRole.DestructiveRole)
        rename = box.addButton(f"&Save as {other}", QMessageBox.ButtonRole.AcceptRole)
        box.setDefaultButton(rename)
        box.exec()
        if box.clickedButton() is rename:
            self._name.setText(other)
        return box.clickedButton() in (replace, rename)

    def _free_name(self, name: str) -> str:
        """Return ``name``, with a number appended if a network is saved under it."""
        candidates = chain([name], (f"{name[:LONGEST_STEM]}_{number}" for number in count(2)))
        return next(each for each in candidates if each not in self._saved and each not in ARCHITECTURES)

    def _written(self) -> str:
        """Return the architecture as a text; propagates ``NetworkError`` if its name is none."""
        name = self._name.text().strip()
        check_name(name)
        return f"{name}[{self._notation.text}]"

    def _check(self) -> None:
        """Show the layers of the current text, or why it is invalid."""
        problem = ""
        try:
            layers = layers_of(f"network[{self._notation.text}]")
            self._show(summarize_layers(layers, self._input_shape, self._classes))
            normalize_architecture(self._written())
        except (NetworkError, ValueError) as error:
            problem = str(error)
        if problem and problem.startswith("at "):
            problem = f"On {self._input_shape[1]}x{self._input_shape[0]} images: {problem}."
        self._message.setText(problem)
        if problem:
            self._layers.show_problem()
        self._buttons.button(QDialogButtonBox.StandardButton.Save).setEnabled(not problem)

    def _show(self, summaries: Sequence[LayerSummary]) -> None:
        self._layers.show_layers(summaries)
        self._layers.picture.name = self._name.text().strip()
        height, width, channels = self._input_shape
        images = f"{width}x{height} images with {pluralise(channels, 'channel')}, {self._classes} classes"
        self._total.setText(f"<b>{sum(layer.parameters for layer in summaries):,} parameters</b> on {images}")

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
        self._edited = self._saved.get(name, "")
        self._remove.setEnabled(name in self._saved)
        notation = split_architecture(self._saved[name])[1] if name in self._saved else None
        self._name.setText(name if notation is not None else self._free_name(f"{name}_changed"))
        self._notation.write(notation if notation is not None else format_network(ARCHITECTURES[name]))

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
        self._remove = QPushButton("Forget")
        self._remove.setObjectName("network_remove")
        self._remove.setToolTip("Remove the chosen network from those that you saved")
        self._remove.setEnabled(False)
        self._remove.clicked.connect(self._forget)
        self._name, self._notation = QLineEdit(), NotationEditor(self._input_shape)
        self._name.setObjectName("network_name")
        self._name.textChanged.connect(lambda _text: self._check())
        self._notation.changed.connect(self._check)
        self._layers, self._total, self._message = NetworkPages(), QLabel(), QLabel()
        self._total.setObjectName("network_total")
        self._layers.failed.connect(self._message.setText)
        self._message.setObjectName("network_message")
        self._message.setWordWrap(True)
        self._message.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._message.setMinimumHeight(MESSAGE_LINES * self._message.fontMetrics().lineSpacing())
        self._buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Save | QDialogButtonBox.StandardButton.Cancel)
        self._buttons.button(QDialogButtonBox.StandardButton.Save).setObjectName("network_save")
        self._buttons.accepted.connect(self.accept)
        self._buttons.rejected.connect(self.reject)

    def _arrange(self) -> None:
        sides = QSplitter(Qt.Orientation.Horizontal)
        sides.setChildrenCollapsible(False)
        sides.addWidget(self._make_editing())
        sides.addWidget(self._make_view())
        sides.setStretchFactor(1, 1)
        sides.setSizes([EDITOR_WIDTH, WIDTH - EDITOR_WIDTH])
        column = QVBoxLayout(self)
        column.addWidget(sides, 1)
        column.addWidget(self._buttons)

    def _make_editing(self) -> QWidget:
        hint = QLabel(HINT)
        hint.setWordWrap(True)
        start = QHBoxLayout()
        start.addWidget(self._start, 1)
        start.addWidget(self._remove)
        rows = QFormLayout()
        rows.addRow("Start from", start)
        rows.addRow("Name", self._name)
        editing = QWidget()
        column = QVBoxLayout(editing)
        column.setContentsMargins(0, 0, GAP, 0)
        column.addLayout(rows)
        column.addWidget(hint)
        column.addWidget(self._notation, 1)
        column.addWidget(self._message)
        return editing

    def _make_view(self) -> QWidget:
        view = QWidget()
        column = QVBoxLayout(view)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._layers, 1)
        column.addWidget(self._total)
        return view

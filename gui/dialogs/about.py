"""The About box: versions, devices and workspace."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, qVersion
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QGridLayout, QLabel, QVBoxLayout, QWidget

from engine.utils.versions import versions

UNKNOWN_DEVICE = "being looked for …"
LICENCE = "MIT"
VALUE_WIDTH = 60  # characters; longer values are wrapped


class AboutDialog(QDialog):
    """Versions, devices and workspace, with a button that copies them.

    Args:
        workspace: folder of the results.
        devices: one line per device; empty while unknown.
        parent: the window.
    """

    def __init__(self, workspace: Path, devices: list[str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("about_dialog")
        self.setWindowTitle("About Trainscope")
        self._facts = versions() | {
            "Qt": qVersion(),
            "Device": "\n".join(devices) or UNKNOWN_DEVICE,
            "Workspace": str(workspace),
            "Licence": LICENCE,
        }
        self._values = {name: QLabel(value) for name, value in self._facts.items()}
        self._arrange()

    @property
    def text(self) -> str:
        """The contents as text, one fact per line."""
        return "\n".join(f"{name}: {value}" for name, value in self._facts.items())

    def show_devices(self, devices: list[str]) -> None:
        """Show the devices once known."""
        self._facts["Device"] = "\n".join(devices)
        self._values["Device"].setText(self._facts["Device"])

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.text)

    def _arrange(self) -> None:
        grid = QGridLayout()
        grid.setHorizontalSpacing(16)
        grid.setColumnStretch(1, 1)
        for row, (name, value) in enumerate(self._values.items()):
            value.setObjectName(f"about_{name.lower()}")
            value.setTextFormat(Qt.TextFormat.PlainText)
            value.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            if name == "Workspace":
                value.setWordWrap(True)
                value.setMinimumWidth(VALUE_WIDTH * self.fontMetrics().averageCharWidth())
            grid.addWidget(QLabel(name), row, 0, Qt.AlignmentFlag.AlignTop)
            grid.addWidget(value, row, 1)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        close = buttons.button(QDialogButtonBox.StandardButton.Close)
        copy = buttons.addButton("Cop&y", QDialogButtonBox.ButtonRole.ActionRole)
        for button, key, tip in ((close, "about_close", "Close"), (copy, "about_copy", "Copy all of this as text")):
            button.setObjectName(key)
            button.setToolTip(tip)
        copy.clicked.connect(lambda _checked=False: self._copy())
        buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        title = QLabel("<h3>Trainscope</h3>Watch neural networks learn.")
        column.addWidget(title)
        column.addSpacing(8)
        column.addLayout(grid)
        column.addSpacing(8)
        column.addWidget(buttons)

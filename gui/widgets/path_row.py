"""Row for a path, typed or chosen with a button."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QPushButton, QWidget

from engine.utils.errors import ExportError


class PathRow(QWidget):
    """A line edit and a button. Emits ``changed()`` on every edit and ``browsing()`` when the button is clicked.

    Args:
        name: prefix of the objectNames, such as ``export_folder``.
        what: what the path refers to, for tool tips and screen readers.
    """

    changed = Signal()
    browsing = Signal()

    def __init__(self, name: str, what: str) -> None:
        super().__init__()
        self._line, self._button = QLineEdit(), QPushButton("Choose…")
        self._line.setObjectName(name)
        self._line.setAccessibleName(what)
        self._line.setToolTip(f"{what}; ~ is your own folder")
        self._line.textChanged.connect(lambda _text: self.changed.emit())
        self._button.setObjectName(f"{name}_choose")
        self._button.setAccessibleName(f"Choose: {what}")
        self._button.setToolTip(f"Look for it: {what}")
        self._button.setAutoDefault(False)  # Return in the line edit accepts the dialog
        self._button.clicked.connect(lambda _checked=False: self.browsing.emit())
        self.setFocusProxy(self._line)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)  # otherwise a label's mnemonic would skip it
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._line, 1)
        row.addWidget(self._button)

    @property
    def text(self) -> str:
        """The stripped text of the line edit."""
        return self._line.text().strip()

    def show_path(self, path: str) -> None:
        """Show a path; an empty one, as from a cancelled dialog, is ignored."""
        if path:
            self._line.setText(path)


def typed_path(text: str) -> Path:
    """Return the absolute path, with ``~`` expanded.

    Raises:
        ExportError: if ``text`` is empty, or names the home folder of an unknown user.
    """
    if not text:
        raise ExportError("Choose where to write to.")
    try:
        return Path(text).expanduser().absolute()
    except RuntimeError:
        raise ExportError(f"'{text}' names the folder of a user there is not; choose another.") from None

"""A group of fields that can be folded away under its title."""

from __future__ import annotations

from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from gui.widgets.collapsible_text import FoldButton


class FoldableGroup(QWidget):
    """A group of a form under a button with its title; folded at first.

    Args:
        title: of the group; in small letters it is its objectName, and with ``_fold`` behind it the button's.
    """

    def __init__(self, title: str) -> None:
        super().__init__()
        name = title.lower()
        self.setObjectName(name)
        self.box = QWidget()
        self._button = FoldButton(self.box, title, f"{name}_fold")
        font = self._button.font()
        font.setBold(True)  # as the titles of the other groups
        self._button.setFont(font)
        self._button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._button)
        layout.addWidget(self.box)
        self.expand(False)

    def expand(self, expanded: bool) -> None:
        """Unfold or fold the group."""
        self._button.expand(expanded)

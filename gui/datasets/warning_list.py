"""What is doubtful about a data set, or was left out of it."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QScrollArea, QStyle, QWidget

MAX_LINES = 7  # more scroll, so that the plot below keeps its room


class WarningList(QScrollArea):
    """A sentence per line beside a warning sign, as tall as its text; hidden without any."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("detail_warnings")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._text = QLabel()
        self._text.setTextFormat(Qt.TextFormat.PlainText)  # file names are the user's and could be taken for markup
        self._text.setWordWrap(True)
        # When first shown the label may still be as tall as text wrapped to the hidden list's width.
        self._text.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        icon, side = QLabel(), self.fontMetrics().height()
        sign = self.style().standardIcon(QStyle.StandardPixmap.SP_MessageBoxWarning)
        icon.setPixmap(sign.pixmap(side, side))
        content = QWidget()
        self._row = QHBoxLayout(content)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.addWidget(icon, 0, Qt.AlignmentFlag.AlignTop)
        self._row.addWidget(self._text, 1)
        self.setWidget(content)
        self.show_warnings(())

    @property
    def text(self) -> str:
        """The displayed sentences, one per line."""
        return self._text.text()

    def show_warnings(self, sentences: Sequence[str]) -> None:
        """Show ``sentences``."""
        self._text.setText("\n".join(sentences))
        self.setVisible(bool(sentences))
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Follow the height of the wrapped text."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        if self.text:
            needed = self._row.heightForWidth(self.viewport().width())
            self.setFixedHeight(min(needed, MAX_LINES * self.fontMetrics().lineSpacing()))

"""Notices in the lower right corner of a widget, laid over it so that nothing moves under a click."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject
from PySide6.QtWidgets import QVBoxLayout, QWidget

MARGIN = 10  # pixels to the edges of the widget below
MAX_SHARE = 0.2  # of the height; a longer notice becomes wider
LINE_LENGTH = 48  # characters; no wider than the details beside the list of experiments, whose buttons stay free


class Notices(QWidget):
    """Shows those of its widgets that are not hidden above each other, in the lower right corner of ``host``.

    The corner holds results but no controls: form, buttons and tabs stay free. It has no size while all are hidden.
    """

    def __init__(self, host: QWidget, *notices: QWidget) -> None:
        super().__init__(host)
        self.setObjectName("notices")
        self._host, self._notices = host, notices
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        for notice in notices:
            self._column.addWidget(notice)
        host.installEventFilter(self)
        self._place()

    def event(self, event: QEvent) -> bool:
        """Resize when a notice is shown, hidden or changed."""
        handled = super().event(event)
        if event.type() == QEvent.Type.LayoutRequest:
            self._place()
        return handled

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        """Follow the size of the widget below."""
        if event.type() == QEvent.Type.Resize:
            self._place()
        return super().eventFilter(watched, event)

    def _place(self) -> None:
        if all(notice.isHidden() for notice in self._notices):
            self.resize(0, 0)
            return
        right, bottom = self._host.width() - MARGIN, self._host.height() - MARGIN
        width = min(LINE_LENGTH * self.fontMetrics().averageCharWidth(), right - MARGIN)
        if self._column.heightForWidth(width) > bottom * MAX_SHARE:
            width = min(2 * width, right - MARGIN)
        height = min(self._column.heightForWidth(width), bottom - MARGIN)
        self.setGeometry(right - width, bottom - height, width, height)
        self.raise_()

"""Data sets dropped onto a widget, with a sign that says so while they are dragged."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QEvent, QMimeData, QObject, Qt, Signal
from PySide6.QtGui import QDropEvent, QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import QLabel, QWidget

from engine.datasets.registry import check_path
from engine.utils.errors import DatasetError

VEIL = 215  # of 255: what is below still shimmers through


class _DropHint(QLabel):
    """Words over a widget, which stays to be seen."""

    def __init__(self, text: str, widget: QWidget) -> None:
        super().__init__(text, widget)
        self.setObjectName("drop_sign")
        self.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.hide()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """Draw a veil, then frame and words."""
        veil = self.palette().color(QPalette.ColorRole.Base)
        veil.setAlpha(VEIL)
        painter = QPainter(self)
        painter.fillRect(self.rect(), veil)
        painter.end()
        super().paintEvent(event)


def accept_copy(event: QDropEvent) -> bool:
    """Take what is dragged as a copy, whatever was proposed; gives whether it can be had as one.

    A file manager proposes to move files that it drags within a disk, and may remove them once they were taken so.
    """
    if not event.possibleActions() & Qt.DropAction.CopyAction:
        event.ignore()
        return False
    event.setDropAction(Qt.DropAction.CopyAction)
    event.accept()
    return True


class DropTarget(QObject):
    """Lets folders and files be dropped anywhere on a widget.

    Emits ``dropped(path)`` for each that can be a data set, and ``refused(sentence)``.

    Args:
        widget: where they can be dropped.
        words: shown over the widget while something is dragged across it.
    """

    dropped = Signal(str)
    refused = Signal(str)

    def __init__(self, widget: QWidget, text: str) -> None:
        super().__init__(widget)
        self._widget = widget
        self._hint = _DropHint(text, widget)
        widget.setAcceptDrops(True)
        widget.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        """Take what concerns dragging."""
        match event.type():
            case QEvent.Type.DragEnter | QEvent.Type.DragMove if isinstance(event, QDropEvent):
                if not event.mimeData().hasUrls():
                    return False
                if accept_copy(event):
                    self._show_hint()
                return True
            case QEvent.Type.DragLeave:
                self._hint.hide()
                return True
            case QEvent.Type.Drop if isinstance(event, QDropEvent):
                self._hint.hide()
                if accept_copy(event):
                    self._take(event.mimeData())
                return True
        return False

    def _show_hint(self) -> None:
        self._hint.setGeometry(self._widget.rect())
        self._hint.raise_()
        self._hint.show()

    def _take(self, data: QMimeData) -> None:
        for url in data.urls():
            if not url.isLocalFile():
                self.refused.emit(
                    f"{url.toDisplayString()} is not on this computer; download it, then drop the folder or file."
                )
                continue
            try:
                check_path(Path(url.toLocalFile()))
            except DatasetError as error:
                self.refused.emit(str(error))
            else:
                self.dropped.emit(url.toLocalFile())

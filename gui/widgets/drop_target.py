"""Drag and drop of folders and files onto a widget, with an overlay shown during the drag."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QEvent, QMimeData, QObject, Qt, Signal
from PySide6.QtGui import QDropEvent, QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import QLabel, QWidget

from engine.datasets.registry import FILE_ENDINGS, check_path
from engine.utils.errors import TrainscopeError

# For file dialogs: the files that may be dropped too.
DATASET_FILES = f"Data sets ({' '.join(f'*{ending}' for ending in FILE_ENDINGS)});;All files (*)"
OVERLAY_ALPHA = 215  # of 255: the widget below stays faintly visible


class _DropHint(QLabel):
    """Semi-transparent overlay with a text."""

    def __init__(self, text: str, widget: QWidget) -> None:
        super().__init__(text, widget)
        self.setObjectName("drop_sign")
        self.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.hide()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """Draw the overlay, then frame and text."""
        overlay = self.palette().color(QPalette.ColorRole.Base)
        overlay.setAlpha(OVERLAY_ALPHA)
        painter = QPainter(self)
        painter.fillRect(self.rect(), overlay)
        painter.end()
        super().paintEvent(event)


def accept_copy(event: QDropEvent) -> bool:
    """Accept a drag or drop as a copy, whatever action was proposed.

    A file manager proposes a move for files dragged within a disk, and may delete them once a move was accepted.

    Returns:
        Whether the source allows a copy; otherwise the event is ignored.
    """
    if not event.possibleActions() & Qt.DropAction.CopyAction:
        event.ignore()
        return False
    event.setDropAction(Qt.DropAction.CopyAction)
    event.accept()
    return True


class DropTarget(QObject):
    """Makes a widget accept dropped folders and files.

    Emits ``dropped(path)`` for each one that passes ``check``, ``refused(message)`` for any other.

    Args:
        widget: accepts the drops.
        text: shown over the widget during a drag.
        check: raises a ``TrainscopeError`` for a path to refuse; by default, one that can't be a data set.
    """

    dropped = Signal(str)
    refused = Signal(str)

    def __init__(self, widget: QWidget, text: str, check: Callable[[Path], object] = check_path) -> None:
        super().__init__(widget)
        self._widget, self._check = widget, check
        self._hint = _DropHint(text, widget)
        widget.setAcceptDrops(True)
        widget.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        """Handle the drag and drop events of the widget."""
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
                self._check(Path(url.toLocalFile()))
            except TrainscopeError as error:
                self.refused.emit(str(error))
            else:
                self.dropped.emit(url.toLocalFile())

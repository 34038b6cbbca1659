"""Base class of painted widgets whose tool tip depends on the position of the pointer."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPoint
from PySide6.QtGui import QHelpEvent
from PySide6.QtWidgets import QToolTip, QWidget


class PointTips(QWidget):
    """Shows ``tip`` of the point under the pointer as tool tip."""

    def event(self, event: QEvent) -> bool:
        """Answer tool tip requests."""
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            QToolTip.showText(event.globalPos(), self.tip(event.pos()), self)
            return True
        return super().event(event)

    def tip(self, at: QPoint) -> str:
        """Return the tool tip at a point in widget coordinates; empty for none."""
        raise NotImplementedError

"""A page whose content is built when it is first shown or used."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QWidget


class DeferredPage(QWidget):
    """A page of a tab widget that is built late, as building all pages would delay the first paint of the window.

    A subclass builds its content in ``_build`` and calls ``build`` wherever the content is used from outside. Emits
    ``built()`` afterwards, for those who set the content up.
    """

    built = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.is_built = False

    def build(self) -> None:
        """Build the content if necessary."""
        if self.is_built:
            return
        self.is_built = True
        self._build()
        self.built.emit()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        """Build the content, and show it before the page is painted."""
        super().showEvent(event)
        if not self.is_built:
            self.build()
            # Qt shows what is added to a visible widget only in the next iteration of the event loop.
            for child in self.findChildren(QWidget, options=Qt.FindChildOption.FindDirectChildrenOnly):
                if not child.testAttribute(Qt.WidgetAttribute.WA_WState_ExplicitShowHide):
                    child.show()

    def _build(self) -> None:
        raise NotImplementedError

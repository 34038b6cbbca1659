"""Base class of tabs of stored experiments: read in the background, drawn when first visible."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QPalette, QShowEvent
from PySide6.QtWidgets import QLabel, QStackedWidget, QWidget

from engine.workspace.catalogue import CatalogueEntry


class OpenedTab(QWidget):
    """A tab that can be closed.

    Emits ``titled(text, tip)`` when its title is known or changes, ``close_requested()``, and ``failed(sentence)``.

    A subclass queries its data in ``load`` and builds its views in ``draw``, which is called when everything has been
    read and the tab is visible, and after every reload.
    """

    titled = Signal(str, str)
    close_requested = Signal()
    failed = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._is_read = self._is_drawn = False
        self._state = QLabel()
        self._state.setObjectName("opened_state")
        self._state.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._state.setTextFormat(Qt.TextFormat.PlainText)
        self._state.setWordWrap(True)
        self._state.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self.content = QStackedWidget()
        self.content.addWidget(self._state)

    @property
    def key(self) -> str:
        """Key that the tab is stored by."""
        raise NotImplementedError

    @property
    def numbers(self) -> tuple[int, ...]:
        """Numbers of the shown experiments."""
        raise NotImplementedError

    @property
    def is_drawn(self) -> bool:
        """Whether the data read last are drawn."""
        return self._is_drawn

    def load(self) -> None:
        """Read or reload the data."""
        raise NotImplementedError

    def draw(self) -> None:
        """Draw the data."""
        raise NotImplementedError

    def show_entry(self, entry: CatalogueEntry) -> None:
        """Update the entry of one of its experiments."""
        raise NotImplementedError

    def stop_loading(self) -> None:
        """Cancel pending queries; called before the tab closes."""
        raise NotImplementedError

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        """Draw when first visible, so that restored tabs do not delay the start."""
        super().showEvent(event)
        self._draw_if_seen()

    def say(self, text: str) -> None:
        """Show a message in place of the views: progress or error."""
        self._state.setText(text)
        if not self._is_drawn:
            self.content.setCurrentWidget(self._state)

    def reading_ended(self) -> None:
        """Draw the data, now or when the tab becomes visible."""
        self._is_read, self._is_drawn = True, False
        self._draw_if_seen()

    def reading_failed(self, sentence: str) -> None:
        """Show why nothing can be shown."""
        self._is_read = self._is_drawn = False
        self.say(sentence)
        self.failed.emit(sentence)

    def _draw_if_seen(self) -> None:
        if self._is_read and not self._is_drawn and self.isVisible():
            self._is_drawn = True
            self.draw()

"""What the tabs of stored experiments have in common: read in the background, drawn once somebody looks."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QPalette, QShowEvent
from PySide6.QtWidgets import QLabel, QStackedWidget, QWidget

from engine.workspace.catalogue import CatalogueEntry


class OpenedTab(QWidget):
    """A tab that can be closed.

    Emits ``titled(text, tip)`` when it knows what to be called, ``close_requested()``, and ``failed(sentence)``.

    A subclass asks for what it shows in :meth:`load` and makes its views in :meth:`draw`, which is called when all has
    been read and the tab is in sight for the first time, and whenever it was read again.
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
        """What the tab is remembered by."""
        raise NotImplementedError

    @property
    def numbers(self) -> tuple[int, ...]:
        """The experiments it shows."""
        raise NotImplementedError

    @property
    def is_drawn(self) -> bool:
        """Whether it shows what was read last."""
        return self._is_drawn

    def load(self) -> None:
        """Read what it shows, for the first time or again."""
        raise NotImplementedError

    def draw(self) -> None:
        """Show what was read."""
        raise NotImplementedError

    def show_entry(self, entry: CatalogueEntry) -> None:
        """Take over what is newly known of one of its experiments."""
        raise NotImplementedError

    def drop(self) -> None:
        """Forget what is being read; the tab closes."""
        raise NotImplementedError

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        """Draw once somebody looks: tabs of the last time open without holding up the start."""
        super().showEvent(event)
        self._draw_if_seen()

    def say(self, text: str) -> None:
        """Say in place of the views how far the reading is, or why there is nothing to see."""
        self._state.setText(text)
        if not self._is_drawn:
            self.content.setCurrentWidget(self._state)

    def reading_ended(self) -> None:
        """All has been read: draw it, now or when it comes into sight."""
        self._is_read, self._is_drawn = True, False
        self._draw_if_seen()

    def reading_failed(self, sentence: str) -> None:
        """Show why there is nothing to see."""
        self._is_read = self._is_drawn = False
        self.say(sentence)
        self.failed.emit(sentence)

    def _draw_if_seen(self) -> None:
        if self._is_read and not self._is_drawn and self.isVisible():
            self._is_drawn = True
            self.draw()

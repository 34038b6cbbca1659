"""Live view of the logs of this process and its child processes."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from PySide6.QtCore import QSignalBlocker, QTimer, QUrl
from PySide6.QtGui import (
    QDesktopServices,
    QFontDatabase,
    QGuiApplication,
    QHideEvent,
    QShowEvent,
    QTextCursor,
)
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from engine.utils.logs import LogTail, ProgramLog, log_files
from gui.widgets.factories import named

READ_INTERVAL_MS = 500  # a read without new lines only checks the file's size
LINES_SHOWN = 5000
OWN = "This window"


class Source(Protocol):
    """A log that is read incrementally."""

    def read_new(self) -> str:
        """Return the text added since the last call."""


class LogWindow(QDialog):
    """The log of one process at a time; reads only while visible.

    Args:
        folder: folder of the log files.
        own: the log of this process, if one is kept.
        parent: the window.
    """

    def __init__(self, folder: Path, own: ProgramLog | None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("log_window")
        self.setWindowTitle("Log")
        self._folder, self._own = folder, own
        self._source: Source | None = None
        self._box, self._text, self._search = QComboBox(), QPlainTextEdit(), QLineEdit()
        self._follow, self._found = QCheckBox("Follow the &end"), QLabel()
        self._next = QPushButton("Find &next")
        self._copy, self._open = QPushButton("&Copy"), QPushButton("&Open folder")
        self._timer = QTimer(self, interval=READ_INTERVAL_MS)
        self._make_widgets()
        self._arrange()
        self._offer()
        self._choose()
        self.resize(860, 520)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        """Start reading."""
        super().showEvent(event)
        self.refresh()
        self._timer.start()

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802
        """Stop reading."""
        self._timer.stop()
        super().hideEvent(event)

    def refresh(self) -> None:
        """Append new lines, and list new logs."""
        self._offer()
        new = self._source.read_new() if self._source is not None else ""
        if new:
            self._add(new)

    def _add(self, text: str) -> None:
        bar = self._text.verticalScrollBar()
        place = bar.value()
        cursor = QTextCursor(self._text.document())
        cursor.movePosition(QTextCursor.MoveOperation.End)
        cursor.insertText(text)
        bar.setValue(bar.maximum() if self._follow.isChecked() else place)

    def _offer(self) -> None:
        """List new logs, keeping the selection."""
        known = {self._box.itemData(position) for position in range(self._box.count())}
        with QSignalBlocker(self._box):
            if self._own is not None and "" not in known:
                self._box.addItem(OWN, "")
            for path in log_files(self._folder):
                if str(path) not in known:
                    self._box.addItem(str(path.relative_to(self._folder)), str(path))

    def _choose(self) -> None:
        chosen = self._box.currentData()
        self._text.clear()
        self._found.clear()
        if chosen is None:
            self._source = None
        else:
            self._source = LogTail(Path(chosen)) if chosen or self._own is None else self._own.reader()
        self.refresh()

    def _find(self) -> None:
        """Go to the next match, wrapping around."""
        wanted = self._search.text()
        found = bool(wanted) and self._text.find(wanted)
        if wanted and not found:
            self._text.moveCursor(QTextCursor.MoveOperation.Start)
            found = self._text.find(wanted)
        self._found.setText("" if found or not wanted else "not found")
        if found:
            self._follow.setChecked(False)  # so that the match stays visible

    def _follow_changed(self, follow: bool) -> None:
        if follow:
            bar = self._text.verticalScrollBar()
            bar.setValue(bar.maximum())

    def _copy_text(self) -> None:
        """Copy the selection, or else the whole text."""
        selected = self._text.textCursor().selectedText().replace("\u2029", "\n")
        QGuiApplication.clipboard().setText(selected or self._text.toPlainText())

    def _open_folder(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._folder)))

    def _make_widgets(self) -> None:
        self._text.setReadOnly(True)
        self._text.setMaximumBlockCount(LINES_SHOWN)
        self._text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self._text.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self._text.setTabChangesFocus(True)
        self._search.setPlaceholderText("Search")
        self._search.setClearButtonEnabled(True)
        self._follow.setChecked(True)
        self._box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self._next.setDefault(True)
        self._timer.timeout.connect(self.refresh)
        self._box.currentIndexChanged.connect(lambda _index: self._choose())
        self._follow.toggled.connect(self._follow_changed)
        for button, slot in ((self._next, self._find), (self._copy, self._copy_text), (self._open, self._open_folder)):
            button.clicked.connect(lambda _checked=False, slot=slot: slot())
            button.setAutoDefault(button is self._next)
        for each in (
            (self._box, "log_choice", "Log", "Whose log: the window's own, or a child process's"),
            (self._text, "log_text", "Lines of the log", ""),
            (self._search, "log_search", "Search the log", "Text to find (Enter: the next place)"),
            (self._next, "log_next", "Find next", "Go to the next place (Enter)"),
            (self._follow, "log_follow", "Follow the end", "Keep the newest line in sight"),
            (self._copy, "log_copy", "Copy", "Copy the selected lines, or all that are shown"),
            (self._open, "log_open", "Open folder", "Open the folder of the log files"),
            (self._found, "log_found", "Result of the search", ""),
        ):
            named(*each)

    def _arrange(self) -> None:
        label = QLabel("&Log")
        label.setBuddy(self._box)
        top, bottom = QHBoxLayout(), QHBoxLayout()
        row: tuple[QWidget, ...] = (label, self._box, self._found, self._search, self._next)
        for widget in row:
            if widget is self._found:
                top.addStretch()
            top.addWidget(widget)
        bottom.addWidget(self._follow)
        bottom.addStretch()
        for button in (self._copy, self._open):
            bottom.addWidget(button)
        column = QVBoxLayout(self)
        column.addLayout(top)
        column.addWidget(self._text, 1)
        column.addLayout(bottom)

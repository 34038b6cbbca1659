"""Dialog with the output of the self-test, line by line."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from PySide6.QtCore import QObject, QThread, Signal
from PySide6.QtGui import (
    QFont,
    QFontDatabase,
    QGuiApplication,
    QHideEvent,
    QShowEvent,
    QTextBlockFormat,
    QTextCharFormat,
    QTextCursor,
)
from PySide6.QtWidgets import QDialog, QHBoxLayout, QLabel, QProgressBar, QPushButton, QTextEdit, QVBoxLayout, QWidget

from engine.events.channel import ControlChannel
from engine.events.commands import Control
from engine.selftest.check import Check, CheckState, Outcome
from engine.selftest.report import INDENT, line
from engine.selftest.run import run_self_test
from engine.utils.errors import Cancelled, TrainscopeError
from gui.widgets.factories import named

INTRODUCTION = (
    "Looks at what the program stands on: packages, folders, the store, devices, training, plots. Nothing of yours is "
    "changed. It takes longer while something trains."
)
NOTEWORTHY = (CheckState.WARNING, CheckState.FAILED)

log = logging.getLogger(__name__)


class SelfTestThread(QThread):
    """Runs the checks.

    Emits ``begun(name)`` before each check, ``reported(line, noteworthy)`` for each line, and ``completed(sentence)``
    at the end with the outcome; none of them after ``stop``.
    """

    begun = Signal(str)
    reported = Signal(str, bool)
    completed = Signal(str)

    def __init__(self, checks: Sequence[Check], workspace: Path, device: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._checks, self._workspace, self._device = checks, workspace, device
        self._control = ControlChannel()

    def run(self) -> None:
        """Run the thread; called by Qt."""
        try:
            ending = run_self_test(self._checks, self._workspace, self._device, self._control, self._begin, self._show)
            for text in ending.lines:
                self.reported.emit(text, False)
            self.completed.emit("Nothing failed." if ending.passed else "Something failed; see the lines in bold.")
        except Cancelled:
            return
        except TrainscopeError as error:
            self.completed.emit(str(error))
        except Exception as error:
            log.exception("unexpected error in the self-test")
            self.completed.emit(f"An unexpected {type(error).__name__} ended the self-test ({error}); see Help > Log.")

    def stop(self) -> None:
        """Cancel the running check, and return when the thread has ended."""
        self.blockSignals(True)
        with suppress(OSError):
            self._control.send(Control.CANCEL)
        self.wait()
        self._control.close()

    def _begin(self, check: Check) -> None:
        self.begun.emit(check.name)

    def _show(self, outcome: Outcome) -> None:
        self.reported.emit(line(outcome), outcome.result.state in NOTEWORTHY)


class SelfTestDialog(QDialog):
    """Runs ``checks`` while visible, and shows their results, which a button copies.

    Args:
        checks: the checks.
        workspace: folder of the results.
        device: the device requested for this start.
        parent: the window.
    """

    def __init__(self, checks: Sequence[Check], workspace: Path, device: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("selftest_dialog")
        self.setWindowTitle("Self-test")
        self._checks, self._workspace, self._device = checks, workspace, device
        self._thread: SelfTestThread | None = None
        self._status, self._bar, self._text = QLabel(), QProgressBar(), QTextEdit()
        self._again, self._copy, self._close = QPushButton("&Test again"), QPushButton("Cop&y"), QPushButton("Close")
        self._make_widgets()
        self._arrange()
        self.resize(860, 560)

    @property
    def text(self) -> str:
        """The lines so far."""
        return self._text.toPlainText()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        """Start the checks when first shown."""
        super().showEvent(event)
        if self._thread is None and not self.text:
            self.start()

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802
        """Stop an unfinished test, which restarts when shown again; a minimised dialog continues."""
        if not event.spontaneous():
            self.stop()
        super().hideEvent(event)

    def start(self) -> None:
        """Run all checks."""
        self._text.clear()
        self._status.setText("Starting …")
        self._bar.setRange(0, len(self._checks))
        self._bar.setValue(0)
        self._bar.show()
        self._again.setEnabled(False)
        self._thread = thread = SelfTestThread(self._checks, self._workspace, self._device, self)
        thread.begun.connect(self._begin)
        thread.reported.connect(self._report)
        thread.completed.connect(self._end)
        thread.start()

    def stop(self) -> None:
        """Stop a running test."""
        if self._thread is not None:
            self._drop(self._thread)
            self._text.clear()

    def _drop(self, thread: SelfTestThread) -> None:
        thread.stop()
        thread.deleteLater()
        self._thread = None

    @property
    def _is_current(self) -> bool:
        """Whether the current signal is from the running test rather than a stopped one."""
        return self._thread is not None and self.sender() is self._thread

    def _begin(self, name: str) -> None:
        if not self._is_current:
            return
        self._status.setText(f"Looking at: {name} …")

    def _report(self, text: str, noteworthy: bool) -> None:
        if not self._is_current:
            return
        self._bar.setValue(self._bar.value() + 1)
        form = QTextCharFormat()
        form.setFontWeight(QFont.Weight.Bold if noteworthy else QFont.Weight.Normal)
        hanging = QTextBlockFormat()
        indent = self._text.fontMetrics().horizontalAdvance(INDENT)
        hanging.setLeftMargin(indent)
        hanging.setTextIndent(-indent)
        cursor = QTextCursor(self._text.document())
        cursor.movePosition(QTextCursor.MoveOperation.End)
        if not self._text.document().isEmpty():
            cursor.insertBlock()
        cursor.setBlockFormat(hanging)
        cursor.insertText(text, form)
        self._text.verticalScrollBar().setValue(self._text.verticalScrollBar().maximum())

    def _end(self, sentence: str) -> None:
        if self._thread is None or not self._is_current:
            return
        self._status.setText(sentence)
        self._bar.hide()
        self._again.setEnabled(True)
        self._drop(self._thread)

    def _copy_text(self) -> None:
        QGuiApplication.clipboard().setText(self.text)

    def _make_widgets(self) -> None:
        self._text.setReadOnly(True)
        self._text.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self._text.setTabChangesFocus(True)
        self._bar.setTextVisible(False)
        self._close.setDefault(True)
        for button, slot in ((self._again, self.start), (self._copy, self._copy_text), (self._close, self.reject)):
            button.clicked.connect(lambda _checked=False, slot=slot: slot())
            button.setAutoDefault(button is self._close)
        for each in (
            (self._status, "selftest_status", "What is looked at", ""),
            (self._bar, "selftest_progress", "Checks done", ""),
            (self._text, "selftest_text", "Lines of the self-test", ""),
            (self._again, "selftest_again", "Test again", "Carry out all checks once more"),
            (self._copy, "selftest_copy", "Copy", "Copy all lines as text"),
            (self._close, "selftest_close", "Close", "Close; a test that is under way is ended"),
        ):
            named(*each)

    def _arrange(self) -> None:
        introduction = QLabel(INTRODUCTION)
        introduction.setWordWrap(True)
        self._status.setWordWrap(True)
        row = QHBoxLayout()
        row.addWidget(self._again)
        row.addStretch()
        row.addWidget(self._copy)
        row.addWidget(self._close)
        column = QVBoxLayout(self)
        for widget in (introduction, self._text, self._status, self._bar):
            column.addWidget(widget, 1 if widget is self._text else 0)
        column.addLayout(row)

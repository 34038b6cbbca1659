"""The lines to add to a script, a tab for each framework."""

from __future__ import annotations

from PySide6.QtGui import QFontDatabase, QGuiApplication
from PySide6.QtWidgets import QPlainTextEdit, QTabWidget, QVBoxLayout, QWidget

from gui.watch.snippets import SNIPPETS, snippet
from gui.widgets.factories import named, push_button


class CodeTabs(QTabWidget):
    """Shows the code that logs to a folder, to be copied."""

    def __init__(self) -> None:
        super().__init__()
        named(self, "watch_code", "Lines to add to your code")
        self._editors: dict[str, QPlainTextEdit] = {}
        for framework in SNIPPETS:
            self.addTab(self._page(framework), framework)
        copy = push_button("watch_copy", "Cop&y", "Copy the code shown")
        copy.setAutoDefault(False)
        copy.clicked.connect(lambda _checked=False: self._copy())
        self.setCornerWidget(copy)

    def show_folder(self, folder: str) -> None:
        """Fill in the folder."""
        for framework, editor in self._editors.items():
            editor.setPlainText(snippet(framework, folder).rstrip())

    def _copy(self) -> None:
        editor = self._editors[self.tabText(self.currentIndex())]
        QGuiApplication.clipboard().setText(editor.toPlainText())

    def _page(self, framework: str) -> QWidget:
        name = framework.lower()
        editor = named(QPlainTextEdit(), f"watch_code_{name}", f"Code for {framework}")
        editor.setReadOnly(True)
        editor.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        editor.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        editor.setTabChangesFocus(True)
        editor.setToolTip("The lines with run and trainscope_log are the ones to add; the others stand for your own")
        self._editors[framework] = editor
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(6, 6, 6, 6)
        column.addWidget(editor)
        return page

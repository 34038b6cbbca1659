"""gui.widgets.deferred_page: pages built when first shown or used."""

from __future__ import annotations

from PySide6.QtWidgets import QLabel, QTabWidget, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from gui.widgets.deferred_page import DeferredPage


class Page(DeferredPage):
    """A page with one visible and one hidden label; counts how often it is built."""

    def __init__(self) -> None:
        super().__init__()
        self.builds = 0

    def _build(self) -> None:
        self.builds += 1
        self.label, self.hint = QLabel("content"), QLabel("hint")
        layout = QVBoxLayout(self)
        for label in (self.label, self.hint):
            layout.addWidget(label)
        self.hint.hide()


def test_a_page_is_built_once_and_announces_it_when_it_is_complete(qtbot: QtBot) -> None:
    page = Page()
    qtbot.addWidget(page)
    seen: list[str] = []
    page.built.connect(lambda: seen.append(page.label.text()))
    assert page.findChildren(QWidget) == []
    page.build()
    page.build()
    assert (page.builds, seen) == (1, ["content"])


def test_a_page_opened_before_it_was_built_shows_its_content_at_once(qtbot: QtBot) -> None:
    tabs, page = QTabWidget(), Page()
    qtbot.addWidget(tabs)
    tabs.addTab(QWidget(), "first")
    tabs.addTab(page, "second")
    tabs.show()
    assert not page.is_built
    tabs.setCurrentWidget(page)
    assert page.label.isVisible(), "not only in the next iteration of the event loop, after an empty page was painted"
    assert not page.hint.isVisible(), "what the page hides stays hidden"

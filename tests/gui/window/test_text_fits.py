"""No text is cut off: every label, button, box and header has enough room."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain
from typing import Any

import pytest
from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QFont, QTextDocument
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QCheckBox,
    QComboBox,
    QGroupBox,
    QHeaderView,
    QLabel,
    QPushButton,
    QScrollArea,
    QTabBar,
    QTableView,
    QTabWidget,
    QToolButton,
    QWidget,
)
from pytestqt.qtbot import QtBot

from engine.events.tasks import Event
from engine.events.watching import WatchedExperiment
from engine.executors.tasks import TrainTask
from gui.experiment.experiment_tab import ExperimentTab
from gui.utils.theme import apply_style
from gui.watch.tab import WatchTab
from gui.window.main_window import MainWindow
from tests.engine.support import ScriptedExecutor, finished, record, started, weights
from tests.gui.conftest import MakeWindow
from tests.gui.support import PATIENCE_MS, tab_of
from tests.gui.watch_support import begins, ends, folder_of, logged, takes, trains

SIZES = {
    "1280x800": (QSize(1280, 800), 1.0),
    "1280x720 at 150 %": (QSize(1280, 720), 1.0),
    "large": (QSize(1280, 800), 1.5),
}


@pytest.fixture(
    params=[pytest.param(size, marks=[pytest.mark.long] if "%" in name else []) for name, size in SIZES.items()],
    ids=SIZES,
)
def size(request: pytest.FixtureRequest, qapp: QApplication) -> Iterator[QSize]:
    """The window's size; the font is the default or a larger one during the test."""
    apply_style(qapp)
    before = qapp.font()
    font = QFont(before)
    font.setPointSizeF(request.param[1] * before.pointSizeF())
    qapp.setFont(font)
    yield request.param[0]
    qapp.setFont(before)


def test_nothing_is_cut_on_any_tab(qtbot: QtBot, make_window: MakeWindow, size: QSize) -> None:
    window = make_window()
    window.resize(size)
    assert window.size() == size, f"the window needs {window.minimumSizeHint()}"
    tabs = window.findChild(QTabWidget, "tabs")
    cut = []
    for position in range(tabs.count()):
        tabs.setCurrentIndex(position)
        for stage in pages_of(tabs.currentWidget()):
            QApplication.processEvents()
            cut += [f"{tabs.tabText(position)}, {stage}: {each}" for each in cut_texts(window)]
    assert cut == []


@pytest.mark.parametrize(
    "experiment", ["architectures", "activations", pytest.param("schedule", marks=pytest.mark.long)]
)
def test_nothing_is_cut_once_there_are_results(
    qtbot: QtBot, make_window: MakeWindow, size: QSize, experiment: str
) -> None:
    window = make_window(ScriptedExecutor(whole_run))
    window.resize(size)
    tab = tab_of(window, experiment)
    window.findChild(QTabWidget, "tabs").setCurrentWidget(tab)
    with qtbot.waitSignal(window.training_ended, timeout=PATIENCE_MS):
        tab.start()
    for page in chain(("first page",), pages_of_board(tab.board)):
        # A layout takes several iterations of the event loop to follow a text that has grown.
        qtbot.waitUntil(partial(check_nothing_is_cut, window, page))


def test_nothing_is_cut_while_own_code_is_watched(qtbot: QtBot, make_window: MakeWindow, size: QSize) -> None:
    window = make_window()
    window.resize(size)
    watch = window.findChild(WatchTab)
    window.findChild(QTabWidget, "tabs").setCurrentWidget(watch)
    names = {"problems": ("The first log can't be read, as it is not text; remove it.", "Nor can the second.")}
    takes(watch, begins(1, logged(1)), trains(1, [1]), folder_of(WatchedExperiment(1, "three networks", 1), **names))
    takes(watch, ends(1, [1]))
    board = watch.view.board
    assert board is not None
    for page in chain(("first page",), pages_of_board(board)):
        qtbot.waitUntil(partial(check_nothing_is_cut, window, page))


def check_nothing_is_cut(window: MainWindow, page: str) -> None:
    assert list(cut_texts(window)) == [], page


def whole_run(task: TrainTask) -> list[Event]:
    return [started(task.run), weights(task.run), record(task.run, 260), weights(task.run, 26, 1), finished(task.run)]


def pages_of(tab: QWidget) -> Iterator[str]:
    """The contents of a tab: first the start page, then the board."""
    yield "first"
    if isinstance(tab, ExperimentTab):
        board = tab.board
        tab.board_stack.show_board()
        yield "board"
        yield from pages_of_board(board)


def pages_of_board(board: QWidget) -> Iterator[str]:
    """Show the pages of a board one after the other, then the first again."""
    bar = board.findChild(QTabBar, "pages")
    for position in [*range(1, bar.count()), 0] if bar is not None else []:
        bar.setCurrentIndex(position)
        yield f"page {bar.tabText(position)}"


def cut_texts(window: MainWindow) -> Iterator[str]:
    for widget in window.findChildren(QWidget):
        if widget.isVisible() and (missing := missing_room(widget)):
            yield f"{type(widget).__name__} {widget.objectName()} {text_of(widget)!r}: {missing}"


def text_of(widget: QWidget) -> str:
    if isinstance(widget, QLabel | QAbstractButton):
        return widget.text()
    return widget.title() if isinstance(widget, QGroupBox) else ""


def missing_room(widget: QWidget) -> str:
    """What a widget lacks; empty if it has enough room."""
    return next((check(widget) for kinds, check in CHECKS.items() if isinstance(widget, kinds)), "")


def button_lacks(button: QAbstractButton) -> str:
    return lacks(button, button.sizeHint(), tolerance=8) if button.text() else ""  # half of a button's own margins


def area_lacks(area: QScrollArea) -> str:
    inside = area.widget()
    if inside is None or area.horizontalScrollBarPolicy() != Qt.ScrollBarPolicy.ScrollBarAlwaysOff:
        return ""
    wider = inside.minimumSizeHint().width() - area.viewport().width()
    return f"{wider} px hidden" if wider > 0 else ""


def table_lacks(table: QTableView) -> str:
    height = table.fontMetrics().height() - table.verticalHeader().defaultSectionSize()
    return f"{height} px in a row" if height > 0 else ""


def lacks(widget: QWidget, needed: QSize, tolerance: int = 0) -> str:
    width, height = needed.width() - widget.width(), needed.height() - widget.height()
    return f"{width}, {height} px" if width > tolerance or height > tolerance else ""


def label_lacks(label: QLabel) -> str:
    if not label.text().strip():
        return ""
    if not label.wordWrap():
        return "" if label.toolTip() else lacks(label, label.sizeHint(), tolerance=1)
    height = label.heightForWidth(label.width()) - label.height()
    return f"{height} px of height" if height > 1 else lacks_word(label)


def lacks_word(label: QLabel) -> str:
    """The widest word of a label that wraps must fit, too."""
    document = QTextDocument()
    document.setHtml(label.text())
    words = document.toPlainText().split()
    widest = max((label.fontMetrics().horizontalAdvance(word) for word in words), default=0)
    return f"a word of {widest} px" if widest > label.contentsRect().width() else ""


def combo_lacks(box: QComboBox) -> str:
    """The chosen item of a box must be fully visible, or be in its tool tip."""
    shown = box.fontMetrics().horizontalAdvance(box.currentText())
    room = box.width() - 24  # the arrow and the frame
    return f"{shown - room} px" if shown > room and not box.toolTip() else ""


def header_lacks(header: QHeaderView) -> str:
    model, metrics = header.model(), header.fontMetrics()
    if header.orientation() == Qt.Orientation.Horizontal and metrics.height() > header.height():
        return f"{metrics.height() - header.height()} px of height"
    for section in range(header.count() if model is not None else 0):
        text = str(model.headerData(section, header.orientation()) or "")
        width = header.sectionSize(section)
        widest = max((metrics.horizontalAdvance(line) for line in text.split("\n")), default=0)
        if header.orientation() == Qt.Orientation.Horizontal and not header.isSectionHidden(section) and widest > width:
            return f"{text!r} lacks {widest - width} px"
    return ""


CHECKS: dict[Any, Callable[[Any], str]] = {
    QHeaderView: header_lacks,
    QTableView: table_lacks,
    QLabel: label_lacks,
    QPushButton | QCheckBox | QToolButton: button_lacks,
    QComboBox: combo_lacks,
    QScrollArea: area_lacks,
}

"""The splash screen, and work deferred until the window is painted."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QComboBox, QLabel, QSplitter, QTabWidget, QToolButton, QWidget
from pytestqt.qtbot import QtBot

from engine.experiments import EXPERIMENTS
from engine.workspace.dataset_library import DatasetLibrary
from engine.workspace.network_library import NetworkLibrary
from gui.datasets.tab import DatasetsTab
from gui.experiment.experiment_tab import ExperimentTab
from gui.startup.first_paint import FirstPaint
from gui.startup.splash import BACKGROUND, HEIGHT, WIDTH, Splash
from gui.utils.preferences import program_settings
from gui.widgets.deferred_page import DeferredPage
from tests.engine.support import python
from tests.gui.conftest import MakeWindow
from tests.gui.support import PATIENCE_MS, find, tab_of


def test_the_splash_is_painted_at_once_in_the_middle_of_the_screen(qtbot: QtBot) -> None:
    splash = Splash()
    qtbot.addWidget(splash)
    splash.show_now()
    assert splash.windowHandle().isExposed()
    assert (splash.width(), splash.height()) == (WIDTH, HEIGHT)
    off = splash.geometry().center() - splash.screen().availableGeometry().center()
    assert max(abs(off.x()), abs(off.y())) <= 1
    image = splash.grab().toImage()
    colours = {image.pixelColor(x, y).name() for x in range(0, image.width(), 3) for y in range(0, image.height(), 3)}
    assert image.pixelColor(2, 2) == BACKGROUND
    assert {QColor("#e69f00").name(), QColor("#56b4e9").name()} <= colours, "the icon's curves"


def test_what_waits_for_the_first_paint_comes_once_and_after_it(qtbot: QtBot) -> None:
    seen: list[str] = []

    class Painted(QLabel):
        def paintEvent(self, event: object) -> None:  # noqa: N802
            super().paintEvent(event)  # type: ignore[arg-type]
            seen.append("painted")

    window = Painted("text", alignment=Qt.AlignmentFlag.AlignCenter)
    qtbot.addWidget(window)
    window.create()
    FirstPaint(window, lambda: seen.append("then"))
    window.show()
    qtbot.waitUntil(lambda: "then" in seen, timeout=PATIENCE_MS)
    assert seen[0] == "painted"
    window.hide()
    window.show()
    qtbot.waitUntil(lambda: seen[-1] == "painted" and len(seen) > 2, timeout=PATIENCE_MS)
    assert seen.count("then") == 1


@pytest.mark.builds_pages_early
def test_a_board_is_made_when_it_is_first_needed(qtbot: QtBot, make_window: MakeWindow) -> None:
    window = make_window()
    first, other = tab_of(window), tab_of(window, "schedule")
    qtbot.waitUntil(lambda: first.board_stack.findChild(QWidget, "views") is not None, timeout=PATIENCE_MS)
    assert other.board_stack.findChild(QWidget, "views") is None
    with qtbot.waitSignal(window.training_ended, timeout=PATIENCE_MS):
        other.start()
    assert other.board_stack.findChild(QWidget, "views") is not None


@pytest.mark.builds_pages_early
def test_every_tab_is_built_after_the_first_paint(qtbot: QtBot, make_window: MakeWindow) -> None:
    window = make_window()
    tabs = find(window, QTabWidget, "tabs")
    pages = window.findChildren(DeferredPage)
    assert len(pages) == tabs.count()
    assert [page for page in pages if page.is_built] == [tabs.currentWidget()]
    qtbot.waitUntil(lambda: all(page.is_built for page in pages), timeout=PATIENCE_MS)


def test_a_tab_opened_before_its_turn_is_complete(make_window: MakeWindow, workspace: Path, tmp_path: Path) -> None:
    (own := tmp_path / "own").mkdir()
    DatasetLibrary(workspace).add(own)
    NetworkLibrary(workspace).save("mine[FC-8]")
    spec = EXPERIMENTS["schedule"].preset("course", repeats=3)
    program_settings().setValue("forms/schedule", spec.to_json())
    window = make_window()
    tab = find(window, ExperimentTab, "tab_schedule")
    assert not tab.is_built
    find(window, QTabWidget, "tabs").setCurrentWidget(tab)
    assert tab.form.spec() == spec
    assert find(tab, QComboBox, "dataset").findData(str(own)) >= 0
    assert find(tab, QComboBox, "architecture_list").findText("mine") >= 0
    assert find(tab, QComboBox, "train_on").count() > 1
    assert find(tab, QToolButton, "run").isVisible()
    assert set(tab.controls.control_actions) <= set(window.actions()), "their keys work in every tab"


def test_a_tab_that_was_not_built_keeps_its_stored_settings(make_window: MakeWindow) -> None:
    text = EXPERIMENTS["schedule"].preset("quick", repeats=7).to_json()
    program_settings().setValue("forms/schedule", text)
    window = make_window()
    assert not find(window, ExperimentTab, "tab_schedule").is_built
    window.remember()
    assert program_settings().value("forms/schedule") == text


def test_a_page_that_was_not_built_keeps_its_splitters(make_window: MakeWindow) -> None:
    first = make_window()
    page = find(first, DatasetsTab, "tab_datasets")
    page.build()
    views = find(page, QSplitter, "views")
    views.setSizes([200, 500])
    left = views.saveState()
    first.remember()
    second = make_window()
    page = find(second, DatasetsTab, "tab_datasets")
    assert not page.is_built
    second.remember()
    page.build()
    assert find(page, QSplitter, "views").saveState() == left


# Until the event loop begins, so before the first paint.
LOADED_BY_THEN = """
import sys
from PySide6.QtWidgets import QApplication
def tell(_app=None):
    print(*(name for name in {names!r} if name in sys.modules), flush=True)
    import os
    os._exit(0)
QApplication.exec = tell
from main import main
sys.argv = ["main.py", "--workspace", {workspace!r}]
main()
"""
LATER = ["pyqtgraph", "filelock", "asyncio", "scipy", "PIL", "matplotlib", "dask", "engine.executors.processes.pool"]


def test_what_the_first_paint_does_not_need_is_not_loaded_before_it(workspace: Path) -> None:
    names = ["gui.window.main_window", *LATER]
    ended = python("-c", LOADED_BY_THEN.format(names=names, workspace=str(workspace)))
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.split() == ["gui.window.main_window"]

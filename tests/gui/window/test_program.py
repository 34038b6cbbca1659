"""First start, window state, About, log and keys."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QAction, QGuiApplication, QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QCheckBox,
    QComboBox,
    QDialog,
    QGroupBox,
    QLabel,
    QLineEdit,
    QMenu,
    QPlainTextEdit,
    QPushButton,
    QSplitter,
    QTabBar,
    QTabWidget,
    QToolButton,
    QWidget,
)
from pytestqt.qtbot import QtBot

from engine.events.devices import WorkerReady
from engine.experiments import RUNNABLE_EXPERIMENTS
from engine.experiments.base import TrainingExperiment
from engine.storage.store import Store
from engine.utils.logs import ProgramLog
from engine.utils.paths import log_folder
from gui.dialogs.about import UNKNOWN_DEVICE, AboutDialog
from gui.dialogs.log import LogWindow
from gui.experiment.experiment_tab import ExperimentTab
from gui.experiment.start_page import WELCOME, StartPage
from gui.utils.preferences import program_settings
from gui.window.main_window import MainWindow
from tests.engine.support import ScriptedExecutor, finished, record, started, weights
from tests.gui.conftest import MakeWindow
from tests.gui.support import PATIENCE_MS, OpenEndedExecutor, find, tab_of


def whole_run(task):
    return [started(task.run), weights(task.run), record(task.run, 260), finished(task.run)]


def tabs_of(window: MainWindow) -> QTabWidget:
    return find(window, QTabWidget, "tabs")


def action(window: MainWindow, name: str) -> QAction:
    found = window.findChild(QAction, name)
    assert found is not None, name
    return found


# --- the first start


def page_of(window: MainWindow, experiment: str = "architectures") -> StartPage:
    return find(tab_of(window, experiment), StartPage, "start_page")


def test_the_first_start_is_one_press_from_the_quick_experiment(
    qtbot: QtBot, make_window: MakeWindow, workspace: Path
) -> None:
    window = make_window(ScriptedExecutor(whole_run))
    tab, page = tab_of(window), page_of(window)
    assert page.isVisible()
    assert not tab.board.isVisible()
    assert find(page, QPushButton, "start_button").text() == WELCOME.button
    tab.form.show_values({"epochs": 7})
    with qtbot.waitSignal(window.training_ended, timeout=PATIENCE_MS):
        find(page, QPushButton, "start_button").click()
    assert tab.board.isVisible()
    assert not page.isVisible()
    store = Store(workspace)
    stored = tab.experiment.spec.from_json(store.experiment(1).spec)
    store.close()
    assert stored == tab.experiment.preset("quick")


def test_where_something_is_stored_nobody_is_greeted(qtbot: QtBot, make_window: MakeWindow, workspace: Path) -> None:
    Store(workspace).close()
    page = page_of(make_window())
    assert page.isVisible()
    assert find(page, QLabel, "start_title").text() == "Architectures"


@pytest.mark.paints_windows
def test_experiments_that_train_begin_with_a_hint(qtbot: QtBot, make_window: MakeWindow) -> None:
    window = make_window()
    for name, experiment in RUNNABLE_EXPERIMENTS.items():
        tab = tab_of(window, name)
        tabs_of(window).setCurrentWidget(tab)
        trains = isinstance(experiment, TrainingExperiment)
        assert page_of(window, name).isVisible() == trains, name
        assert tab.board.isVisible() != trains, name


def test_the_hint_runs_what_the_form_says(qtbot: QtBot, make_window: MakeWindow, workspace: Path) -> None:
    window = make_window(ScriptedExecutor(whole_run))
    tab = tab_of(window, "activations")
    tabs_of(window).setCurrentWidget(tab)
    tab.form.show_values({"epochs": 2})
    with qtbot.waitSignal(window.training_ended, timeout=PATIENCE_MS):
        find(page_of(window, "activations"), QPushButton, "start_button").click()
    store = Store(workspace)
    assert '"epochs":2' in store.experiment(1).spec.replace(" ", "")
    store.close()


def test_a_page_can_not_start_what_is_under_way(qtbot: QtBot, make_window: MakeWindow) -> None:
    window = make_window(OpenEndedExecutor())
    button = find(page_of(window), QPushButton, "start_button")
    button.click()
    assert not button.isEnabled()
    find(tab_of(window), QToolButton, "cancel").click()
    qtbot.waitUntil(lambda: not window.is_training, timeout=PATIENCE_MS)
    assert button.isEnabled()


# --- state of the window


def test_tab_and_splitters_are_as_they_were_left(qtbot: QtBot, make_window: MakeWindow) -> None:
    first = make_window()
    page = find(first, QWidget, "tab_datasets")
    tabs_of(first).setCurrentWidget(page)
    find(page, QSplitter, "views").setSizes([200, 500])
    left = find(page, QSplitter, "views").saveState()
    first.remember()
    program_settings().sync()
    second = make_window()
    assert tabs_of(second).currentWidget().objectName() == "tab_datasets"
    assert find(find(second, QWidget, "tab_datasets"), QSplitter, "views").saveState() == left


def test_a_tab_that_is_no_more_is_passed_over(make_window: MakeWindow) -> None:
    program_settings().setValue("tab", "tab_of_another_time")
    program_settings().setValue("geometry", "nonsense")
    assert tabs_of(make_window()).currentIndex() == 0


# --- About


def test_about_names_versions_device_and_workspace_and_copies_them(qtbot: QtBot, make_window: MakeWindow) -> None:
    window = make_window(ScriptedExecutor(whole_run))
    assert about(window)["Device"] == UNKNOWN_DEVICE
    with qtbot.waitSignal(window.training_ended, timeout=PATIENCE_MS):
        tab_of(window).start()
    facts = about(window)
    assert set(facts) == {
        *("Trainscope", "TensorFlow", "Keras", "NumPy", "scikit-learn", "PySide6", "pyqtgraph", "Python", "Qt"),
        *("Device", "Workspace", "Licence"),
    }
    assert facts["Device"].startswith("CPU: ")
    assert facts["Licence"] == "MIT"


def test_about_has_the_device_looked_for_where_nothing_was_computed_yet(qtbot: QtBot, make_window: MakeWindow) -> None:
    ready = WorkerReady({}, {"cpu": "a processor"})
    window = make_window(prober=ScriptedExecutor(lambda _task: [ready]))
    said: list[str] = []

    def look() -> None:
        dialog = window.findChild(AboutDialog)
        qtbot.waitUntil(lambda: UNKNOWN_DEVICE not in dialog.text, timeout=PATIENCE_MS)
        said.append(find(dialog, QLabel, "about_device").text())
        dialog.reject()

    QTimer.singleShot(0, look)
    action(window, "about").trigger()
    assert said == ["cpu: a processor"]


def about(window: MainWindow) -> dict[str, str]:
    """Return what the Copy button puts on the clipboard."""

    def look() -> None:
        dialog = window.findChild(AboutDialog)
        find(dialog, QAbstractButton, "about_copy").click()
        find(dialog, QAbstractButton, "about_close").click()

    QGuiApplication.clipboard().clear()
    QTimer.singleShot(0, look)
    action(window, "about").trigger()
    return dict(line.split(": ", 1) for line in QGuiApplication.clipboard().text().splitlines())


# --- the log


@pytest.fixture
def own_log() -> Iterator[ProgramLog]:
    found = ProgramLog()
    yield found
    found.close()


@pytest.fixture
def logs(qtbot: QtBot, make_window: MakeWindow, workspace: Path, own_log: ProgramLog) -> LogWindow:
    """The log window, opened from the menu, beside a child's log of two lines."""
    folder = log_folder(workspace)
    (folder / "assistant").mkdir(parents=True)
    (folder / "assistant" / "worker-1.log").write_text("first line\nsecond line\n")
    window = make_window(own_log=own_log)
    action(window, "log").trigger()
    found = find(window, LogWindow, "log_window")
    assert found.isVisible()
    return found


def shown(logs: LogWindow) -> str:
    return find(logs, QPlainTextEdit, "log_text").toPlainText()


def choose_child(logs: LogWindow) -> None:
    box = find(logs, QComboBox, "log_choice")
    box.setCurrentIndex(box.findText(str(Path("assistant/worker-1.log"))))


def test_the_log_of_this_window_is_followed(qtbot: QtBot, logs: LogWindow) -> None:
    assert "opened on" in shown(logs)
    logging.getLogger("tests").warning("something happened")
    qtbot.waitUntil(lambda: "something happened" in shown(logs), timeout=PATIENCE_MS)
    assert shown(logs).count("something happened") == 1


def test_the_log_of_a_child_is_followed(qtbot: QtBot, logs: LogWindow, workspace: Path) -> None:
    choose_child(logs)
    assert shown(logs) == "first line\nsecond line\n"
    with (log_folder(workspace) / "assistant" / "worker-1.log").open("a") as file:
        file.writelines(f"line {number}\n" for number in range(200))
    logs.refresh()
    assert shown(logs).endswith("line 199\n")
    bar = find(logs, QPlainTextEdit, "log_text").verticalScrollBar()
    assert bar.value() == bar.maximum() > 0
    follow = find(logs, QCheckBox, "log_follow")
    follow.click()
    bar.setValue(0)
    with (log_folder(workspace) / "assistant" / "worker-1.log").open("a") as file:
        file.write("one more\n")
    logs.refresh()
    assert bar.value() == 0
    follow.click()
    assert bar.value() == bar.maximum()


def test_a_log_that_comes_later_is_offered(logs: LogWindow, workspace: Path) -> None:
    (log_folder(workspace) / "worker-7.log").write_text("")
    logs.refresh()
    assert find(logs, QComboBox, "log_choice").findText("worker-7.log") > 0


def test_the_log_can_be_searched(logs: LogWindow) -> None:
    choose_child(logs)
    text, line = find(logs, QPlainTextEdit, "log_text"), find(logs, QLineEdit, "log_search")
    places = []
    line.setText("LINE")
    for _ in range(3):
        find(logs, QPushButton, "log_next").click()
        assert text.textCursor().selectedText() == "line"
        places.append(text.textCursor().blockNumber())
    assert places == [0, 1, 0], "from the top again after the last one"
    line.setText("nowhere")
    find(logs, QPushButton, "log_next").click()
    assert find(logs, QLabel, "log_found").text() == "not found"


def test_the_log_is_copied_and_its_folder_opened(
    logs: LogWindow, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr("gui.dialogs.log.QDesktopServices.openUrl", lambda url: opened.append(url.toLocalFile()))
    choose_child(logs)
    find(logs, QPushButton, "log_copy").click()
    assert QGuiApplication.clipboard().text() == "first line\nsecond line\n"
    find(logs, QLineEdit, "log_search").setText("second")
    find(logs, QPushButton, "log_next").click()
    find(logs, QPushButton, "log_copy").click()
    assert QGuiApplication.clipboard().text() == "second"
    find(logs, QPushButton, "log_open").click()
    assert opened == [str(log_folder(workspace))]


# --- keys


def test_keys_lead_from_tab_to_tab(qtbot: QtBot, make_window: MakeWindow) -> None:
    window = make_window()
    tabs = tabs_of(window)
    for name, step in (("next_tab", 1), ("previous_tab", -1)):
        before = tabs.currentIndex()
        action(window, name).trigger()
        assert tabs.currentIndex() == (before + step) % tabs.count()
    action(window, "previous_tab").trigger()
    assert tabs.currentIndex() == tabs.count() - 1
    action(window, "go_to_tab_2").trigger()
    assert tabs.currentIndex() == 1
    keys = {
        shortcut.toString() for name in ("next_tab", "previous_tab") for shortcut in action(window, name).shortcuts()
    }
    assert keys == {"Ctrl+PgDown", "Ctrl+Tab", "Ctrl+PgUp", "Ctrl+Shift+Tab"}


def heard(window: MainWindow) -> list[str]:
    """The shortcuts of all active actions: in a menu, on a visible button, or of the window."""
    return [
        keys.toString()
        for action in window.findChildren(QAction)
        if action.isEnabled() and action.shortcutContext() is Qt.ShortcutContext.WindowShortcut
        if any(isinstance(each, QMenu | MainWindow) or each.isVisible() for each in action.associatedObjects())
        for keys in action.shortcuts()
        if not keys.isEmpty()
    ]


def test_no_key_means_two_things(make_window: MakeWindow) -> None:
    window = make_window()
    tabs = tabs_of(window)
    for position in range(tabs.count()):
        tabs.setCurrentIndex(position)
        keys = heard(window)
        assert sorted(keys) == sorted(set(keys)), tabs.tabText(position)
        assert {"Ctrl+,", "Ctrl+L"} <= set(keys)
        assert ("Ctrl+R" in keys) == isinstance(tabs.currentWidget(), ExperimentTab), "nothing is chosen in the history"
    assert QKeySequence("Ctrl+,").toString() == "Ctrl+,"


def test_letters_of_the_menu_bar_mean_nothing_else_in_a_tab(make_window: MakeWindow) -> None:
    window = make_window()
    taken = {QKeySequence.mnemonic(each.text()).toString() for each in window.menuBar().actions()}
    assert taken == {"Alt+F", "Alt+T", "Alt+V", "Alt+H"}
    tabs = tabs_of(window)
    labelled: dict[str, list[str]] = {}
    for tab in [tabs, *(tabs.widget(position) for position in range(tabs.count()))]:
        texts = [button.text() for button in tab.findChildren(QAbstractButton)]
        texts += [label.text() for label in tab.findChildren(QLabel) if label.buddy() is not None]
        texts += [box.title() for box in tab.findChildren(QGroupBox)]
        texts += [bar.tabText(position) for bar in tab.findChildren(QTabBar) for position in range(bar.count())]
        for text in texts:
            labelled.setdefault(QKeySequence.mnemonic(text).toString(), []).append(text)
    assert "Alt+N" in labelled
    assert {key: labelled[key] for key in taken & set(labelled)} == {}


def test_every_menu_line_has_a_letter(make_window: MakeWindow) -> None:
    for menu in make_window().menuBar().findChildren(QMenu):
        letters = [each.text()[each.text().index("&") + 1].lower() for each in menu.actions() if "&" in each.text()]
        assert len(letters) == len([each for each in menu.actions() if each.text()]), menu.title()
        assert sorted(letters) == sorted(set(letters)), menu.title()


def test_the_tabulator_reaches_every_control_of_the_data_sets_page(qtbot: QtBot, make_window: MakeWindow) -> None:
    window = make_window()
    page = find(window, QWidget, "tab_datasets")
    tabs_of(window).setCurrentWidget(page)
    find(page, QWidget, "datasets").setFocus()
    reached = []
    for _ in range(30):
        widget = window.focusWidget()
        if widget is None or (widget.objectName() in reached and widget.objectName() == "datasets"):
            break
        reached.append(widget.objectName())
        QTest.keyClick(widget, Qt.Key.Key_Tab)
    wanted = [each for each in page.findChildren(QPushButton) if each.isEnabled()]
    assert [each.objectName() for each in wanted if each.objectName() not in reached] == [], reached


@pytest.mark.parametrize("name", ["datasets"])
def test_every_button_of_the_page_says_what_it_does(make_window: MakeWindow, name: str) -> None:
    page = find(make_window(), QWidget, f"tab_{name}")
    assert all(each.objectName() and each.toolTip() for each in page.findChildren(QPushButton))


def test_dialogs_have_names_and_tips(make_window: MakeWindow) -> None:
    window = make_window()
    action(window, "log").trigger()
    logs = find(window, QDialog, "log_window")
    for kind in (QPushButton, QCheckBox, QComboBox):
        for each in logs.findChildren(kind):
            assert each.objectName(), each
            assert each.accessibleName(), each.objectName()
            assert each.toolTip(), each.objectName()

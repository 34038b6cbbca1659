"""Actions on stored experiments: buttons, keys and context menu of the History tab."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QAccessible, QGuiApplication
from PySide6.QtWidgets import (
    QApplication,
    QCheckBox,
    QInputDialog,
    QLabel,
    QLineEdit,
    QMenu,
    QMessageBox,
    QTabWidget,
    QToolButton,
    QWidget,
)
from pytestqt.qtbot import QtBot

from engine.events.runs import Status
from engine.experiments import EXPERIMENTS
from engine.experiments.architectures import ARCHITECTURES_EXPERIMENT
from engine.experiments.presets import settings_to_toml
from engine.storage.store import Store
from engine.workspace.catalogue import Catalogue
from engine.workspace.queue import QueueStore
from engine.workspace.trained_networks import trained_runs
from gui.history.actions import ACTIONS
from gui.history.model import NUMBER, TITLE
from gui.history.tab import HistoryTab
from gui.utils.text import literally
from tests.engine.support import ScriptedExecutor, small_spec
from tests.gui.conftest import MakeWindow
from tests.gui.history.support import heard, message, window_of
from tests.gui.history_support import (
    column,
    enabled,
    entry_of,
    listed,
    look_at_history,
    open_tabs,
    press,
    tick,
    until,
)
from tests.gui.support import find, tab_of
from tests.stored import whole_run


def test_enter_and_double_click_open(qtbot: QtBot, in_window: HistoryTab) -> None:
    history = in_window
    history.table.choose([1])
    history.table.setFocus()
    qtbot.keyClick(history.table, Qt.Key.Key_Return)
    assert [tab.key for tab in open_tabs(window_of(history))] == ["1"]
    look_at_history(qtbot, window_of(history), 3)
    place = history.table.visualRect(history.table.entries.index(0, TITLE)).center()
    qtbot.mouseClick(history.table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    qtbot.mouseDClick(history.table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert [tab.key for tab in open_tabs(window_of(history))] == ["1", "3"]


def answering(monkeypatch: pytest.MonkeyPatch, answer: QMessageBox.StandardButton) -> list[str]:
    asked: list[str] = []

    def answered(box: QMessageBox) -> QMessageBox.StandardButton:
        asked.append(box.text())
        return answer

    monkeypatch.setattr(QMessageBox, "exec", answered)
    return asked


def test_delete_asks_and_can_be_refused(
    qtbot: QtBot, history: HistoryTab, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = answering(monkeypatch, QMessageBox.StandardButton.Cancel)
    history.table.choose([1])
    history.table.setFocus()
    qtbot.keyClick(history.table, Qt.Key.Key_Delete)
    assert "#1 Long one" in asked[0]
    with qtbot.waitSignal(history.listed):
        history.refresh()
    assert listed(history) == [3, 2, 1]
    assert not entry_of(workspace, 1).is_deleted


def test_what_is_deleted_can_be_taken_back(
    qtbot: QtBot, history: HistoryTab, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(monkeypatch, QMessageBox.StandardButton.Yes)
    tick(history, 1, 2)
    history.table.choose([1, 2])
    press(history, "delete")
    until(qtbot, lambda: listed(history) == [3])
    assert history.table.entries.ticks == ()
    assert entry_of(workspace, 1).is_deleted
    find(history, QCheckBox, "show_deleted").click()
    assert listed(history) == [3, 2, 1]
    history.table.choose([1])
    assert enabled(history, "delete", "restore", "report", "add_repeats") == ["restore"]
    press(history, "restore")
    until(qtbot, lambda: not history.table.entries.entry(1).is_deleted)
    find(history, QCheckBox, "show_deleted").click()
    assert listed(history) == [3, 1]
    assert not entry_of(workspace, 1).is_deleted


def test_closing_removes_what_this_window_deleted_and_no_more(
    qtbot: QtBot, make_window: MakeWindow, three: None, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(Catalogue(workspace)) as catalogue:
        catalogue.delete([2])  # by another window, which may still take it back
    window = make_window()
    history = look_at_history(qtbot, window, 2)
    answering(monkeypatch, QMessageBox.StandardButton.Yes)
    history.table.choose([1])
    press(history, "delete")
    until(qtbot, lambda: listed(history) == [3])
    window.close()
    with closing(Catalogue(workspace)) as catalogue:
        assert [entry.number for entry in catalogue.entries()] == [3, 2]
    assert not (workspace / "models" / "experiment-1").exists()
    assert (workspace / "models" / "experiment-2").exists()


def test_what_is_under_way_can_not_be_deleted(
    qtbot: QtBot, history: HistoryTab, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = heard(history.experiment_actions.failed)
    asked = answering(monkeypatch, QMessageBox.StandardButton.Yes)
    history.experiment_actions.set_under_way(1, True)
    history.table.choose([1])
    press(history, "delete")
    assert "stop or cancel it first" in failed[0]
    assert not asked
    history.experiment_actions.set_under_way(1, False)
    press(history, "delete")
    until(qtbot, lambda: listed(history) == [3, 2])


def test_what_waits_for_further_runs_can_not_be_deleted(
    qtbot: QtBot, history: HistoryTab, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(QueueStore(workspace)) as queue:
        queue.add(ARCHITECTURES_EXPERIMENT, small_spec(repeats=9), extends=1)
    failed = heard(history.experiment_actions.failed)
    answering(monkeypatch, QMessageBox.StandardButton.Yes)
    history.table.choose([1])
    press(history, "delete")
    until(qtbot, lambda: failed)
    assert "waits in the queue" in failed[0]
    assert not entry_of(workspace, 1).is_deleted


def test_what_is_left_out_of_a_comparison_is_said(history: HistoryTab) -> None:
    said = heard(history.experiment_actions.said)
    tick(history, 1, 2, 3)
    press(history, "compare")
    assert said == ["Without curves, so not in the comparison: #3 Basics."]


def test_titles_are_shown_as_they_were_written(
    qtbot: QtBot, history: HistoryTab, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    formats = []
    monkeypatch.setattr(QMessageBox, "exec", lambda box: formats.append(box.textFormat()))
    history.table.choose([1])
    press(history, "delete")
    assert formats == [Qt.TextFormat.PlainText]
    assert literally("a <b>bold</b>\ntitle") == "<span>a &lt;b&gt;bold&lt;/b&gt;<br>title</span>"
    assert literally("1 < 2 & 3") == "1 < 2 & 3"


def test_compare_takes_those_ticked_that_have_runs(qtbot: QtBot, history: HistoryTab) -> None:
    asked = heard(history.experiment_actions.compare_requested)
    assert enabled(history, "compare") == []
    tick(history, 3, 1)
    assert enabled(history, "compare") == [], "one without runs has no curves"
    tick(history, 2)
    assert find(history, QLabel, "history_count").text() == "3 experiments, 3 ticked"
    history.table.setFocus()
    qtbot.keyClick(history.table, Qt.Key.Key_K, Qt.KeyboardModifier.ControlModifier)
    assert asked == [(1, 2)]


def test_settings_are_copied_as_text(qtbot: QtBot, history: HistoryTab) -> None:
    said = heard(history.experiment_actions.said)
    history.table.choose([1])
    history.table.setFocus()
    qtbot.keyClick(history.table, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    text = QGuiApplication.clipboard().text()
    assert text.startswith('experiment = "architectures"\n')
    assert "epochs = 9" in text
    assert "on the clipboard" in said[0]


def test_pasted_settings_show_in_the_form_they_are_for(qtbot: QtBot, in_window: HistoryTab) -> None:
    history = in_window
    spec = EXPERIMENTS["activations"].preset("quick", epochs=4, seed=8)
    QGuiApplication.clipboard().setText(settings_to_toml("activations", spec.model_dump(mode="json")))
    history.table.setFocus()
    qtbot.keyClick(history.table, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    tab = tab_of(window_of(history), "activations")
    assert find(window_of(history), QTabWidget, "tabs").currentWidget() is tab
    assert tab.form.spec() == spec


def test_a_text_that_is_no_settings_is_said(in_window: HistoryTab) -> None:
    history = in_window
    QGuiApplication.clipboard().setText('experiment = "architectures"\nepochs = "many"')
    press(history, "paste_settings")
    assert "epochs can't be 'many'" in message(window_of(history))
    assert find(window_of(history), QTabWidget, "tabs").currentWidget() is history


def test_run_again_runs_the_same_settings(qtbot: QtBot, make_window: MakeWindow, three: None, workspace: Path) -> None:
    window = make_window(ScriptedExecutor(whole_run))
    history = look_at_history(qtbot, window, 3)
    history.table.choose([1])
    with qtbot.waitSignal(window.training_ended):
        press(history, "run_again")
    assert entry_of(workspace, 4).values == entry_of(workspace, 1).values


def test_repeats_are_added(
    qtbot: QtBot, make_window: MakeWindow, three: None, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QInputDialog, "getInt", lambda *_arguments: (3, True))
    window = make_window(ScriptedExecutor(whole_run))
    history = look_at_history(qtbot, window, 3)
    history.table.choose([1])
    until(qtbot, lambda: history.table.entries.entry(1).thumbnail is not None)
    with qtbot.waitSignal(window.training_ended):
        press(history, "add_repeats")
    with closing(Store(workspace)) as store:
        assert len(store.runs(1)) == 10
    until(qtbot, lambda: history.table.entries.entry(1).planned == 10)
    until(qtbot, lambda: history.table.entries.entry(1).stored.status is Status.FINISHED)


def test_training_goes_on_from_a_chosen_network(
    qtbot: QtBot, in_window: HistoryTab, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = in_window
    offered: list[str] = []

    def choose(_parent: QWidget, _title: str, _label: str, items: list[str], *_rest: Any) -> tuple[str, bool]:
        offered.extend(items)
        return items[1], True

    monkeypatch.setattr(QInputDialog, "getItem", choose)
    history.table.choose([1])
    shown = tab_of(window_of(history), "train-on")
    press(history, "train_on")
    until(qtbot, lambda: find(window_of(history), QTabWidget, "tabs").currentWidget() is shown)
    assert offered[:2] == ["mlp_1, run 2 · 62.50 %", "mlp_2, run 2 · 62.50 %"]
    with closing(Store(workspace)) as store:
        run = next(run for run in store.runs(1) if (run.spec.variant, run.spec.repeat) == ("mlp_2", 2))
    assert shown.form.spec().model_dump()["model"] == str(run.model)


def test_the_form_offers_every_trained_network(
    qtbot: QtBot, in_window: HistoryTab, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = window_of(in_window)
    tab = tab_of(window, "train-on")
    with closing(Store(workspace)) as store:
        runs = trained_runs(store)
    offered: list[str] = []

    def choose(_parent: QWidget, _title: str, _label: str, items: list[str], *_rest: Any) -> tuple[str, bool]:
        offered.extend(items)
        return items[1], True

    monkeypatch.setattr(QInputDialog, "getItem", choose)
    find(tab, QToolButton, "model_choose").click()
    until(qtbot, lambda: tab.form.spec().model_dump()["model"] == str(runs[1].model))
    assert offered == [run.label for run in runs], "newest first"
    shown = tab.form.spec().model_dump()
    assert shown["architecture"] == runs[1].variant


def test_networks_that_are_gone_are_said(qtbot: QtBot, history: HistoryTab, workspace: Path) -> None:
    for file in (workspace / "models" / "experiment-1").iterdir():
        file.unlink()
    failed = heard(history.experiment_actions.failed)
    history.table.choose([1])
    press(history, "train_on")
    until(qtbot, lambda: failed)
    assert "networks is there any more" in failed[0]


def test_export_and_report_name_their_experiments(qtbot: QtBot, history: HistoryTab) -> None:
    history.table.choose([2])
    with qtbot.waitSignal(history.experiment_actions.export_requested) as asked:
        press(history, "export")
    assert asked.args == [2]
    with qtbot.waitSignal(history.experiment_actions.report_requested) as asked:
        press(history, "report")
    assert asked.args == [(2,)]
    tick(history, 1, 3)
    with qtbot.waitSignal(history.experiment_actions.report_requested) as asked:
        press(history, "report")
    assert asked.args == [(1, 3)], "those ticked come before the chosen one"


def test_the_context_menu_offers_what_the_buttons_do(qtbot: QtBot, history: HistoryTab) -> None:
    opened = heard(history.experiment_actions.open_requested)
    history.table.choose([1])
    history.table.customContextMenuRequested.emit(QPoint(40, 40))
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    assert [action.objectName() for action in menu.actions()] == [f"{name}_action" for name in ACTIONS]
    assert [a.isEnabled() for a in menu.actions()] == [find(history, QToolButton, name).isEnabled() for name in ACTIONS]
    menu.actions()[0].trigger()
    menu.close()
    assert opened == [1]


def test_every_control_has_a_name_a_tip_and_can_be_reached(history: HistoryTab) -> None:
    for name in ACTIONS:
        button = find(history, QToolButton, name)
        assert button.toolTip()
        assert QAccessible.queryAccessibleInterface(button).text(QAccessible.Text.Name) == ACTIONS[name].text
        assert button.focusPolicy() & Qt.FocusPolicy.TabFocus
    for name in ("history_search", "experiment_title"):
        assert find(history, QLineEdit, name).toolTip()
    assert history.table.accessibleName()
    assert column(history, NUMBER) == ["3", "2", "1"]

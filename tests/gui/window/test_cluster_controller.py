"""Choice of the place of training in a tab."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QComboBox, QLabel, QLineEdit, QSpinBox
from pytestqt.qtbot import QtBot

from engine.config.cluster import ClusterChoice
from engine.executors.dask import connection
from engine.executors.dask.executor import DaskExecutor
from gui.background.engine_thread import EngineThread
from gui.dialogs.cluster import ClusterDialog
from gui.utils.preferences import Preferences, load_preferences, program_settings, save_preferences
from gui.widgets.message_bar import MessageBar
from gui.window.cluster_controller import ClusterController
from gui.window.main_window import MainWindow
from tests.engine.support import ScriptedExecutor
from tests.gui.conftest import MakeWindow
from tests.gui.support import PATIENCE_MS, OpenEndedExecutor, find, tab_of

LOCAL = ClusterChoice("local", "2")


@pytest.fixture
def starts(monkeypatch: pytest.MonkeyPatch) -> list[ClusterChoice]:
    """Record the clusters that would be connected to."""
    found: list[ClusterChoice] = []

    def start(executor: DaskExecutor, runs: int, threads: int | None = None) -> int:
        found.append(executor.choice)
        return 7

    monkeypatch.setattr(DaskExecutor, "start", start)
    monkeypatch.setattr(DaskExecutor, "count_workers", lambda _executor: 7)
    return found


def choose(window: MainWindow, title: str, name: str = "architectures") -> None:
    """Choose an entry of the box as a click does."""
    box = find(tab_of(window, name), QComboBox, "train_on")
    place = box.findText(title)
    assert place >= 0, [box.itemText(each) for each in range(box.count())]
    box.setCurrentIndex(place)
    box.activated.emit(place)


def answer(fill: Callable[[ClusterDialog], None]) -> None:
    def press() -> None:
        dialog = QApplication.activeModalWidget()
        assert isinstance(dialog, ClusterDialog)
        fill(dialog)
        dialog.accept()
        if dialog.isVisible():
            dialog.reject()

    QTimer.singleShot(0, press)


def titles(window: MainWindow, name: str) -> list[str]:
    box = find(tab_of(window, name), QComboBox, "train_on")
    return [box.itemText(each) for each in range(box.count())]


def test_another_cluster_is_named_and_connected_to(
    qtbot: QtBot, make_window: MakeWindow, starts: list[ClusterChoice]
) -> None:
    window = make_window()
    label = find(window, QLabel, "cluster")
    assert (titles(window, "architectures"), label.text()) == (["This machine", "Another cluster…"], "")
    answer(lambda dialog: find(dialog, QSpinBox, "cluster_count").setValue(2))
    choose(window, "Another cluster…")
    qtbot.waitUntil(lambda: set(starts) == {LOCAL}, timeout=PATIENCE_MS)
    qtbot.waitUntil(lambda: label.text() == "local:2: 7 workers", timeout=PATIENCE_MS)
    for name in ("architectures", "schedule"):  # one choice for all tabs
        assert titles(window, name) == ["This machine", "local:2", "Another cluster…"]
        assert find(tab_of(window, name), QComboBox, "train_on").currentText() == "local:2"
    stored = load_preferences(program_settings())
    assert (stored.cluster, stored.uses_cluster) == (LOCAL, True)
    choose(window, "This machine", "schedule")
    assert label.text() == ""
    stored = load_preferences(program_settings())
    assert (stored.cluster, stored.uses_cluster) == (LOCAL, False), "it can be chosen again"


def test_what_was_chosen_before_is_offered(make_window: MakeWindow) -> None:
    save_preferences(program_settings(), Preferences(cluster=LOCAL))
    assert titles(make_window(), "schedule") == ["This machine", "local:2", "Another cluster…"]


def test_a_dialog_that_is_given_up_changes_nothing(make_window: MakeWindow, starts: list[ClusterChoice]) -> None:
    window = make_window()
    QTimer.singleShot(0, lambda: QApplication.activeModalWidget().close())  # type: ignore[union-attr]
    choose(window, "Another cluster…")
    assert find(tab_of(window, "architectures"), QComboBox, "train_on").currentText() == "This machine"
    assert (window.cluster, starts) == (None, [])


def test_one_that_is_not_reached_is_said(
    qtbot: QtBot, make_window: MakeWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    window = make_window(cluster=LOCAL)
    label = find(window, QLabel, "cluster")
    qtbot.waitUntil(lambda: label.text() == "local:2: not reached", timeout=PATIENCE_MS)
    assert "requirements-cluster.txt" in find(window, MessageBar, "message_bar").findChild(QLabel).text()


def test_while_one_trains_the_choice_is_for_the_next_experiment(
    qtbot: QtBot, make_window: MakeWindow, starts: list[ClusterChoice]
) -> None:
    save_preferences(program_settings(), Preferences(cluster=LOCAL))
    trainer = OpenEndedExecutor()
    window = make_window(trainer)
    tab = tab_of(window, "architectures")
    with qtbot.waitSignal(window.trained, timeout=PATIENCE_MS):
        tab.start()
    choose(window, "local:2")
    assert starts == []
    assert window.statusBar().currentMessage() == "From the next experiment on, networks train on local:2."
    assert "from the next experiment on" in find(window, QLabel, "cluster").text()


@pytest.mark.parametrize(
    "choice",
    [
        ClusterChoice("local", "3"),
        ClusterChoice("address", "tcp://head:8786", gpu_share=0.5),
        ClusterChoice("address", "tls://head:8786", tls=True),
        ClusterChoice("slurm", "/etc/jobs.toml", tls=True),
        ClusterChoice("pbs", "jobs.toml"),
    ],
    ids=str,
)
def test_the_dialog_gives_what_it_was_given(qtbot: QtBot, choice: ClusterChoice) -> None:
    dialog = ClusterDialog(choice)
    qtbot.addWidget(dialog)
    assert dialog.choice == choice


def test_the_dialog_says_what_is_missing(qtbot: QtBot) -> None:
    dialog = ClusterDialog(ClusterChoice("address", "tcp://head:8786"))
    qtbot.addWidget(dialog)
    address, message = find(dialog, QLineEdit, "cluster_address"), find(dialog, QLabel, "cluster_message")
    for text, said in (("head:8786", "is tcp://HOST:PORT"), ("tcp://head", "names no cluster")):
        address.setText(text)
        dialog.accept()
        assert said in message.text()
        assert not dialog.result()
    kind = find(dialog, QComboBox, "cluster_kind")
    kind.setCurrentIndex(kind.findData("slurm"))
    dialog.accept()
    assert "Name the file that describes the jobs" in message.text()
    find(dialog, QLineEdit, "cluster_file").setText("jobs.toml")
    dialog.accept()
    assert (dialog.result(), dialog.choice) == (1, ClusterChoice("slurm", "jobs.toml"))


def test_a_window_that_connects_in_vain_is_closed_at_once(
    qtbot: QtBot, make_window: MakeWindow, monkeypatch: pytest.MonkeyPatch, workspace: Path
) -> None:
    """Connecting to an unreachable cluster would take longer than a test may."""
    monkeypatch.setattr(connection, "CONNECT_SECONDS", 3600.0)
    window = make_window(ScriptedExecutor(), cluster=ClusterChoice("address", "tcp://127.0.0.1:9"))
    qtbot.waitUntil(lambda: find(window, QLabel, "cluster").text().endswith("connecting …"), timeout=PATIENCE_MS)
    window.close()
    assert not any(thread.isRunning() for thread in window.findChildren(EngineThread))


def test_an_answer_about_an_earlier_choice_is_not_that_of_the_present_one(
    qtbot: QtBot, make_window: MakeWindow, starts: list[ClusterChoice]
) -> None:
    save_preferences(program_settings(), Preferences(cluster=LOCAL))
    window = make_window(OpenEndedExecutor())
    label = find(window, QLabel, "cluster")
    with qtbot.waitSignal(window.trained, timeout=PATIENCE_MS):
        tab_of(window, "architectures").start()
    choose(window, "local:2")
    window.findChild(ClusterController).connected()  # a late signal of the earlier connection
    assert "from the next experiment on" in label.text()

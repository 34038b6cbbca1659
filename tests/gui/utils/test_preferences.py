"""Preferences: stored, changed in the dialog, overridden by the command line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, QSettings, QTimer
from PySide6.QtGui import QAction
from PySide6.QtWidgets import (
    QApplication,
    QComboBox,
    QDialog,
    QFileDialog,
    QLabel,
    QLineEdit,
    QPushButton,
    QSpinBox,
    QTabWidget,
    QToolButton,
)
from pytestqt.qtbot import QtBot

import gui.app
from engine.cli.arguments import parse
from engine.config.cluster import ClusterChoice
from engine.events.devices import WorkerReady
from engine.executors.tasks import DeviceTask
from engine.utils.errors import StoreError
from engine.utils.logs import ProgramLog
from engine.utils.paths import default_workspace
from gui.app import WindowKeeper
from gui.dialogs.settings import AT_NEXT_START, AT_ONCE, SettingsDialog
from gui.utils.preferences import (
    Preferences,
    StartupOptions,
    load_preferences,
    program_settings,
    save_preferences,
    startup_options,
    update_startup_options,
    without_unsafe_values,
)
from gui.utils.theme import Scheme
from gui.widgets.message_bar import MessageBar
from gui.window.main_window import MainWindow
from tests.engine.support import ScriptedExecutor
from tests.gui.conftest import MakeWindow
from tests.gui.support import PATIENCE_MS, Assistant, OpenEndedExecutor, find, tab_of

CLUSTER = ClusterChoice("local", "2", tls=True, gpu_share=0.5)
ALL = Preferences(Path("/somewhere/else"), 3, "gpu:1", Scheme.DARK, CLUSTER, uses_cluster=True)
DEVICES = {"cpu": "A processor", "gpu:0": "A card"}


def test_what_is_saved_is_loaded() -> None:
    assert load_preferences(program_settings()) == Preferences()
    save_preferences(program_settings(), ALL)
    program_settings().sync()
    assert load_preferences(program_settings()) == ALL
    save_preferences(program_settings(), Preferences())
    assert load_preferences(program_settings()) == Preferences()


def test_a_file_that_can_not_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a file")
    settings = QSettings(str(tmp_path / "file" / "settings.ini"), QSettings.Format.IniFormat)
    with pytest.raises(StoreError, match=r"can't be written to .*settings\.ini, so they won't be remembered; check"):
        save_preferences(settings, ALL)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(
            ("workers", "-1"),
            ("workers", "many"),
            ("workers", "9" * 5000),
            ("device", "tpu"),
            ("device", ["cpu", "cpu"]),
        ),
        *(("scheme", "pink"), ("scheme", ["dark"]), ("workspace", ""), ("workspace", "a\0b"), ("workspace", 7.5)),
        ("workspace", "~nobody-of-this-name/x"),
        ("cluster", "nowhere"),
        ("cluster", ["local:2", "local:3"]),
        ("cluster_tls", "yes"),
        ("cluster_used", "yes"),
        ("cluster_gpu_share", "0.5"),
    ],
)
def test_what_makes_no_sense_was_never_chosen(key: str, value: object) -> None:
    program_settings().setValue(key, value)
    assert load_preferences(program_settings()) == Preferences()


def test_the_command_line_wins_for_this_start(tmp_path: Path) -> None:
    assert startup_options(parse([]), Preferences()) == StartupOptions(default_workspace().absolute(), None, "auto")
    assert startup_options(parse([]), ALL) == StartupOptions(Path("/somewhere/else"), 3, "gpu:1", CLUSTER)
    assert startup_options(parse(["--cluster", "local:3"]), ALL).cluster == ClusterChoice("local", "3")
    given = parse(["--workspace", str(tmp_path), "--workers", "2", "--device", "cpu"])
    assert startup_options(given, ALL) == StartupOptions(tmp_path, 2, "cpu")


def test_a_change_changes_only_itself(tmp_path: Path) -> None:
    start = StartupOptions(tmp_path, 2, "cpu")  # as given on the command line
    before = Preferences()
    assert update_startup_options(start, before, Preferences(workers=5)) == StartupOptions(tmp_path, 5, "cpu")
    assert update_startup_options(start, before, Preferences(device="gpu:0")) == StartupOptions(tmp_path, 2, "gpu:0")
    moved = update_startup_options(start, before, Preferences(workspace=tmp_path / "new"))
    assert moved == StartupOptions(tmp_path / "new", 2, "cpu")


# --- the dialog


@pytest.fixture
def dialog(qtbot: QtBot) -> SettingsDialog:
    found = SettingsDialog(Preferences(), training=False, devices=None)
    qtbot.addWidget(found)
    return found


def test_the_dialog_gives_what_is_in_it(dialog: SettingsDialog, tmp_path: Path) -> None:
    assert dialog.preferences == Preferences()
    dialog.show_devices(DEVICES)
    find(dialog, QLineEdit, "settings_workspace").setText(str(tmp_path))
    find(dialog, QSpinBox, "settings_workers").setValue(4)
    for name, value in (("settings_device", "gpu:0"), ("settings_scheme", Scheme.DARK)):
        box = find(dialog, QComboBox, name)
        box.setCurrentIndex(box.findData(value))
    assert dialog.preferences == Preferences(tmp_path, 4, "gpu:0", Scheme.DARK)
    find(dialog, QPushButton, "settings_usual").click()
    assert dialog.preferences.workspace is None


def test_what_the_dialog_does_not_ask_for_stays(qtbot: QtBot) -> None:
    found = SettingsDialog(ALL, training=False, devices=None)
    qtbot.addWidget(found)
    assert found.preferences == ALL


def test_a_damaged_share_of_a_gpu_leaves_no_cluster() -> None:
    for share in ("much", "0", "nan", "-1"):
        program_settings().setValue("cluster", "local:2")
        program_settings().setValue("cluster_gpu_share", share)
        assert load_preferences(program_settings()).cluster is None


def test_a_cluster_that_was_named_and_is_not_used_is_remembered_only() -> None:
    save_preferences(program_settings(), Preferences(cluster=CLUSTER))
    assert load_preferences(program_settings()).cluster == CLUSTER
    assert startup_options(parse([]), load_preferences(program_settings())).cluster is None


def test_the_folder_is_chosen(dialog: SettingsDialog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_arguments: str(tmp_path))
    find(dialog, QPushButton, "settings_choose").click()
    assert dialog.preferences.workspace == tmp_path


def test_devices_are_offered_once_they_are_known(qtbot: QtBot) -> None:
    dialog = SettingsDialog(ALL, training=True, devices=None)
    qtbot.addWidget(dialog)
    box, said = find(dialog, QComboBox, "settings_device"), find(dialog, QLabel, "settings_devices")
    assert said.text().startswith("Looking")
    assert dialog.preferences.device == "gpu:1"
    dialog.show_devices(DEVICES)
    assert [box.itemData(row) for row in range(box.count())] == ["auto", "cpu", "gpu:0", "gpu:1"]
    assert box.currentText() == "GPU:1: not found here"
    assert said.text().startswith("1 GPU found")
    assert find(dialog, QLabel, "settings_message").text().startswith(AT_NEXT_START)


def test_what_can_be_no_workspace_is_said(dialog: SettingsDialog, tmp_path: Path) -> None:
    assert find(dialog, QLabel, "settings_message").text().startswith(AT_ONCE)
    (tmp_path / "file").write_text("")
    for text, sentence in ((tmp_path / "file", "is a file"), ("~nobody-here/x", "a user there is not")):
        find(dialog, QLineEdit, "settings_workspace").setText(str(text))
        find(dialog, QPushButton, "settings_ok").click()
        assert sentence in find(dialog, QLabel, "settings_message").text()
        assert dialog.result() != QDialog.DialogCode.Accepted


# --- in the window


class Prober(Assistant):
    """Answers with a list of devices."""

    def run(self, tasks, emit, control) -> None:
        super().run(tasks, emit, control)
        for task in tasks:
            if isinstance(task, DeviceTask):
                emit(WorkerReady({}, DEVICES))


def answer(qtbot: QtBot, window: MainWindow, fill: Callable[[SettingsDialog], None]) -> None:
    """Open the settings from the menu, fill them in and press OK."""

    def press() -> None:
        dialog = window.findChild(SettingsDialog)
        fill(dialog)
        find(dialog, QPushButton, "settings_ok").click()

    QTimer.singleShot(0, press)
    find_action(window, "settings").trigger()


def find_action(window: MainWindow, name: str) -> QAction:
    action = window.findChild(QAction, name)
    assert action is not None
    return action


def test_the_theme_changes_at_once_and_is_remembered(qtbot: QtBot, make_window: MakeWindow, qapp: QApplication) -> None:
    window = make_window(prober=Prober())
    with qtbot.assertNotEmitted(window.reopen_requested):
        answer(qtbot, window, lambda dialog: choose(dialog, "settings_scheme", Scheme.DARK))
    assert load_preferences(program_settings()).scheme is Scheme.DARK
    assert find_action(window, "scheme_dark").isChecked()
    assert window.palette().window().color().lightness() < 60


def choose(dialog: SettingsDialog, name: str, value: object) -> None:
    box = find(dialog, QComboBox, name)
    box.setCurrentIndex(box.findData(value))


def test_other_settings_ask_for_another_window(qtbot: QtBot, make_window: MakeWindow) -> None:
    window = make_window(prober=Prober())
    with qtbot.waitSignal(window.reopen_requested, timeout=PATIENCE_MS) as asked:
        answer(qtbot, window, lambda dialog: find(dialog, QSpinBox, "settings_workers").setValue(2))
    assert asked.args == [Preferences(), Preferences(workers=2)]


def test_while_a_training_is_under_way_they_wait(qtbot: QtBot, make_window: MakeWindow) -> None:
    window = make_window(OpenEndedExecutor(), prober=Prober())
    find(tab_of(window), QToolButton, "run").click()
    with qtbot.assertNotEmitted(window.reopen_requested):
        answer(qtbot, window, lambda dialog: find(dialog, QSpinBox, "settings_workers").setValue(2))
    assert load_preferences(program_settings()).workers == 2
    assert "next start" in window.statusBar().currentMessage()
    find(tab_of(window), QToolButton, "cancel").click()
    qtbot.waitUntil(lambda: not window.is_training, timeout=PATIENCE_MS)


def test_the_dialog_learns_which_devices_there_are(qtbot: QtBot, make_window: MakeWindow) -> None:
    prober = Prober()
    window = make_window(prober=prober)
    seen: list[bool] = []

    def look() -> None:
        dialog = window.findChild(SettingsDialog)
        qtbot.waitUntil(lambda: find(dialog, QComboBox, "settings_device").findData("gpu:0") > 0, timeout=PATIENCE_MS)
        seen.append(True)
        dialog.reject()

    QTimer.singleShot(0, look)
    find_action(window, "settings").trigger()
    assert seen
    assert sum(isinstance(task, DeviceTask) for task in prober.tasks) == 1


def test_a_device_that_is_not_there_is_said_once_and_the_window_goes_on(qtbot: QtBot, make_window: MakeWindow) -> None:
    window = make_window(prober=Prober(), device="gpu:3")
    bar = find(window, MessageBar, "message_bar")
    qtbot.waitUntil(lambda: bar.text != "", timeout=PATIENCE_MS)
    assert "There is no gpu:3 on this machine; choose auto, cpu, gpu:0" in bar.text
    assert find(tab_of(window), QToolButton, "run").isEnabled()


# --- replacing the window


@pytest.fixture
def keeper(qtbot: QtBot, workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WindowKeeper]:
    """Owner of windows on executors without processes."""

    def make(start: StartupOptions, own_log: ProgramLog) -> MainWindow:
        executors = (ScriptedExecutor(), Assistant(), Prober(), Assistant())
        return MainWindow(start.workspace, *executors, device=start.device, own_log=own_log)

    monkeypatch.setattr(gui.app, "make_window", make)
    own_log = ProgramLog()
    found = WindowKeeper(StartupOptions(workspace), own_log)
    yield found
    found.close()
    assert found.window is not None
    found.window.deleteLater()
    QCoreApplication.processEvents()
    own_log.close()


def test_a_window_on_another_workspace_takes_the_place_of_the_first(
    qtbot: QtBot, keeper: WindowKeeper, workspace: Path, tmp_path: Path
) -> None:
    keeper.open()
    first = keeper.window
    assert first is not None
    qtbot.waitExposed(first)
    find(first, QTabWidget, "tabs").setCurrentIndex(2)
    other = tmp_path / "other"
    answer(qtbot, first, lambda dialog: find(dialog, QLineEdit, "settings_workspace").setText(str(other)))
    second = keeper.window
    assert second is not None
    assert second is not first
    qtbot.waitExposed(second)
    assert not first.isVisible()
    assert second.isVisible()
    assert find(second, QTabWidget, "tabs").currentIndex() == 2
    assert (other / "logs" / "window.log").exists()
    assert load_preferences(program_settings()).workspace == other


def test_a_value_that_qt_would_build_whatever_it_says_is_taken_out(tmp_path: Path) -> None:
    """Reading such a value crashes the process."""
    file = tmp_path / "window.conf"
    file.write_bytes(b"[General]\nworkspace=@Variant(\\0\\0\\0X\\x7f\\xff\\xff\\xff)\nworkers=3\ndevice=cpu\n")
    settings = without_unsafe_values(QSettings(str(file), QSettings.Format.IniFormat))
    assert load_preferences(settings) == Preferences(None, 3, "cpu")
    assert b"Variant" not in file.read_bytes()

"""Dialogs of the program as a whole: settings, keys, log, self-test and About."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QUrl, Signal
from PySide6.QtGui import QDesktopServices, QKeySequence
from PySide6.QtWidgets import QApplication, QDialog, QMainWindow, QMenu

from engine.devices.names import AUTO, CPU, check_device
from engine.events.devices import Device, WorkerReady
from engine.events.experiments import Computed
from engine.events.runs import RunStarted
from engine.events.tasks import Event
from engine.utils.errors import DeviceError, StoreError
from engine.utils.logs import ProgramLog
from engine.utils.paths import log_folder
from gui.menus.entries import MenuEntry, fill_menu
from gui.utils.preferences import load_preferences, program_settings, save_preferences
from gui.utils.theme import Scheme, apply_scheme

if TYPE_CHECKING:
    from gui.dialogs.about import AboutDialog
    from gui.dialogs.log import LogWindow
    from gui.dialogs.selftest import SelfTestDialog
    from gui.dialogs.settings import SettingsDialog

STATUS_MS = 10_000  # how long a message stays in the status bar

log = logging.getLogger(__name__)


class DialogController(QObject):
    """Opens the dialogs, and keeps track of the devices.

    Emits ``devices_requested()`` to have the devices listed, ``devices_page_requested()``, ``changed(before, after)``
    when preferences changed that need a new window and nothing trains, ``scheme_changed(scheme)`` and
    ``failed(sentence)``.

    Args:
        window: parent of the dialogs.
        is_training: whether an experiment is running, so that the window can't be replaced.
        workspace: folder of the results.
        device: the device requested for this start.
        own_log: the log of this process, if one is kept.
    """

    devices_requested = Signal()
    devices_page_requested = Signal()
    changed = Signal(object, object)
    scheme_changed = Signal(object)
    failed = Signal(str)

    def __init__(
        self,
        window: QMainWindow,
        is_training: Callable[[], bool],
        workspace: Path,
        device: str,
        own_log: ProgramLog | None,
    ) -> None:
        super().__init__(window)
        self._is_training = is_training
        self._window, self._workspace, self._device, self._own_log = window, workspace, device, own_log
        self._devices: dict[str, str] | None = None  # unknown
        self._used: Device | None = None
        self._settings_dialog: SettingsDialog | None = None
        self._about_dialog: AboutDialog | None = None
        self._log_window: LogWindow | None = None
        self._self_test: SelfTestDialog | None = None

    def begin(self) -> None:
        """Check, once the window is open, whether a requested GPU exists."""
        log.info("opened on %s, device %s", self._workspace, self._device)
        if self._device not in (AUTO, CPU):
            self.devices_requested.emit()

    def take(self, event: Event) -> None:
        """Update the known devices by an event."""
        if isinstance(event, RunStarted | Computed):
            self._used = event.device
        if isinstance(event, WorkerReady) and event.devices and self._devices is None:
            self._take_devices(event.devices)

    def fill_file_menu(self, menu: QMenu) -> None:
        """Add the entries for workspace, settings and quitting."""
        entries = (
            MenuEntry("open_workspace", "Open &workspace folder", self._open_workspace),
            None,
            MenuEntry("settings", "&Settings…", self.show_settings, ("Ctrl+,",)),
            None,
            MenuEntry("quit", "&Quit", self._window.close, (QKeySequence.StandardKey.Quit,)),
        )
        fill_menu(self._window, menu, entries)

    def fill_help_menu(self, menu: QMenu) -> None:
        """Add the entries for keys, log, devices, self-test and About."""
        entries = (
            MenuEntry("keys", "&Keys", self.show_keys, ("F1",)),
            MenuEntry("log", "&Log", self.show_log, ("Ctrl+L",)),
            MenuEntry("devices", "&Devices", self.devices_page_requested.emit),
            MenuEntry("selftest", "&Self-test", self.show_self_test),
            None,
            MenuEntry("about", "&About Trainscope", self.show_about),
        )
        fill_menu(self._window, menu, entries)

    def show_settings(self) -> None:
        """Let the user change the settings; during a training most take effect at the next start."""
        settings = program_settings()
        before = load_preferences(settings)
        from gui.dialogs.settings import SettingsDialog

        self._settings_dialog = dialog = SettingsDialog(before, self._is_training(), self._devices, self._window)
        if self._devices is None:
            self.devices_requested.emit()
        accepted = dialog.exec() == QDialog.DialogCode.Accepted
        self._settings_dialog = None
        after = dialog.preferences
        dialog.deleteLater()
        if not accepted or after == before:
            return
        try:
            save_preferences(settings, after)
        except StoreError as error:
            self.failed.emit(str(error))
        self._use_scheme(after.scheme)
        if replace(after, scheme=before.scheme) == before:
            return
        if self._is_training():
            self._window.statusBar().showMessage("The settings take effect at the next start.", STATUS_MS)
        else:
            self.changed.emit(before, after)

    def show_keys(self) -> None:
        """Show all keyboard shortcuts of the window."""
        from gui.dialogs.keys import KeysDialog
        from gui.menus.shortcuts import shortcuts_of

        dialog = KeysDialog(shortcuts_of(self._window), self._window)
        dialog.exec()
        dialog.deleteLater()

    def show_about(self) -> None:
        """Show the About box; devices are queried if unknown."""
        lines = self._device_lines()
        from gui.dialogs.about import AboutDialog

        self._about_dialog = dialog = AboutDialog(self._workspace, lines, self._window)
        if not lines:
            self.devices_requested.emit()
        dialog.exec()
        self._about_dialog = None
        dialog.deleteLater()

    def show_log(self) -> None:
        """Show the log window, which stays open."""
        if self._log_window is None:
            from gui.dialogs.log import LogWindow

            self._log_window = LogWindow(log_folder(self._workspace), self._own_log, self._window)
        _bring_forward(self._log_window)

    def show_self_test(self) -> None:
        """Show the self-test, which starts at once and stays open."""
        if self._self_test is None:
            from gui.dialogs.selftest import SelfTestDialog
            from gui.startup.selftest import ALL_CHECKS

            self._self_test = SelfTestDialog(ALL_CHECKS, self._workspace, self._device, self._window)
        _bring_forward(self._self_test)

    def close(self) -> None:
        """Stop a running self-test."""
        if self._self_test is not None:
            self._self_test.stop()

    def _open_workspace(self) -> None:
        self._workspace.mkdir(parents=True, exist_ok=True)
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._workspace)))

    def _use_scheme(self, scheme: Scheme) -> None:
        app = QApplication.instance()
        if isinstance(app, QApplication):
            apply_scheme(app, scheme)
        self.scheme_changed.emit(scheme)

    def _take_devices(self, devices: dict[str, str]) -> None:
        self._devices = devices
        if self._settings_dialog is not None:
            self._settings_dialog.show_devices(devices)
        if self._about_dialog is not None:
            self._about_dialog.show_devices(self._device_lines())
        try:
            check_device(self._device, devices)
        except DeviceError as error:
            self.failed.emit(f"{str(error).rstrip('.')}; until then networks train on what there is.")

    def _device_lines(self) -> list[str]:
        if self._devices is not None:
            return [f"{key}: {name}" for key, name in self._devices.items()]
        return [f"{self._used.kind}: {self._used.name}"] if self._used is not None else []


def _bring_forward(dialog: QDialog) -> None:
    dialog.show()
    dialog.raise_()
    dialog.activateWindow()

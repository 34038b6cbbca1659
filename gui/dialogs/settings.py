"""Dialog of the preferences: workspace, workers, device and theme."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from engine.cli.arguments import MAX_WORKERS
from engine.devices.names import AUTO, CPU, device_title
from engine.utils.paths import default_workspace
from gui.utils.preferences import Preferences
from gui.utils.theme import Scheme

AT_ONCE = "Workspace, processes and device take effect at once: the window opens anew. "
AT_NEXT_START = "A training is under way: workspace, processes and device take effect at the next start. "
OVERRIDDEN = "What the command line names wins for this start."


class SettingsDialog(QDialog):
    """Form whose contents are the ``preferences``.

    Args:
        preferences: initial contents.
        training: whether changes take effect only at the next start.
        devices: name of each device by its key; None while unknown, see ``show_devices``.
        parent: the window.
    """

    def __init__(
        self,
        preferences: Preferences,
        training: bool,
        devices: dict[str, str] | None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("settings_dialog")
        self.setWindowTitle("Settings")
        self._before = preferences
        self._workspace, self._workers = QLineEdit(), QSpinBox()
        self._device, self._scheme = QComboBox(), QComboBox()
        self._choose, self._usual = QPushButton("&Choose…"), QPushButton("Default f&older")
        self._devices = QLabel()
        self._message = QLabel((AT_NEXT_START if training else AT_ONCE) + OVERRIDDEN)
        self._buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        self._make_widgets()
        self._arrange()
        self._show(preferences)
        self.show_devices(devices)

    @property
    def preferences(self) -> Preferences:
        """The preferences in the form."""
        text = self._workspace.text().strip()
        folder = _folder(text)
        return replace(
            self._before,
            workspace=None if folder in (None, default_workspace()) else folder,
            workers=self._workers.value() or None,
            device=str(self._device.currentData()),
            scheme=Scheme(self._scheme.currentData()),
        )

    def accept(self) -> None:
        """Close if the workspace is valid, else show why not."""
        if problem := _problem(self._workspace.text().strip()):
            self._message.setText(problem)
            self._workspace.setFocus()
            return
        super().accept()

    def show_devices(self, devices: dict[str, str] | None) -> None:
        """List the devices by key and name; None while unknown."""
        chosen = str(self._device.currentData() or self._before.device)
        self._device.clear()
        self._device.addItem("Automatic: the fastest for each network", AUTO)
        for key, name in (devices or {CPU: "the processor"}).items():
            self._device.addItem(f"{device_title(key)}: {name}", key)
        if self._device.findData(chosen) < 0:
            self._device.addItem(
                f"{device_title(chosen)}: {'not found here' if devices else 'not looked for yet'}", chosen
            )
        self._device.setCurrentIndex(self._device.findData(chosen))
        gpus = sum(key != CPU for key in devices or {})
        found = f"{gpus} GPU{'' if gpus == 1 else 's'} found" if gpus else "No GPU found"
        self._devices.setText(f"{found} that TensorFlow can use." if devices else "Looking for GPUs …")

    def _show(self, preferences: Preferences) -> None:
        self._workspace.setText(str(preferences.workspace or default_workspace()))
        self._workers.setValue(preferences.workers or 0)
        self._scheme.setCurrentIndex(self._scheme.findData(preferences.scheme))

    def _choose_folder(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Choose a folder for the results", self._workspace.text())
        if folder:
            self._workspace.setText(folder)

    def _make_widgets(self) -> None:
        for scheme in Scheme:
            self._scheme.addItem(_SCHEMES[scheme], scheme)
        self._workers.setRange(0, MAX_WORKERS)
        self._workers.setSpecialValueText("automatic")  # shown at 0
        self._device.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self._device.setMinimumContentsLength(34)
        self._usual.clicked.connect(lambda _checked=False: self._workspace.setText(str(default_workspace())))
        self._choose.clicked.connect(lambda _checked=False: self._choose_folder())
        self._message.setObjectName("settings_message")
        self._message.setWordWrap(True)
        self._devices.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self._devices.setObjectName("settings_devices")
        self._buttons.accepted.connect(self.accept)
        self._buttons.rejected.connect(self.reject)
        ok, cancel = (self._buttons.button(each) for each in _BUTTONS)
        for widget, name, title, tip in (
            (self._workspace, "settings_workspace", "Workspace", "Where experiments, networks and logs are kept"),
            (self._choose, "settings_choose", "Choose a workspace", "Choose another folder"),
            (self._usual, "settings_usual", "Default workspace", "The program's own folder among your user data"),
            (self._workers, "settings_workers", "Processes", _WORKERS_TIP),
            (
                self._device,
                "settings_device",
                "Device",
                "What networks train on; a device that computes wrongly is not used, see Help > Devices",
            ),
            (self._scheme, "settings_scheme", "Theme", "Light or dark"),
            (ok, "settings_ok", "OK", "Remember these settings"),
            (cancel, "settings_cancel", "Cancel", "Leave the settings as they were"),
        ):
            widget.setObjectName(name)
            widget.setAccessibleName(title)
            widget.setToolTip(tip)

    def _arrange(self) -> None:
        buttons = QHBoxLayout()
        buttons.addWidget(self._choose)
        buttons.addWidget(self._usual)
        buttons.addStretch()
        rows = QFormLayout()
        rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        rows.addRow("&Workspace", self._workspace)
        rows.addRow("", buttons)
        rows.addRow("&Processes", self._workers)
        rows.addRow("&Device", self._device)
        rows.addRow("", self._devices)
        rows.addRow("&Theme", self._scheme)
        rows.setLabelAlignment(Qt.AlignmentFlag.AlignLeft)
        column = QVBoxLayout(self)
        column.addLayout(rows)
        column.addWidget(self._message)
        column.addWidget(self._buttons)
        self.setMinimumWidth(34 * self.fontMetrics().averageCharWidth() * 2)


_BUTTONS = (QDialogButtonBox.StandardButton.Ok, QDialogButtonBox.StandardButton.Cancel)
_SCHEMES = {Scheme.SYSTEM: "As the system", Scheme.LIGHT: "Light", Scheme.DARK: "Dark"}
_WORKERS_TIP = (
    "How many networks train side by side, each in a process of its own that takes about a gigabyte; automatic: one a "
    "core, at most 8"
)


def _folder(text: str) -> Path | None:
    try:
        return Path(text).expanduser().absolute() if text else None
    except RuntimeError:  # the home of an unknown user
        return None


def _problem(text: str) -> str:
    """Return why ``text`` is not a valid workspace; empty if it is."""
    if not text:
        return ""
    folder = _folder(text)
    if folder is None:
        return f"'{text}' names the home of a user there is not; choose another folder."
    if folder.exists() and not folder.is_dir():
        return f"{folder} is a file; choose a folder for the results."
    return ""

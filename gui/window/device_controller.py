"""Display of devices: the one in use, refused ones, and the devices page."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QLabel, QWidget

from engine.config.specs import RunSpec
from engine.events.devices import Device, DevicesAppraised, MachineCalibrated
from engine.events.experiments import Computed, ExperimentFinished
from engine.events.runs import RunStarted
from engine.events.tasks import Event, TaskFailed
from engine.executors.tasks import AppraiseTask
from engine.experiments.base import TrainingExperiment
from engine.utils.errors import TrainscopeError
from engine.utils.text import pluralise
from gui.background.engine_thread import EngineThread
from gui.dialogs.devices import DevicesDialog, DeviceUse
from gui.experiment.experiment_tab import ExperimentTab

EXAMINING = "Looking at the devices …"
AFTERWARDS = "A training is under way: the devices are looked at when it has ended."


class DeviceController(QObject):
    """Shows the device in use, and has all devices examined for their page.

    Only the training processes know their number and threads, so they are queried, while nothing trains. Emits
    ``refused(sentence)`` once per experiment if the requested device is not used, and ``settings_requested()``.

    Args:
        asked: the device requested for this start.
        training: the training thread.
        is_training: whether an experiment is running.
        tabs: the experiment tabs.
        parent: the window.
    """

    refused = Signal(str)
    settings_requested = Signal()

    def __init__(
        self,
        asked: str,
        training: EngineThread,
        is_training: Callable[[], bool],
        tabs: Sequence[ExperimentTab],
        parent: QWidget,
    ) -> None:
        super().__init__(parent)
        self._asked, self._training, self._is_training, self._tabs = asked, training, is_training, tabs
        self._parent = parent
        self._dialog: DevicesDialog | None = None
        self._owners: list[str] = []  # titles of the experiments of the queried runs
        self._is_asking = self._pending_refresh = self._is_pending = self._has_calibrated = False
        self._used: dict[str, Device] = {}  # by the running experiment
        self._refusal = ""
        self.label = QLabel()  # empty before the first computation
        self.label.setObjectName("device")

    def show_page(self) -> None:
        """Show the page in a window of its own, which stays open."""
        if self._dialog is None:
            self._dialog = DevicesDialog(self._asked, self._parent)
            self._dialog.refresh_requested.connect(lambda: self._ask(refresh=True))
            self._dialog.settings_requested.connect(self.settings_requested)
        self._has_calibrated = False
        self._dialog.show()
        self._dialog.raise_()
        self._dialog.activateWindow()
        self._ask(refresh=False)

    def training_ended(self) -> None:
        """Run the query that was postponed by a training, or the calibration that it ended."""
        if self._is_pending:
            self._ask(self._pending_refresh)
        else:
            self._training.calibrate()

    def take(self, event: Event) -> None:
        """Update the display by an event of the training thread."""
        match event:
            case RunStarted(device=device) | Computed(device=device):
                self._follow(device)
            case ExperimentFinished():
                self._used, self._refusal = {}, ""
            case DevicesAppraised() if self._dialog is not None:
                self._is_asking = False
                uses = [DeviceUse(*each) for each in zip(self._owners, event.choices, strict=True)]
                self._dialog.show_devices(event.reports, uses, event.libraries)
                if not self._has_calibrated and not all(report.library for report in event.libraries):
                    self._has_calibrated = True  # once, as it may fail
                    self._training.calibrate()
            case MachineCalibrated() if self._dialog is not None and self._dialog.isVisible():
                self._ask(refresh=False)
            case TaskFailed(reason, cancelled=False) if self._is_asking and self._dialog is not None:
                self._is_asking = False
                self._dialog.show_failure(reason)

    def _follow(self, device: Device) -> None:
        self._used[device.title] = device
        details = filter(None, (device.title, f"{pluralise(device.threads, 'thread')} a process", device.library))
        self.label.setText("; ".join(self._used) if len(self._used) > 1 else ", ".join(details))
        if device.refusal and device.refusal != self._refusal:
            self._refusal = device.refusal
            self.refused.emit(device.refusal)

    def _ask(self, refresh: bool) -> None:
        if self._dialog is None or self._is_asking:
            return
        self._has_calibrated &= not refresh
        self._is_pending = self._is_training()
        self._pending_refresh = self._is_pending and (refresh or self._pending_refresh)
        if self._is_pending:
            self._dialog.show_status(AFTERWARDS)
            return
        found = self._runs()
        self._owners = [owner for owner, _ in found]
        self._is_asking = True
        self._dialog.show_status(EXAMINING)
        self._training.run_unannounced(AppraiseTask(tuple(run for _, run in found), refresh))

    def _runs(self) -> list[tuple[str, RunSpec]]:
        """Return one run for each network in each form, with the title of its experiment."""
        found: dict[tuple[str, str], RunSpec] = {}
        for tab in self._tabs:
            if not isinstance(tab.experiment, TrainingExperiment):
                continue
            try:
                runs = tab.experiment.plan(tab.form.spec())
            except TrainscopeError:  # an invalid form is reported when Run is pressed
                continue
            for run in runs:
                found.setdefault((tab.experiment.title, run.architecture), run)
        return [(title, run) for (title, _), run in found.items()]

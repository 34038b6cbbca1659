"""The devices page: available devices, whether they compute correctly, and which one each experiment uses."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QGridLayout,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QSizePolicy,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from engine.devices.calibration import REFERENCES
from engine.devices.hardware import used_instructions
from engine.devices.libraries import EIGEN, LIBRARIES, ONEDNN, VARIABLE, requested_library
from engine.devices.names import AUTO, CPU, device_title
from engine.events.devices import DeviceChoice, DeviceReport, LibraryReport
from gui.widgets.factories import named

AUTOMATIC = (
    "Each network trains where it is fastest: that is measured when it first trains, and remembered. Processes that "
    "train side by side have a core each but share a GPU, so its time counts once for each of them."
)
BY_NAME = "Everything is computed on {}, as the settings or the command line ask, unless it is refused above."
ONLY_ONE = "There is only the processor to train on."
ONLY_SOUND = "Only the processor computes as it should, so everything trains there."
NOT_MEASURED = "measured when it first trains"
LIBRARY = (
    f"On the processor TensorFlow computes with {ONEDNN} or with {EIGEN}, whichever is faster here, as measured once. "
    "Experiments with convolutional networks go by these. Results differ by rounding, so the library is stored with "
    "every run and kept when it is resumed."
)
REQUESTED = f"On the processor everything is computed with {{}}, as {VARIABLE} asks."
OF_COMPUTED = "Convolution, Basics and Try it use the processor unless a GPU is asked for by name."
STATES = {True: "computes as it should", False: "REFUSED", None: "not used by this start"}
TRAINS_ON = 2  # the column
GIB = 2**30


@dataclass(frozen=True)
class DeviceUse:
    """The device that the runs of one network of an experiment use."""

    experiment: str
    choice: DeviceChoice


class DevicesDialog(QDialog):
    """Shows reports on the devices; stays open beside the window.

    Emits ``refresh_requested()`` to verify and measure all devices again, and ``settings_requested()``.

    Args:
        asked: the device requested for this start.
        parent: the window.
    """

    refresh_requested = Signal()
    settings_requested = Signal()

    def __init__(self, asked: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("devices_dialog")
        self.setWindowTitle("Devices")
        self._asked = asked
        self._status, self._how, self._computed = QLabel(), QLabel(), QLabel(OF_COMPUTED)
        self._grid = QGridLayout()
        self._uses = QTableWidget()
        self._library, self._libraries = QLabel(), QTableWidget()
        self._settings, self._again = QPushButton("&Settings…"), QPushButton("Look &again")
        self._close = QPushButton("Close")
        self._make_widgets()
        self._arrange()
        self.resize(860, 560)

    def show_status(self, text: str) -> None:
        """Show progress or an error; earlier results stay visible."""
        self._status.setText(text)
        self._status.setVisible(bool(text))
        self._again.setEnabled(not text)

    def show_failure(self, sentence: str) -> None:
        """Show why the query failed."""
        self.show_status(sentence)
        self._again.setEnabled(True)

    def show_devices(
        self, reports: Sequence[DeviceReport], uses: Sequence[DeviceUse], libraries: Sequence[LibraryReport] = ()
    ) -> None:
        """Show the reports, the device of each network, and the processor's library for each kind of network."""
        self.show_status("")
        self._clear()
        for report in reports:
            self._add(report)
        several = sum(report.is_correct is True for report in reports) > 1
        self._how.setText(self._explain_choice([report.key for report in reports], several))
        self._fill([report.key for report in reports], uses)
        self._uses.setVisible(several and self._asked not in [report.key for report in reports])
        requested = requested_library()
        how = REQUESTED.format(requested) if requested else LIBRARY
        self._library.setText(f"{how} Its instructions for that: {used_instructions()}.")
        self._fill_libraries(libraries)
        self._libraries.setVisible(not requested)
        for label in (self._how, self._library, self._computed):
            label.show()

    def _explain_choice(self, there: Sequence[str], several: bool) -> str:
        absent = "" if self._asked in (AUTO, *there) else f"{device_title(self._asked)} is not there. "
        if self._asked in there:
            return BY_NAME.format(device_title(self._asked))
        if several:
            return absent + AUTOMATIC
        return absent + (ONLY_ONE if len(there) == 1 else ONLY_SOUND)

    def _add(self, report: DeviceReport) -> None:
        row = self._grid.rowCount()
        memory = "" if report.is_correct is None else "memory not known"
        memory = memory if report.memory is None else f"{report.memory / GIB:.1f} GiB"
        is_wrong_processor = (
            report.key == CPU and report.is_correct is False
        )  # used all the same, as there is no alternative
        state = "computes wrongly" if is_wrong_processor else STATES[report.is_correct]
        for column, text in enumerate((device_title(report.key), report.name, memory, state)):
            label = _label(text)
            if column == 0 or report.is_correct is False:
                font = label.font()
                font.setBold(True)
                label.setFont(font)
            self._grid.addWidget(label, row, column)
        findings = _label(report.findings)
        findings.setObjectName(f"findings_{report.key}")
        findings.setWordWrap(True)
        if report.is_correct is not False:
            findings.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self._grid.addWidget(findings, row + 1, 1, 1, 3)

    def _fill(self, devices: Sequence[str], uses: Sequence[DeviceUse]) -> None:
        titles = ["Experiment", "Network", "Trains on", *(f"{device_title(key)}, ms a step" for key in devices)]
        rows = [
            (
                use.experiment,
                use.choice.architecture,
                device_title(use.choice.device) if use.choice.device else NOT_MEASURED,
                *(_milliseconds(use.choice.seconds, key) for key in devices),
            )
            for use in uses
        ]
        _fill_table(self._uses, titles, rows)

    def _fill_libraries(self, libraries: Sequence[LibraryReport]) -> None:
        titles = ["Networks", "Measured with", "Computed by", *(f"{library}, ms a step" for library in LIBRARIES)]
        rows = [
            (
                report.kind,
                REFERENCES[report.kind],
                report.library or NOT_MEASURED,
                *(_milliseconds(report.seconds, library) for library in LIBRARIES),
            )
            for report in libraries
        ]
        _fill_table(self._libraries, titles, rows)

    def _clear(self) -> None:
        while (item := self._grid.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.deleteLater()

    def _make_widgets(self) -> None:
        for table in (self._uses, self._libraries):
            table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
            table.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
            table.setTabKeyNavigation(False)
            table.verticalHeader().hide()
            table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
            table.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self._libraries.setSizeAdjustPolicy(QAbstractItemView.SizeAdjustPolicy.AdjustToContents)
        self._libraries.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._close.setDefault(True)
        for button, slot in (
            (self._settings, self.settings_requested.emit),
            (self._again, self.refresh_requested.emit),
            (self._close, self.reject),
        ):
            button.clicked.connect(lambda _checked=False, slot=slot: slot())
            button.setAutoDefault(button is self._close)
        for each in (
            (self._status, "devices_status", "What is looked at", ""),
            (self._how, "devices_choice", "How a device is chosen", ""),
            (self._library, "devices_library", "How the library is chosen that computes on the processor", ""),
            (self._libraries, "devices_libraries", "How fast each library is", ""),
            (self._computed, "devices_computed", "What computed experiments use", ""),
            (self._uses, "devices_uses", "What each experiment uses", ""),
            (self._settings, "devices_settings", "Settings", "Choose a device, or let the program choose"),
            (
                self._again,
                "devices_again",
                "Look again",
                "Forget what was found out and measured, and look at all anew",
            ),
            (self._close, "devices_close", "Close", "Close"),
        ):
            named(*each)

    def _arrange(self) -> None:
        self._grid.setColumnStretch(1, 1)
        self._grid.setHorizontalSpacing(24)
        row = QHBoxLayout()
        row.addWidget(self._settings)
        row.addWidget(self._again)
        row.addStretch()
        row.addWidget(self._close)
        column = QVBoxLayout(self)
        column.setSpacing(12)
        column.addWidget(self._status)
        column.addLayout(self._grid)
        for label in (self._status, self._how, self._library, self._computed):
            label.setWordWrap(True)
        column.addWidget(self._how)
        column.addWidget(self._uses, 1)
        column.addWidget(self._library)
        column.addWidget(self._libraries)
        column.addWidget(self._computed)
        column.addStretch()
        column.addLayout(row)
        for widget in (self._how, self._uses, self._library, self._libraries, self._computed):
            widget.hide()


def _milliseconds(seconds: Mapping[str, float], key: str) -> str:
    return f"{1000 * seconds[key]:.2f}" if key in seconds and math.isfinite(seconds[key]) else "–"


def _fill_table(table: QTableWidget, titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Fill a table whose columns after ``TRAINS_ON`` are numbers."""
    table.setColumnCount(len(titles))
    table.setHorizontalHeaderLabels(titles)
    table.horizontalHeader().setSectionResizeMode(TRAINS_ON, QHeaderView.ResizeMode.Stretch)
    table.setRowCount(len(rows))
    for row, texts in enumerate(rows):
        for column, text in enumerate(texts):
            item = QTableWidgetItem(text)
            if column > TRAINS_ON:
                item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            table.setItem(row, column, item)


def _label(text: str) -> QLabel:
    label = QLabel(text)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    label.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
    return label

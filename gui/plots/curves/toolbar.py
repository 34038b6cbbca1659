"""Toolbar with the drawing options of all curve plots of a board."""

from __future__ import annotations

from dataclasses import replace
from threading import Thread
from typing import TypeVar

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QEnterEvent, QShowEvent
from PySide6.QtWidgets import QCheckBox, QComboBox, QHBoxLayout, QLabel, QPushButton, QSlider, QWidget

from engine.analysis.smoothing import preload
from gui.plots.curves.options import MAX_SMOOTHING, Horizontal, Repeats, load_options, save_options
from gui.widgets.factories import named

Editor = TypeVar("Editor", bound=QWidget)

SLIDER_WIDTHS = 50, 120
HUNDREDTHS = 100

HORIZONTALS = {
    Horizontal.STEP: "Step",
    Horizontal.EPOCH: "Epoch",
    Horizontal.TIME: "Time",
}
REPEATS = {
    Repeats.DEVIATION: "Mean ± deviation",
    Repeats.ERROR: "Mean ± error",
    Repeats.RANGE: "Mean, min to max",
    Repeats.MEAN: "Mean alone",
    Repeats.RUNS: "Single runs",
}
SMOOTHING_TIP = (
    "<p>Share of the average so far in each smoothed value, 0 (as measured) to 0.99: an exponential average without "
    "the bias of its beginning. The line as measured stays, faint, under the smoothed one.</p>"
)
HORIZONTAL_TIP = (
    "<p>What the horizontal axis counts: optimiser steps, epochs, or seconds of training. Over several runs, time is "
    "the mean time of the same step.</p>"
)
LOGARITHMIC_TIP = (
    "<p>Logarithmic horizontal axis. The button <i>log</i> in a plot's corner does the same for its vertical one.</p>"
)
REPEATS_TIP = (
    "<p>What is drawn where a variant has several runs. The deviation is the sample standard deviation; the error is "
    "the standard error of the mean: the deviation divided by the root of the number of runs.</p>"
)
OUTLIERS_TIP = (
    "<p>Fit the vertical range to what lies between the 2nd and the 98th percentile of all values of the curves in "
    "view, instead of to the least and the greatest.</p>"
)
BEST_TIP = "<p>Mark each curve's greatest accuracy or least loss, as measured, with its value and step.</p>"
RESET_TIP = (
    "<p>Show all of every plot again (Ctrl+0, or a double click in a plot).</p><p>Turn the wheel over a plot or drag "
    "with the right button to zoom, drag with the left one to move; the plots keep one horizontal range. Over an axis, "
    "only that axis changes. With the keyboard in a plot, Left and Right move the cursor.</p>"
)


class CurveToolbar(QWidget):
    """Emits ``changed(options)`` when the user changes one, and ``reset_requested()`` to reset the zoom.

    The options are stored, and reloaded when the bar is shown, as another board may have changed them.
    """

    changed = Signal(object)
    reset_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("curve_bar")
        self.options = load_options()
        self._prepared = False
        self._make_editors()
        self._arrange()
        self._show_options()
        self._connect()
        if self.options.smoothing:
            self._prepare()

    def _make_editors(self) -> None:
        self._smoothing = named(QSlider(Qt.Orientation.Horizontal), "smoothing", "Smoothing", SMOOTHING_TIP)
        self._smoothing.setRange(0, round(MAX_SMOOTHING * HUNDREDTHS))
        self._smoothing.setPageStep(10)
        self._smoothing.setMinimumWidth(SLIDER_WIDTHS[0])
        self._smoothing.setMaximumWidth(SLIDER_WIDTHS[1])
        self._smoothing.installEventFilter(self)
        self._share = QLabel()
        self._share.setObjectName("smoothing_value")
        self._share.setMinimumWidth(self._share.fontMetrics().horizontalAdvance("0.00"))
        self._horizontal = named(QComboBox(), "horizontal", "Horizontal axis", HORIZONTAL_TIP)
        for horizontal, text in HORIZONTALS.items():
            self._horizontal.addItem(text, horizontal)
        self._logarithmic = named(QCheckBox("log"), "horizontal_log", "Logarithmic horizontal axis", LOGARITHMIC_TIP)
        self._repeats = named(QComboBox(), "repeats_shown", "Several runs", REPEATS_TIP)
        for repeats, text in REPEATS.items():
            self._repeats.addItem(text, repeats)
        self._outliers = named(QCheckBox("Ignore outliers"), "ignore_outliers", "Ignore outliers", OUTLIERS_TIP)
        self._best = named(QCheckBox("Mark best"), "mark_best", "Mark best", BEST_TIP)
        self._reset = named(QPushButton("Reset zoom"), "reset_zoom", "Reset zoom", RESET_TIP)
        self._reset.setShortcut("Ctrl+0")

    def _arrange(self) -> None:
        row = QHBoxLayout(self)
        row.setContentsMargins(4, 0, 4, 0)
        row.setSpacing(4)
        for text, editors in (
            ("Smoothing", (self._smoothing, self._share)),
            ("x", (self._horizontal, self._logarithmic)),
            ("Runs", (self._repeats,)),
        ):
            label = QLabel(text)
            label.setBuddy(editors[0])
            label.setToolTip(editors[0].toolTip())
            for widget in (label, *editors):
                row.addWidget(widget)
            row.addSpacing(4)
        for widget in (self._outliers, self._best):
            row.addWidget(widget)
        row.addStretch()
        row.addWidget(self._reset)

    def _connect(self) -> None:
        self._smoothing.valueChanged.connect(lambda value: self._change(smoothing=value / HUNDREDTHS))
        self._horizontal.currentIndexChanged.connect(
            lambda _index: self._change(horizontal=Horizontal(self._horizontal.currentData()))
        )
        self._repeats.currentIndexChanged.connect(
            lambda _index: self._change(repeats=Repeats(self._repeats.currentData()))
        )
        self._logarithmic.toggled.connect(lambda on: self._change(logarithmic=on))
        self._outliers.toggled.connect(lambda on: self._change(ignore_outliers=on))
        self._best.toggled.connect(lambda on: self._change(mark_best=on))
        self._reset.clicked.connect(self.reset_requested.emit)

    def _change(self, **values: object) -> None:
        self.options = replace(self.options, **values)  # type: ignore[arg-type]
        save_options(self.options)
        self._show_options()
        self.changed.emit(self.options)

    def _show_options(self) -> None:
        options = self.options
        editors = (self._smoothing, self._horizontal, self._repeats, self._logarithmic, self._outliers, self._best)
        for editor in editors:
            editor.blockSignals(True)
        self._smoothing.setValue(round(options.smoothing * HUNDREDTHS))
        self._share.setText(f"{options.smoothing:.2f}")
        self._horizontal.setCurrentIndex(self._horizontal.findData(options.horizontal))
        self._repeats.setCurrentIndex(self._repeats.findData(options.repeats))
        self._logarithmic.setChecked(options.logarithmic)
        self._outliers.setChecked(options.ignore_outliers)
        self._best.setChecked(options.mark_best)
        for editor in editors:
            editor.blockSignals(False)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        """Reload the options, which another tab may have changed."""
        super().showEvent(event)
        if (options := load_options()) != self.options:
            self.options = options
            self._show_options()
            self.changed.emit(options)

    def enterEvent(self, event: QEnterEvent) -> None:  # noqa: N802
        """Preload the smoothing when the mouse enters."""
        super().enterEvent(event)
        self._prepare()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        """Preload the smoothing when the slider gets the focus."""
        if event.type() == QEvent.Type.FocusIn:
            self._prepare()
        return super().eventFilter(watched, event)

    def _prepare(self) -> None:
        """Import the smoothing's libraries in a thread: it takes half a second, during which the window would hang."""
        if not self._prepared:
            self._prepared = True
            Thread(target=preload, name="smoothing", daemon=True).start()

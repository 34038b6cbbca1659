"""A tab: the experiment's form and controls on the left, what is observed on the right."""

from __future__ import annotations

from itertools import cycle

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from engine.errors import SpecError
from engine.events import (
    ComputationStarted,
    Control,
    DatasetReady,
    Event,
    ExperimentFinished,
    ExperimentStarted,
    Progress,
    RunsAdded,
    Status,
)
from engine.experiments.base import Experiment
from engine.spec import DataSpec
from engine.wording import counted
from gui.form import Form
from gui.observations import Observations
from gui.tabs.board import Board
from gui.views.durations import as_duration
from gui.views.lesson import Lesson
from gui.views.panel import panel_width
from gui.views.start_page import Stage

# One view is drawn at each tick, so that the event loop is never held longer than the slowest single view takes; with
# six views each is drawn four times a second, which is as often as a curve visibly moves.
PAINT_INTERVAL_MS = 40
# After the last change of the form before sample images are fetched: long enough to type a number.
SAMPLES_DELAY_MS = 250
PROGRESS_STEPS = 1000


class ExperimentTab(QWidget):
    """Form, controls and board of one experiment.

    Emits ``run_requested(spec)``, ``control_requested(control)``, ``samples_requested(data spec)``,
    ``export_requested(experiment number)``, ``writing_requested()`` where the user wants to write a network, and
    ``failed(sentence)``.
    """

    run_requested = Signal(object)
    control_requested = Signal(object)
    samples_requested = Signal(object)
    export_requested = Signal(int)
    writing_requested = Signal()
    failed = Signal(str)

    def __init__(self, experiment: Experiment, board: Board) -> None:
        super().__init__()
        self.setObjectName(f"tab_{experiment.name}")
        self.experiment = experiment
        self.observations = Observations()
        self.form = Form(experiment.spec)
        self.board = board
        self.stage = Stage(experiment, board)
        self._next_view = cycle(board.views())
        self._busy = False  # an experiment of another tab is under way
        self._training = False
        self._ending: Control | None = None  # what was asked of the training under way
        self._make_controls()
        self._arrange()
        self._connect()
        self.use_preset("quick")
        self._show_training(False)

    def use_preset(self, name: str) -> None:
        """Fill the form with a preset."""
        self.form.show_spec(self.experiment.preset(name))
        self._samples_timer.start()
        self._tell_board()

    def start(self) -> None:
        """Ask for the experiment that the form describes."""
        try:
            spec = self.form.spec()
        except SpecError as error:
            self.failed.emit(str(error))
            return
        self._ending = None
        self._show_training(True)
        self._progress.setRange(0, 0)
        self._status.setText("Preparing …")
        self.observations.expect(spec)
        self.run_requested.emit(spec)

    def take(self, event: Event) -> None:
        """Note an event of this tab's experiment."""
        self.observations.take(event)
        match event:
            case Progress(message, done, total):
                self._progress.setRange(0, total)
                self._progress.setValue(done)
                self._say(message)
            case DatasetReady():
                self._say("Waiting for the training processes …")
                self._progress.setRange(0, 0)
            case ExperimentStarted() | RunsAdded() | ComputationStarted():
                self._begin()
            case ExperimentFinished():
                self._finish(event)

    def _start_from_page(self, welcome: bool) -> None:
        if welcome:
            self.use_preset("quick")
        self.start()

    def _begin(self) -> None:
        self.stage.show_board()
        for view in self.board.views():
            view.begin(self.observations)
        self._progress.setRange(0, PROGRESS_STEPS if self.observations.runs else 0)
        self._paint_timer.start()

    def _finish(self, event: ExperimentFinished) -> None:
        self._paint_timer.stop()
        if self.observations.experiment is not None:
            self.refresh()
        self._show_training(False)
        self._progress.setRange(0, PROGRESS_STEPS)
        self._progress.setValue(PROGRESS_STEPS if event.status is Status.FINISHED else self._progress.value())
        self._status.setText(self._ending_of(event.status))
        self._export.setEnabled(event.experiment is not None)
        if event.reason and event.status is not Status.CANCELLED:
            self.failed.emit(event.reason)

    def _ending_of(self, status: Status) -> str:
        runs = self.observations.runs.values()
        if not runs:
            return _ENDINGS[status].partition(";")[0] + "."
        if status in (Status.FAILED, Status.CANCELLED):
            return _ENDINGS[status] + "."
        tested = counted(sum(run.test_accuracy is not None for run in runs), "run")
        return f"{_ENDINGS[status]}, {tested} trained and tested."

    def refresh(self) -> None:
        """Draw everything that has changed."""
        for view in self.board.views():
            view.refresh(self.observations)
        self._show_progress()

    def _paint_next(self) -> None:
        next(self._next_view).refresh(self.observations)
        self._show_progress()

    def _show_progress(self) -> None:
        observations = self.observations
        if not observations.runs:
            return
        self._progress.setValue(round(PROGRESS_STEPS * observations.progress))
        if observations.finished is None and self._ending is None:
            done = sum(run.status.is_final for run in observations.runs.values())
            left = observations.seconds_left
            time = f", {as_duration(left)} left" if left is not None else ""
            self._status.setText(f"{done} of {counted(len(observations.runs), 'run')} done{time}")

    def _say(self, text: str) -> None:
        """Say how far things are, unless they are being ended."""
        if self._ending is None:
            self._status.setText(text)

    def _tell_board(self) -> None:
        try:
            self.board.show_settings(self.form.spec())
        except SpecError:
            return  # said when Run is pressed

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        """Fetch sample images once somebody looks."""
        super().showEvent(event)
        if self.form.dataset_chooser is not None and not self.form.dataset_chooser.has_samples:
            self._samples_timer.start()

    def set_busy(self, busy: bool) -> None:
        """Say whether an experiment of another tab is under way: only one trains at a time."""
        self._busy = busy
        self._show_training(self._training)
        if not self._training and busy:
            self._status.setText("Another tab is at work; wait for it, or stop it there.")
        elif self._status.text().startswith("Another tab"):
            self._status.setText("Ready.")

    def _ask_for_samples(self) -> None:
        if self.form.dataset_chooser is None or not self.isVisible():
            return
        try:
            spec = self.form.spec()
        except SpecError:
            return  # said when Run is pressed
        self.form.dataset_chooser.show_busy("Loading sample images …")
        self.samples_requested.emit(spec.part(DataSpec))

    def _show_training(self, training: bool) -> None:
        self._training = training
        self.form.setEnabled(not training)
        self._run.setEnabled(not training and not self._busy)
        self.stage.set_runnable(self._run.isEnabled())
        for button in self._presets:
            button.setEnabled(not training)
        for button in (self._stop, self._cancel):
            button.setEnabled(training)
        self._export.setEnabled(not training and self.observations.experiment is not None)

    def _control(self, control: Control, said: str) -> None:
        self._stop.setEnabled(False)
        self._cancel.setEnabled(control is not Control.CANCEL)
        self._ending = control
        self._status.setText(said)
        self.control_requested.emit(control)

    def _make_controls(self) -> None:
        self._run = _button("run", "Run", "Carry out what the form describes (Ctrl+R)")
        self._run.setShortcut("Ctrl+R")
        self._stop = _button("stop", "Stop", "End now and keep what was learned: networks are tested and saved")
        self._cancel = _button("cancel", "Cancel", "End now without testing; records are kept")
        self._export = _button("export", "Export…", "Write summary, curves, figures and the course's files to a folder")
        self._presets = [
            _button(f"preset_{name}", name.capitalize(), f"Settings of the {name} preset")
            for name in self.experiment.presets
        ]
        self._progress = QProgressBar()
        self._progress.setObjectName("progress")
        self._progress.setTextVisible(False)
        self._progress.setRange(0, PROGRESS_STEPS)
        self._status = QLabel("Ready.")
        self._status.setObjectName("status")
        self._status.setWordWrap(True)
        self._paint_timer = QTimer(self, interval=PAINT_INTERVAL_MS)
        self._samples_timer = QTimer(self, interval=SAMPLES_DELAY_MS, singleShot=True)

    def _connect(self) -> None:
        self._run.clicked.connect(self.start)
        self.stage.pressed.connect(self._start_from_page)
        self._stop.clicked.connect(lambda: self._control(Control.STOP, "Stopping …"))
        self._cancel.clicked.connect(lambda: self._control(Control.CANCEL, "Cancelling …"))
        self._export.clicked.connect(lambda: self.export_requested.emit(self.observations.experiment))
        for button, name in zip(self._presets, self.experiment.presets, strict=True):
            button.clicked.connect(lambda _checked=False, name=name: self.use_preset(name))
        self._paint_timer.timeout.connect(self._paint_next)
        self._samples_timer.timeout.connect(self._ask_for_samples)
        if self.form.dataset_chooser is not None:
            self.form.dataset_chooser.chosen.connect(lambda _dataset: self._samples_timer.start())
            self.form.dataset_chooser.failed.connect(self.failed.emit)
        self.form.changed.connect(self._tell_board)
        self.form.writing_wanted.connect(self.writing_requested.emit)
        self.board.settings_chosen.connect(self.form.show_values)
        self.board.failed.connect(self.failed.emit)

    def _arrange(self) -> None:
        layout = QHBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.addWidget(self._left_panel())
        layout.addWidget(self.stage, 1)

    def _left_panel(self) -> QWidget:
        panel = QWidget()
        panel.setFixedWidth(panel_width(self))
        column = QVBoxLayout(panel)
        column.setContentsMargins(0, 0, 0, 0)
        summary = QLabel(self.experiment.summary)
        summary.setWordWrap(True)
        column.addWidget(summary)
        column.addWidget(Lesson(self.experiment.lesson))
        column.addLayout(_row(QLabel("Preset"), *self._presets))
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(self.form)
        column.addWidget(scroll, 1)
        column.addWidget(self._status)
        column.addWidget(self._progress)
        column.addLayout(_row(self._run, self._stop, self._cancel, self._export))
        return panel


_ENDINGS = {
    Status.FINISHED: "Finished",
    Status.STOPPED: "Stopped; what was learned is kept",
    Status.CANCELLED: "Cancelled; what was recorded is kept",
    Status.FAILED: "Not finished",
}


def _button(name: str, text: str, tip: str) -> QPushButton:
    button = QPushButton(text)
    button.setObjectName(name)
    button.setToolTip(tip)
    return button


def _row(*widgets: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setSpacing(6)
    for widget in widgets:
        row.addWidget(widget, 1 if isinstance(widget, QPushButton) else 0)
    return row

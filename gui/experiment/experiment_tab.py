"""A tab: the experiment's form and controls on the left, what is observed on the right."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cached_property
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

from engine.config.specs import DataSpec, ExperimentSpec
from engine.events.commands import Control, SetLearningRate, SkipRun
from engine.events.datasets import DatasetReady
from engine.events.experiments import ComputationStarted, ExperimentFinished, ExperimentStarted, RunsAdded
from engine.events.runs import Intervention, RunFinished, Status
from engine.events.tasks import Event, Progress
from engine.experiments.base import Experiment, TrainingExperiment
from engine.utils.errors import SpecError
from engine.utils.text import counted
from gui.background.weight_reader import WeightReader
from gui.boards.board import Board, View
from gui.experiment.control_bar import UNDER_WAY, ControlBar, ExperimentState
from gui.experiment.start_page import Stage
from gui.forms.form import Form
from gui.observations.experiment import Observations, RunObservation
from gui.observations.summary import best_variant_summary
from gui.utils.text import as_duration
from gui.widgets.collapsible_text import CollapsibleText
from gui.widgets.side_panel import panel_width

# One view is drawn at each tick, so that the event loop is never held longer than the slowest single view takes; with
# six views each is drawn four times a second, which is as often as a curve visibly moves.
PAINT_INTERVAL_MS = 40
# After the last change of the form before sample images are fetched: long enough to type a number.
SAMPLES_DELAY_MS = 250
PROGRESS_STEPS = 1000
RESUME_TIP = "Train what is missing: runs that crashed, failed or were ended go on where they were"


class ExperimentTab(QWidget):
    """Form, controls and board of one experiment. A board takes long to make, so that is done when it is first needed.

    Emits ``run_requested(spec)``, ``command_given(command)``, ``samples_requested(data spec)``,
    ``export_requested(experiment number)``, ``repeats_requested(experiment number)``, ``resume_requested(experiment
    number)``, ``writing_requested()`` where the user wants to write a network, ``trained_requested()`` where they want
    to choose a trained one, and ``failed(sentence)``.
    """

    run_requested = Signal(object)
    command_given = Signal(object)
    samples_requested = Signal(object)
    export_requested = Signal(int)
    repeats_requested = Signal(int)
    resume_requested = Signal(int)
    writing_requested = Signal()
    trained_requested = Signal()
    failed = Signal(str)

    def __init__(self, experiment: Experiment, make_board: Callable[[], Board], kernels: WeightReader) -> None:
        super().__init__()
        self.setObjectName(f"tab_{experiment.name}")
        self.experiment = experiment
        self.observations = Observations()
        self.form = Form(experiment.spec)
        self._make_board, self._kernels = make_board, kernels
        self.stage = Stage(experiment)
        self._state = ExperimentState.IDLE
        self._holding = False  # whether the runs were asked to be held
        self._is_planned = False  # whether the runs of the experiment under way are known
        self._make_controls()
        self._arrange()
        self._connect()
        self.use_preset("quick")
        self._show_state(ExperimentState.IDLE)

    @cached_property
    def board(self) -> Board:
        """The views of the experiment."""
        board = self._make_board()
        board.use_kernels(self._kernels)
        board.settings_chosen.connect(self.form.show_values)
        board.failed.connect(self.failed.emit)
        self.stage.put_board(board)
        with suppress(SpecError):  # said when Run is pressed
            board.show_settings(self.form.spec())
        return board

    def prepare(self) -> None:
        """Make the board, unless it is there."""
        _ = self.board

    def _show_board(self) -> None:
        self.prepare()
        self.stage.show_board()

    @property
    def _is_board_made(self) -> bool:
        return "board" in self.__dict__

    @cached_property
    def _next_view(self) -> Iterator[View | None]:
        """Views in turn, and None where the progress has its own."""
        return cycle([*self.board.views(), None])

    def use_preset(self, name: str) -> None:
        """Fill the form with a preset."""
        self.show_spec(self.experiment.preset(name))

    def show_spec(self, spec: ExperimentSpec) -> None:
        """Fill the form with settings."""
        self.form.show_spec(spec)
        self._samples_timer.start()
        self._tell_board()

    def start(self) -> None:
        """Ask for the experiment that the form describes."""
        try:
            self.run_requested.emit(self.form.spec())
        except SpecError as error:
            self.failed.emit(str(error))

    def begin(self, spec: ExperimentSpec) -> None:
        """The experiment ``spec`` of this tab begins now."""
        self._holding = self._is_planned = False
        self._show_state(ExperimentState.TRAINING)
        self._progress.setRange(0, 0)
        self._status.setText("Preparing …")
        self.observations.expect(spec)

    @property
    def is_at_work(self) -> bool:
        """Whether its experiment is under way."""
        return self._state is not ExperimentState.IDLE

    @property
    def is_ending(self) -> bool:
        """Whether its experiment was asked to end."""
        return self._state in (ExperimentState.STOPPING, ExperimentState.CANCELLING)

    def take(self, event: Event) -> None:
        """Note an event of this tab's experiment."""
        self.observations.take(event)
        match event:
            case Progress(message) if self._is_planned:  # of a run that begins: the bar is that of all runs
                self._say(message)
            case Progress(message, done, total):
                self._progress.setRange(0, total)
                self._progress.setValue(done)
                self._say(message)
            case DatasetReady():
                self._say("Waiting for the training processes …")
                self._progress.setRange(0, 0)
            case ExperimentStarted() | RunsAdded() | ComputationStarted():
                self._show_plan()
            case Intervention() | RunFinished():
                self._show_held()
            case ExperimentFinished():
                self._finish(event)

    def _start_from_page(self, welcome: bool) -> None:
        if welcome:
            self.use_preset("quick")
        self.start()

    def _show_plan(self) -> None:
        self._is_planned = True
        self._show_board()
        for view in self.board.views():
            view.begin(self.observations)
        self._progress.setRange(0, PROGRESS_STEPS if self.observations.runs else 0)
        self._paint_timer.start()

    def _finish(self, event: ExperimentFinished) -> None:
        self._paint_timer.stop()
        if self.observations.experiment is not None:
            self.refresh()
        self._show_state(ExperimentState.IDLE)
        self._progress.setRange(0, PROGRESS_STEPS)
        self._progress.setValue(PROGRESS_STEPS if event.status is Status.FINISHED else self._progress.value())
        self._status.setText(self._ending_of(event.status))
        if event.reason and event.status not in (Status.CANCELLED, Status.INTERRUPTED):
            self.failed.emit(event.reason)

    def _ending_of(self, status: Status) -> str:
        runs = self.observations.runs.values()
        if not runs:
            return _ENDINGS[status].partition(";")[0] + "."
        if status in (Status.FAILED, Status.CANCELLED):
            return _ENDINGS[status] + "."
        tested = counted(sum(run.test_accuracy is not None for run in runs), "run")
        return f"{_ENDINGS[status]}, {tested} trained and tested. {best_variant_summary(self.observations)}".rstrip()

    def refresh(self) -> None:
        """Draw everything that has changed."""
        for view in self.board.views():
            view.refresh(self.observations)
        self._show_progress()

    def _paint_next(self) -> None:
        """One view, or the progress: each has its turn several times a second, and none holds up the window."""
        if (view := next(self._next_view)) is None:
            self._show_progress()
        else:
            view.refresh(self.observations)

    def _show_progress(self) -> None:
        observations = self.observations
        if not observations.runs:
            return
        self._progress.setValue(round(PROGRESS_STEPS * observations.progress))
        if self._state in UNDER_WAY:
            done = sum(run.status.is_final for run in observations.runs.values())
            held = "Held: " if self._state is ExperimentState.PAUSED else ""
            self._status.setText(f"{held}{done} of {counted(len(observations.runs), 'run')} done{self.time_left}")
        self._offer_rate()

    @property
    def time_left(self) -> str:
        """Such as ``, 3 min 05 s left``; nothing while that is unknown."""
        left = self.observations.seconds_left
        return f", {as_duration(left)} left" if left is not None else ""

    def _offer_rate(self) -> None:
        """The rate box follows the rate of the run it is for."""
        rate = next((rate for run in self._steered() if (rate := run.learning_rate) is not None), None)
        if rate is not None:
            self.controls.show_rate(rate)

    def _steered(self) -> list[RunObservation]:
        """The runs that a command to some runs is for: those chosen in the table and not over, else all under way."""
        return self._chosen_runs or self.observations.under_way

    @property
    def _chosen_runs(self) -> list[RunObservation]:
        return self.board.chosen_runs() if self._is_board_made else []

    def _say(self, text: str) -> None:
        """Say how far things are, unless they are being ended."""
        if self._state in UNDER_WAY:
            self._status.setText(text)

    def _tell_board(self) -> None:
        if self._is_board_made:
            with suppress(SpecError):  # said when Run is pressed
                self.board.show_settings(self.form.spec())

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        """Fetch sample images, and make the board of an experiment that has something to show at once."""
        super().showEvent(event)
        if not isinstance(self.experiment, TrainingExperiment):
            self._show_board()
        if self.form.dataset_chooser is not None and not self.form.dataset_chooser.has_samples:
            self._samples_timer.start()

    def set_busy(self, busy: bool) -> None:
        """Say whether an experiment is under way, in this tab or another: only one trains at a time."""
        self.controls.show_busy(busy)

    def say(self, text: str) -> None:
        """Show a sentence where the state of this tab's experiment stands, unless one is under way."""
        if not self.is_at_work:
            self._status.setText(text)

    def _ask_for_samples(self) -> None:
        if self.form.dataset_chooser is None or not self.isVisible():
            return
        try:
            spec = self.form.spec()
        except SpecError:
            return  # said when Run is pressed
        self.form.dataset_chooser.show_busy("Loading sample images …")
        self.samples_requested.emit(spec.part(DataSpec))

    def _show_state(self, state: ExperimentState) -> None:
        self._state = state
        self.controls.show_state(state)
        self.stage.set_runnable(state is ExperimentState.IDLE)
        stored = state is ExperimentState.IDLE and self.observations.experiment is not None
        self._export.setEnabled(stored)
        self._repeats.setEnabled(stored and bool(self.observations.runs))
        self._resume.setVisible(stored and self.observations.can_resume)
        self._resume.setEnabled(stored and self.observations.can_resume)

    def _show_held(self) -> None:
        """Say whether the runs are held, as they themselves tell it; where none has begun, nothing else can."""
        if self._state not in UNDER_WAY:
            return
        held = any(run.status is Status.PAUSED for run in self.observations.runs.values())
        if self._holding and (held or not self.observations.under_way):
            self._show_state(ExperimentState.PAUSED)
        elif not self._holding and not held:
            self._show_state(ExperimentState.TRAINING)

    def _press(self, name: str) -> None:
        match name:
            case "run":
                self.start()
            case "pause":
                self._hold(not self._holding)
            case "step" if self._holding:
                self.command_given.emit(Control.STEP)
            case "step":
                self._hold(True)  # which is at the next record
            case "stop":
                self._end(Control.STOP, ExperimentState.STOPPING, "Stopping …")
            case "cancel" if self._state is ExperimentState.CANCELLING:
                self._end(Control.CANCEL, ExperimentState.CANCELLING, "Ending what doesn't obey …")
            case "cancel":
                self._end(Control.CANCEL, ExperimentState.CANCELLING, "Cancelling …")
            case "skip":
                self._skip(self._chosen_runs or self.observations.under_way[:1])

    def _skip(self, runs: list[RunObservation]) -> None:
        if not runs:
            self.failed.emit("No run is under way; choose the one to skip in the table.")
        for run in runs:
            self.command_given.emit(SkipRun(run.planned.run))

    def _hold(self, hold: bool) -> None:
        self._holding = hold
        self.command_given.emit(Control.PAUSE if hold else Control.RESUME)
        self._show_held()

    def _end(self, control: Control, state: ExperimentState, said: str) -> None:
        self._show_state(state)
        self._status.setText(said)
        self.command_given.emit(control)

    def _set_rate(self, rate: float) -> None:
        chosen = self._chosen_runs
        begun: list[int | None] = [run.planned.run for run in chosen if run.status is not Status.QUEUED]
        if not begun and (chosen or not self.observations.under_way):
            self.failed.emit("No such run has begun yet; its learning rate can be set once it trains.")
            return
        for number in begun or [None]:
            self.command_given.emit(SetLearningRate(rate, number))

    def _make_controls(self) -> None:
        self.controls = ControlBar(isinstance(self.experiment, TrainingExperiment))
        self._repeats = _button(
            "repeats",
            "Add repeats…",
            "Train more runs of every variant of the experiment shown, with further seeds (Ctrl+Shift+A)",
        )
        self._resume = _button("resume", "Resume", f"{RESUME_TIP} (Shift+F6)")
        self._export = _button(
            "export", "Export…", "Write summary, curves, figures and the course's files to a folder (Ctrl+E)"
        )
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
        self.controls.pressed.connect(self._press)
        self.controls.rate_given.connect(self._set_rate)
        self._resume.clicked.connect(lambda: self.resume_requested.emit(self.observations.experiment))
        self._repeats.clicked.connect(lambda: self.repeats_requested.emit(self.observations.experiment))
        self.stage.pressed.connect(self._start_from_page)
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
        self.form.trained_wanted.connect(self.trained_requested.emit)

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
        column.addWidget(CollapsibleText(self.experiment.lesson))
        column.addLayout(_row(QLabel("Preset"), *self._presets))
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(self.form)
        column.addWidget(scroll, 1)
        ending = QHBoxLayout()
        ending.addWidget(self._status, 1)
        ending.addWidget(self._resume)
        column.addLayout(ending)
        column.addWidget(self._progress)
        column.addWidget(self.controls)
        more = [self._export, self._repeats] if isinstance(self.experiment, TrainingExperiment) else [self._export]
        column.addLayout(_row(*more))
        return panel


_ENDINGS = {
    Status.FINISHED: "Finished",
    Status.STOPPED: "Stopped; what was learned is kept",
    Status.CANCELLED: "Cancelled; what was recorded is kept",
    Status.INTERRUPTED: "Interrupted; what was recorded is kept",
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

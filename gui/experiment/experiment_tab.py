"""A tab: the experiment's form and controls on the left, what is observed on the right."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cached_property
from itertools import cycle

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QAction, QShowEvent
from PySide6.QtWidgets import QAbstractButton, QFrame, QHBoxLayout, QLabel, QScrollArea, QVBoxLayout, QWidget

from engine.config.specs import DataSpec, ExperimentSpec
from engine.events.datasets import DatasetReady
from engine.events.experiments import ComputationStarted, ExperimentFinished, ExperimentStarted, RunsAdded
from engine.events.runs import Intervention, RunFinished, Status
from engine.events.tasks import Event, Progress
from engine.experiments.base import Experiment, TrainingExperiment
from engine.utils.errors import SpecError
from engine.utils.text import pluralise
from engine.workspace.queue import QueueEntry
from gui.boards.board import Board, View
from gui.experiment.control_bar import ControlBar, ExperimentState
from gui.experiment.progress_line import ProgressLine
from gui.experiment.run_control import RunControl
from gui.experiment.start_page import Stage
from gui.forms.form import Form
from gui.observations.experiment import Observations
from gui.observations.weight_history import WeightSource
from gui.utils.text import as_duration
from gui.widgets.actions import KEYS, action_button, make_action
from gui.widgets.collapsible_text import CollapsibleText
from gui.widgets.factories import push_button
from gui.widgets.side_panel import panel_width

# One view is drawn at each tick, so that the event loop is never held longer than the slowest single view takes; with
# six views each is drawn four times a second, which is as often as a curve visibly moves.
PAINT_INTERVAL_MS = 40
# After the last change of the form before sample images are fetched: long enough to type a number.
SAMPLES_DELAY_MS = 250


class ExperimentTab(QWidget):
    """Form, controls and board of one experiment. A board takes long to make, so that is done when it is first needed.

    Emits ``run_requested(entry)``, ``command_given(command)``, ``samples_requested(data spec)``,
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

    def __init__(self, experiment: Experiment, make_board: Callable[[], Board], kernels: WeightSource) -> None:
        super().__init__()
        self.setObjectName(f"tab_{experiment.name}")
        self.experiment = experiment
        self.observations = Observations()
        self.form = Form(experiment.spec)
        self._make_board, self._kernels = make_board, kernels
        self.stage = Stage(experiment)
        self._is_planned = False  # whether the runs of the experiment under way are known
        self._make_controls()
        self._arrange()
        self._connect()
        self.use_preset("quick")
        self._run_control.show_state(ExperimentState.IDLE)

    @cached_property
    def board(self) -> Board:
        """The views of the experiment."""
        board = self._make_board()
        board.use_weight_source(self._kernels)
        board.settings_chosen.connect(self.form.show_values)
        board.failed.connect(self.failed.emit)
        self.stage.put_board(board)
        with suppress(SpecError):  # said when Run is pressed
            board.show_settings(self.form.spec())
        return board

    @property
    def training_actions(self) -> list[QAction]:
        """Run, and what can be done with the experiment in sight once it is stored."""
        return [self.controls.run_action, self._progress.resume, *reversed(self._stored_actions.values())]

    @property
    def _stored_actions(self) -> dict[str, QAction]:
        """Those with a button of their own below the controls, by its objectName."""
        if isinstance(self.experiment, TrainingExperiment):
            return {"export": self._export, "repeats": self._repeats}
        return {"export": self._export}

    def prepare(self) -> None:
        """Make the board, unless it is there."""
        _ = self.board

    def _show_board(self) -> None:
        _ = self.board
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
            self.run_requested.emit(QueueEntry(0, self.experiment, self.form.spec()))
        except SpecError as error:
            self.failed.emit(str(error))

    def begin(self, spec: ExperimentSpec) -> None:
        """The experiment ``spec`` of this tab begins now."""
        self._is_planned = False
        self._run_control.begin()
        self._progress.show_done(0, 0)
        self._progress.say("Preparing …")
        self.observations.expect(spec)

    @property
    def is_at_work(self) -> bool:
        """Whether its experiment is under way."""
        return self._run_control.state is not ExperimentState.IDLE

    @property
    def is_ending(self) -> bool:
        """Whether its experiment was asked to end."""
        return self._run_control.state in (ExperimentState.STOPPING, ExperimentState.CANCELLING)

    def take(self, event: Event) -> None:
        """Note an event of this tab's experiment."""
        self.observations.take(event)
        match event:
            case Progress(message) if self._is_planned:  # of a run that begins: the bar is that of all runs
                self._say(message)
            case Progress(message, done, total):
                self._progress.show_done(done, total)
                self._say(message)
            case DatasetReady():
                self._say("Waiting for the training processes …")
                self._progress.show_done(0, 0)
            case ExperimentStarted() | RunsAdded() | ComputationStarted():
                self._show_plan()
            case Intervention() | RunFinished():
                self._run_control.show_held()
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
        self._progress.show_plan(bool(self.observations.runs))
        self._paint_timer.start()

    def _finish(self, event: ExperimentFinished) -> None:
        self._paint_timer.stop()
        if self.observations.experiment is not None:
            self.refresh()
        self._run_control.show_state(ExperimentState.IDLE)
        self._progress.show_end(event, self.observations)
        if event.reason and event.status not in (Status.CANCELLED, Status.INTERRUPTED):
            self.failed.emit(event.reason)

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
        self._progress.show_share(observations.progress)
        done = sum(run.status.is_final for run in observations.runs.values())
        held = "Held: " if self._run_control.state is ExperimentState.PAUSED else ""
        self._say(f"{held}{done} of {pluralise(len(observations.runs), 'run')} done{self.time_left}")
        self._run_control.offer_rate()

    @property
    def time_left(self) -> str:
        """Such as ``, 3 min 05 s left``; nothing while that is unknown."""
        left = self.observations.seconds_left
        return f", {as_duration(left)} left" if left is not None else ""

    def _say(self, text: str) -> None:
        """Say how far things are, unless they are being ended."""
        if self._run_control.is_under_way:
            self._progress.say(text)

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

    def say(self, text: str) -> None:
        """Show a sentence where the state of this tab's experiment stands, unless one is under way."""
        if not self.is_at_work:
            self._progress.say(text)

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
        self.stage.set_runnable(state is ExperimentState.IDLE)
        stored = state is ExperimentState.IDLE and self.observations.experiment is not None
        self._export.setEnabled(stored)
        self._repeats.setEnabled(stored and bool(self.observations.runs))
        self._progress.show_resume(stored and self.observations.can_resume)

    def _make_controls(self) -> None:
        self.controls = ControlBar(isinstance(self.experiment, TrainingExperiment))
        self._run_control = RunControl(
            self.controls,
            self.observations,
            lambda: self.board.chosen_runs() if self._is_board_made else [],
            self,
        )
        self._progress = ProgressLine()
        self._repeats = make_action(
            self,
            "training_repeats",
            "Add r&epeats…",
            "Train more runs of every variant of the experiment shown, with further seeds",
            KEYS["repeats"],
            "Add repeats…",
        )
        self._export = make_action(
            self,
            "training_export",
            "E&xport…",
            "Write summary, curves, figures and the course's files to a folder",
            KEYS["export"],
            "Export…",
        )
        self._presets = [
            push_button(f"preset_{name}", name.capitalize(), f"Settings of the {name} preset")
            for name in self.experiment.presets
        ]
        self._paint_timer = QTimer(self, interval=PAINT_INTERVAL_MS)
        self._samples_timer = QTimer(self, interval=SAMPLES_DELAY_MS, singleShot=True)

    def _connect(self) -> None:
        self.controls.run_pressed.connect(self.start)
        self._run_control.command_given.connect(self.command_given)
        self._run_control.state_changed.connect(self._show_state)
        self._run_control.said.connect(self._progress.say)
        self._run_control.failed.connect(self.failed)
        self._progress.resume.triggered.connect(lambda: self.resume_requested.emit(self.observations.experiment))
        self._repeats.triggered.connect(lambda: self.repeats_requested.emit(self.observations.experiment))
        self.stage.pressed.connect(self._start_from_page)
        self._export.triggered.connect(lambda: self.export_requested.emit(self.observations.experiment))
        for button, name in zip(self._presets, self.experiment.presets, strict=True):
            button.clicked.connect(lambda _checked=False, name=name: self.use_preset(name))
        self._paint_timer.timeout.connect(self._paint_next)
        self._samples_timer.timeout.connect(self._ask_for_samples)
        if self.form.dataset_chooser is not None:
            self.form.dataset_chooser.chosen.connect(lambda _dataset: self._samples_timer.start())
            self.form.dataset_chooser.failed.connect(self.failed.emit)
        self.form.changed.connect(self._tell_board)
        self.form.new_network_requested.connect(self.writing_requested.emit)
        self.form.trained_network_requested.connect(self.trained_requested.emit)

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
        column.addWidget(self._progress)
        column.addWidget(self.controls)
        column.addLayout(_row(*(action_button(each, name) for name, each in self._stored_actions.items())))
        return panel


def _row(*widgets: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setSpacing(6)
    for widget in widgets:
        row.addWidget(widget, 1 if isinstance(widget, QAbstractButton) else 0)
    return row

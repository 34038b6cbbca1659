"""Tab of an experiment: form and controls on the left, board on the right."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import cached_property

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAction, QShowEvent
from PySide6.QtWidgets import QAbstractButton, QFrame, QHBoxLayout, QLabel, QScrollArea, QVBoxLayout, QWidget

from engine.config.specs import ExperimentSpec
from engine.events.datasets import DatasetReady
from engine.events.experiments import ComputationStarted, ExperimentFinished, ExperimentStarted, RunsAdded
from engine.events.runs import Intervention, RunFinished, Status, count_finished
from engine.events.tasks import Event, Progress
from engine.experiments.base import Experiment, TrainingExperiment
from engine.utils.errors import SpecError
from engine.workspace.durations.estimate import Estimate
from engine.workspace.queue import QueueEntry
from gui.boards.board import Board
from gui.boards.painter import LivePainter
from gui.experiment.control_bar import ControlBar, ExperimentState
from gui.experiment.estimate_line import EstimateLine
from gui.experiment.progress_line import ProgressLine
from gui.experiment.run_control import RunControl
from gui.experiment.sample_requests import SampleRequests
from gui.experiment.start_page import BoardStack
from gui.forms.form import Form
from gui.observations.experiment import Observations
from gui.observations.weight_history import WeightSource
from gui.widgets.actions import KEYS, action_button, make_action
from gui.widgets.collapsible_text import CollapsibleText
from gui.widgets.deferred_page import DeferredPage
from gui.widgets.factories import push_button
from gui.widgets.side_panel import panel_width


class ExperimentTab(DeferredPage):
    """Form, controls and board of one experiment.

    A board is slow to build, so it is built when first needed, later than the rest.

    Emits ``run_requested(entry)``, ``command_given(command)``, ``samples_requested(task)``,
    ``export_requested(experiment number)``, ``repeats_requested(experiment number)``, ``resume_requested(experiment
    number)``, ``writing_requested()`` to define a network, ``trained_requested()`` to choose a trained one,
    ``estimate_requested(entry)`` for what the experiment of the form will take, and ``failed(sentence)``.
    """

    run_requested = Signal(object)
    command_given = Signal(object)
    samples_requested = Signal(object)
    export_requested = Signal(int)
    repeats_requested = Signal(int)
    resume_requested = Signal(int)
    writing_requested = Signal()
    trained_requested = Signal()
    estimate_requested = Signal(object)
    failed = Signal(str)

    def __init__(self, experiment: Experiment, make_board: Callable[[], Board], weights: WeightSource) -> None:
        super().__init__()
        self.setObjectName(f"tab_{experiment.name}")
        self.experiment = experiment
        self.observations = Observations()
        self._make_board, self._weights = make_board, weights
        self._is_planned = False  # whether the runs of the running experiment are known

    def _build(self) -> None:
        self._form, self._board_stack = Form(self.experiment.spec), BoardStack(self.experiment)
        self._make_controls()
        self._arrange()
        self._connect()
        self.use_preset("quick")
        self._run_control.show_state(ExperimentState.IDLE)

    @property
    def form(self) -> Form:
        """The form of the experiment's settings."""
        self.build()
        return self._form

    @property
    def controls(self) -> ControlBar:
        """The buttons below the form."""
        self.build()
        return self._controls

    @property
    def board_stack(self) -> BoardStack:
        """The start page and the board."""
        self.build()
        return self._board_stack

    @cached_property
    def board(self) -> Board:
        """The views of the experiment, built at the first access."""
        board = self._make_board()
        board.use_weight_source(self._weights)
        board.settings_chosen.connect(self.form.show_values)
        board.settings_chosen.connect(self._estimate.refresh)
        board.failed.connect(self.failed.emit)
        self.board_stack.put_board(board)
        with suppress(SpecError):  # reported when Run is pressed
            board.show_settings(self.form.spec())
        return board

    @property
    def training_actions(self) -> list[QAction]:
        """Run, and the actions on the shown stored experiment."""
        return [self.controls.run_action, self._progress.resume, *reversed(self._stored_actions.values())]

    @property
    def _stored_actions(self) -> dict[str, QAction]:
        """The actions with buttons below the controls, by their objectNames."""
        if isinstance(self.experiment, TrainingExperiment):
            return {"export": self._export, "repeats": self._repeats}
        return {"export": self._export}

    def prepare(self) -> None:
        """Build the board if necessary."""
        _ = self.board

    def _show_board(self) -> None:
        _ = self.board
        self.board_stack.show_board()

    @property
    def _is_board_made(self) -> bool:
        return "board" in self.__dict__

    @cached_property
    def _painter(self) -> LivePainter:
        """Draws the board, once there are runs, and the progress."""
        return LivePainter(self.board, self._show_progress)

    def use_preset(self, name: str) -> None:
        """Fill the form with a preset."""
        self.show_spec(self.experiment.preset(name))

    def show_spec(self, spec: ExperimentSpec) -> None:
        """Fill the form with settings."""
        self.form.show_spec(spec)
        self._samples.start()
        self._estimate.refresh()
        self._update_board()

    def start(self) -> None:
        """Request a run of the experiment described by the form."""
        try:
            self.run_requested.emit(QueueEntry(0, self.experiment, self.form.spec()))
        except SpecError as error:
            self.failed.emit(str(error))

    def begin(self, spec: ExperimentSpec) -> None:
        """Show that the experiment starts with the settings ``spec``."""
        self.build()
        self._is_planned = False
        self._run_control.begin()
        self._progress.show_done(0, 0)
        self._progress.say("Preparing …")
        self.observations.expect(spec)

    @property
    def is_active(self) -> bool:
        """Whether its experiment is running."""
        return self.is_built and self._run_control.state is not ExperimentState.IDLE

    @property
    def is_ending(self) -> bool:
        """Whether its experiment is being stopped or cancelled."""
        return self._run_control.state in (ExperimentState.STOPPING, ExperimentState.CANCELLING)

    def take(self, event: Event) -> None:
        """Process an event of this tab's experiment."""
        self.observations.take(event)
        match event:
            case Progress(message) if self._is_planned:  # of a single run: the progress bar is for all runs
                self._say(message)
            case Progress(message, done, total):
                self._progress.show_done(done, total)
                self._say(message)
            case DatasetReady():
                self._say("Waiting for the training processes …")
                self._progress.show_done(0, 0)
            case ExperimentStarted() | RunsAdded() | ComputationStarted():
                self._show_plan()
                if isinstance(event, ExperimentStarted) and event.warning:
                    self.failed.emit(event.warning)
            case Intervention() | RunFinished():
                self._run_control.show_held()
            case ExperimentFinished():
                self._finish(event)

    def show_estimate(self, entry: QueueEntry, estimate: Estimate) -> None:
        """Show what the experiment ``entry``, as requested, will take."""
        self._estimate.show_estimate(estimate)
        is_of_button = not self.board_stack.is_welcome or entry.spec == self.experiment.preset("quick")
        self.board_stack.show_estimate(str(estimate) if is_of_button else "")

    def refresh_estimate(self) -> None:
        """Request another estimate, as something was measured."""
        self._estimate.refresh()

    def _request_estimate(self) -> None:
        """Request what the experiment of the form will take, unless nobody sees it; it is requested when shown."""
        if not self.isVisible():
            return
        try:
            self.estimate_requested.emit(QueueEntry(0, self.experiment, self.form.spec()))
        except SpecError:  # reported when Run is pressed
            self._estimate.show_estimate(None)

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
        self._painter.start(self.observations)

    def _finish(self, event: ExperimentFinished) -> None:
        if self._is_board_made:
            self._painter.stop()
        if self.observations.experiment is not None:
            self.refresh()
        self._run_control.show_state(ExperimentState.IDLE)
        self._progress.show_end(event, self.observations)
        self._estimate.refresh()  # it was measured
        if event.reason and event.status not in (Status.CANCELLED, Status.INTERRUPTED):
            self.failed.emit(event.reason)

    def refresh(self) -> None:
        """Redraw all views that have changed."""
        for view in self.board.views():
            view.refresh(self.observations)
        self._show_progress()

    def _show_progress(self) -> None:
        observations = self.observations
        if not observations.runs:
            return
        self._progress.show_share(observations.progress)
        done = count_finished([run.status for run in observations.runs.values()])
        held = "Held: " if self._run_control.state is ExperimentState.PAUSED else ""
        self._say(f"{held}{done}{self.time_left}")
        self._run_control.offer_rate()

    @property
    def time_left(self) -> str:
        """Such as ``, 2 to 4 min left``; empty if unknown."""
        left = str(self.observations.time_left)
        return f", {left}" if left else ""

    def _say(self, text: str) -> None:
        """Show the progress, unless the experiment is being ended."""
        if self._run_control.is_under_way:
            self._progress.say(text)

    def _update_board(self) -> None:
        if self._is_board_made:
            with suppress(SpecError):  # reported when Run is pressed
                self.board.show_settings(self.form.spec())

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        """Fetch sample images; build the board of an experiment without runs, which has content at once."""
        super().showEvent(event)
        self._estimate.refresh()
        if not isinstance(self.experiment, TrainingExperiment):
            self._show_board()
        self._samples.start_if_missing()

    def say(self, text: str) -> None:
        """Show a sentence in the status line, unless the experiment is running."""
        self.build()
        if not self.is_active:
            self._progress.say(text)

    def _show_state(self, state: ExperimentState) -> None:
        self.board_stack.set_runnable(state is ExperimentState.IDLE)
        stored = state is ExperimentState.IDLE and self.observations.experiment is not None
        self._export.setEnabled(stored)
        self._repeats.setEnabled(stored and bool(self.observations.runs))
        self._progress.show_resume(stored and self.observations.can_resume)

    def _make_controls(self) -> None:
        self._controls = ControlBar(isinstance(self.experiment, TrainingExperiment))
        self._run_control = RunControl(
            self._controls,
            self.observations,
            lambda: self.board.chosen_runs() if self._is_board_made else [],
            self,
        )
        self._progress, self._estimate = ProgressLine(), EstimateLine()
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
        self._samples = SampleRequests(self.form, self)

    def _connect(self) -> None:
        self.controls.run_pressed.connect(self.start)
        self._run_control.command_given.connect(self.command_given)
        self._run_control.state_changed.connect(self._show_state)
        self._run_control.said.connect(self._progress.say)
        self._run_control.failed.connect(self.failed)
        self._progress.resume.triggered.connect(lambda: self.resume_requested.emit(self.observations.experiment))
        self._repeats.triggered.connect(lambda: self.repeats_requested.emit(self.observations.experiment))
        self.board_stack.pressed.connect(self._start_from_page)
        self._export.triggered.connect(lambda: self.export_requested.emit(self.observations.experiment))
        for button, name in zip(self._presets, self.experiment.presets, strict=True):
            button.clicked.connect(lambda _checked=False, name=name: self.use_preset(name))
        self._samples.requested.connect(self.samples_requested)
        self._estimate.due.connect(self._request_estimate)
        self.controls.place_chosen.connect(self._estimate.refresh)
        self.form.changed.connect(self._estimate.refresh)
        if self.form.dataset_chooser is not None:
            self.form.dataset_chooser.sampled.connect(self._estimate.refresh)
            self.form.dataset_chooser.failed.connect(self.failed.emit)
        self.form.changed.connect(self._update_board)
        self.form.new_network_requested.connect(self.writing_requested.emit)
        self.form.trained_network_requested.connect(self.trained_requested.emit)

    def _arrange(self) -> None:
        layout = QHBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.addWidget(self._left_panel())
        layout.addWidget(self.board_stack, 1)

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
        column.addWidget(self._estimate)
        column.addWidget(self.controls)
        column.addLayout(_row(*(action_button(each, name) for name, each in self._stored_actions.items())))
        return panel


def _row(*widgets: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setSpacing(6)
    for widget in widgets:
        row.addWidget(widget, 1 if isinstance(widget, QAbstractButton) else 0)
    return row

"""The Watch tab: watched folders on the left, the board of the chosen experiment on the right."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from engine.config.logged_runs import LoggedRunSpec
from engine.events.experiments import ExperimentFinished, ExperimentStarted
from engine.events.runs import count_finished
from engine.events.watching import FolderLeft, FolderWatched, FoundRun, Grouping, WatchedEvent, WatchEvent
from engine.utils.text import pluralise
from gui.background.store_reader import StoreReader
from gui.background.weight_reader import WeightReader
from gui.observations.summary import best_variant_summary
from gui.observations.watched import WatchedExperiments
from gui.widgets.actions import KEYS, action_button, make_action
from gui.widgets.deferred_page import DeferredPage
from gui.widgets.drop_target import DropTarget
from gui.widgets.elided_label import ElidedLabel
from gui.widgets.placeholder import Placeholder
from gui.widgets.side_panel import panel_width

if TYPE_CHECKING:
    from gui.watch.experiment_view import ExperimentView
    from gui.watch.folder_list import FolderList

BUTTONS_A_ROW = 2
SUMMARY = "Runs of your own code, in PyTorch, Keras or NumPy, watched while they train."
EMPTY_LIST = "Folders that you watch are listed here, with what your code logs in them."
NOTHING_LOGGED = (
    "Nothing has been logged in {folder} yet. Curves appear here within a second of the first line that your code logs."
)

# Text, tool tip and keys.
ACTIONS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "watch_stop": ("&Stop watching", "Follow this folder no more; what was read of it stays in the history", ()),
    "watch_group": (
        "&Group runs…",
        "Say which runs are repeats of one variant, and what variants and experiment are called",
        (),
    ),
    "watch_compare": ("&Compare with…", "Lay the curves shown over those of another experiment of this workspace", ()),
    "watch_open_folder": ("&Open folder", "Show the watched folder in the file manager", ()),
    "watch_export": ("&Export…", "Write the results of the experiment shown to a folder", KEYS["export"]),
    "watch_report": ("Re&port…", "Write a report of the experiment shown", ()),
}


class WatchTab(DeferredPage):
    """Shows what other programs train.

    Emits ``watch_requested(path)`` to choose what to watch, with an empty path or the one dropped;
    ``leave_requested(folder)``, ``regroup_requested(experiment, runs)`` with its ``FoundRun``s,
    ``compare_requested(experiment, names of its variants)``, ``folder_requested(folder)``,
    ``export_requested(experiment)``, ``report_requested(experiments)``; ``activity_changed(is_active)`` when the first
    experiment begins or the last one ends; and ``failed(sentence)``.
    """

    watch_requested = Signal(str)
    leave_requested = Signal(str)
    regroup_requested = Signal(int, object)
    compare_requested = Signal(int, object)
    folder_requested = Signal(str)
    export_requested = Signal(int)
    report_requested = Signal(tuple)
    activity_changed = Signal(bool)
    failed = Signal(str)

    def __init__(self, reader: StoreReader, weights: WeightReader) -> None:
        super().__init__()
        self.setObjectName("tab_watch")
        self._reader, self._weights = reader, weights
        self.watched = WatchedExperiments()
        self._shown: int | None = None  # the experiment chosen
        self._has_chosen = False  # whether the user chose a row since the folder was asked for
        self._follows = True  # whether an experiment that begins is chosen by itself
        self._awaited: str | None = None  # a folder that the user has just asked to watch

    def _build(self) -> None:
        from gui.watch.experiment_view import ExperimentView  # like all that is built late, loaded late
        from gui.watch.folder_list import FolderList

        self._list, self._view = FolderList(), ExperimentView(self._reader, self._weights)
        self._problems, self._status = ElidedLabel(), QLabel()
        self._problems.setObjectName("watch_problems")
        self._status.setObjectName("watch_status")
        self._status.setWordWrap(True)
        self._actions = {name: make_action(self, f"{name}_action", *words) for name, words in ACTIONS.items()}
        self._watch = make_action(
            self,
            "watch_begin_action",
            "&Watch my own code…",
            "Choose a folder, see the lines to add to your code, and follow what it logs (Ctrl+Shift+W)",
        )
        self._arrange()
        self._connect()
        self._view.show_start()
        self._show_choice()

    @property
    def view(self) -> ExperimentView:
        """The right side: the board of the chosen experiment."""
        self.build()
        return self._view

    @property
    def folder_list(self) -> FolderList:
        """The list of folders and experiments."""
        self.build()
        return self._list

    def show_folder(self, folder: str) -> None:
        """Choose a folder, at once or as soon as it is watched, and follow what begins in it."""
        self._awaited, self._has_chosen, self._follows = folder, False, True
        if folder in self.watched.folders:
            self._choose_awaited(folder)

    def take(self, event: WatchEvent) -> None:
        """Process an event of the watched folders."""
        self.build()
        was_active = bool(self.watched.active)
        self.watched.take(event)
        match event:
            case FolderWatched(folder):
                self._take_folder(event)
                if folder == self._awaited:
                    self._choose_awaited(folder)
            case FolderLeft(folder, reason):
                self._list.remove_folder(folder)
                self._content.show_content(bool(self.watched.folders))
                self._show_after_removal()
                if reason:
                    self.failed.emit(reason)
            case WatchedEvent(number, what):
                if isinstance(what, ExperimentStarted) and number == self.watched.newest and self._follows:
                    self._choose_experiment(number)
                if number == self._shown:
                    self._take_shown(number, event)
        if was_active != bool(self.watched.active):
            self.activity_changed.emit(not was_active)

    def stop(self) -> None:
        """Cancel what is being read."""
        if self.is_built:
            self._view.stop()

    def _take_folder(self, event: FolderWatched) -> None:
        self._list.show_folder(event)
        self._content.show_content(True)
        is_chosen = self._list.folder in (None, event.folder)
        if self._shown is None and is_chosen and not self._has_chosen and event.experiments and not event.reading:
            self._choose_experiment(max(each.number for each in event.experiments))
        elif self._shown is None and is_chosen:
            self._list.choose_folder(event.folder)
            self._show_choice()
        else:
            if self._shown is not None and self._list.number != self._shown:
                self._list.choose(self._shown)  # its row was not there yet
            self._show_problems()
            self._enable_actions()

    def _take_shown(self, number: int, event: WatchedEvent) -> None:
        """Update the view by an event of the experiment chosen, which it may not be showing yet."""
        observations = self.watched.observed.get(number)
        if observations is None:
            return
        if self._view.observations is not observations:
            self._view.show_observations(observations, lambda: number in self.watched.active)
        elif self.watched.is_plan(event) or isinstance(event.event, ExperimentFinished):
            self._view.repaint_plan()

    def _choose_awaited(self, folder: str) -> None:
        """Choose the newest experiment of a folder that the user asked for, or the folder itself."""
        self._awaited = None
        experiments = [each.number for each in self.watched.folders[folder].experiments]
        if experiments:
            self._choose_experiment(max(experiments))
        else:
            self._list.choose_folder(folder)
            self._show_choice()

    def _choose_experiment(self, number: int) -> None:
        self._list.choose(number)
        self._show_experiment(number)

    def _choose_by_user(self) -> None:
        number, self._has_chosen = self._list.number, True
        self._follows = number is None or number == self.watched.newest
        self._show_choice()

    def _show_choice(self) -> None:
        """Show what is chosen in the list."""
        number, folder = self._list.number, self._list.folder
        if number is not None:
            self._show_experiment(number)
            return
        self._shown = None
        if folder is None:
            self._view.show_start()
        else:
            self._view.say(_folder_sentence(self.watched.folders[folder]))
        self._show_problems()

    def _show_experiment(self, number: int) -> None:
        if number != self._shown:
            self._shown = number
            observations = self.watched.observed.get(number)
            if observations is None:
                self._view.show_stored(number)
            else:
                self._view.show_observations(observations, lambda: number in self.watched.active)
        self._show_problems()
        self._enable_actions()

    def _show_after_removal(self) -> None:
        if self._shown is not None and self.watched.experiment(self._shown) is None:
            self._shown, self._follows = None, True
        self._show_choice()

    def _show_problems(self) -> None:
        """Show in words what can't be read of the chosen folder."""
        state = self.watched.folders.get(self._list.folder or "")
        problems = state.problems if state else ()
        heading = f"{pluralise(len(problems), 'problem')}: " if len(problems) > 1 else ""
        self._problems.setText(heading + " ".join(problems))
        self._problems.setVisible(bool(problems))

    def _show_status(self) -> None:
        observations = self._view.observations
        if observations is None or not observations.runs:
            self._status.clear()
        else:
            statuses = [run.status for run in observations.runs.values()]
            has_ended = all(status.is_final for status in statuses)
            summary = best_variant_summary(observations) if has_ended else ""
            self._status.setText(f"{count_finished(statuses)}. {summary}".strip())
        self._status.setVisible(bool(self._status.text()))

    def _enable_actions(self) -> None:
        folder, observations = self._list.folder, self._view.observations
        has_runs = observations is not None and bool(observations.runs)
        for name, action in self._actions.items():
            of_folder = name in ("watch_stop", "watch_open_folder")
            action.setEnabled(folder is not None if of_folder else self._shown is not None and has_runs)

    def _show_changed(self) -> None:
        self._show_status()
        self._enable_actions()

    def _ask_to_group(self) -> None:
        observations, number = self._view.observations, self._shown
        if observations is None or number is None:
            return
        experiment = self.watched.experiment(number)
        name = experiment.name if experiment else ""
        specs = [run.planned.spec for run in observations.runs.values()]
        runs = {  # of a log that was overwritten the newest training, which is the one that is followed
            spec.source: FoundRun(spec.source, spec.format, Grouping(name, spec.variant, spec.repeat))
            for spec in specs
            if isinstance(spec, LoggedRunSpec)
        }
        self.regroup_requested.emit(number, tuple(runs.values()))

    def _ask_to_compare(self) -> None:
        if self._view.observations is not None and self._shown is not None:
            self.compare_requested.emit(self._shown, tuple(self._view.observations.variants))

    def _connect(self) -> None:
        slots: dict[str, Callable[[], object]] = {
            "watch_stop": lambda: self.leave_requested.emit(self._list.folder),
            "watch_group": self._ask_to_group,
            "watch_compare": self._ask_to_compare,
            "watch_open_folder": lambda: self.folder_requested.emit(self._list.folder),
            "watch_export": lambda: self.export_requested.emit(self._shown),
            "watch_report": lambda: self.report_requested.emit((self._shown,)),
        }
        for name, slot in slots.items():
            self._actions[name].triggered.connect(lambda _checked=False, slot=slot: slot())
        self._watch.triggered.connect(lambda _checked=False: self.watch_requested.emit(""))
        self._list.chosen.connect(self._choose_by_user)
        self._view.started.connect(lambda: self.watch_requested.emit(""))
        self._view.changed.connect(self._show_changed)
        self._view.drawn.connect(self._show_status)
        self._view.failed.connect(self.failed)
        target = DropTarget(self, "Drop to watch what is logged there", _accept_any)
        target.dropped.connect(self.watch_requested)
        target.refused.connect(self.failed)

    def _arrange(self) -> None:
        panel = QWidget()
        panel.setFixedWidth(panel_width(self))
        column = QVBoxLayout(panel)
        column.setContentsMargins(0, 0, 0, 0)
        summary = QLabel(SUMMARY)
        summary.setWordWrap(True)
        column.addWidget(summary)
        column.addWidget(action_button(self._watch, "watch_begin"))
        self._content = Placeholder(EMPTY_LIST, self._list)
        column.addWidget(self._content, 1)
        column.addWidget(self._problems)
        column.addWidget(self._status)
        column.addLayout(self._button_grid())
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 8, 8, 8)
        row.addWidget(panel)
        row.addWidget(self._view, 1)

    def _button_grid(self) -> QGridLayout:
        grid = QGridLayout()
        grid.setSpacing(4)
        for position, (name, action) in enumerate(self._actions.items()):
            grid.addWidget(action_button(action, name), *divmod(position, BUTTONS_A_ROW))
        return grid


def _accept_any(_path: Path) -> None:
    """Accept whatever is dropped: the dialog says what is in it."""


def _folder_sentence(state: FolderWatched) -> str:
    if state.reading:
        return f"What is in {state.folder} is being read …"
    if state.experiments:
        return "Choose one of the experiments of the folder on the left."
    return NOTHING_LOGGED.format(folder=state.folder)

"""Control of the running experiment and the start of queued ones, one at a time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, Qt, Signal

from engine.config.specs import ExperimentSpec
from engine.events.commands import Command, Control
from engine.events.experiments import ExperimentFinished
from engine.events.tasks import Event, TaskFailed
from engine.experiments.continuation.experiment import CONTINUATION_EXPERIMENT, continuation_settings
from engine.utils.errors import TrainscopeError
from engine.utils.text import pluralise
from engine.workspace.catalogue import CatalogueEntry
from engine.workspace.planning import check_can_begin, check_not_deleted
from engine.workspace.queue import QueueEntry
from gui.background.engine_thread import EngineThread
from gui.background.questions import RunToContinue, one_entry, run_to_continue
from gui.background.store_reader import StoreReader
from gui.experiment.experiment_tab import ExperimentTab
from gui.forms.dataset_chooser import LEAVE_OUT, SKIP_BROKEN
from gui.observations.stored import spec_of
from gui.window.queue import ExperimentQueue


class TrainingController(QObject):
    """Starts experiments on the training thread and shows each in its tab.

    Emits ``queued()`` when one was queued, ``ended()`` when the thread has become idle, ``shown(tab)`` to bring a tab
    to the front, as its form was filled in for the user to press Run or a stored experiment resumes in it,
    ``failed(sentence)``, and ``remedy_offered(sentence, text, act)`` for a failure that ``act`` helps against.

    Args:
        workspace: folder of the results.
        training: the training thread.
        reader: the thread that reads the store.
        queue: the waiting experiments.
        tabs: the experiment tabs.
        parent: the window.
    """

    queued = Signal()
    ended = Signal()
    shown = Signal(object)
    failed = Signal(str)
    remedy_offered = Signal(str, str, object)

    def __init__(
        self,
        workspace: Path,
        training: EngineThread,
        reader: StoreReader,
        queue: ExperimentQueue,
        tabs: list[ExperimentTab],
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._workspace, self._training, self._reader = workspace, training, reader
        self._queue, self._tabs = queue, tabs
        self._is_taking = False  # whether the next entry is being taken from the queue
        self.active: ExperimentTab | None = None
        self._entry: QueueEntry | None = None  # that was begun last
        self.closing = False  # no further experiment is started
        training.happened.connect(self._take, Qt.ConnectionType.QueuedConnection)
        training.idle.connect(self._become_idle, Qt.ConnectionType.QueuedConnection)

    @property
    def is_busy(self) -> bool:
        """Whether an experiment is running, or being taken from the queue."""
        return self.active is not None or self._is_taking

    def run(self, entry: QueueEntry) -> None:
        """Start an experiment, or queue it while another is running; one that can't begin is only reported."""
        try:
            if not entry.resumes:
                check_can_begin(entry.experiment, entry.spec)
        except TrainscopeError as error:
            self.failed.emit(str(error))
            return
        if not self.is_busy:
            self._begin(entry)
            return
        self._queue.hold(False)
        self._queue.add(entry, lambda: self._report_queued(entry))

    def run_again(self, experiment: int) -> None:
        """Start a new experiment with the settings of a stored one."""
        self._with_stored(experiment, lambda tab, spec, _entry: self.run(QueueEntry(0, tab.experiment, spec)))

    def resume(self, experiment: int) -> None:
        """Resume a stored experiment in its tab, whose form then shows its settings."""
        self._with_stored(experiment, self._resume)

    def add_repeats(self, experiment: int, count: int) -> None:
        """Train ``count`` further runs of every variant of a stored experiment."""

        def add(tab: ExperimentTab, spec: ExperimentSpec, entry: CatalogueEntry) -> None:
            check_not_deleted(entry.stored)
            specs = [spec, *(each.spec for each in self._queue.entries_for(experiment))]
            repeats = max(getattr(each, "repeats", 0) for each in specs)
            self.run(QueueEntry(0, tab.experiment, spec.replace(repeats=repeats + count), experiment))

        self._with_stored(experiment, add)

    def continue_training(self, run: int) -> None:
        """Fill the form of Continue training from a stored run; the user may change it before pressing Run."""
        self._reader.ask(run_to_continue(run), self._show_continued, self.failed.emit)

    def start_queue(self) -> None:
        """Start the queued experiments one after the other; another window may have taken some."""
        self._queue.hold(False)
        self._begin_next()

    def command(self, command: Command) -> None:
        """Send a command to the running experiment."""
        if command in (Control.STOP, Control.CANCEL):
            self._queue.hold(True)  # ending one should not start the next
        self._training.send(command)

    def suspend(self) -> None:
        """Interrupt the running experiment so that it can be resumed later, unless it is being ended already."""
        self.closing = True
        if self.active is not None and not self.active.is_ending:
            self._training.send(Control.SUSPEND)

    def _take(self, event: Event) -> None:
        """Pass an event of the running experiment to its tab."""
        if self.active is not None:
            self.active.take(event)
            if isinstance(event, ExperimentFinished) and event.broken_images:
                self._offer_to_leave_out(event.reason)
        elif isinstance(event, TaskFailed) and not event.cancelled:
            self.failed.emit(event.reason)

    def _offer_to_leave_out(self, reason: str) -> None:
        """Offer to run a new experiment again without the images that can't be read."""
        entry = self._entry
        if entry is None or entry.extends is not None or getattr(entry.spec, SKIP_BROKEN, True):
            return

        def run_again() -> None:
            self._tab_of(entry.experiment.name).form.skip_broken_images(entry.spec.model_dump()["dataset"])
            self.run(QueueEntry(0, entry.experiment, entry.spec.replace(**{SKIP_BROKEN: True})))

        self.remedy_offered.emit(reason, LEAVE_OUT, run_again)

    def _become_idle(self) -> None:
        """Handle the end of a job: start the next experiment if one is queued."""
        self.active = None
        if self._queue.entries:
            self._begin_next()
        if not self.is_busy:
            self._show_busy(False)
        self.ended.emit()

    def _with_stored(
        self, experiment: int, act: Callable[[ExperimentTab, ExperimentSpec, CatalogueEntry], None]
    ) -> None:
        """Read a stored experiment, and call ``act`` with its tab, settings and entry."""

        def take(entry: CatalogueEntry) -> None:
            try:
                spec = spec_of(entry)
                act(self._tab_of(entry.stored.name), spec, entry)
            except TrainscopeError as error:
                self.failed.emit(str(error))

        self._reader.ask(one_entry(experiment), take, self.failed.emit)

    def _resume(self, tab: ExperimentTab, spec: ExperimentSpec, entry: CatalogueEntry) -> None:
        experiment = entry.number
        waiting = [each for each in self._queue.entries_for(experiment) if each.resumes]
        if waiting and self.is_busy:
            self.failed.emit(f"Experiment {experiment} waits in the queue already; it goes on when its turn comes.")
            return
        check_not_deleted(entry.stored)
        for each in waiting:
            self._queue.remove(each.id)
        if not tab.is_active:
            tab.show_spec(spec)
        self.run(QueueEntry(0, tab.experiment, spec, experiment, resumes=True))
        self.shown.emit(tab)

    def _show_continued(self, run: RunToContinue) -> None:
        if run.model is None:
            self.failed.emit("That run has no trained network: it did not come to its end. Choose another one.")
            return
        tab = self._tab_of(CONTINUATION_EXPERIMENT.name)
        if "[" in run.spec.architecture:
            tab.form.offer_architecture(run.spec.architecture)
        tab.form.show_values(continuation_settings(run.spec, run.model, run.learning_rate))
        self.shown.emit(tab)

    def _begin(self, entry: QueueEntry) -> None:
        self._entry = entry
        self.active = self._tab_of(entry.experiment.name)
        self._show_busy(True)  # in this tab too: its experiment ends shortly before the thread is idle
        self.active.begin(entry.spec)
        self._training.run_experiment(self._workspace, entry)

    def _begin_next(self) -> None:
        """Start the first queued experiment, unless the queue is held or an experiment is running."""
        if not (self.is_busy or self.closing or self._queue.is_held):
            self._is_taking = True
            self._queue.take(self._take_next)

    def _take_next(self, entry: QueueEntry | None) -> None:
        self._is_taking = False
        if entry is not None:
            self._begin(entry)
        elif self.active is None:
            self._show_busy(False)

    def _report_queued(self, entry: QueueEntry) -> None:
        self._tab_of(entry.experiment.name).say(
            f"In the queue, {pluralise(len(self._queue.entries), 'experiment')} waiting."
        )
        self.queued.emit()
        self._begin_next()  # the running experiment may have ended in the meantime

    def _show_busy(self, busy: bool) -> None:
        """Label the Run buttons of all tabs; one that is built later asks ``is_busy``."""
        for tab in self._tabs:
            if tab.is_built:
                tab.controls.show_busy(busy)

    def _tab_of(self, name: str) -> ExperimentTab:
        return next(tab for tab in self._tabs if tab.experiment.name == name)

"""What trains now and what comes next: one experiment at a time, those that wait in a queue."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from engine.config.specs import ExperimentSpec
from engine.events.commands import Command, Control
from engine.events.tasks import Event
from engine.experiments import find_experiment
from engine.experiments.base import Experiment
from engine.experiments.continuation.experiment import CONTINUATION_EXPERIMENT, continued
from engine.storage.rows import StoredExperiment, StoredRun
from engine.storage.store import Store
from engine.utils.errors import TrainscopeError
from engine.utils.text import pluralise
from engine.workspace.planning import not_deleted
from engine.workspace.queue import QueueEntry
from gui.background.engine_thread import EngineThread
from gui.experiment.experiment_tab import ExperimentTab
from gui.window.queue import ExperimentQueue


class TrainingController(QObject):
    """Begins experiments on the training thread and shows each in its tab.

    Emits ``queued()`` where one has to wait, ``ended()`` when the thread is free again and nothing follows by itself,
    ``shown(tab)`` where a tab should be looked at that nobody chose: a form was filled in for the user to press Run, or
    a stored experiment goes on; and ``failed(sentence)``.

    Args:
        workspace: where results are kept.
        training: the thread that trains.
        queue: what waits.
        tabs: a tab for each experiment.
    """

    queued = Signal()
    ended = Signal()
    shown = Signal(object)
    failed = Signal(str)

    def __init__(
        self,
        workspace: Path,
        training: EngineThread,
        queue: ExperimentQueue,
        tabs: list[ExperimentTab],
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._workspace, self._training, self._queue, self._tabs = workspace, training, queue, tabs
        self.active: ExperimentTab | None = None
        self.closing = False  # nothing more is begun

    def run(self, tab: ExperimentTab, spec: ExperimentSpec, extends: int | None = None) -> None:
        """Begin an experiment, or put it into the queue while another is under way.

        ``extends`` is the number of the stored experiment that gets further runs, if one does.
        """
        self._ask_for(tab, QueueEntry(0, tab.experiment, spec, extends))

    def resume(self, experiment: int) -> None:
        """Carry out what is missing of a stored experiment, in its tab, whose form then shows its settings."""
        waiting = [order.id for order in self._queue.orders if order.resumes and order.extends == experiment]
        if waiting and self.active is not None:
            self.failed.emit(f"Experiment {experiment} waits in the queue already; it goes on when its turn comes.")
            return
        if (stored := self._stored(experiment)) is None:
            return
        try:
            not_deleted(stored)
            tab = self._tab_of(find_experiment(stored.name))
            spec = tab.experiment.spec.from_json(stored.spec)
        except TrainscopeError as error:
            self.failed.emit(str(error))
            return
        for number in waiting:
            self._queue.remove(number)
        if not tab.is_at_work:
            tab.show_spec(spec)
        self._ask_for(tab, QueueEntry(0, tab.experiment, spec, experiment, resumes=True))
        self.shown.emit(tab)

    def start_queue(self) -> None:
        """Let what waits begin, one after the other; another window may have taken some of it."""
        self._queue.look()
        self._queue.hold(False)
        self._begin_next()

    def command(self, command: Command) -> None:
        """Ask something of the experiment under way."""
        if command in (Control.STOP, Control.CANCEL):
            self._queue.hold(True)  # who ends one doesn't mean to see another begin
        self._training.send(command)

    def suspend(self) -> None:
        """End what is under way so that it can go on at another time, unless it is being ended already."""
        self.closing = True
        if self.active is not None and not self.active.is_ending:
            self._training.send(Control.SUSPEND)

    def take(self, event: Event) -> None:
        """Show an event of the experiment under way in its tab."""
        if self.active is not None:
            self.active.take(event)

    def become_idle(self) -> None:
        """The training thread is free."""
        self.active = None
        if not self.closing:
            self._begin_next()
        if self.active is None:
            for tab in self._tabs:
                tab.set_busy(False)
        self.ended.emit()

    def add_repeats(self, experiment: int, count: int) -> None:
        """Train ``count`` further runs of every variant of a stored experiment."""
        if (stored := self._stored(experiment)) is None:
            return
        try:
            not_deleted(stored)
            tab = self._tab_of(find_experiment(stored.name))
            spec = tab.experiment.spec.from_json(stored.spec)
            waiting = [order.spec for order in self._queue.orders if order.extends == experiment]
            repeats = max(getattr(each, "repeats", 0) for each in (spec, *waiting))
            self.run(tab, spec.replace(repeats=repeats + count), experiment)
        except TrainscopeError as error:
            self.failed.emit(str(error))

    def run_again(self, experiment: int) -> None:
        """Run an experiment with the settings of a stored one."""
        if (stored := self._stored(experiment)) is None:
            return
        try:
            tab = self._tab_of(find_experiment(stored.name))
            self.run(tab, tab.experiment.spec.from_json(stored.spec))
        except TrainscopeError as error:
            self.failed.emit(str(error))

    def train_on(self, run: int) -> None:
        """Show in a form how the network of a stored run would go on; the user may change it before pressing Run."""
        try:
            with closing(Store(self._workspace)) as store:
                stored: StoredRun = store.run(run)
                (rates,), _ = store.columns(run, ("learning_rate",), ())
        except TrainscopeError as error:
            self.failed.emit(str(error))
            return
        if stored.model is None:
            self.failed.emit("That run has no trained network: it did not come to its end. Choose another one.")
            return
        tab = self._tab_of(CONTINUATION_EXPERIMENT)
        if "[" in stored.spec.architecture:
            tab.form.offer_architecture(stored.spec.architecture)
        tab.form.show_values(continued(stored.spec, stored.model, float(rates[-1])))
        self.shown.emit(tab)

    def _ask_for(self, tab: ExperimentTab, order: QueueEntry) -> None:
        if self.active is None:
            self._begin(tab, order)
        elif self._queue.add(order.experiment, order.spec, order.extends, order.resumes):
            self._queue.hold(False)
            tab.say(f"In the queue, {pluralise(len(self._queue.orders), 'experiment')} waiting.")
            self.queued.emit()

    def _begin(self, tab: ExperimentTab, order: QueueEntry) -> None:
        self.active = tab
        # All of them, this one too: its experiment ends a moment before the thread is free for the next.
        for each in self._tabs:
            each.set_busy(True)
        tab.begin(order.spec)
        self._training.run_experiment(self._workspace, order, self._queue.owner)

    def _begin_next(self) -> None:
        """Begin what comes first in the queue, if it may begin and nothing else is under way."""
        if self.active is None and not self._queue.holds and (order := self._queue.take()) is not None:
            self._begin(self._tab_of(order.experiment), order)

    def _tab_of(self, experiment: Experiment) -> ExperimentTab:
        return next(tab for tab in self._tabs if tab.experiment.name == experiment.name)

    def _stored(self, experiment: int) -> StoredExperiment | None:
        try:
            with closing(Store(self._workspace)) as store:
                return store.experiment(experiment)
        except TrainscopeError as error:
            self.failed.emit(str(error))
            return None

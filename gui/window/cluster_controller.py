"""Choice of the place of training, this machine or a cluster, and its display in the status bar."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QDialog, QLabel, QWidget

from engine.config.cluster import BATCH_SYSTEMS, ClusterChoice
from engine.events.experiments import ExperimentStarted
from engine.events.runs import RunFinished, RunStarted
from engine.events.tasks import Event, TaskFailed
from engine.executors.routing import RoutingExecutor
from engine.utils.errors import StoreError
from engine.utils.text import pluralise
from gui.experiment.experiment_tab import ExperimentTab
from gui.utils.preferences import load_preferences, program_settings, save_preferences

HERE = "This machine"


class ClusterController(QObject):
    """Lets every tab choose the place of training, common to all.

    Emits ``chosen(sentence)`` when another place was chosen, and ``failed(sentence)``.

    Args:
        executor: trains where it is told to.
        is_training: whether an experiment is running; a choice made then applies to the next one.
        tabs: the tabs that offer the choice; each is added once it is built.
        parent: the window.
    """

    chosen = Signal(str)
    failed = Signal(str)

    def __init__(
        self,
        executor: RoutingExecutor,
        is_training: Callable[[], bool],
        tabs: Sequence[ExperimentTab],
        parent: QWidget,
    ) -> None:
        super().__init__(parent)
        self._executor, self._is_training, self._tabs, self._parent = executor, is_training, tabs, parent
        self._is_connecting = False
        known = [executor.cluster, load_preferences(program_settings()).cluster]
        self._known = list(dict.fromkeys(each for each in known if each is not None))
        self.label = QLabel()  # empty if this machine trains
        self.label.setObjectName("cluster")

    def add(self, tab: ExperimentTab) -> None:
        """Offer the choice in ``tab``."""
        tab.controls.place_chosen.connect(self._choose)
        self._show_in(tab)

    def connecting(self) -> None:
        """Show that the connection is being established, if a cluster was chosen."""
        self._is_connecting = self._executor.cluster is not None
        self._say("connecting …")

    def connected(self) -> None:
        """Show the number of workers, unless another cluster was chosen meanwhile."""
        cluster = self._executor.cluster
        if cluster is None or self._executor.started != cluster:
            return
        self._is_connecting = False
        # Batch jobs are submitted with the first training, and start when the batch system schedules them.
        count = self._executor.count_workers()
        none = "jobs come with a training" if cluster.kind in BATCH_SYSTEMS else "no worker yet"
        self._say(pluralise(count, "worker") if count else none)

    def take(self, event: Event) -> None:
        """Update the display by an event of the training thread."""
        match event:
            case ExperimentStarted() | RunStarted() | RunFinished():
                self.connected()
            case TaskFailed(cancelled=False) if self._is_connecting:
                self._is_connecting = False
                self._say("not reached")

    def _choose(self, place: int) -> None:
        """Choose an item of the tabs' list; the one after the last place asks for another cluster."""
        cluster = None if place == 0 else self._known[place - 1] if place <= len(self._known) else self._ask()
        if (place and cluster is None) or cluster == self._executor.cluster:
            self._show()
            return
        if cluster is not None and cluster not in self._known:
            self._known.append(cluster)
        self._executor.choose(cluster, at_once=not self._is_training())
        self._show()
        self._say("from the next experiment on" if self._is_training() else "")
        self._remember(cluster)
        where = "this machine" if cluster is None else str(cluster)
        self.chosen.emit(
            f"{'From the next experiment on, networks' if self._is_training() else 'Networks'} train on {where}."
        )

    def _ask(self) -> ClusterChoice | None:
        from gui.dialogs.cluster import ClusterDialog

        dialog = ClusterDialog(self._known[-1] if self._known else None, self._parent)
        accepted = dialog.exec() == QDialog.DialogCode.Accepted
        dialog.deleteLater()
        return dialog.choice if accepted else None

    def _remember(self, cluster: ClusterChoice | None) -> None:
        settings = program_settings()
        before = load_preferences(settings)
        try:
            save_preferences(
                settings, replace(before, cluster=cluster or before.cluster, uses_cluster=cluster is not None)
            )
        except StoreError as error:
            self.failed.emit(str(error))

    def _show(self) -> None:
        for tab in self._tabs:
            self._show_in(tab)

    def _show_in(self, tab: ExperimentTab) -> None:
        now = self._executor.cluster
        tab.controls.show_places([HERE, *map(_title, self._known)], 0 if now is None else 1 + self._known.index(now))

    def _say(self, what: str) -> None:
        cluster = self._executor.cluster
        self.label.setText("" if cluster is None else f"{_title(cluster)}: {what}" if what else _title(cluster))


def _title(cluster: ClusterChoice) -> str:
    title = f"{cluster} by TLS" if cluster.tls and not str(cluster).startswith("tls:") else str(cluster)
    return title if cluster.gpu_share == 1 else f"{title}, {cluster.gpu_share:g} GPU a run"

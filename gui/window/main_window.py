"""The main window: a tab an experiment, one place for messages, the menu."""

from __future__ import annotations

from contextlib import closing
from functools import partial
from pathlib import Path

from PySide6.QtCore import QEvent, Qt, QUrl, Signal
from PySide6.QtGui import QCloseEvent, QDesktopServices, QShowEvent
from PySide6.QtWidgets import (
    QApplication,
    QDialog,
    QInputDialog,
    QMainWindow,
    QMessageBox,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from engine.config.cluster import ClusterChoice
from engine.config.specs import ExperimentSpec
from engine.devices.names import AUTO
from engine.events.commands import Control
from engine.events.runs import RunFinished
from engine.events.tasks import Event, Exported, TaskFailed
from engine.executors.base import Executor
from engine.executors.routing import RoutingExecutor
from engine.executors.tasks import DeviceTask
from engine.experiments import EXPERIMENTS
from engine.storage.store import Store
from engine.utils.errors import TrainscopeError
from engine.utils.logs import ProgramLog
from engine.utils.paths import store_file
from engine.utils.text import counted
from engine.workspace.dataset_library import DatasetLibrary
from engine.workspace.network_library import NetworkLibrary
from engine.workspace.trained_networks import TrainedRun, trained_runs
from gui.background.engine_thread import EngineThread
from gui.background.store_reader import StoreReader
from gui.background.weight_reader import WeightReader
from gui.boards import make_board
from gui.datasets.tab import DatasetsTab
from gui.experiment.experiment_tab import ExperimentTab
from gui.history.actions import MOST_REPEATS, USUAL_REPEATS
from gui.history.resume_bar import ResumeBar
from gui.history.tab import HistoryTab
from gui.menus.entries import MenuEntry, add_tab_actions, fill_menu
from gui.menus.scheme_menu import SchemeMenu
from gui.menus.training_menu import TrainingMenu
from gui.startup.first_paint import FirstPaint
from gui.try_it.tab import TryItTab
from gui.utils.preferences import program_settings
from gui.widgets.message_bar import MessageBar
from gui.window.cluster_controller import ClusterController
from gui.window.dataset_controller import DatasetController
from gui.window.device_controller import DeviceController
from gui.window.dialog_controller import DialogController
from gui.window.export_controller import ExportController
from gui.window.queue import ExperimentQueue
from gui.window.queue_panel import QueuePanel, WaitingLabel
from gui.window.resume_controller import ResumeController
from gui.window.state import remember_state, restore_state
from gui.window.tab_controller import TabController
from gui.window.training_controller import TrainingController

# A plan larger than any machine has cores: warms up as many processes as ever train side by side.
MANY_RUNS = 1000
QUEUE_HEIGHT = 110
SAID_MS = 10_000  # how long what has been done stays in the status bar
# What a network is checked on before a data set has been looked at: digits, or CIFAR-10 in gray.
USUAL_SHAPE, USUAL_CLASSES = (32, 32, 1), 10


class MainWindow(QMainWindow):
    """The program's window. Emits ``trained(event)`` for every event of a training, once the tab has noted it,
    ``training_ended()`` when the window is ready for the next, and ``reopening_wanted(before, after)`` when preferences
    were changed that a window is made of.

    Args:
        workspace: where results are kept.
        trainer: executor of the experiments.
        assistant: executor of everything that must not wait for a training: sample images, exports.
        prober: executor that asks trained networks about single images.
        librarian: executor that downloads and verifies data sets, so that neither has the others wait.
        cluster: what trains instead of the executor of the experiments, at first.
        device: what the executors were told to compute on.
        own_log: the log of this process, if one is kept.
    """

    trained = Signal(object)
    training_ended = Signal()
    reopening_wanted = Signal(object, object)

    def __init__(
        self,
        workspace: Path,
        trainer: Executor,
        assistant: Executor,
        prober: Executor,
        librarian: Executor,
        *,
        cluster: ClusterChoice | None = None,
        device: str = AUTO,
        own_log: ProgramLog | None = None,
    ) -> None:
        super().__init__()
        self.setObjectName("window")
        self.setWindowTitle("Trainscope")
        self._workspace = workspace
        self._library = NetworkLibrary(workspace)
        self._kernels = WeightReader(workspace)
        self._settings = program_settings()
        self._trainer = RoutingExecutor(trainer, workspace, device, cluster)
        self._training = EngineThread(self._trainer, self)
        self._assistant = EngineThread(assistant, self)
        self._prober = EngineThread(prober, self)
        self._librarian = EngineThread(librarian, self)
        self._program = DialogController(self, lambda: self.is_training, workspace, device, own_log)
        self._writing = ExportController(workspace, self._assistant.run_task, self)
        self._asks, self._closing = True, False
        self._messages, self._offer = MessageBar(), ResumeBar()
        self._tabs = QTabWidget()
        self._tabs.setObjectName("tabs")
        self._tabs.setDocumentMode(True)
        self._experiment_tabs: list[ExperimentTab] = []
        self._queue = ExperimentQueue(workspace, self)
        self._devices = DeviceController(device, self._training, lambda: self.is_training, self._experiment_tabs, self)
        self._conductor = TrainingController(workspace, self._training, self._queue, self._experiment_tabs, self)
        self._queue_panel = QueuePanel(self._queue, self._conductor)
        for name, experiment in EXPERIMENTS.items():
            self._add_tab(ExperimentTab(experiment, partial(make_board, name), self._kernels))
        self._try_it = TryItTab()
        self._tabs.addTab(self._try_it, "Try it")
        self._datasets = DatasetsTab(DatasetLibrary(workspace))
        self._tabs.addTab(self._datasets, "Data sets")
        self._desk = DatasetController(self._datasets, self._experiment_tabs, self._assistant, self._librarian)
        self._catalogue = StoreReader(workspace, self)
        self._history = HistoryTab(self._catalogue)
        self._tabs.addTab(self._history, "History")
        self._interrupted = ResumeController(self._catalogue, self._offer, self)
        self._opened = TabController(self._tabs, workspace, self._history, self._kernels)
        self._clusters = ClusterController(self._trainer, lambda: self.is_training, self._experiment_tabs, self)
        self._arrange()
        self._make_menu()
        self._connect()
        self._greet()

    @property
    def cluster(self) -> ClusterChoice | None:
        """What trains, as it was chosen last; None is this machine."""
        return self._trainer.cluster

    @property
    def is_training(self) -> bool:
        """Whether an experiment is under way."""
        return self._conductor.active is not None

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        """Start the threads, and the training processes once the window has been painted."""
        super().showEvent(event)
        if not self._training.isRunning():
            for bridge in (self._training, self._assistant, self._prober, self._librarian):
                bridge.start()
            if self.cluster is None:  # its workers have devices of their own
                self._program.begin()
            FirstPaint(self, self._go_on)

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        """Look at the queue again: while another window was used it may have taken an entry."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.ActivationChange and self.isActiveWindow():
            self._queue.look()

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802
        """Ask while training, which can go on another time; leave no process behind."""
        if self.is_training and self._asks and not self._closing and not self._ask_to_close():
            event.ignore()
            return
        if self.is_training:
            # The thread ends its job first; its end closes the window again.
            self._closing = True
            self._conductor.suspend()
            self.statusBar().showMessage("Closing …")
            event.ignore()
            return
        self.remember()
        self._opened.close()
        self._queue.close()
        self._history.close_catalogue()
        self._program.close()
        self._trainer.give_up()
        for bridge in (self._assistant, self._prober, self._librarian):
            bridge.send(Control.CANCEL)
        for bridge in (self._training, self._assistant, self._prober, self._librarian):
            bridge.close()
        self._kernels.close()
        super().closeEvent(event)

    def terminate(self) -> None:
        """Close this window and what is open beside it; a training is interrupted as if its owner had agreed."""
        self._asks = False
        QApplication.closeAllWindows()

    def remember(self) -> None:
        """Write down how the window is left."""
        remember_state(self, self._tabs, self._settings)

    def show_error(self, sentence: str) -> None:
        """Show a sentence in the one place for errors."""
        self._messages.show_error(sentence)

    def _add_tab(self, tab: ExperimentTab) -> None:
        self._experiment_tabs.append(tab)
        tab.run_requested.connect(lambda spec: self._run(tab, spec))
        tab.command_given.connect(self._conductor.command)
        tab.repeats_requested.connect(self._ask_for_repeats)
        tab.resume_requested.connect(self._resume)
        tab.samples_requested.connect(lambda data: self._desk.fetch_samples(tab.form.dataset_chooser, data))
        tab.export_requested.connect(
            lambda number: self._writing.export(number, f"{tab.experiment.title}, experiment {number}")
        )
        tab.writing_requested.connect(lambda: self._write_network(tab))
        tab.trained_requested.connect(self._choose_trained)
        tab.failed.connect(self.show_error)
        for architecture in self._saved_networks():
            tab.form.offer_architecture(architecture)
        self._tabs.addTab(tab, tab.experiment.title)

    def _go_on(self) -> None:
        """Do what can wait until the window is seen.

        The board that is the likeliest to be needed next comes last: it takes longest of all that makes up a window.
        """
        if not self.isVisible():  # closed meanwhile
            return
        self._warm_up()
        self._opened.reopen()
        self._interrupted.look()
        tab = self._tabs.currentWidget()
        (tab if isinstance(tab, ExperimentTab) else self._experiment_tabs[0]).prepare()

    def _warm_up(self) -> None:
        self._clusters.connecting()
        self._training.warm_up(MANY_RUNS)

    def _place_chosen(self, sentence: str) -> None:
        self.statusBar().showMessage(sentence, SAID_MS)
        self._messages.clear()
        if not self.is_training:
            self._warm_up()

    def _run(self, tab: ExperimentTab, spec: ExperimentSpec) -> None:
        self._messages.clear()
        self._conductor.run(tab, spec)

    def _resume(self, experiment: int) -> None:
        self._messages.clear()
        self._conductor.resume(experiment)

    def _ask_for_repeats(self, experiment: int) -> None:
        """Ask how many further runs of each variant a stored experiment is to have, and train them."""
        count, agreed = QInputDialog.getInt(
            *(self, "Add repeats", "Further runs of every variant, with the seeds that follow:"),
            *(USUAL_REPEATS, 1, MOST_REPEATS),
        )
        if agreed:
            self._messages.clear()
            self._conductor.add_repeats(experiment, count)

    def _saved_networks(self) -> list[str]:
        try:
            return list(self._library.networks().values())
        except TrainscopeError as error:
            self.show_error(str(error))
            return []

    def _write_network(self, tab: ExperimentTab) -> None:
        """Let the user write a network; every tab offers it, the one that asked chooses it."""
        chooser = tab.form.dataset_chooser
        samples = chooser.samples if chooser is not None else None
        shape, classes = USUAL_SHAPE, USUAL_CLASSES
        if samples is not None:
            shape, classes = tab.form.image_shape(samples.images.shape[1:]), len(samples.class_names)
        from gui.dialogs.network import NetworkDialog

        dialog = NetworkDialog(self._library, shape, classes, self)
        if dialog.exec() == QDialog.DialogCode.Accepted:
            for other in self._experiment_tabs:
                other.form.offer_architecture(dialog.architecture, chosen=other is tab)

    def _greet(self) -> None:
        """Welcome whoever comes where nothing has been stored yet."""
        if not store_file(self._workspace).exists():
            self._experiment_tabs[0].stage.welcome()

    def _writing_started(self, text: str) -> None:
        self._messages.clear()
        self.statusBar().showMessage(text)

    def _take_training(self, event: Event) -> None:
        if isinstance(event, TaskFailed) and not self.is_training and not event.cancelled:
            self.show_error(event.reason)
        self._program.take(event)
        self._devices.take(event)
        self._clusters.take(event)
        self._conductor.take(event)
        self._history.take(event)
        self._opened.take(event)
        self._interrupted.take(event)
        if isinstance(event, RunFinished) and self._try_it.isVisible():
            self._offer_trained_runs()
        self.trained.emit(event)

    def _tab_changed(self, _position: int) -> None:
        if self._tabs.currentWidget() is self._try_it:
            self._offer_trained_runs()

    def _offer_trained_runs(self) -> None:
        """Let every trained network of the workspace be tried."""
        if (runs := self._trained_runs()) is not None:
            self._try_it.show_runs(runs)

    def _choose_trained(self) -> None:
        """Let one of the trained networks be chosen, and show how it would go on."""
        if (runs := self._trained_runs()) is None:
            return
        if not runs:
            self.show_error("No network was trained in this workspace yet; run an experiment first, or choose a file.")
            return
        labels = [run.label for run in runs]
        label, agreed = QInputDialog.getItem(self, "Train on", "Start from the weights of", labels, 0, False)
        if agreed:
            self._conductor.train_on(runs[labels.index(label)].run)

    def _trained_runs(self) -> list[TrainedRun] | None:
        """Newest first; None where they can't be read. A workspace without a store is left alone."""
        if not store_file(self._workspace).exists():
            return []
        try:
            with closing(Store(self._workspace)) as store:
                return trained_runs(store)
        except TrainscopeError as error:
            self.show_error(str(error))
            return None

    def _training_idle(self) -> None:
        self._conductor.become_idle()
        self._devices.training_ended()
        self.training_ended.emit()
        if self._closing:
            self.close()

    def _take_assistance(self, event: Event) -> None:
        self._desk.take(event)
        match event:
            case Exported(folder, files):
                self.statusBar().showMessage(f"{counted(files, 'file')} written: {folder}", 10_000)
                QDesktopServices.openUrl(QUrl.fromLocalFile(folder))
            case TaskFailed(reason, cancelled) if not cancelled:
                self.statusBar().clearMessage()
                self.show_error(reason)

    def _ask_to_close(self) -> bool:
        box = QMessageBox(
            QMessageBox.Icon.Question,
            "Close Trainscope?",
            "A training is under way. Closing interrupts it: everything recorded so far is kept, and it can go on when "
            "Trainscope is started again.",
            QMessageBox.StandardButton.Close | QMessageBox.StandardButton.Cancel,
            self,
        )
        box.setObjectName("ask_to_close")
        return box.exec() == QMessageBox.StandardButton.Close

    def _arrange(self) -> None:
        central = QWidget()
        column = QVBoxLayout(central)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._messages)
        column.addWidget(self._offer)
        column.addWidget(self._tabs, 1)
        self.setCentralWidget(central)
        self.statusBar().addPermanentWidget(WaitingLabel(self._queue))
        self.statusBar().addPermanentWidget(self._clusters.label)
        self.statusBar().addPermanentWidget(self._devices.label)
        self.addDockWidget(Qt.DockWidgetArea.BottomDockWidgetArea, self._queue_panel)
        self.resizeDocks([self._queue_panel], [QUEUE_HEIGHT], Qt.Orientation.Vertical)
        self._queue_panel.setVisible(bool(self._queue.orders))
        self.resize(1280, 800)
        restore_state(self, self._tabs, self._settings)

    def _make_menu(self) -> None:
        bar = self.menuBar()
        file = bar.addMenu("&File")
        fill_menu(self, file, (MenuEntry("report", "&Report…", self._writing.report, ("Ctrl+Shift+R",)), None))
        self._program.fill_file_menu(file)
        bar.addMenu(TrainingMenu(self._tabs.currentWidget, lambda: self._conductor.active, self))
        view = bar.addMenu("&View")
        show_queue = self._queue_panel.toggleViewAction()
        show_queue.setObjectName("show_queue")
        show_queue.setText("&Queue")
        show_queue.setShortcut("Ctrl+U")
        view.addAction(show_queue)
        view.addSeparator()
        self._schemes = SchemeMenu(self, view, self._settings)
        add_tab_actions(self, view, self._tabs)
        self._program.fill_help_menu(bar.addMenu("&Help"))

    def _show_settings(self, name: str, spec: ExperimentSpec) -> None:
        """Show settings in the form of the experiment that they are for."""
        tab = next(tab for tab in self._experiment_tabs if tab.experiment.name == name)
        self._messages.clear()
        tab.show_spec(spec)
        self._tabs.setCurrentWidget(tab)

    def _connect_history(self) -> None:
        history, actions = self._history, self._history.experiment_actions
        history.run_again_requested.connect(self._conductor.run_again)
        history.resume_requested.connect(self._resume)
        history.repeats_requested.connect(self._conductor.add_repeats)
        history.train_on_requested.connect(self._conductor.train_on)
        history.export_requested.connect(lambda number: self._writing.export(number, f"Experiment {number}"))
        history.report_requested.connect(self._writing.report)
        actions.settings_pasted.connect(self._show_settings)
        actions.said.connect(lambda text: self.statusBar().showMessage(text, SAID_MS))
        for source in (actions, self._opened, self._interrupted):
            source.failed.connect(self.show_error)
        self._interrupted.resume_requested.connect(self._resume)
        self._interrupted.marked.connect(self._opened.read_again)
        self._interrupted.marked.connect(lambda _numbers: history.refresh_if_read())
        self._interrupted.left.connect(history.refresh_if_read)
        actions.changed.connect(self._interrupted.look_again)

    def _connect(self) -> None:
        queued = Qt.ConnectionType.QueuedConnection
        self._training.happened.connect(self._take_training, queued)
        self._training.idle.connect(self._training_idle, queued)
        self._training.noticed.connect(self.show_error, queued)
        self._training.warm.connect(self._clusters.connected, queued)
        self._clusters.chosen.connect(self._place_chosen)
        self._clusters.failed.connect(self.show_error)
        self._assistant.happened.connect(self._take_assistance, queued)
        self._prober.happened.connect(self._try_it.take, queued)
        self._prober.happened.connect(self._program.take, queued)
        self._datasets.failed.connect(self.show_error)
        self._tabs.currentChanged.connect(self._tab_changed)
        self._program.devices_wanted.connect(lambda: self._prober.run_task(DeviceTask()))
        self._program.changed.connect(self.reopening_wanted)
        self._program.devices_page_wanted.connect(self._devices.show_page)
        self._devices.settings_wanted.connect(self._program.show_settings)
        self._devices.refused.connect(self.show_error)
        self._program.scheme_changed.connect(self._schemes.tick)
        self._program.failed.connect(self.show_error)
        self._queue.failed.connect(self.show_error)
        self._conductor.shown.connect(self._tabs.setCurrentWidget)
        self._conductor.failed.connect(self.show_error)
        self._writing.started.connect(self._writing_started)
        self._writing.failed.connect(self.show_error)
        self._try_it.task_requested.connect(self._prober.run_task)
        self._try_it.failed.connect(self.show_error)
        self._connect_history()

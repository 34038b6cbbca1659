"""The main window: a tab an experiment, one place for messages, the menu."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PySide6.QtCore import QEvent, Qt, QUrl, Signal
from PySide6.QtGui import QCloseEvent, QDesktopServices, QShowEvent
from PySide6.QtWidgets import (
    QApplication,
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
from engine.utils.logs import ProgramLog
from engine.utils.paths import store_file
from engine.utils.text import pluralise
from engine.workspace.dataset_library import DatasetLibrary
from gui.background.engine_thread import EngineThread
from gui.background.questions import all_trained_runs
from gui.background.store_reader import StoreReader
from gui.background.weight_reader import WeightReader
from gui.boards import make_board
from gui.datasets.tab import DatasetsTab
from gui.dialogs.questions import ask_for_repeats
from gui.experiment.experiment_tab import ExperimentTab
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
from gui.window.network_controller import NetworkController
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
        self._workspace, self._settings = workspace, program_settings()
        self._asks, self._closing = True, False
        self._messages, self._offer = MessageBar(), ResumeBar()
        self._experiment_tabs: list[ExperimentTab] = []
        self._trainer = RoutingExecutor(trainer, workspace, device, cluster)
        self._training = EngineThread(self._trainer, self)
        self._assistant = EngineThread(assistant, self)
        self._prober = EngineThread(prober, self)
        self._librarian = EngineThread(librarian, self)
        # What takes long to read, the history's list, doesn't hold up what is asked with a click.
        self._reader, self._catalogue = StoreReader(workspace, self), StoreReader(workspace, self)
        self._weights = WeightReader(self._reader)
        self._tabs = QTabWidget()
        self._tabs.setObjectName("tabs")
        self._tabs.setDocumentMode(True)
        self._make_controllers(device, own_log)
        self._make_tabs()
        self._opened = TabController(self._tabs, workspace, self._history, self._weights)
        self._interrupted = ResumeController(self._catalogue, self._offer, self)
        self._desk = DatasetController(self._datasets, self._experiment_tabs, self._assistant, self._librarian)
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
        """Whether an experiment is under way, or about to come out of the queue."""
        return self._conductor.is_busy

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        """Start the threads, and the training processes once the window has been painted."""
        super().showEvent(event)
        if not self._training.isRunning():
            self._queue.look(lambda: self._queue_panel.setVisible(bool(self._queue.entries)))
            for thread in (self._training, self._assistant, self._prober, self._librarian):
                thread.start()
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
        is_under_way = self._conductor.active is not None
        if is_under_way and self._asks and not self._closing and not self._ask_to_close():
            event.ignore()
            return
        if self._conductor.active is not None:
            # The thread ends its job first; its end closes the window again.
            self._closing = True
            self._conductor.suspend()
            self.statusBar().showMessage("Closing …")
            event.ignore()
            return
        self.remember()
        self._opened.close()
        self._history.close_catalogue()
        self._program.close()
        self._trainer.give_up()
        for thread in (self._assistant, self._prober, self._librarian):
            thread.send(Control.CANCEL)
        for thread in (self._training, self._assistant, self._prober, self._librarian):
            thread.close()
        self._weights.close()
        self._queue.close()
        self._reader.close()
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

    def _make_controllers(self, device: str, own_log: ProgramLog | None) -> None:
        workspace, tabs, is_training = self._workspace, self._experiment_tabs, lambda: self.is_training
        self._program = DialogController(self, is_training, workspace, device, own_log)
        self._writing = ExportController(workspace, self._reader, self._assistant.run_task, self)
        self._devices = DeviceController(device, self._training, is_training, tabs, self)
        self._queue = ExperimentQueue(self._reader, self)
        self._conductor = TrainingController(workspace, self._training, self._reader, self._queue, tabs, self)
        self._queue_panel = QueuePanel(self._queue, self._conductor)
        self._networks = NetworkController(workspace, self._reader, tabs, self)
        self._networks.failed.connect(self.show_error)

    def _make_tabs(self) -> None:
        for name, experiment in EXPERIMENTS.items():
            self._add_tab(ExperimentTab(experiment, partial(make_board, name), self._weights))
        self._networks.offer_saved()
        self._try_it = TryItTab()
        self._tabs.addTab(self._try_it, "Try it")
        self._datasets = DatasetsTab(DatasetLibrary(self._workspace))
        self._tabs.addTab(self._datasets, "Data sets")
        self._history = HistoryTab(self._catalogue)
        self._tabs.addTab(self._history, "History")

    def _add_tab(self, tab: ExperimentTab) -> None:
        self._experiment_tabs.append(tab)
        self.addActions(tab.controls.steering)  # heard whichever tab is in front: those of the one at work are enabled
        for asked in (tab.run_requested, tab.resume_requested):
            asked.connect(self._messages.clear)
        tab.run_requested.connect(self._conductor.run)
        tab.command_given.connect(self._conductor.command)
        tab.repeats_requested.connect(self._add_repeats)
        tab.resume_requested.connect(self._conductor.resume)
        tab.samples_requested.connect(lambda data: self._desk.fetch_samples(tab.form.dataset_chooser, data))
        tab.export_requested.connect(self._writing.export)
        tab.writing_requested.connect(lambda: self._networks.write(tab))
        tab.trained_requested.connect(self._networks.choose_trained)
        tab.failed.connect(self.show_error)
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

    def _add_repeats(self, experiment: int) -> None:
        if (count := ask_for_repeats(experiment, self)) is not None:
            self._messages.clear()
            self._conductor.add_repeats(experiment, count)

    def _greet(self) -> None:
        """Welcome whoever comes where nothing has been stored yet."""
        if not store_file(self._workspace).exists():
            self._experiment_tabs[0].stage.welcome()

    def _follow_training(self, event: Event) -> None:
        if isinstance(event, RunFinished) and self._try_it.isVisible():
            self._offer_trained_runs()

    def _offer_trained_runs(self) -> None:
        """Let every trained network of the workspace be tried."""
        self._reader.ask(all_trained_runs, self._try_it.show_runs, self.show_error)

    def _close_if_asked(self) -> None:
        if self._closing:
            self.close()

    def _take_assistance(self, event: Event) -> None:
        match event:
            case Exported(folder, files):
                self.statusBar().showMessage(f"{pluralise(files, 'file')} written: {folder}", 10_000)
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
        self._queue_panel.hide()  # until something waits
        self.resize(1280, 800)
        restore_state(self, self._tabs, self._settings)

    def _make_menu(self) -> None:
        bar = self.menuBar()
        file = bar.addMenu("&File")
        fill_menu(self, file, (MenuEntry("report", "&Report…", self._writing.report, ("Ctrl+Shift+R",)), None))
        self._program.fill_file_menu(file)
        bar.addMenu(TrainingMenu(self._tabs, lambda: self._conductor.active, self))
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
        actions.run_again_requested.connect(self._conductor.run_again)
        for source in (actions, self._interrupted):
            source.resume_requested.connect(self._messages.clear)
            source.resume_requested.connect(self._conductor.resume)
        actions.repeats_requested.connect(self._add_repeats)
        actions.continuation_requested.connect(self._networks.choose)
        actions.export_requested.connect(self._writing.export)
        actions.report_requested.connect(self._writing.report)
        actions.settings_pasted.connect(self._show_settings)
        actions.said.connect(lambda text: self.statusBar().showMessage(text, SAID_MS))
        self._interrupted.marked.connect(self._opened.read_again)
        self._interrupted.marked.connect(lambda _numbers: history.refresh_if_read())
        self._interrupted.left.connect(history.refresh_if_read)
        actions.changed.connect(self._interrupted.look_again)

    def _connect_failures(self) -> None:
        for source in (
            *(self._clusters, self._datasets, self._program, self._queue, self._conductor, self._writing),
            *(self._try_it, self._history.experiment_actions, self._opened, self._interrupted),
        ):
            source.failed.connect(self._messages.show_error)

    def _connect(self) -> None:
        queued = Qt.ConnectionType.QueuedConnection
        self._training.happened.connect(self.trained, queued)  # after the conductor has it
        for listener in (self._program, self._devices, self._clusters, self._history, self._opened, self._interrupted):
            self.trained.connect(listener.take)
        self.trained.connect(self._follow_training)
        for follow in (self._devices.training_ended, self.training_ended, self._close_if_asked):
            self._conductor.ended.connect(follow)
        self._training.noticed.connect(self.show_error, queued)
        self._training.warm.connect(self._clusters.connected, queued)
        self._clusters.chosen.connect(self._place_chosen)
        self._assistant.happened.connect(self._take_assistance, queued)
        self._prober.happened.connect(self._try_it.take, queued)
        self._prober.happened.connect(self._program.take, queued)
        self._program.devices_wanted.connect(lambda: self._prober.run_task(DeviceTask()))
        self._program.changed.connect(self.reopening_wanted)
        self._program.devices_page_wanted.connect(self._devices.show_page)
        self._devices.settings_wanted.connect(self._program.show_settings)
        self._devices.refused.connect(self.show_error)
        self._program.scheme_changed.connect(self._schemes.tick)
        self._networks.continuation_requested.connect(self._conductor.continue_training)
        self._conductor.shown.connect(self._tabs.setCurrentWidget)
        for start in (self._messages.clear, self.statusBar().showMessage):
            self._writing.started.connect(start)
        self._try_it.runs_requested.connect(self._offer_trained_runs)
        self._try_it.task_requested.connect(self._prober.run_task)
        self._connect_history()
        self._connect_failures()

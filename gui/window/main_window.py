"""The main window: a tab for each experiment, notices over them, and the menus."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from PySide6.QtCore import QEvent, Qt, QUrl, Signal
from PySide6.QtGui import QCloseEvent, QDesktopServices, QShowEvent
from PySide6.QtWidgets import QApplication, QMainWindow, QTabWidget, QVBoxLayout, QWidget

from engine.config.cluster import ClusterChoice
from engine.config.specs import ExperimentSpec
from engine.devices.names import AUTO
from engine.events.commands import Control
from engine.events.tasks import Event, Exported, TaskFailed
from engine.executors.base import Executor
from engine.executors.routing import RoutingExecutor
from engine.executors.tasks import DeviceTask
from engine.experiments import RUNNABLE_EXPERIMENTS
from engine.utils.logs import ProgramLog
from engine.utils.paths import store_file
from engine.workspace.dataset_library import DatasetLibrary
from gui.background.engine_thread import EngineThread
from gui.background.store_reader import StoreReader
from gui.background.weight_reader import WeightReader
from gui.boards import make_board
from gui.datasets.tab import DatasetsTab
from gui.dialogs.questions import ask_for_repeats, ask_to_close
from gui.experiment.experiment_tab import ExperimentTab
from gui.history.resume_bar import ResumeBar
from gui.history.tab import HistoryTab
from gui.menus.entries import MenuEntry, add_tab_actions, fill_menu
from gui.menus.scheme_menu import SchemeMenu
from gui.menus.training_menu import TrainingMenu
from gui.startup.first_paint import FirstPaint
from gui.startup.steps import Steps
from gui.try_it.tab import TryItTab
from gui.utils.preferences import program_settings
from gui.widgets.deferred_page import DeferredPage
from gui.widgets.message_bar import MessageBar
from gui.widgets.notices import Notices
from gui.window.cluster_controller import ClusterController
from gui.window.dataset_controller import DatasetController
from gui.window.device_controller import DeviceController
from gui.window.dialog_controller import DialogController
from gui.window.estimate_controller import EstimateController
from gui.window.export_controller import ExportController
from gui.window.network_controller import NetworkController
from gui.window.queue import ExperimentQueue
from gui.window.queue_panel import QueuePanel, WaitingLabel
from gui.window.resume_controller import ResumeController
from gui.window.state import restore_page, restore_state, save_state
from gui.window.tab_controller import TabController
from gui.window.training_controller import TrainingController
from gui.window.try_it_controller import TryItController
from gui.window.watch_controller import TITLE, WatchController

# More runs than any machine has cores: warms up the maximum number of training processes.
MANY_RUNS = 1000
QUEUE_HEIGHT = 110
STATUS_MS = 10_000  # how long a message stays in the status bar


class MainWindow(QMainWindow):
    """The window of the program.

    Emits ``trained(event)`` for every event of a training, after its tab has processed it, ``training_ended()`` when
    the next one can start, and ``reopen_requested(before, after)`` when preferences changed that need a new window.

    Args:
        workspace: folder of the results.
        trainer: executor of the experiments.
        assistant: executor of tasks that must not wait for a training: sample images, exports.
        prober: executor of inference with trained networks on single images.
        librarian: executor of downloads and verifications of data sets, which must not block the others.
        cluster: initial place of training; None is this machine.
        device: the device the executors compute on.
        own_log: the log of this process, if one is kept.
    """

    trained = Signal(object)
    training_ended = Signal()
    reopen_requested = Signal(object, object)

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
        self._confirms_closing, self._closing = True, False
        self._messages, self._resume_bar = MessageBar(), ResumeBar()
        self._experiment_tabs: list[ExperimentTab] = []
        self._trainer = RoutingExecutor(trainer, workspace, device, cluster)
        self._training = EngineThread(self._trainer, self)
        self._assistant = EngineThread(assistant, self)
        self._prober = EngineThread(prober, self)
        self._librarian = EngineThread(librarian, self)
        # The history's list takes long to read, so a second reader serves single queries.
        self._reader, self._catalogue = StoreReader(workspace, self), StoreReader(workspace, self)
        self._weights = WeightReader(self._reader)
        self._tabs = QTabWidget()
        self._tabs.setObjectName("tabs")
        self._tabs.setDocumentMode(True)
        self._make_controllers(device, own_log)
        self._make_tabs()
        self._opened_tabs = TabController(self._tabs, workspace, self._history, self._weights)
        self._resume = ResumeController(self._catalogue, self._resume_bar, self)
        self._dataset_controller = DatasetController(
            self._datasets, self._experiment_tabs, self._assistant, self._librarian
        )
        self._clusters = ClusterController(self._trainer, lambda: self.is_training, self._experiment_tabs, self)
        self._arrange()
        self._make_menu()
        self._connect()

    @property
    def cluster(self) -> ClusterChoice | None:
        """The cluster chosen to train; None is this machine."""
        return self._trainer.cluster

    @property
    def is_training(self) -> bool:
        """Whether an experiment is running, or being taken from the queue."""
        return self._training_controller.is_busy

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        """Start the threads, and the training processes once the window has been painted."""
        super().showEvent(event)
        if not self._training.isRunning():
            self._queue.refresh(lambda: self._queue_panel.setVisible(bool(self._queue.entries)))
            for thread in (self._training, self._assistant, self._prober, self._librarian):
                thread.start()
            if self.cluster is None:  # a cluster's workers have devices of their own
                self._dialogs.begin()
            FirstPaint(self, lambda: Steps(self._finish_startup(), self))

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        """Refresh the queue on activation: another window may have taken an entry."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.ActivationChange and self.isActiveWindow():
            self._queue.refresh()

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802
        """Ask first if an experiment is running, which can be resumed later; end all threads and processes."""
        is_running = self._training_controller.active is not None
        if is_running and self._confirms_closing and not self._closing and not ask_to_close(self):
            event.ignore()
            return
        if self._training_controller.active is not None:
            # The training thread ends its job first; ``ended`` then closes the window.
            self._closing = True
            self._training_controller.suspend()
            self.statusBar().showMessage("Closing …")
            event.ignore()
            return
        self.remember()
        self._opened_tabs.close()
        self._history.close_catalogue()
        self._dialogs.close()
        self._watch.close()
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
        """Close all windows, interrupting a training without asking."""
        self._confirms_closing = False
        QApplication.closeAllWindows()

    def remember(self) -> None:
        """Store the state of the window."""
        save_state(self, self._tabs, self._settings)

    def show_error(self, sentence: str) -> None:
        """Show an error in the message bar."""
        self._messages.show_error(sentence)

    def _make_controllers(self, device: str, own_log: ProgramLog | None) -> None:
        workspace, tabs, is_training = self._workspace, self._experiment_tabs, lambda: self.is_training
        self._dialogs = DialogController(self, is_training, workspace, device, own_log)
        self._exports = ExportController(workspace, self._reader, self._assistant.run_task, self)
        self._devices = DeviceController(device, self._training, is_training, tabs, self)
        self._queue = ExperimentQueue(self._reader, self._trainer.allocation, self)
        self._estimates = EstimateController(self._reader, self._trainer.allocation, self)
        self._training_controller = TrainingController(workspace, self._training, self._reader, self._queue, tabs, self)
        self._queue_panel = QueuePanel(self._queue, self._training_controller)
        self._networks = NetworkController(workspace, self._reader, tabs, self)
        self._networks.failed.connect(self.show_error)

    def _make_tabs(self) -> None:
        for name, experiment in RUNNABLE_EXPERIMENTS.items():
            self._add_tab(ExperimentTab(experiment, partial(make_board, name), self._weights))
        self._watch = WatchController(self._workspace, self._reader, self._weights, self._tabs, self)
        self._try_it = TryItController(try_it := TryItTab(), self._reader, self._prober)
        try_it.export_requested.connect(self._exports.export_network)
        self._datasets, self._history = DatasetsTab(DatasetLibrary(self._workspace)), HistoryTab(self._catalogue)
        self._add_page(self._watch.page, TITLE)
        for page, title in ((try_it, "Try it"), (self._datasets, "Data sets"), (self._history, "History")):
            self._add_page(page, title)

    def _add_tab(self, tab: ExperimentTab) -> None:
        self._experiment_tabs.append(tab)
        tab.built.connect(lambda: self._set_up_tab(tab))
        for asked in (tab.run_requested, tab.resume_requested):
            asked.connect(self._messages.clear)
        tab.run_requested.connect(self._training_controller.run)
        tab.command_given.connect(self._training_controller.command)
        tab.repeats_requested.connect(self._add_repeats)
        tab.resume_requested.connect(self._training_controller.resume)
        tab.samples_requested.connect(
            lambda task: self._dataset_controller.fetch_samples(tab.form.dataset_chooser, task)
        )
        tab.export_requested.connect(self._exports.export)
        tab.writing_requested.connect(lambda: self._networks.write(tab))
        tab.trained_requested.connect(self._networks.choose_trained)
        tab.failed.connect(self.show_error)
        self._estimates.add(tab)
        self._add_page(tab, tab.experiment.title)

    def _add_page(self, page: DeferredPage, title: str) -> None:
        page.built.connect(lambda: restore_page(page, self._settings))
        self._tabs.addTab(page, title)

    def _set_up_tab(self, tab: ExperimentTab) -> None:
        """Set up the content of a tab, which has just been built."""
        self.addActions(tab.controls.control_actions)  # work in any tab, if enabled: for the running experiment
        tab.controls.show_busy(self.is_training)
        self._networks.offer_saved(tab)
        self._dataset_controller.add(tab)
        self._clusters.add(tab)
        if tab is self._experiment_tabs[0] and not store_file(self._workspace).exists():
            tab.board_stack.welcome()

    def _finish_startup(self) -> Iterator[None]:
        """Do the work deferred until the window is painted, in steps.

        The board likely to be needed next comes after the pages, as it takes longest. The training processes come last:
        while they load their libraries each step takes three times as long.
        """
        self._opened_tabs.reopen()
        self._watch.begin()
        self._resume.offer_newest()
        for page in self._tabs.findChildren(DeferredPage):
            yield
            page.build()
        yield
        front = self._tabs.currentWidget()
        (front if isinstance(front, ExperimentTab) else self._experiment_tabs[0]).prepare()
        yield
        self._warm_up()

    def _warm_up(self) -> None:
        self._clusters.connecting()
        self._training.warm_up(MANY_RUNS)
        if self.cluster is None:
            self._training.calibrate()

    def _place_chosen(self, sentence: str) -> None:
        self.statusBar().showMessage(sentence, STATUS_MS)
        self._messages.clear()
        if not self.is_training:
            self._warm_up()

    def _add_repeats(self, experiment: int) -> None:
        if (count := ask_for_repeats(experiment, self)) is not None:
            self._messages.clear()
            self._training_controller.add_repeats(experiment, count)

    def _close_if_asked(self) -> None:
        if self._closing:
            self.close()

    def _take_assistance(self, event: Event) -> None:
        match event:
            case Exported(folder):
                self.statusBar().showMessage(f"{event.summary}: {folder}", STATUS_MS)
                QDesktopServices.openUrl(QUrl.fromLocalFile(folder))
                if event.problems:
                    self.show_error(" ".join(event.problems))
            case TaskFailed(reason, cancelled=False, broken_images=0):  # else the data set controller offers a remedy
                self.statusBar().clearMessage()
                self.show_error(reason)

    def _arrange(self) -> None:
        central = QWidget()
        column = QVBoxLayout(central)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._tabs)
        Notices(central, self._messages, self._resume_bar)
        self.setCentralWidget(central)
        self.statusBar().addPermanentWidget(WaitingLabel(self._queue))
        self.statusBar().addPermanentWidget(self._clusters.label)
        self.statusBar().addPermanentWidget(self._devices.label)
        self.addDockWidget(Qt.DockWidgetArea.BottomDockWidgetArea, self._queue_panel)
        self.resizeDocks([self._queue_panel], [QUEUE_HEIGHT], Qt.Orientation.Vertical)
        self._queue_panel.hide()  # until something is queued
        self.resize(1280, 800)
        restore_state(self, self._tabs, self._settings)

    def _make_menu(self) -> None:
        bar = self.menuBar()
        file = bar.addMenu("&File")
        report = MenuEntry("report", "&Report…", self._exports.report, ("Ctrl+Shift+R",))
        fill_menu(self, file, (self._watch.menu_entry, report, None))
        self._dialogs.fill_file_menu(file)
        bar.addMenu(TrainingMenu(self._tabs, lambda: self._training_controller.active, self))
        view = bar.addMenu("&View")
        show_queue = self._queue_panel.toggleViewAction()
        show_queue.setObjectName("show_queue")
        show_queue.setText("&Queue")
        show_queue.setShortcut("Ctrl+U")
        view.addAction(show_queue)
        view.addSeparator()
        self._schemes = SchemeMenu(self, view, self._settings)
        add_tab_actions(self, view, self._tabs)
        self._dialogs.fill_help_menu(bar.addMenu("&Help"))

    def _show_settings(self, name: str, spec: ExperimentSpec) -> None:
        """Show settings in the form of their experiment."""
        tab = next(tab for tab in self._experiment_tabs if tab.experiment.name == name)
        self._messages.clear()
        tab.show_spec(spec)
        self._tabs.setCurrentWidget(tab)

    def _connect_history(self) -> None:
        history, actions = self._history, self._history.experiment_actions
        actions.run_again_requested.connect(self._training_controller.run_again)
        for source in (actions, self._resume):
            source.resume_requested.connect(self._messages.clear)
            source.resume_requested.connect(self._training_controller.resume)
        actions.repeats_requested.connect(self._add_repeats)
        actions.continuation_requested.connect(self._networks.choose)
        actions.export_requested.connect(self._exports.export)
        actions.report_requested.connect(self._exports.report)
        actions.settings_pasted.connect(self._show_settings)
        actions.said.connect(lambda text: self.statusBar().showMessage(text, STATUS_MS))
        self._resume.marked.connect(self._opened_tabs.reload)
        self._resume.marked.connect(lambda _numbers: history.refresh_if_read())
        self._resume.dismissed.connect(history.refresh_if_read)
        actions.changed.connect(self._resume.update_offer)

    def _connect_failures(self) -> None:
        for source in (
            *(self._clusters, self._datasets, self._dialogs, self._queue, self._training_controller, self._exports),
            *(self._watch, self._try_it, self._history.experiment_actions, self._opened_tabs, self._resume),
        ):
            source.failed.connect(self._messages.show_error)
        for offering in (self._training_controller, self._dataset_controller):
            offering.remedy_offered.connect(self._messages.offer)

    def _connect(self) -> None:
        queued = Qt.ConnectionType.QueuedConnection
        self._training.happened.connect(self.trained, queued)  # after the training controller
        for listener in (self._dialogs, self._devices, self._clusters, self._history, self._opened_tabs, self._resume):
            self.trained.connect(listener.take)
        self.trained.connect(self._estimates.take)
        self.trained.connect(self._try_it.take)
        for follow in (self._devices.training_ended, self.training_ended, self._close_if_asked):
            self._training_controller.ended.connect(follow)
        self._training.warned.connect(self.show_error, queued)
        self._training.warm.connect(self._clusters.connected, queued)
        self._clusters.chosen.connect(self._place_chosen)
        self._assistant.happened.connect(self._take_assistance, queued)
        self._prober.happened.connect(self._dialogs.take, queued)
        self._dialogs.devices_requested.connect(lambda: self._prober.run_task(DeviceTask()))
        self._dialogs.changed.connect(self.reopen_requested)
        self._dialogs.devices_page_requested.connect(self._devices.show_page)
        self._devices.settings_requested.connect(self._dialogs.show_settings)
        self._devices.refused.connect(self.show_error)
        self._dialogs.scheme_changed.connect(self._schemes.tick)
        self._networks.continuation_requested.connect(self._training_controller.continue_training)
        self._training_controller.shown.connect(self._tabs.setCurrentWidget)
        for start in (self._messages.clear, self.statusBar().showMessage):
            self._exports.started.connect(start)
        self._connect_history()
        self._watch.shown.connect(self._messages.clear)
        self._watch.connect_with(self._history, self._opened_tabs, self._exports)
        self._connect_failures()

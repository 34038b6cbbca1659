"""The main window: a tab an experiment, one place for messages, the menu."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import QSettings, Qt, QTimer, QUrl, Signal
from PySide6.QtGui import QAction, QActionGroup, QCloseEvent, QDesktopServices, QKeySequence, QShowEvent
from PySide6.QtWidgets import (
    QApplication,
    QDialog,
    QFileDialog,
    QInputDialog,
    QLabel,
    QMainWindow,
    QMessageBox,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

import engine
from engine.errors import TrainscopeError
from engine.events import (
    Computed,
    Control,
    Event,
    Exported,
    Progress,
    RunFinished,
    RunStarted,
    SamplesReady,
    TaskFailed,
)
from engine.executors.base import Executor
from engine.executors.tasks import ExportTask, SampleTask
from engine.experiments import EXPERIMENTS
from engine.network_library import NetworkLibrary
from engine.paths import store_file
from engine.spec import DataSpec, ExperimentSpec
from engine.store import Store
from engine.trained_runs import trained_runs
from gui.bridge import Bridge
from gui.conductor import Conductor
from gui.dialogs.network_dialog import NetworkDialog
from gui.experiment_queue import ExperimentQueue
from gui.open_tabs import OpenTabs
from gui.reader import Reader
from gui.tabs import BOARDS
from gui.tabs.architectures import architectures_board
from gui.tabs.experiment_tab import ExperimentTab
from gui.tabs.history import HistoryTab
from gui.tabs.try_it import TryItTab
from gui.theme import Scheme, apply_scheme, stored_scheme
from gui.training_menu import TrainingMenu
from gui.views.dataset_chooser import SAMPLES, DatasetChooser
from gui.views.message_bar import MessageBar
from gui.views.queue_panel import QueuePanel

# A plan larger than any machine has cores: warms up as many processes as ever train side by side.
MANY_RUNS = 1000
QUEUE_HEIGHT = 110
RUNNING_INTERVAL_MS = 1000  # how often the time left is said anew in the queue
SAID_MS = 10_000  # how long what has been done stays in the status bar
# What a network is checked on before a data set has been looked at: digits, or CIFAR-10 in gray.
USUAL_SHAPE, USUAL_CLASSES = (32, 32, 1), 10


class MainWindow(QMainWindow):
    """The program's window. Emits ``trained(event)`` for every event of a training, once the tab has noted it, and
    ``training_ended()`` when the window is ready for the next.

    Args:
        workspace: where results are kept.
        trainer: executor of the experiments.
        assistant: executor of everything that must not wait for a training: sample images, exports.
        prober: executor that asks trained networks about single images.
    """

    trained = Signal(object)
    training_ended = Signal()

    def __init__(self, workspace: Path, trainer: Executor, assistant: Executor, prober: Executor) -> None:
        super().__init__()
        self.setObjectName("window")
        self.setWindowTitle("Trainscope")
        self._workspace = workspace
        self._library = NetworkLibrary(workspace)
        self._settings = QSettings("Trainscope", "Trainscope")
        self._training = Bridge(trainer, self)
        self._assistant = Bridge(assistant, self)
        self._prober = Bridge(prober, self)
        self._sampled: DatasetChooser | None = None  # for which sample images were asked last
        self._closing = False
        self._messages = MessageBar()
        self._device = QLabel()  # known once something has been computed
        self._device.setObjectName("device")
        self._waiting = QLabel()  # how much is in the queue
        self._waiting.setObjectName("waiting")
        self._running_timer = QTimer(self, interval=RUNNING_INTERVAL_MS)
        self._tabs = QTabWidget()
        self._tabs.setObjectName("tabs")
        self._tabs.setDocumentMode(True)
        self._experiment_tabs: list[ExperimentTab] = []
        self._queue = ExperimentQueue(workspace, self)
        self._queue_panel = QueuePanel(self._queue)
        self._conductor = Conductor(workspace, self._training, self._queue, self._experiment_tabs, self)
        for name, experiment in EXPERIMENTS.items():
            self._add_tab(ExperimentTab(experiment, BOARDS.get(name, architectures_board)()))
        self._try_it = TryItTab()
        self._tabs.addTab(self._try_it, "Try it")
        self._catalogue = Reader(workspace, self)
        self._history = HistoryTab(self._catalogue)
        self._tabs.addTab(self._history, "History")
        self._opened = OpenTabs(self._tabs, workspace, self._history)
        self._arrange()
        self._make_menu()
        self._connect()

    @property
    def is_training(self) -> bool:
        """Whether an experiment is under way."""
        return self._conductor.active is not None

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        """Start the training processes once the window has been painted."""
        super().showEvent(event)
        if not self._training.isRunning():
            self._training.start()
            self._assistant.start()
            self._prober.start()
            QTimer.singleShot(0, lambda: self._training.warm_up(MANY_RUNS))
            QTimer.singleShot(0, self._opened.reopen)

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802
        """Ask while training; leave no process behind."""
        if self.is_training and not self._closing and not self._ask_to_close():
            event.ignore()
            return
        if self.is_training:
            # The thread ends its job first; its end closes the window again.
            self._closing = self._conductor.closing = True
            self._conductor.command(Control.CANCEL)
            self.statusBar().showMessage("Closing …")
            event.ignore()
            return
        self._settings.setValue("geometry", self.saveGeometry())
        self._opened.close()
        self._history.close_catalogue()
        self._assistant.send(Control.CANCEL)
        self._prober.send(Control.CANCEL)
        for bridge in (self._training, self._assistant, self._prober):
            bridge.close()
        super().closeEvent(event)

    def show_error(self, sentence: str) -> None:
        """Show a sentence in the one place for errors."""
        self._messages.show_error(sentence)

    def _add_tab(self, tab: ExperimentTab) -> None:
        self._experiment_tabs.append(tab)
        tab.run_requested.connect(lambda spec: self._run(tab, spec))
        tab.command_given.connect(self._conductor.command)
        tab.repeats_requested.connect(self._ask_for_repeats)
        tab.samples_requested.connect(lambda data: self._fetch_samples(tab, data))
        tab.export_requested.connect(self._export)
        tab.writing_requested.connect(lambda: self._write_network(tab))
        tab.failed.connect(self.show_error)
        for architecture in self._saved_networks():
            tab.form.offer_architecture(architecture)
        self._tabs.addTab(tab, tab.experiment.title)

    def _run(self, tab: ExperimentTab, spec: ExperimentSpec) -> None:
        self._messages.clear()
        self._conductor.run(tab, spec)

    def _tab_in_front(self) -> ExperimentTab | None:
        tab = self._tabs.currentWidget()
        return tab if isinstance(tab, ExperimentTab) else None

    def _ask_for_repeats(self, experiment: int) -> None:
        """Ask how many further runs of each variant a stored experiment is to have, and train them."""
        count, agreed = QInputDialog.getInt(
            self, "Add repeats", "Further runs of every variant, with the seeds that follow:", 3, 1, 1000
        )
        if agreed:
            self._messages.clear()
            self._conductor.add_repeats(experiment, count)

    def _show_running(self) -> None:
        """Say in the queue what is under way and how long it will still take."""
        active = self._conductor.active
        self._queue_panel.show_running(
            f"<b>{active.experiment.title}</b> is under way{active.time_left}." if active is not None else ""
        )

    def _show_waiting(self) -> None:
        count = len(self._queue.orders)
        self._waiting.setText(f"{count} waiting{' (held)' if self._queue.holds else ''}" if count else "")

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
        dialog = NetworkDialog(self._library, shape, classes, self)
        if dialog.exec() == QDialog.DialogCode.Accepted:
            for other in self._experiment_tabs:
                other.form.offer_architecture(dialog.architecture, chosen=other is tab)

    def _fetch_samples(self, tab: ExperimentTab, data: DataSpec) -> None:
        self._sampled = tab.form.dataset_chooser
        self._assistant.send(Control.CANCEL)  # only the newest choice is of interest
        self._assistant.run_task(SampleTask(data, SAMPLES))

    def _export(self, experiment: int) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Choose a folder for the results", str(Path.home()))
        if folder:
            self._messages.clear()
            self._assistant.run_task(ExportTask(self._workspace, experiment, Path(folder)))
            self.statusBar().showMessage("Exporting …")

    def _take_training(self, event: Event) -> None:
        if isinstance(event, RunStarted | Computed):
            device = event.device
            threads = "1 thread" if device.threads == 1 else f"{device.threads} threads"
            self._device.setText(f"{device.kind}: {device.name}, {threads} a process")
        if isinstance(event, TaskFailed) and not self.is_training and not event.cancelled:
            self.show_error(event.reason)
        self._conductor.take(event)
        self._history.take(event)
        self._opened.take(event)
        if isinstance(event, RunFinished) and self._try_it.isVisible():
            self._offer_trained_runs()
        self.trained.emit(event)

    def _tab_changed(self, _position: int) -> None:
        if self._tabs.currentWidget() is self._try_it:
            self._offer_trained_runs()

    def _offer_trained_runs(self) -> None:
        """Let every trained network of the workspace be tried; a workspace without a store is left alone."""
        if not store_file(self._workspace).exists():
            return
        try:
            store = Store(self._workspace)
        except TrainscopeError as error:
            self.show_error(str(error))
            return
        try:
            self._try_it.show_runs(trained_runs(store))
        except TrainscopeError as error:
            self.show_error(str(error))
        finally:
            store.close()

    def _training_idle(self) -> None:
        self._conductor.become_idle()
        self._show_running()
        self.training_ended.emit()
        if self._closing:
            self.close()

    def _take_assistance(self, event: Event) -> None:
        match event:
            case SamplesReady() if self._sampled is not None:
                self._sampled.show_samples(event)
            case Progress(message, done, total):
                self._say_of_samples(f"{message} ({done / total:.0%})" if total else message)
            case Exported(folder, files):
                self.statusBar().showMessage(f"{files} files written to {folder}", 10_000)
                QDesktopServices.openUrl(QUrl.fromLocalFile(folder))
            case TaskFailed(reason, cancelled) if not cancelled:
                self.statusBar().clearMessage()
                self._say_of_samples("")
                self.show_error(reason)

    def _say_of_samples(self, text: str) -> None:
        if self._sampled is not None and not self._sampled.has_samples:
            self._sampled.show_busy(text)

    def _ask_to_close(self) -> bool:
        box = QMessageBox(
            QMessageBox.Icon.Question,
            "Close Trainscope?",
            "A training is under way. Closing ends it; everything recorded so far is kept.",
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
        column.addWidget(self._tabs, 1)
        self.setCentralWidget(central)
        self.statusBar().addPermanentWidget(self._waiting)
        self.statusBar().addPermanentWidget(self._device)
        self.addDockWidget(Qt.DockWidgetArea.BottomDockWidgetArea, self._queue_panel)
        self.resizeDocks([self._queue_panel], [QUEUE_HEIGHT], Qt.Orientation.Vertical)
        self._queue_panel.setVisible(bool(self._queue.orders))
        self.resize(1280, 800)
        geometry = self._settings.value("geometry")
        if geometry is not None:
            self.restoreGeometry(geometry)

    def _make_menu(self) -> None:
        file = self.menuBar().addMenu("&File")
        file.addAction(self._action("open_workspace", "Open &workspace folder", self._open_workspace))
        file.addSeparator()
        file.addAction(self._action("quit", "&Quit", self.close, QKeySequence.StandardKey.Quit))
        self.menuBar().addMenu(TrainingMenu(self._tab_in_front, lambda: self._conductor.active, self))
        view = self.menuBar().addMenu("&View")
        show_queue = self._queue_panel.toggleViewAction()
        show_queue.setObjectName("show_queue")
        show_queue.setText("&Queue")
        show_queue.setShortcut("Ctrl+U")
        view.addAction(show_queue)
        view.addSeparator()
        schemes = QActionGroup(self)
        chosen = stored_scheme(self._settings)
        for scheme in Scheme:
            action = self._action(f"scheme_{scheme}", f"&{scheme.capitalize()}", partial(self._use_scheme, scheme))
            action.setCheckable(True)
            action.setChecked(scheme == chosen)
            schemes.addAction(action)
            view.addAction(action)
        help_menu = self.menuBar().addMenu("&Help")
        help_menu.addAction(self._action("about", "&About Trainscope", self._about))

    def _action(
        self, name: str, text: str, slot: Callable[[], object], shortcut: QKeySequence.StandardKey | None = None
    ) -> QAction:
        action = QAction(text, self)
        action.setObjectName(name)
        action.triggered.connect(lambda _checked=False: slot())
        if shortcut is not None:
            action.setShortcut(shortcut)
        return action

    def _use_scheme(self, scheme: Scheme) -> None:
        self._settings.setValue("scheme", scheme.value)
        app = QApplication.instance()
        if isinstance(app, QApplication):
            apply_scheme(app, scheme)

    def _open_workspace(self) -> None:
        self._workspace.mkdir(parents=True, exist_ok=True)
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._workspace)))

    def _about(self) -> None:
        text = (
            f"<h3>Trainscope {engine.__version__}</h3><p>Watch neural networks learn.</p>"
            f"<p>Results are kept in<br>{self._workspace}</p>"
        )
        QMessageBox.about(self, "About Trainscope", text)

    def _show_settings(self, name: str, spec: ExperimentSpec) -> None:
        """Show settings in the form of the experiment that they are for."""
        tab = next(tab for tab in self._experiment_tabs if tab.experiment.name == name)
        self._messages.clear()
        tab.show_spec(spec)
        self._tabs.setCurrentWidget(tab)

    def _connect_history(self) -> None:
        history, actions = self._history, self._history.experiment_actions
        history.run_again_requested.connect(self._conductor.run_again)
        history.repeats_requested.connect(self._conductor.add_repeats)
        history.train_on_requested.connect(self._conductor.train_on)
        history.export_requested.connect(self._export)
        actions.settings_pasted.connect(self._show_settings)
        actions.said.connect(lambda text: self.statusBar().showMessage(text, SAID_MS))
        for source in (actions, self._opened):
            source.failed.connect(self.show_error)

    def _connect(self) -> None:
        queued = Qt.ConnectionType.QueuedConnection
        self._training.happened.connect(self._take_training, queued)
        self._training.idle.connect(self._training_idle, queued)
        self._assistant.happened.connect(self._take_assistance, queued)
        self._prober.happened.connect(self._try_it.take, queued)
        self._tabs.currentChanged.connect(self._tab_changed)
        self._queue.changed.connect(self._show_waiting)
        self._queue.failed.connect(self.show_error)
        self._queue_panel.start_wanted.connect(self._conductor.start_queue)
        self._conductor.queued.connect(self._queue_panel.show)
        self._conductor.continuation_shown.connect(self._tabs.setCurrentWidget)
        self._conductor.failed.connect(self.show_error)
        self._running_timer.timeout.connect(self._show_running)
        self._running_timer.start()
        self._show_waiting()
        self._try_it.task_requested.connect(self._prober.run_task)
        self._try_it.failed.connect(self.show_error)
        self._connect_history()

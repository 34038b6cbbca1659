"""The Data sets tab: inventory, content, downloads, and the user's own folders and files."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QMessageBox,
    QProgressBar,
    QVBoxLayout,
    QWidget,
)

from engine.config.specs import DataSpec
from engine.datasets.inventory import DatasetEntry, Presence, inventory
from engine.datasets.registry import DATASETS, check_path
from engine.events.commands import Control
from engine.events.datasets import CacheRemoved, DatasetVerified
from engine.events.tasks import Event, Progress, TaskFailed
from engine.executors.tasks import RemoveCacheTask, Task, VerifyTask
from engine.utils.errors import DatasetError, TrainscopeError
from engine.workspace.dataset_library import DatasetLibrary
from gui.datasets.detail import DatasetDetail
from gui.datasets.table import DatasetTable
from gui.forms.dataset_chooser import LEAVE_OUT
from gui.utils.text import as_size
from gui.widgets.deferred_page import DeferredPage
from gui.widgets.drop_target import DATASET_FILES, DropTarget
from gui.widgets.factories import push_button, splitter

# Long enough to move through the table with the arrow keys without loading every data set passed.
SAMPLES_DELAY_MS = 200
PROGRESS_WIDTH = 220  # pixels
HINT = "Drop a folder of images, an .npz or .npy file or an archive of CIFAR anywhere on this page to add it."

BUTTONS = {  # text and tool tip
    "download": ("Down&load", "Fetch the data set's official files, check them and decode the images"),
    "verify": ("Ver&ify", "Read everything again: downloads against their published hash, decoded images"),
    "remove": ("&Remove from cache…", "Delete downloads and decoded images; a folder of your own is left alone"),
    "use": ("&Use in experiments", "Choose this data set in the form of every experiment"),
    "forget": ("For&get", "Take a data set of your own off this list; its files are left alone"),
    "add_folder": ("Add f&older…", "Add a folder of images: train/<class>/*.png or <class>/*.png"),
    "add_file": ("Add fil&e…", "Add an .npz, .npy or IDX file or a data set's official archive"),
}


class DatasetsTab(DeferredPage):
    """Lists, downloads, verifies and removes data sets.

    Emits ``task_requested(task)`` for an executor of its own, whose events are passed to ``take`` and whose end to
    ``idle``; ``control_requested(control)`` for that executor; ``samples_requested(data spec)``, answered through
    ``detail``; ``use_requested(name or path)``; ``added(path)``; ``failed(message)``; and ``remedy_offered(message,
    text, act)`` for a failure that ``act`` helps against.
    """

    task_requested = Signal(object)
    control_requested = Signal(object)
    samples_requested = Signal(object)
    use_requested = Signal(str)
    added = Signal(str)
    failed = Signal(str)
    remedy_offered = Signal(str, str, object)

    def __init__(self, library: DatasetLibrary) -> None:
        super().__init__()
        self.setObjectName("tab_datasets")
        self._library = library
        self._unread: list[Path] = []  # shown, but remembered only once they were read
        self._busy = False
        self._removing = False  # whether the current or last task removes
        self._decoding_dataset = ""  # data set that the current or last task decodes
        self._failed = False  # whether the last task failed or was cancelled
        self._skipping: set[str] = set()  # data sets of which images that can't be read are left out

    def _build(self) -> None:
        self._table, self._detail = DatasetTable(), DatasetDetail()
        self._buttons = {name: push_button(f"dataset_{name}", *words) for name, words in BUTTONS.items()}
        self._cancel = push_button("dataset_cancel", "&Cancel", "End what is under way; nothing half-made is left")
        self._status, self._progress = QLabel(HINT), QProgressBar()
        self._samples_timer = QTimer(self, interval=SAMPLES_DELAY_MS, singleShot=True)
        self._arrange()
        self._connect()
        self.refresh()

    @property
    def table(self) -> DatasetTable:
        """The list of data sets."""
        self.build()
        return self._table

    @property
    def detail(self) -> DatasetDetail:
        """The content of the chosen data set."""
        self.build()
        return self._detail

    def own_datasets(self) -> list[Path]:
        """Return the user's own folders and files; a ``TrainscopeError`` of the library is emitted by ``failed``."""
        try:
            known = self._library.paths()
        except TrainscopeError as error:
            self.failed.emit(str(error))
            known = []
        return known + [path for path in self._unread if path not in known]

    def refresh(self) -> None:
        """Update the table from disk, unless it is yet to be built."""
        if not self.is_built:
            return
        self.table.show_entries(inventory(self.own_datasets()))
        self._show_buttons()

    def show_own(self, dataset: str) -> None:
        """Show a data set that was chosen if it is the user's own; it is kept once ``remember`` is called."""
        if dataset in DATASETS:
            return
        if (path := Path(dataset).absolute()) not in self._unread:
            self._unread.append(path)
        self.refresh()

    def remember(self, dataset: str) -> None:
        """Add a data set that has been read to the library if it is the user's own."""
        if (path := Path(dataset).absolute()) in self._unread:
            try:
                self._library.add(path)
                self._unread.remove(path)
            except TrainscopeError as error:
                self.failed.emit(str(error))

    def add(self, dataset: str) -> None:
        """Add one of the user's folders or files, select it and offer it to the experiments."""
        try:
            check_path(Path(dataset))
        except DatasetError as error:
            self.failed.emit(str(error))
            return
        self.show_own(dataset)
        self.table.choose(str(Path(dataset).absolute()))
        self.added.emit(dataset)

    def take(self, event: Event) -> None:
        """Handle an event of the executor."""
        self.build()
        match event:
            case Progress(message, done, total):
                self._progress.setRange(0, total)
                self._progress.setValue(done)
                amount = f" {as_size(done)} of {as_size(total)}" if message.startswith("Downloading") else ""
                self._status.setText(f"{message}{amount}")
            case DatasetVerified(dataset, intact):
                self.remember(dataset)
                self._status.setText(_INTACT if intact else _REPAIRED)
            case CacheRemoved(freed=freed):
                self._status.setText(f"{as_size(freed)} freed.")
            case TaskFailed():
                self._fail(event)

    def skip_broken_images(self, dataset: str) -> None:
        """Leave images of a data set that can't be read out from now on."""
        self._skipping.add(dataset)

    def skips_broken_images(self, dataset: str) -> bool:
        """Return whether images of a data set that can't be read are left out."""
        return dataset in self._skipping

    def _fail(self, event: TaskFailed) -> None:
        self._failed = True
        self._status.setText("Cancelled; nothing half-made was left." if event.cancelled else "Not done.")
        dataset = self._decoding_dataset
        if event.broken_images and not self.skips_broken_images(dataset):

            def decode_others() -> None:
                self.skip_broken_images(dataset)
                self._decoding_dataset = ""  # not tried like this before; if still busy, it is decoded once idle
                if self.table.choose(dataset) and self.table.entry is not None and not self._busy:
                    self._decode(self.table.entry)

            self.remedy_offered.emit(event.reason, LEAVE_OUT, decode_others)
        elif not event.cancelled:
            self.failed.emit(event.reason)

    def idle(self) -> None:
        """Handle the end of the task."""
        self.build()
        self._busy = False
        self._progress.setRange(0, 1)
        self._progress.setValue(0)
        self.refresh()
        entry = self.table.entry
        # Showing the images of a folder would decode again what has just been removed.
        if not self._removing or (entry is not None and not entry.is_usable):
            self._show_entry(entry)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        """Update the table whenever the tab is shown."""
        super().showEvent(event)
        self.refresh()
        if not self.detail.has_samples:
            self._show_entry(self.table.entry)

    def _show_entry(self, entry: DatasetEntry | None) -> None:
        self._show_buttons()
        if entry is None:
            return
        self.detail.show_entry(entry)
        if entry.is_usable:
            self._samples_timer.start()
        elif not entry.is_own:
            self.detail.show_busy(f"{entry.summary}. Not here yet: press Download.")

    def _choose_entry(self, entry: DatasetEntry | None) -> None:
        """Show another data set and clear the status, which was about the previous one."""
        if not self._busy:
            self._status.setText(HINT)
        self._show_entry(entry)

    def _fetch_samples(self) -> None:
        """Request images; if they must be decoded first, that is done by a task, with progress and Cancel."""
        entry = self.table.entry
        if entry is None or not entry.is_usable or not self.isVisible() or self.detail.has_samples:
            return
        if not _is_undecoded(entry) or (
            entry.dataset == self._decoding_dataset and not self._failed and not self._busy
        ):
            self.detail.show_busy("Loading sample images …")
            self.samples_requested.emit(self._data_of(entry))
        elif self._busy:
            self.detail.show_busy("Images are shown once what is under way has ended.")
        elif entry.dataset == self._decoding_dataset:
            self.detail.show_busy("Not decoded: press Decode it now.")
        else:
            self._decode(entry)

    def _show_buttons(self) -> None:
        entry = self.table.entry
        if entry is None:
            return
        possible = {
            "download": not self._busy and entry.presence in (Presence.ABSENT, Presence.PARTLY),
            "verify": not self._busy and entry.presence in (Presence.INSTALLED, Presence.OWN),
            "remove": not self._busy and entry.downloaded + entry.decoded > 0,
            "use": entry.presence is not Presence.MISSING,
            "forget": entry.is_own,
        }
        for name, enabled in possible.items():
            self._buttons[name].setEnabled(enabled)
        self._buttons["verify"].setText("Decode &it now" if _is_undecoded(entry) else "Ver&ify")
        self._cancel.setEnabled(self._busy)

    def _start(self, task: Task, message: str) -> None:
        self._busy, self._removing, self._failed = True, isinstance(task, RemoveCacheTask), False
        self._progress.setRange(0, 0)
        self._status.setText(message)
        self._show_buttons()
        self.task_requested.emit(task)

    def _verify(self) -> None:
        if (entry := self.table.entry) is not None:
            self._decode(entry)
            self._cancel.setFocus()  # the button just pressed is now disabled

    def _decode(self, entry: DatasetEntry) -> None:
        """Decode the images, after a download if needed; images already decoded are verified."""
        self._decoding_dataset = entry.dataset
        self._start(VerifyTask(self._data_of(entry)), f"Starting with {entry.title} …")

    def _data_of(self, entry: DatasetEntry) -> DataSpec:
        return DataSpec(dataset=entry.dataset, skip_broken_images=self.skips_broken_images(entry.dataset))

    def _remove(self) -> None:
        entry = self.table.entry
        if entry is not None and self._ask_to_remove(entry):
            self._decoding_dataset = ""
            self._start(RemoveCacheTask(entry.dataset), f"Removing {entry.title} …")
            self._cancel.setFocus()

    def _ask_to_remove(self, entry: DatasetEntry) -> bool:
        parts = {"downloads": entry.downloaded, "decoded images": entry.decoded}
        what = " and ".join(f"{name} ({as_size(size)})" for name, size in parts.items() if size)
        after = "Your own files are left alone." if entry.is_own else "It must be downloaded again to be used."
        box = QMessageBox(
            QMessageBox.Icon.Question,
            "Remove from cache?",
            f"Delete the {what} of {entry.title}? {after if entry.is_own or entry.downloaded else ''}",
            QMessageBox.StandardButton.Yes | QMessageBox.StandardButton.Cancel,
            self,
        )
        box.setObjectName("ask_to_remove")
        return box.exec() == QMessageBox.StandardButton.Yes

    def _use(self) -> None:
        if (entry := self.table.entry) is not None:
            self.use_requested.emit(entry.dataset)
            self._status.setText(f"{entry.title} is chosen in the form of every experiment.")

    def _forget(self) -> None:
        entry = self.table.entry
        if entry is None:
            return
        path = Path(entry.dataset)
        self._unread = [each for each in self._unread if each != path]
        try:
            self._library.remove(path)
        except TrainscopeError as error:
            self.failed.emit(str(error))
            return
        self.refresh()
        self._show_entry(self.table.entry)

    def _add_folder(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Choose a folder of images (train/<class>/… or <class>/…)")
        if folder:
            self.add(folder)

    def _add_file(self) -> None:
        file, _ = QFileDialog.getOpenFileName(self, "Choose a data set file", "", DATASET_FILES)
        if file:
            self.add(file)

    def _connect(self) -> None:
        slots = {
            "download": self._verify,  # downloads what is missing first
            "verify": self._verify,
            "remove": self._remove,
            "use": self._use,
            "forget": self._forget,
            "add_folder": self._add_folder,
            "add_file": self._add_file,
        }
        for name, slot in slots.items():
            self._buttons[name].clicked.connect(lambda _checked=False, slot=slot: slot())
        self._cancel.clicked.connect(lambda _checked=False: self.control_requested.emit(Control.CANCEL))
        self.table.chosen.connect(self._choose_entry)
        self._samples_timer.timeout.connect(self._fetch_samples)
        target = DropTarget(self, "Drop to add it to your data sets")
        target.dropped.connect(self.add)
        target.refused.connect(self.failed.emit)

    def _arrange(self) -> None:
        self._status.setObjectName("dataset_status")
        self._status.setTextFormat(Qt.TextFormat.PlainText)
        self._status.setWordWrap(True)
        self._progress.setObjectName("dataset_progress")
        self._progress.setTextVisible(False)
        self._progress.setFixedWidth(PROGRESS_WIDTH)
        self._progress.setRange(0, 1)
        buttons, below = QHBoxLayout(), QHBoxLayout()
        for name, button in self._buttons.items():
            if name == "add_folder":
                buttons.addStretch()
            buttons.addWidget(button)
        below.addWidget(self._status, 1)
        below.addWidget(self._progress)
        below.addWidget(self._cancel)
        upper = QWidget()
        column = QVBoxLayout(upper)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.table, 1)
        column.addLayout(buttons)
        column.addLayout(below)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.addWidget(splitter("views", (upper, 280, 280), (self.detail, 360, 360)))


_INTACT = "Everything is on disk, and as it was published and decoded."
_REPAIRED = "Some decoded images had changed on disk; they were decoded anew."


def _is_undecoded(entry: DatasetEntry) -> bool:
    return entry.decoded == 0 and entry.presence in (Presence.INSTALLED, Presence.OWN)

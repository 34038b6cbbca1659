"""Dialog to watch a folder: the lines to add to one's own code, and the runs that are there already."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QStandardPaths, Qt, QTimer, Signal
from PySide6.QtGui import QFontDatabase
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QVBoxLayout,
    QWidget,
)

from engine.events.watching import WatchRequest
from engine.utils.errors import ExportError
from engine.utils.text import pluralise
from gui.dialogs.logger_file import LOGGER, install_line, save_logger
from gui.utils.preferences import program_settings
from gui.watch.code_tabs import CodeTabs
from gui.watch.grouping_table import GroupingTable
from gui.widgets.elided_label import ElidedLabel
from gui.widgets.factories import named, push_button, save_buttons, splitter
from gui.widgets.path_row import PathRow, typed_path
from gui.widgets.placeholder import Placeholder

if TYPE_CHECKING:
    from engine.watching.scan import Scan

FOLDER_KEY = "watch/folder"
DEFAULT_NAME = "trainscope-logs"
SCAN_DELAY_MS = 400  # after the last letter typed
FILES = "Course dictionaries and CSV files (*.json *.pkl *.pickle *.csv);;All files (*)"
LOOKING = "Looking for runs …"
NOT_THERE = "The folder is not there yet; it is made when you press Watch."
NOTHING_YET = "Nothing is logged there yet. What your code logs appears by itself, while it trains."
EDITABLE = "experiment, variant and repeat can be changed (F2)."


class WatchDialog(QDialog):
    """Sets ``request`` when accepted, and stores the folder.

    Emits ``scan_requested(path)`` to have runs looked for, answered by ``show_scan``.

    Args:
        path: folder or file to begin with; empty for the one used last, or else the default.
        parent: the window.
    """

    scan_requested = Signal(str)

    def __init__(self, path: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("watch_dialog")
        self.setWindowTitle("Watch my own code")
        self._settings = program_settings()
        self.request: WatchRequest | None = None
        self._timer = QTimer(self, interval=SCAN_DELAY_MS, singleShot=True)
        self._make_widgets()
        self._arrange()
        self._connect()
        self._path.show_path(path or str(self._settings.value(FOLDER_KEY) or default_folder()))
        self.resize(800, 720)

    def accept(self) -> None:
        """Make the folder if it is missing, and close; show why not if that fails."""
        try:
            path = self._typed()
        except ExportError as error:
            self._say(str(error))
            return
        try:
            if not path.exists():
                path.mkdir(parents=True)
        except OSError as error:
            self._say(f"{path} can't be made ({error.strerror or error}); choose another folder.")
            return
        if path.is_dir():
            self._settings.setValue(FOLDER_KEY, str(path))
        self.request = WatchRequest(str(path), tuple(self._table.changed.items()), again=True)
        super().accept()

    def show_scan(self, folder: str, scan: Scan) -> None:
        """Show the runs found in ``folder``, unless another was chosen meanwhile."""
        try:
            if folder != str(self._typed()):
                return
        except ExportError:
            return
        self._table.show_runs(scan.runs)
        self._found.show_content(bool(scan.runs))
        self._found.set_hint(" ".join(scan.problems) or NOTHING_YET)
        self._heading.setText(
            f"What is t&here: {pluralise(len(scan.runs), 'run')}; {EDITABLE}" if scan.runs else "What is there"
        )
        self._show_problems(" ".join(scan.problems) if scan.runs else "")
        self._show_edit("")

    def _typed(self) -> Path:
        """Return the path that was typed.

        Raises:
            ExportError: if there is none, or its user is unknown.
        """
        if not self._path.text:
            raise ExportError("Choose the folder that your code logs to.")
        return typed_path(self._path.text)

    def _change_path(self) -> None:
        """Fill the path into the code, and have runs looked for once no more is typed."""
        try:
            path = self._typed()
        except ExportError:
            path = default_folder()
        self._code.show_folder(str(path.parent if path.is_file() else path))
        self._show_nothing(LOOKING)
        self._say("")
        self._timer.start()

    def _scan(self) -> None:
        try:
            path = self._typed()
        except ExportError as error:
            self._show_nothing(str(error))
            return
        if path.exists():
            self.scan_requested.emit(str(path))
        else:
            self._show_nothing(NOT_THERE)

    def _show_nothing(self, hint: str) -> None:
        self._table.show_runs(())
        self._found.set_hint(hint)
        self._found.show_content(False)
        self._heading.setText("What is there")
        self._show_problems("")

    def _show_problems(self, sentences: str) -> None:
        self._problems.setText(sentences)
        self._problems.setVisible(bool(sentences))

    def _show_edit(self, refusal: str) -> None:
        problem = self._table.problem
        self._say(refusal or problem)
        self._buttons.button(QDialogButtonBox.StandardButton.Save).setEnabled(not problem)

    def _say(self, sentence: str) -> None:
        self._message.setText(sentence)
        self._message.setVisible(bool(sentence))

    def _browse(self) -> None:
        start = self._path.text or str(Path.home())
        self._path.show_path(QFileDialog.getExistingDirectory(self, "Choose the folder that your code logs to", start))

    def _browse_file(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, "Choose a file with results", self._path.text, FILES)
        self._path.show_path(name)

    def _save_logger(self) -> None:
        try:
            copy = save_logger(self)
        except ExportError as error:
            self._say(str(error))
        else:
            if copy is not None:
                self._say(f"The logger is saved as {copy}.")

    def _make_widgets(self) -> None:
        self._path = PathRow("watch_folder", "Folder that your code logs to, or a file with results")
        self._file = push_button(
            "watch_file", "&File…", "Choose a single file instead: a result dictionary of the course, or a CSV file"
        )
        self._save = push_button(
            "watch_save_logger",
            "Save the &logger beside my script…",
            f"Copy {LOGGER.name}, one file without dependencies, into a folder of yours",
        )
        self._pip = named(QLineEdit(install_line()), "watch_pip", "Command that installs the logger")
        self._pip.setReadOnly(True)
        self._pip.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self._pip.setCursorPosition(0)
        self._pip.setToolTip("Installs the logger into your own Python environment, if you prefer that to a copy")
        self._code, self._table = CodeTabs(), GroupingTable()
        self._found = Placeholder(LOOKING, self._table)
        self._found.setMinimumHeight(6 * self.fontMetrics().lineSpacing())
        self._heading, self._message, self._problems = QLabel("What is there"), QLabel(), ElidedLabel()
        self._heading.setBuddy(self._table)
        self._message.setObjectName("watch_message")
        self._message.setTextFormat(Qt.TextFormat.PlainText)
        self._message.setWordWrap(True)
        self._problems.setObjectName("watch_scan_problems")
        self._buttons = save_buttons(
            self,
            ("watch_start", "&Watch", "Follow what is logged there, from now on and at every start"),
            ("watch_cancel", "Watch nothing"),
        )
        for button in (self._file, self._save):
            button.setAutoDefault(False)

    def _connect(self) -> None:
        self._path.changed.connect(self._change_path)
        self._path.browsing.connect(self._browse)
        self._file.clicked.connect(lambda _checked=False: self._browse_file())
        self._save.clicked.connect(lambda _checked=False: self._save_logger())
        self._timer.timeout.connect(self._scan)
        self._table.edited.connect(self._show_edit)

    def _arrange(self) -> None:
        label = QLabel("F&older")
        label.setBuddy(self._path)
        place = QHBoxLayout()
        place.addWidget(label)
        place.addWidget(self._path, 1)
        place.addWidget(self._file)
        logger = QHBoxLayout()
        logger.addWidget(self._save)
        logger.addWidget(QLabel("or"))
        logger.addWidget(self._pip, 1)
        code, found = QWidget(), QWidget()
        upper, lower = QVBoxLayout(code), QVBoxLayout(found)
        for column in (upper, lower):
            column.setContentsMargins(0, 0, 0, 0)
        upper.addWidget(self._code, 1)
        upper.addLayout(logger)
        for widget in (self._heading, self._found, self._problems):
            lower.addWidget(widget, 1 if widget is self._found else 0)
        column = QVBoxLayout(self)
        column.addLayout(place)
        column.addWidget(splitter("watch_parts", (code, 3, 420), (found, 2, 190)), 1)
        column.addWidget(self._message)
        column.addWidget(self._buttons)


def default_folder() -> Path:
    """Return the folder proposed at first: in the user's documents, or else the home folder."""
    documents = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.DocumentsLocation)
    return Path(documents or Path.home()) / DEFAULT_NAME

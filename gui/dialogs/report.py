"""Dialog to choose the experiments and file of a report."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from pathlib import Path

from PySide6.QtCore import QSize, QStandardPaths, Qt
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QFormLayout,
    QHeaderView,
    QLabel,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from engine.events.runs import Status
from engine.exports.report import SUFFIXES, check_report_file
from engine.utils.errors import TrainscopeError
from engine.utils.text import pluralise
from engine.workspace.catalogue import CatalogueEntry
from gui.utils.preferences import program_settings
from gui.widgets.factories import save_buttons
from gui.widgets.path_row import PathRow, typed_path

FILE_KEY = "report/file"
KINDS = {".html": "HTML: one file for a browser", ".pdf": "PDF: sheets of A4"}
HEADINGS = ("Experiment", "No.", "Data set", "State", "Begun")
NUMBER = Qt.ItemDataRole.UserRole
ROOM = 8  # pixels between the rows of the list


class ReportDialog(QDialog):
    """Sets ``experiments``, their numbers, and ``file`` when accepted, and stores the file.

    Args:
        entries: the experiments to choose from, newest first.
        chosen: numbers ticked initially; None ticks the newest finished experiment of each kind.
        parent: the window.
    """

    def __init__(
        self,
        entries: Sequence[CatalogueEntry],
        chosen: Collection[int] | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("report_dialog")
        self.setWindowTitle("Write a report")
        self._settings = program_settings()
        self.experiments: tuple[int, ...] = ()
        self.file = Path()
        self._make_widgets()
        self._list(entries, newest_of_each_kind(entries) if chosen is None else chosen)
        self._arrange()
        self._path.show_path(str(self._settings.value(FILE_KEY) or _default_file()))
        self._check()
        self.resize(720, 520)

    def accept(self) -> None:
        """Close and keep the choice if the file is writable, else show why not."""
        try:
            file = typed_path(self._path.text)
            check_report_file(file)
        except TrainscopeError as error:
            self._message.setText(str(error))
            return
        self.experiments, self.file = self._ticked(), file
        self._settings.setValue(FILE_KEY, str(file))
        super().accept()

    def _ticked(self) -> tuple[int, ...]:
        items = [self._tree.topLevelItem(position) for position in range(self._tree.topLevelItemCount())]
        ticked = [item for item in items if item is not None and item.checkState(0) is Qt.CheckState.Checked]
        return tuple(item.data(0, NUMBER) for item in ticked)

    def _check(self) -> None:
        """Show what is missing, or else what will be written; update the format by the file's suffix."""
        count, text = len(self._ticked()), self._path.text
        suffix = Path(text).suffix.lower()
        if suffix in SUFFIXES:
            self._format.blockSignals(True)
            self._format.setCurrentIndex(SUFFIXES.index(suffix))
            self._format.blockSignals(False)
        problem = "" if count else "Tick at least one experiment."
        problem = problem or ("" if suffix in SUFFIXES else f"The file's name must end in {' or '.join(SUFFIXES)}.")
        self._message.setText(
            problem or f"{pluralise(count, 'experiment')} in the order of the homework.{_replaced(text)}"
        )
        self._buttons.button(QDialogButtonBox.StandardButton.Save).setEnabled(not problem)

    def _change_format(self, position: int) -> None:
        name = Path(self._path.text or _default_file())
        self._path.show_path(str(name.with_suffix(SUFFIXES[position])))

    def _browse(self) -> None:
        position = self._format.currentIndex()
        kind = f"{SUFFIXES[position][1:].upper()} (*{SUFFIXES[position]})"
        name, _ = QFileDialog.getSaveFileName(self, "Choose a file for the report", self._path.text, kind)
        self._path.show_path(name if not name or Path(name).suffix else name + SUFFIXES[position])

    def _list(self, entries: Sequence[CatalogueEntry], chosen: Collection[int]) -> None:
        self._tree.blockSignals(True)
        height = self.fontMetrics().height() + ROOM
        self._tree.addTopLevelItems([_item(each, each.number in chosen, height) for each in entries])
        self._tree.blockSignals(False)
        first = self._tree.topLevelItem(0)
        if first is not None:
            self._tree.setCurrentItem(first)  # for keyboard navigation

    def _make_widgets(self) -> None:
        self._tree = QTreeWidget()
        self._tree.setObjectName("report_experiments")
        self._tree.setAccessibleName("Experiments of the report")
        self._tree.setToolTip("Tick what the report is to hold; the space bar ticks the row of the cursor")
        self._tree.setHeaderLabels(HEADINGS)
        self._tree.setRootIsDecorated(False)
        self._tree.setUniformRowHeights(True)  # otherwise each of hundreds of rows is measured
        self._tree.setAlternatingRowColors(True)
        self._tree.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        header = self._tree.header()
        header.setStretchLastSection(False)
        header.setResizeContentsPrecision(0)  # only visible rows
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self._tree.itemChanged.connect(lambda _item, _column: self._check())
        self._format = QComboBox()
        self._format.setObjectName("report_format")
        self._format.setToolTip("What kind of file the report is; its name follows")
        self._format.addItems([KINDS[suffix] for suffix in SUFFIXES])
        self._format.currentIndexChanged.connect(self._change_format)
        self._path = PathRow("report_file", "File that the report is written to")
        self._path.changed.connect(self._check)
        self._path.browsing.connect(self._browse)
        self._message = QLabel()
        self._message.setObjectName("report_message")
        self._message.setWordWrap(True)
        self._buttons = save_buttons(
            self, ("report_write", "&Write", "Write the report, and open it"), ("report_cancel", "Write nothing")
        )

    def _arrange(self) -> None:
        column = QVBoxLayout(self)
        hint = QLabel(
            "Settings, tables, figures, and what the measurements support, of the experiments that are ticked."
        )
        hint.setWordWrap(True)
        column.addWidget(hint)
        column.addWidget(self._tree, 1)
        rows = QFormLayout()
        rows.addRow("F&ormat", self._format)
        rows.addRow("&File", self._path)
        column.addLayout(rows)
        column.addWidget(self._message)
        column.addWidget(self._buttons)


def _item(entry: CatalogueEntry, ticked: bool, height: int) -> QTreeWidgetItem:
    stored = entry.stored
    begun = f"{datetime.fromtimestamp(stored.created):%Y-%m-%d %H:%M}"
    dataset = stored.dataset.title if stored.dataset else "–"
    name = f"{entry.kind}: {stored.title}" if stored.title else entry.kind
    item = QTreeWidgetItem([name, str(stored.id), dataset, stored.status.value, begun])
    item.setData(0, NUMBER, stored.id)
    item.setCheckState(0, Qt.CheckState.Checked if ticked else Qt.CheckState.Unchecked)
    item.setSizeHint(0, QSize(0, height))
    item.setTextAlignment(1, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
    return item


def newest_of_each_kind(entries: Sequence[CatalogueEntry]) -> set[int]:
    """Return the numbers of the newest finished experiment of each kind; ``entries`` are newest first."""
    newest: dict[str, int] = {}
    for entry in entries:
        if entry.stored.status is Status.FINISHED:
            newest.setdefault(entry.stored.name, entry.number)
    return set(newest.values())


def _default_file() -> Path:
    documents = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.DocumentsLocation)
    return Path(documents or Path.home()) / "trainscope-report.html"


def _replaced(text: str) -> str:
    return " The file is there already and will be replaced." if Path(text).is_file() else ""

"""Editable table of the runs found in a folder: which of them are repeats of one variant."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, Qt, Signal
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QSpinBox, QStyledItemDelegate, QTableView, QWidget

from engine.events.watching import FoundRun, Grouping
from gui.utils.text import literally
from gui.widgets.tables import ColumnModel, fit_titles, make_read_only

Index = QModelIndex | QPersistentModelIndex

SOURCE, FORMAT, EXPERIMENT, VARIANT, REPEAT = range(5)
ROW_HEIGHT = 24
MAX_REPEAT = 100_000
UNKNOWN_REPEAT = "by itself"  # its number is the next one that is free
EMPTY = {EXPERIMENT: "An experiment needs a name.", VARIANT: "A variant needs a name."}


@dataclass(frozen=True)
class Column:
    """Title and tool tip of a column."""

    title: str
    tip: str
    align: Qt.AlignmentFlag = Qt.AlignmentFlag.AlignLeft


COLUMNS = (
    Column("Run", "File or folder that it is read from"),
    Column("Format", "What wrote it"),
    Column("Experiment", "Runs of one experiment are shown together (F2 to change it)"),
    Column("Variant", "Runs of one variant are averaged (F2 to change it)"),
    Column("Repeat", "Number of the repeat, from 1 (F2 to change it)", Qt.AlignmentFlag.AlignRight),
)


class GroupingModel(ColumnModel):
    """The runs and where the user puts them.

    Emits ``edited(sentence)`` after each edit: why it was refused, or nothing.
    """

    edited = Signal(str)

    def __init__(self) -> None:
        super().__init__(COLUMNS)
        self._found: Sequence[FoundRun] = ()
        self._rows: list[Grouping] = []

    @property
    def changed(self) -> dict[str, Grouping]:
        """The runs that the user put elsewhere, by source."""
        pairs = zip(self._found, self._rows, strict=True)
        return {run.source: grouping for run, grouping in pairs if grouping != run.grouping}

    @property
    def problem(self) -> str:
        """A sentence on two runs in one place; empty if there are none."""
        for place in self._twice():
            return (
                f"{place.variant}, repeat {place.repeat} of {place.experiment} is there twice; give one another number."
            )
        return ""

    def show_runs(self, runs: Sequence[FoundRun], edited: Mapping[str, Grouping]) -> None:
        """Show other runs; ``edited`` are changes that are kept."""
        self.beginResetModel()
        self._found = runs
        self._rows = [edited.get(run.source, run.grouping) for run in runs]
        self.endResetModel()

    def flags(self, index: Index) -> Qt.ItemFlag:
        """Make experiment, variant and repeat editable."""
        flags = super().flags(index)
        return flags | Qt.ItemFlag.ItemIsEditable if index.column() >= EXPERIMENT else flags

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return the text, tool tip or alignment of a cell; duplicates are in bold."""
        row, column = index.row(), index.column()
        text = self._texts(row)[column]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return text
            case Qt.ItemDataRole.EditRole:
                return self._rows[row].repeat if column == REPEAT else text
            case Qt.ItemDataRole.ToolTipRole:
                return literally(text)
            case Qt.ItemDataRole.TextAlignmentRole:
                return COLUMNS[column].align | Qt.AlignmentFlag.AlignVCenter
        return None

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:  # noqa: N802
        """Put a run elsewhere; an empty name is refused."""
        return role == Qt.ItemDataRole.EditRole and self.put([index.row()], index.column(), value)

    def put(self, rows: Sequence[int], column: int, value: Any) -> bool:
        """Set a column of several runs to the same value; return False for an empty name."""
        value = value if column == REPEAT else str(value).strip()
        if value == "":
            self.edited.emit(EMPTY[column])
            return False
        for row in rows:
            self._rows[row] = replace(self._rows[row], **{COLUMNS[column].title.lower(): value})
            self.dataChanged.emit(self.index(row, column), self.index(row, column))
        self.edited.emit("")
        return True

    def _texts(self, row: int) -> tuple[str, ...]:
        run, place = self._found[row], self._rows[row]
        return run.source, run.format, place.experiment, place.variant, str(place.repeat or UNKNOWN_REPEAT)

    def _twice(self) -> list[Grouping]:
        return [place for place, count in Counter(self._rows).items() if count > 1 and place.repeat]


class _Delegate(QStyledItemDelegate):
    """Edits names as text, of all selected rows at once, and the number of the repeat in a spin box."""

    def __init__(self, table: QTableView) -> None:
        super().__init__(table)
        self._table = table

    def createEditor(self, parent: QWidget, option: Any, index: Index) -> QWidget:  # noqa: N802
        """Return the editor of a cell."""
        if index.column() != REPEAT:
            return super().createEditor(parent, option, index)
        box = QSpinBox(parent)
        box.setRange(0, MAX_REPEAT)
        box.setSpecialValueText(UNKNOWN_REPEAT)
        return box

    def setModelData(self, editor: QWidget, model: Any, index: Index) -> None:  # noqa: N802
        """Store what was typed."""
        if index.column() == REPEAT:
            super().setModelData(editor, model, index)
            return
        selected = {each.row() for each in self._table.selectionModel().selectedRows()}
        rows = sorted(selected) if index.row() in selected else [index.row()]
        model.put(rows, index.column(), editor.property("text"))


class GroupingTable(QTableView):
    """The table; Emits ``edited(sentence)`` after each edit, with the reason if it was refused."""

    edited = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._model = GroupingModel()
        self.setModel(self._model)
        make_read_only(self, "watch_runs", "Runs that were found", ROW_HEIGHT)
        self.setEditTriggers(
            QAbstractItemView.EditTrigger.DoubleClicked
            | QAbstractItemView.EditTrigger.EditKeyPressed
            | QAbstractItemView.EditTrigger.AnyKeyPressed
        )
        self.setToolTip("Double click or F2 changes a name or number; with several rows selected, all of their names")
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setTextElideMode(Qt.TextElideMode.ElideLeft)  # runs of a folder differ at the end
        self.setWordWrap(False)
        self.setItemDelegate(_Delegate(self))
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        for column in (FORMAT, REPEAT):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
        fit_titles(self)
        self._model.edited.connect(self.edited)

    @property
    def changed(self) -> dict[str, Grouping]:
        """The runs that the user put elsewhere, by source."""
        return self._model.changed

    @property
    def problem(self) -> str:
        """Why the runs can't be grouped like this; empty if they can."""
        return self._model.problem

    def show_runs(self, runs: Sequence[FoundRun]) -> None:
        """Show other runs; changes to those that were there already are kept."""
        self._model.show_runs(runs, self.changed)

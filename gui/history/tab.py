"""The History tab: search, sort, open, compare and annotate the experiments of the workspace."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QByteArray, QPoint, QSettings, Qt, Signal
from PySide6.QtGui import QAction, QKeySequence, QShortcut, QShowEvent
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QLineEdit, QSplitter, QVBoxLayout, QWidget

from engine.events.experiments import ComputationStarted, ExperimentFinished, ExperimentStarted, RunsAdded
from engine.events.tasks import Event
from engine.utils.text import pluralise
from engine.workspace.search import Query
from gui.background.questions import all_entries
from gui.background.store_reader import StoreReader
from gui.history.action_bar import ActionBar
from gui.history.actions import ACTIONS, Choice, ExperimentActions
from gui.history.details import ExperimentDetails, scroll_area_of
from gui.history.table import HistoryTable
from gui.widgets.deferred_page import DeferredPage
from gui.widgets.placeholder import Placeholder

DETAILS_WIDTH = 310
BUTTONS_A_ROW = 7
LAYOUT = "history_layout"  # key in the stored settings
HINT = "Nothing was run in this workspace yet. Press Run in another tab: what comes of it is listed here for good."


class HistoryTab(DeferredPage):
    """List of stored experiments; emits ``listed()`` after each reading. ``experiment_actions`` emits user requests."""

    listed = Signal()

    def __init__(self, reader: StoreReader) -> None:
        super().__init__()
        self.setObjectName("tab_history")
        self._reader = reader
        self._is_reading = self._is_stale = False
        self._is_read = False  # the store is not read before the tab is first visible
        self.experiment_actions = ExperimentActions(reader, self)
        self._settings = QSettings("Trainscope", "Trainscope")

    def _build(self) -> None:
        self._table = HistoryTable()
        self._details = ExperimentDetails(self.experiment_actions.drafts)
        if isinstance(layout := self._settings.value(LAYOUT), QByteArray):
            self.table.restore_layout(layout)
        self._make_controls()
        self._arrange()
        self._connect()

    @property
    def table(self) -> HistoryTable:
        """The list of experiments."""
        self.build()
        return self._table

    @property
    def details(self) -> ExperimentDetails:
        """Title, notes and settings of the selected experiment."""
        self.build()
        return self._details

    @property
    def training_actions(self) -> list[QAction]:
        """Actions for the Training menu, on the selected experiment."""
        self.build()
        return self._bar.training_actions

    def refresh_if_read(self) -> None:
        """Read the store again if it has been read before."""
        if self._is_read:
            self.refresh()

    def refresh(self) -> None:
        """Read the store; if it is being read, read it once more afterwards."""
        if self._is_reading:
            self._is_stale = True
            return
        self.build()
        self._is_reading, self._is_stale = True, False
        self._reader.ask(all_entries, self._take, self._fail, self._end)

    def take(self, event: Event) -> None:
        """Refresh the list when an experiment starts, gets further runs or ends."""
        match event:
            case ExperimentStarted(experiment=number) | ComputationStarted(experiment=number):
                self.experiment_actions.set_under_way(number, True)
            case ExperimentFinished(experiment=int() as number):
                self.experiment_actions.set_under_way(number, False)
            case ExperimentFinished():  # it was not stored
                pass
            case RunsAdded():
                pass
            case _:
                return
        self.refresh_if_read()

    def show_under_way(self, experiment: int, is_under_way: bool) -> None:
        """Take note that an experiment that another program trains has begun or ended."""
        self.experiment_actions.set_under_way(experiment, is_under_way)
        self.refresh_if_read()

    def close_catalogue(self) -> None:
        """Save edits and layout, purge experiments deleted here, and end the reading thread."""
        if self.is_built:
            self._settings.setValue(LAYOUT, self.table.layout_state())
            self.details.keep()
        self.experiment_actions.save_drafts()
        self.experiment_actions.purge()
        self._reader.close()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        """Read the store when the tab becomes visible: another process may have written to it."""
        super().showEvent(event)
        self.table.setFocus()  # so that arrow keys, Space and Return work at once
        self.refresh()

    def _take(self, part: Any) -> None:
        match part:
            case list():
                self._is_read = True
                self.experiment_actions.drafts.drop_stored(part)
                self.experiment_actions.retry_drafts()
                self._content.show_content(bool(part))
                self.table.show_entries(part)
                self._show_count()
                self.listed.emit()
            case (int() as number, tuple() as lines):
                self.table.entries.show_thumbnail(number, lines)

    def _fail(self, sentence: str) -> None:
        self.experiment_actions.failed.emit(sentence)
        self._end()

    def _end(self) -> None:
        self._is_reading = False
        if self._is_stale:
            self.refresh()

    def _apply_search(self) -> None:
        self.table.set_filter(Query(self._search.text()), self._with_deleted.isChecked())
        self._show_count()

    def _show_count(self) -> None:
        shown, ticked = len(self.table.entries.rows), len(self.table.entries.ticks)
        searched = f"{shown:,} of " if self._search.text().strip() else ""
        marked = f", {ticked} ticked" if ticked else ""
        self._count.setText(f"{searched}{pluralise(self.table.entries.count, 'experiment')}{marked}")

    def _show_choice(self) -> None:
        self.details.show_entry(self._enable_actions().one)

    def _enable_actions(self) -> Choice:
        """Enable the actions that the current choice allows; return the choice."""
        choice = Choice(self.table.chosen, self.table.entries.ticks)
        self._bar.show_choice(choice)
        return choice

    def _show_menu(self, position: QPoint) -> None:
        self._bar.menu(self.table).popup(self.table.viewport().mapToGlobal(position))

    def _make_controls(self) -> None:
        self._search = QLineEdit()
        self._search.setObjectName("history_search")
        self._search.setAccessibleName("Search")
        self._search.setPlaceholderText("Search, such as: cifar10 finished epochs>5")
        self._search.setToolTip(
            "All words must be found in title, experiment, notes, data set, status or settings; also dataset:cifar10, "
            "epochs>5, best>=98 (Ctrl+F)"
        )
        self._search.setClearButtonEnabled(True)
        self._with_deleted = QCheckBox("Show &deleted")
        self._with_deleted.setObjectName("show_deleted")
        self._with_deleted.setToolTip("List experiments that were thrown away too, to take them back")
        self._count = QLabel()
        self._count.setObjectName("history_count")
        self._bar = ActionBar(self.experiment_actions, ACTIONS, BUTTONS_A_ROW, self.table)
        self._find = QShortcut(QKeySequence.StandardKey.Find, self)
        self._find.setWhatsThis("Search")
        self._find.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)

    def _connect(self) -> None:
        self._find.activated.connect(self._begin_search)
        self._search.textChanged.connect(lambda _text: self._apply_search())
        self._search.returnPressed.connect(self.table.setFocus)
        self._with_deleted.toggled.connect(lambda _on: self._apply_search())
        self.table.choice_changed.connect(self._show_choice)
        self.table.opened.connect(self.experiment_actions.open_requested)
        # Not the details: while the list is read anew nothing is chosen, and who types would lose cursor and focus.
        self.table.entries.ticked.connect(self._enable_actions)
        self.table.entries.ticked.connect(self._show_count)
        self.table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.table.customContextMenuRequested.connect(self._show_menu)
        self.details.renamed.connect(self.experiment_actions.rename)
        self.details.annotated.connect(self.experiment_actions.annotate)
        self.experiment_actions.rename_requested.connect(lambda _number: self.details.edit_title())
        self.experiment_actions.notes_requested.connect(lambda _number: self.details.edit_notes())
        self.experiment_actions.changed.connect(self.refresh)

    def _begin_search(self) -> None:
        self._search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self._search.selectAll()

    def _arrange(self) -> None:
        top = QHBoxLayout()
        top.addWidget(self._search, 1)
        top.addWidget(self._with_deleted)
        top.addWidget(self._count)
        left = QWidget()
        column = QVBoxLayout(left)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(top)
        column.addWidget(self.table, 1)
        column.addWidget(self._bar)
        split = QSplitter()
        split.setObjectName("history_split")
        split.setChildrenCollapsible(False)
        split.setHandleWidth(10)
        split.addWidget(left)
        details = scroll_area_of(self.details)
        split.addWidget(details)
        split.setStretchFactor(0, 1)
        split.setSizes([1280 - DETAILS_WIDTH, DETAILS_WIDTH])
        details.setMinimumWidth(DETAILS_WIDTH - 40)
        self._content = Placeholder(HINT, split)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.addWidget(self._content)

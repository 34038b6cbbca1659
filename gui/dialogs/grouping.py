"""Dialog to group the runs of a watched experiment."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtWidgets import QDialog, QDialogButtonBox, QLabel, QVBoxLayout, QWidget

from engine.events.watching import FoundRun, Grouping
from gui.watch.grouping_table import GroupingTable
from gui.widgets.factories import save_buttons

HINT = (
    "Runs of one variant are repeats of each other: their curves are averaged, with a band. Select several rows to "
    "name them at once."
)


class GroupDialog(QDialog):
    """Sets ``groupings``, those that were changed by source, when accepted."""

    def __init__(self, title: str, runs: Sequence[FoundRun], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("group_dialog")
        self.setWindowTitle(f"Group the runs of {title}")
        self.groupings: dict[str, Grouping] = {}
        hint, self._table, self._message = QLabel(HINT), GroupingTable(), QLabel()
        hint.setWordWrap(True)
        self._message.setObjectName("group_message")
        self._message.setWordWrap(True)
        self._buttons = save_buttons(
            self, ("group_save", "&Group", "Group the runs like this"), ("group_cancel", "Leave the runs as they are")
        )
        column = QVBoxLayout(self)
        for widget in (hint, self._table, self._message, self._buttons):
            column.addWidget(widget)
        self._table.show_runs(runs)
        self._table.edited.connect(self._show_edit)
        self._show_edit("")
        self.resize(760, 420)

    def accept(self) -> None:
        """Close and keep what was changed."""
        self.groupings = self._table.changed
        super().accept()

    def _show_edit(self, refusal: str) -> None:
        problem = self._table.problem
        self._message.setText(refusal or problem)
        self._message.setVisible(bool(refusal or problem))
        self._buttons.button(QDialogButtonBox.StandardButton.Save).setEnabled(not problem)

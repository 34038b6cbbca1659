"""Dock with the running experiment and the queue, in order and with estimated durations."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDockWidget,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QVBoxLayout,
    QWidget,
)

from engine.utils.text import pluralise
from engine.workspace.durations.estimate import Estimate
from engine.workspace.queue import QueueEntry
from gui.utils.text import literally
from gui.widgets.factories import push_button
from gui.window.queue import ExperimentQueue
from gui.window.training_controller import TrainingController

NUMBER = Qt.ItemDataRole.UserRole
MOST_CHANGES = 6  # settings listed per entry
LEAST_ROWS = 3
RUNNING_INTERVAL_MS = 1000  # of updates of the time left
EMPTY = "Nothing waits. Run pressed while an experiment is under way puts another one here."


class QueuePanel(QDockWidget):
    """A dock with the queue; entries can be dragged, or moved and removed with buttons and keys.

    Args:
        queue: the waiting experiments.
        training: knows the running experiment, and starts the queue.
    """

    def __init__(self, queue: ExperimentQueue, training: TrainingController) -> None:
        super().__init__("Queue")
        self.setObjectName("queue")
        self._queue, self._training = queue, training
        self._hidden_by_hand = False
        self._clock = QTimer(self, interval=RUNNING_INTERVAL_MS)
        self._now = QLabel()
        self._now.setObjectName("queue_now")
        self._hint = QLabel(EMPTY)
        self._hint.setObjectName("queue_hint")
        self._hint.setWordWrap(True)
        self._list = _List()
        self._buttons = {
            name: push_button(name, text, tip)
            for name, text, tip in (
                ("queue_start", "Start", "Begin what waits, one after the other"),
                ("queue_remove", "Remove", "Take it out of the queue (Del)"),
                ("queue_up", "Up", "Earlier (Alt+Up)"),
                ("queue_down", "Down", "Later (Alt+Down)"),
            )
        }
        self._arrange()
        self._connect()
        self._show_running()
        self._refresh()

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802
        """Keep the panel hidden once the user has closed it."""
        super().closeEvent(event)
        self._hidden_by_hand = True

    def _note_choice(self, shown: bool) -> None:
        self._hidden_by_hand = not shown

    def _show_unless_hidden(self) -> None:
        if not self._hidden_by_hand:
            self.show()

    def _show_running(self) -> None:
        """Show the running experiment and its remaining time, or that the queue is held."""
        active = self._training.active
        if active is not None:
            text = f"<b>{active.experiment.title}</b> is under way{active.time_left}."
        else:
            text = "<b>Held:</b> Start lets what waits begin." if self._queue.entries and self._queue.is_held else ""
        if self._now.text() != text:
            self._now.setText(text)
            self._now.setVisible(bool(text))

    def _refresh(self) -> None:
        chosen = self._chosen()
        entries = self._queue.entries
        self._list.blockSignals(True)
        self._list.clear()
        for entry in entries:
            item = QListWidgetItem(describe(entry, self._queue.estimates.get(entry.id)))
            item.setData(NUMBER, entry.id)
            item.setToolTip(literally(item.text()))
            self._list.addItem(item)
        self._list.setCurrentRow(max(0, next((row for row, each in enumerate(entries) if each.id == chosen), 0)))
        self._list.blockSignals(False)
        self._list.setVisible(bool(entries))
        self._hint.setVisible(not entries)
        self._enable()

    def _enable(self) -> None:
        row, count = self._list.currentRow(), self._list.count()
        self._buttons["queue_start"].setEnabled(count > 0 and self._queue.is_held)
        self._buttons["queue_up"].setEnabled(row > 0)
        self._buttons["queue_down"].setEnabled(0 <= row < count - 1)
        self._buttons["queue_remove"].setEnabled(row >= 0)

    def _chosen(self) -> int | None:
        row = self._list.currentRow()
        return self._numbers()[row] if row >= 0 else None

    def _move(self, by: int) -> None:
        numbers, row = self._numbers(), self._list.currentRow()
        if row >= 0 and 0 <= row + by < len(numbers):
            numbers.insert(row + by, numbers.pop(row))
            self._queue.arrange(numbers)

    def _remove(self) -> None:
        if (chosen := self._chosen()) is not None:
            self._queue.remove(chosen)

    def _numbers(self) -> list[int]:
        return [self._list.item(row).data(NUMBER) for row in range(self._list.count())]

    def _connect(self) -> None:
        self._queue.changed.connect(self._refresh)
        self._queue.changed.connect(self._show_running)
        self._training.queued.connect(self._show_unless_hidden)
        self.toggleViewAction().triggered.connect(self._note_choice)
        self._training.ended.connect(self._show_running)
        self._clock.timeout.connect(self._show_running)
        self._clock.start()
        self._buttons["queue_start"].clicked.connect(lambda _checked=False: self._training.start_queue())
        self._buttons["queue_up"].clicked.connect(lambda _checked=False: self._move(-1))
        self._buttons["queue_down"].clicked.connect(lambda _checked=False: self._move(1))
        self._buttons["queue_remove"].clicked.connect(lambda _checked=False: self._remove())
        self._buttons["queue_up"].setShortcut("Alt+Up")
        self._buttons["queue_down"].setShortcut("Alt+Down")
        self._list.removal_requested.connect(self._remove)
        self._list.currentRowChanged.connect(lambda _row: self._enable())
        self._list.model().rowsMoved.connect(lambda *_moved: self._queue.arrange(self._numbers()))

    def _arrange(self) -> None:
        panel = QWidget()
        buttons = QGridLayout()
        for position, button in enumerate(self._buttons.values()):
            buttons.addWidget(button, *divmod(position, 2))
        buttons.setRowStretch(buttons.rowCount(), 1)
        side = QVBoxLayout()
        side.addLayout(buttons)
        side.addStretch()
        left = QVBoxLayout()
        for widget in (self._now, self._list, self._hint):
            left.addWidget(widget, 0 if widget is self._now else 1)
        row = QHBoxLayout(panel)
        row.setContentsMargins(8, 4, 8, 8)
        row.addLayout(left, 1)
        row.addLayout(side)
        self._list.setMinimumHeight(LEAST_ROWS * self.fontMetrics().lineSpacing())
        self.setWidget(panel)


class WaitingLabel(QLabel):
    """Length of the queue, for the status bar; empty if nothing waits."""

    def __init__(self, queue: ExperimentQueue) -> None:
        super().__init__()
        self.setObjectName("waiting")
        self._queue = queue
        queue.changed.connect(self._refresh)
        self._refresh()

    def _refresh(self) -> None:
        count = len(self._queue.entries)
        self.setText(f"{count} waiting{' (held)' if self._queue.is_held else ''}" if count else "")


class _List(QListWidget):
    """Entries that can be dragged; emits ``removal_requested()`` at the Delete key."""

    removal_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("queue_list")
        self.setAccessibleName("Experiments that wait")
        self.setDragDropMode(QAbstractItemView.DragDropMode.InternalMove)
        self.setAlternatingRowColors(True)
        self.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

    def keyPressEvent(self, event: Any) -> None:  # noqa: N802
        """Request removal of the selected entry at the Delete key."""
        if event.key() == Qt.Key.Key_Delete:
            self.removal_requested.emit()
        else:
            super().keyPressEvent(event)


def describe(entry: QueueEntry, estimate: Estimate | None) -> str:
    """Describe an entry: experiment, differences from the quick preset, and what is known of its size and time."""
    usual = entry.experiment.preset("quick").model_dump(mode="json")
    values = entry.spec.model_dump(mode="json")
    changed = [f"{key} {_brief(values[key])}" for key in values if key != "dataset" and values[key] != usual[key]]
    dataset = [str(values["dataset"])] if "dataset" in values else []
    more = [f"and {pluralise(len(changed) - MOST_CHANGES, 'more setting')}"] if len(changed) > MOST_CHANGES else []
    what = "the rest" if entry.resumes else "more runs"
    title = entry.experiment.title + (f", {what} of {entry.extends}" if entry.extends is not None else "")
    size = f" · {estimate}" if estimate is not None and str(estimate) else ""
    return f"{title}: {', '.join(dataset + changed[:MOST_CHANGES] + more) or 'as preset'}{size}"


def _brief(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)

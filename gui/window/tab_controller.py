"""Tabs of stored experiments and comparisons: opened once each, closed, and restored at the next start."""

from __future__ import annotations

import json
import os
from collections.abc import Collection
from pathlib import Path
from urllib.parse import quote

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QTabBar, QTabWidget, QToolButton

from engine.events.experiments import ExperimentFinished
from engine.events.tasks import Event
from gui.background.store_reader import StoreReader
from gui.background.weight_reader import WeightReader
from gui.history.actions import ExperimentActions
from gui.history.opened_tab import OpenedTab
from gui.history.tab import HistoryTab
from gui.utils.preferences import program_settings
from gui.utils.text import literally

CLOSE_SIZE = 16  # px; no taller than the text, or the tab bar would grow
LONGEST_TITLE = 28  # characters of a tab's text; the tool tip has all


class TabController(QObject):
    """Appends tabs to ``tabs``. Emits ``failed(sentence)``.

    Args:
        tabs: the tab widget.
        workspace: folder of the results; open tabs are stored per workspace.
        history: the list that experiments are opened from.
        weights: reads weights of earlier steps.
    """

    failed = Signal(str)

    def __init__(self, tabs: QTabWidget, workspace: Path, history: HistoryTab, weights: WeightReader) -> None:
        super().__init__(tabs)
        self._tabs, self._history, self._weights = tabs, history, weights
        self._reader = StoreReader(workspace, self)
        self._settings = program_settings()
        self._settings_key = f"open_tabs/{quote(os.fsencode(workspace), safe='')}"
        self._closer = QShortcut(QKeySequence.StandardKey.Close, tabs)
        self._closer.setWhatsThis("Close the opened experiment or comparison")
        self._closer.activated.connect(self._close_current)
        self._actions: ExperimentActions = history.experiment_actions
        self._actions.open_requested.connect(self.open)
        self._actions.compare_requested.connect(self.compare)
        history.listed.connect(self._show_entries)

    @property
    def opened(self) -> list[OpenedTab]:
        """The open tabs, from left to right."""
        widgets = (self._tabs.widget(position) for position in range(self._tabs.count()))
        return [widget for widget in widgets if isinstance(widget, OpenedTab)]

    def open(self, number: int) -> None:
        """Show experiment ``number`` in its tab, opened if necessary."""
        self._show(str(number))

    def compare(self, numbers: tuple[int, ...]) -> None:
        """Show a comparison of the experiments ``numbers``."""
        self._show("+".join(map(str, numbers)))

    def take(self, event: Event) -> None:
        """Reload the tabs of an experiment that has ended."""
        if isinstance(event, ExperimentFinished) and event.experiment is not None:
            self.reload([event.experiment])

    def reload(self, experiments: Collection[int]) -> None:
        """Reload the tabs of these experiments, whose stored data changed."""
        for tab in self.opened:
            if set(tab.numbers).intersection(experiments):
                tab.load()

    def reopen(self) -> None:
        """Open the tabs of the last session; the current one is loaded first."""
        try:
            remembered = json.loads(str(self._settings.value(self._settings_key, "{}")))
            keys, front = [str(key) for key in remembered["tabs"]], str(remembered["front"])
            tabs = {key: self._add(key) for key in keys}
        except (KeyError, TypeError, ValueError, RecursionError):  # none stored, or invalid
            return
        if front in tabs:
            self._tabs.setCurrentWidget(tabs[front])
        for key in sorted(tabs, key=lambda key: key != front):
            tabs[key].load()

    def remember(self) -> None:
        """Store the open tabs for the next start, except those of deleted experiments."""
        current = self._tabs.currentWidget()
        front = current.key if isinstance(current, OpenedTab) else None
        state = {"tabs": [tab.key for tab in self.opened if not self._is_gone(tab)], "front": front}
        self._settings.setValue(self._settings_key, json.dumps(state))

    def _is_gone(self, tab: OpenedTab) -> bool:
        entries = (self._history.table.entries.entry(number) for number in tab.numbers)
        return any(entry is not None and entry.is_deleted for entry in entries)

    def close(self) -> None:
        """Store the open tabs and the edits in them, and end the reading thread."""
        self.remember()
        for tab in self.opened:
            tab.stop_loading()
        self._reader.close()

    def _show(self, key: str) -> None:
        tab = next((tab for tab in self.opened if tab.key == key), None)
        if tab is None:
            tab = self._add(key)
            tab.load()
        self._tabs.setCurrentWidget(tab)

    def _add(self, key: str) -> OpenedTab:
        from gui.history.compare_tab import CompareTab
        from gui.history.result_tab import ResultTab

        numbers = tuple(int(number) for number in key.split("+"))
        tab = (
            ResultTab(numbers[0], self._reader, self._weights, self._actions)
            if len(numbers) == 1
            else CompareTab(numbers, self._reader, self._weights)
        )
        position = self._tabs.addTab(tab, f"#{key}")
        self._tabs.tabBar().setTabButton(position, QTabBar.ButtonPosition.RightSide, self._close_button(tab))
        tab.titled.connect(lambda text, tip: self._name(tab, text, tip))
        tab.close_requested.connect(lambda: self._close(tab))
        tab.failed.connect(self.failed)
        return tab

    def _close_button(self, tab: OpenedTab) -> QToolButton:
        button = QToolButton()
        button.setObjectName(f"close_{tab.objectName()}")
        button.setText("✕")
        button.setToolTip("Close this tab (Ctrl+W); the experiment stays in the history")
        button.setAccessibleName("Close this tab")
        button.setAutoRaise(True)
        button.setFixedSize(CLOSE_SIZE, CLOSE_SIZE)
        button.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # the keyboard has Ctrl+W
        button.clicked.connect(lambda: self._close(tab))
        return button

    def _name(self, tab: OpenedTab, text: str, tip: str) -> None:
        position = self._tabs.indexOf(tab)
        shown = text if len(text) <= LONGEST_TITLE else text[: LONGEST_TITLE - 1] + "…"
        self._tabs.setTabText(position, shown.replace("&", "&&"))
        self._tabs.setTabToolTip(position, literally(f"{text}\n{tip}"))

    def _close(self, tab: OpenedTab) -> None:
        tab.stop_loading()
        in_front = self._tabs.currentWidget() is tab
        self._tabs.removeTab(self._tabs.indexOf(tab))
        tab.deleteLater()
        if in_front:
            self._tabs.setCurrentWidget(self._history)

    def _close_current(self) -> None:
        tab = self._tabs.currentWidget()
        if isinstance(tab, OpenedTab):
            self._close(tab)

    def _show_entries(self) -> None:
        """Update the tabs' entries: a title or notes may have changed elsewhere."""
        for tab in self.opened:
            for number in tab.numbers:
                entry = self._history.table.entries.entry(number)
                if entry is not None:
                    tab.show_entry(entry)

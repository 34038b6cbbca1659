"""A Watch tab without a window."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from gui.background.store_reader import StoreReader
from gui.background.weight_reader import WeightReader
from gui.watch.tab import WatchTab


@pytest.fixture
def tab(qtbot: QtBot, workspace: Path) -> Iterator[WatchTab]:
    """The tab, visible."""
    reader = StoreReader(workspace)
    weights = WeightReader(reader)
    tab = WatchTab(reader, weights)
    qtbot.addWidget(tab)
    tab.resize(1260, 740)
    tab.show()
    qtbot.waitExposed(tab)
    yield tab
    tab.stop()
    weights.close()
    reader.close()

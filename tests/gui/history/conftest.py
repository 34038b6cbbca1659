"""Stored experiments, and the History tab that lists them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from engine.workspace.catalogue import Catalogue
from gui.background.store_reader import StoreReader
from gui.history.tab import HistoryTab
from gui.window.main_window import MainWindow
from tests.engine.support import ScriptedExecutor
from tests.gui.conftest import MakeWindow
from tests.gui.history_support import (
    look_at_history,
    until,
)
from tests.stored import store_experiment, whole_run


@pytest.fixture(scope="package")
def stored_three(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with two experiments with runs and one without."""
    workspace = tmp_path_factory.mktemp("three") / "workspace"
    store_experiment(workspace, epochs=9)
    store_experiment(workspace, answer=lambda task: whole_run(task, lambda _spec: 0.875))
    store_experiment(workspace, "basics", lambda _task: [])
    with closing(Catalogue(workspace)) as catalogue:
        catalogue.rename(1, "Long one")
    return workspace


@pytest.fixture
def three(stored_three: Path, workspace: Path) -> None:
    shutil.copytree(stored_three, workspace)


@pytest.fixture
def history(qtbot: QtBot, workspace: Path, three: None) -> Iterator[HistoryTab]:
    """The tab without a main window."""
    tab = HistoryTab(StoreReader(workspace))
    qtbot.addWidget(tab)
    tab.resize(1264, 700)
    tab.show()
    qtbot.waitExposed(tab)
    until(qtbot, lambda: tab.table.entries.rowCount() == 3)
    yield tab
    tab.close_catalogue()


@pytest.fixture
def in_window(qtbot: QtBot, make_window: MakeWindow, three: None) -> HistoryTab:
    return look_at_history(qtbot, make_window(), 3)


@pytest.fixture(scope="package")
def stored_varied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with three experiments with different settings and accuracies."""
    workspace = tmp_path_factory.mktemp("varied") / "workspace"
    store_experiment(workspace, epochs=9, architectures=["mlp_1"])
    store_experiment(workspace, answer=lambda task: whole_run(task, lambda _spec: 0.875, records=3))
    store_experiment(workspace, "schedule", architecture="mlp_1", repeats=1)
    return workspace


@pytest.fixture
def varied(stored_varied: Path, workspace: Path) -> None:
    shutil.copytree(stored_varied, workspace)


@pytest.fixture
def window(make_window: MakeWindow, varied: None) -> MainWindow:
    return make_window(ScriptedExecutor(whole_run))

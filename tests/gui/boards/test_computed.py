"""Generic board of a computed experiment."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from engine.events.devices import Device
from engine.events.experiments import ComputationStarted, Computed
from engine.experiments import EXPERIMENTS
from engine.experiments.convolution import CONVOLUTION_EXPERIMENT
from gui.boards import make_board
from gui.boards.computed import HINT, ComputedBoard, ComputedTree
from gui.observations.experiment import Observations
from tests.gui.support import find

FOUND = Computed(
    {"rank": 3, "largest_value": 0.123456789, "steps": [{"loss": 0.5}, {"loss": 0.25}], "shape": [2, 3]},
    {"values": np.array([[1.0, -2.0], [3.0, 4.0]], np.float32), "nothing": np.zeros((0, 2))},
    Device("CPU", "a processor", 1),
    {},
)


def rows(tree: ComputedTree) -> dict[str, str]:
    """Return the value of every row, keyed by its path of names."""
    found = {}
    pending = [((), tree.topLevelItem(place)) for place in range(tree.topLevelItemCount())]
    while pending:
        above, item = pending.pop()
        names = (*above, item.text(0))
        found[" / ".join(names)] = item.text(1)
        pending += [(names, item.child(place)) for place in range(item.childCount())]
    return found


def test_findings_and_arrays_are_shown_once_they_are_there(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(EXPERIMENTS, "toy", replace(CONVOLUTION_EXPERIMENT, name="toy"))
    board = make_board("toy")
    qtbot.addWidget(board)
    assert isinstance(board, ComputedBoard)
    tree, observations = find(board, ComputedTree, "computed"), Observations()
    observations.take(ComputationStarted(1, "toy"))
    for view in board.views():
        view.begin(observations)
        view.refresh(observations)
    assert rows(tree) == {HINT: ""}
    observations.take(FOUND)
    for view in board.views():
        view.refresh(observations)
    assert rows(tree) == {
        "rank": "3",
        "largest value": "0.123457",
        "steps": "",
        "steps / 1": "",
        "steps / 1 / loss": "0.5",
        "steps / 2": "",
        "steps / 2 / loss": "0.25",
        "shape": "2, 3",
        "arrays": "",
        "arrays / values": "float32, 2 x 2; -2 to 4",
        "arrays / nothing": "float64, 0 x 2",
    }
    for view in board.views():
        view.begin(observations)
    assert rows(tree) == {HINT: ""}, "of a run that begins nothing is known"

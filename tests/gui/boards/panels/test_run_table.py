"""Table of runs."""

from __future__ import annotations

from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from engine.events.runs import KeptWeights, Status
from gui.boards.panels.run_table import COLUMNS, PROGRESS_COLUMN, RunTable
from tests.engine.support import finished, record, started
from tests.gui.support import observed


def test_the_table_has_a_row_per_run_and_the_reason_of_a_failure(qtbot: QtBot) -> None:
    table = RunTable()
    qtbot.addWidget(table)
    observations = observed(
        *(started(1), record(1, 130, training_accuracy=0.5)),
        finished(2, Status.CRASHED, reason="It was killed.", test_accuracy=None),
        repeats=2,
    )
    table.begin(observations)
    table.refresh(observations)
    model = table.model()
    texts = [[model.index(row, column).data() for column in range(len(COLUMNS))] for row in range(model.rowCount())]
    assert texts[0][:6] == ["mlp_1", "1", "running", "50 %", "less than 1 s", "33,130"]
    assert texts[0][6:] == ["50.00 %", "25.00 %", ""]
    assert texts[1][:3] == ["mlp_1", "2", "crashed"]
    assert model.index(1, 2).data(Qt.ItemDataRole.ToolTipRole) == "It was killed."
    assert model.index(0, PROGRESS_COLUMN).data(Qt.ItemDataRole.UserRole) == 0.5
    table.resize(900, 200)
    assert not table.grab().isNull()


def test_the_accuracy_of_a_tested_run_has_its_scores_as_tool_tip(qtbot: QtBot) -> None:
    table = RunTable()
    qtbot.addWidget(table)
    table.begin(observed(started(1), record(1), finished(1), repeats=2))
    model = table.model()
    tips = [model.index(row, len(COLUMNS) - 1).data(Qt.ItemDataRole.ToolTipRole) for row in range(2)]
    assert tips[0].startswith("Balanced accuracy 100.0 %; means over the classes: precision 100.0 %")
    assert tips[0].endswith("Always answering '0', one of the largest classes of the test images, reaches 10.0 %.")
    assert tips[1] is None


def test_a_run_that_stopped_early_says_so_and_shows_the_epoch_that_was_kept(qtbot: QtBot) -> None:
    table = RunTable()
    qtbot.addWidget(table)
    kept = KeptWeights(step=52, epoch=2, epochs=4, planned_epochs=10, stopped_early=True)
    records = [
        record(1, 26 * epoch, epoch=epoch, training_accuracy=epoch / 10, validation_accuracy=epoch / 20)
        for epoch in range(1, 5)
    ]
    observations = observed(started(1), *records, finished(1, kept=kept), repeats=1)
    table.begin(observations)
    model = table.model()
    texts = [model.index(0, column).data() for column in range(len(COLUMNS))]
    assert texts[2:4] == ["finished early", "100 %"]
    assert texts[6:8] == ["20.00 %", "10.00 %"]
    tip = model.index(0, 2).data(Qt.ItemDataRole.ToolTipRole)
    assert tip == "Stopped early after epoch 4 of 10; the weights of epoch 2 were kept."

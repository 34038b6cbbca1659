"""What the Data sets page says about a data set: parts, counts, warnings."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtWidgets import QApplication, QLabel
from pytestqt.qtbot import QtBot

from engine.datasets.inventory import inventory
from gui.datasets.detail import DatasetDetail
from gui.datasets.warning_list import MAX_LINES, WarningList
from gui.forms.dataset_chooser import DatasetChooser
from tests.gui.history_support import until
from tests.gui.support import find, samples

WARNINGS = ("Left out: 5 files of kinds that are not read.", "Left out: 1 image in other.")


@pytest.fixture
def detail(qtbot: QtBot) -> DatasetDetail:
    shown = DatasetDetail()
    qtbot.addWidget(shown)
    shown.resize(1264, 360)
    shown.show()
    shown.show_entry(inventory(())[0])
    return shown


def test_what_was_left_out_is_said_until_another_data_set_is_shown(detail: DatasetDetail) -> None:
    warnings = find(detail, WarningList, "detail_warnings")
    assert warnings.isHidden()
    detail.show_samples(replace(samples(), warnings=WARNINGS))
    assert (warnings.isVisible(), warnings.text) == (True, "\n".join(WARNINGS))
    detail.show_samples(samples())
    assert warnings.isHidden()
    detail.show_samples(replace(samples(), warnings=WARNINGS))
    detail.show_entry(inventory(())[1])
    assert warnings.isHidden()


def test_warnings_are_as_tall_as_their_text_and_scroll_beyond_a_limit(qtbot: QtBot, detail: DatasetDetail) -> None:
    warnings = find(detail, WarningList, "detail_warnings")
    line = warnings.fontMetrics().lineSpacing()
    detail.show_samples(replace(samples(), warnings=WARNINGS))
    until(qtbot, lambda: 2 * line <= warnings.height() < 3 * line)
    detail.show_samples(replace(samples(), warnings=("photo.png can't be read, " * 200,)))
    until(qtbot, lambda: warnings.height() == MAX_LINES * line)
    assert warnings.verticalScrollBar().maximum() > 0
    assert detail.counts.height() > 150


def test_warnings_can_be_read_as_soon_as_they_are_shown(qtbot: QtBot, detail: DatasetDetail) -> None:
    warnings, shown = find(detail, WarningList, "detail_warnings"), samples()
    detail.show_samples(shown)
    until(qtbot, lambda: "training" in detail.counts.bars)
    QApplication.processEvents()
    detail.show_samples(replace(shown, warnings=WARNINGS))
    QApplication.processEvents()
    image, line = warnings.grab().toImage(), warnings.fontMetrics().lineSpacing()
    rows = [y for y in range(image.height()) if len({image.pixel(x, y) for x in range(2 * line, 200)}) > 1]
    assert rows
    assert rows[0] < line


def test_a_validation_part_of_its_own_is_counted_and_drawn(detail: DatasetDetail) -> None:
    detail.show_samples(replace(samples(), validation_counts=(7,) * 10, test_counts=(30,) * 10))
    said = find(detail, QLabel, "detail_facts").text()
    assert said == "1,000 training images, 70 validation images, 300 test images, 32x32 grayscale, 10 classes"
    assert list(detail.counts.bars) == ["training", "validation", "test"]
    assert sum(detail.counts.bars["validation"].opts["width"]) == 70


def test_a_form_says_how_many_warnings_there_are_and_which(qtbot: QtBot) -> None:
    chooser = DatasetChooser()
    qtbot.addWidget(chooser)
    chooser.show_samples(replace(samples(), warnings=WARNINGS))
    info = find(chooser, QLabel, "dataset_info")
    assert info.text().endswith("10 classes; 2 warnings")
    assert info.toolTip() == "\n".join(WARNINGS)
    chooser.clear_samples()
    assert info.toolTip() == ""

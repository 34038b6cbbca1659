"""Page with the results on the test set."""

from __future__ import annotations

from dataclasses import replace
from unittest.mock import Mock

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QCheckBox, QComboBox, QLabel, QStackedWidget
from pytestqt.qtbot import QtBot

from engine.events.experiments import ExperimentStarted
from engine.events.runs import Mistake, RunFinished, Status
from gui.boards.panels.confusion_matrix import WRONG, ConfusionMatrix
from gui.boards.panels.mistake_grid import MistakeGrid
from gui.boards.panels.test_page import TestPage
from gui.observations.experiment import Observations
from gui.observations.stored import Stored, merge_experiments
from gui.widgets.placeholder import Placeholder
from tests.engine.support import INFO, finished, record, started
from tests.gui.support import PATIENCE_MS, find, observed, started_experiment

ANIMALS = ("cat", "dog", "airplane")
CONFUSION = np.array([[900, 87, 13], [50, 950, 0], [0, 4, 996]])
TEXT, TIP, BACKGROUND = (*(Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.BackgroundRole),)


@pytest.fixture
def page(qtbot: QtBot) -> TestPage:
    made = TestPage()
    qtbot.addWidget(made)
    return made


def test_the_caption_names_the_colours_that_are_seen(page: TestPage) -> None:
    assert 15 <= WRONG.hslHue() <= 45, "orange"
    assert "Blue: right; orange: wrong" in find(page, QLabel, "caption").text()


def mistake(image: int, true: int, predicted: int, confidence: float) -> Mistake:
    return Mistake(image, true, predicted, confidence, np.full((32, 32, 1), image % 256, np.uint8))


MISTAKES = (mistake(123, 0, 1, 0.998), mistake(7, 1, 0, 0.75), mistake(9, 0, 2, 0.5))


def of_test(run: int = 1, confusion: np.ndarray = CONFUSION, mistakes: tuple[Mistake, ...] = MISTAKES) -> RunFinished:
    accuracy = float(np.trace(confusion) / confusion.sum())
    return finished(run, test_accuracy=accuracy, confusion=confusion, mistakes=mistakes)


def animals(*events: object, names: tuple[str, ...] = ANIMALS, **changes: object) -> Observations:
    """Return an experiment on images of the classes ``names``."""
    begun: ExperimentStarted = started_experiment(**changes)
    observations = Observations()
    for event in (replace(begun, info=replace(INFO, class_names=names)), started(1), record(1), *events):
        observations.take(event)
    return observations


def shown(page: TestPage, observations: Observations) -> TestPage:
    page.begin(observations)
    page.refresh(observations)
    return page


def cell(page: TestPage, row: int, column: int, role: Qt.ItemDataRole = TEXT) -> object:
    model = find(page, ConfusionMatrix, "confusion_matrix").model()
    return model.data(model.index(row, column), role)


def hint(page: TestPage) -> str | None:
    """Return the hint displayed in place of results."""
    content = page.findChild(Placeholder)
    assert isinstance(content, QStackedWidget)
    return content.widget(0).text() if content.currentIndex() == 0 else None


def test_the_matrix_has_a_row_a_true_class_with_its_names(page: TestPage) -> None:
    shown(page, animals(of_test()))
    assert [[cell(page, row, column) for column in range(3)] for row in range(3)] == CONFUSION.astype(str).tolist()
    model = find(page, ConfusionMatrix, "confusion_matrix").model()
    for orientation in (Qt.Orientation.Horizontal, Qt.Orientation.Vertical):
        assert [model.headerData(place, orientation, TEXT) for place in range(3)] == list(ANIMALS)
    scores = "precision 91.3 %, recall 95.0 %, F1 93.1 %"
    assert model.headerData(1, Qt.Orientation.Horizontal, TIP) == f"Predicted dog: {scores}"
    assert model.headerData(1, Qt.Orientation.Vertical, TIP) == f"Truly dog: {scores}"
    assert cell(page, 0, 1, TIP) == "cat taken for dog: 87 of 1,000 (8.7 %)"
    assert find(page, QLabel, "tested_summary").text() == "run 1: 2,846 of 3,000 right, 94.87 %"


def test_scores_and_the_largest_class_are_told(page: TestPage) -> None:
    shown(page, animals(of_test(confusion=np.array([[90, 10, 0], [0, 50, 0], [0, 0, 50]]))))
    assert find(page, QLabel, "test_scores").text() == (
        "Balanced accuracy 96.7 %; means over the classes: precision 94.4 %, recall 96.7 %, F1 95.2 %. Always "
        "answering 'cat', the largest class of the test images, reaches 50.0 %."
    )


def test_percent_are_of_the_true_class(page: TestPage) -> None:
    shown(page, animals(of_test()))
    find(page, QCheckBox, "confusion_percent").click()
    assert [cell(page, 0, column) for column in range(3)] == ["90.0", "8.7", "1.3"]
    find(page, QCheckBox, "confusion_percent").click()
    assert cell(page, 0, 0) == "900"


def test_colours_deepen_with_frequency_and_differ_for_right_and_wrong(page: TestPage) -> None:
    shown(page, animals(of_test()))
    base = page.palette().base().color()
    colours = {place: cell(page, *place, BACKGROUND) for place in ((0, 0), (2, 2), (0, 1), (1, 0), (1, 2))}
    distance = {place: _distance(colour, base) for place, colour in colours.items()}
    assert distance[2, 2] > distance[0, 0]
    assert distance[0, 1] > distance[1, 0] > distance[1, 2] == 0
    assert colours[0, 0].blue() > colours[0, 0].red()
    assert colours[0, 1].red() > colours[0, 1].blue()


def _distance(one: object, other: QColor) -> float:
    assert isinstance(one, QColor)
    return abs(one.red() - other.red()) + abs(one.green() - other.green()) + abs(one.blue() - other.blue())


def test_confusions_are_listed_most_frequent_first(page: TestPage) -> None:
    shown(page, animals(of_test()))
    words = find(page, QLabel, "confusions").text().split("<br>")
    assert words[1:] == [
        "cat taken for dog: 87 of 1,000 (8.7 %)",
        "dog taken for cat: 50 of 1,000 (5.0 %)",
        "cat taken for airplane: 13 of 1,000 (1.3 %)",
        "airplane taken for dog: 4 of 1,000 (0.4 %)",
    ]


def test_misclassified_images_show_classes_and_confidence(page: TestPage) -> None:
    shown(page, animals(of_test()))
    grid = find(page, MistakeGrid, "mistakes")
    assert [grid.item(place).text() for place in range(grid.count())] == [
        *("cat\n→ dog\n99.8 %", "dog\n→ cat\n75.0 %", "cat\n→ airplane\n50.0 %")
    ]
    assert grid.item(0).toolTip() == "Test image 123: cat, taken for dog with a probability of 99.8 %"
    image = grid.item(0).icon().pixmap(64, 64).toImage()
    assert image.pixelColor(30, 30).getRgb()[:3] == (123, 123, 123)
    assert not grid.isHidden()
    assert find(page, QLabel, "none_wrong").isHidden()


def test_without_misclassified_images_the_page_says_so(page: TestPage) -> None:
    shown(page, animals(of_test(confusion=np.diag([10, 20, 30]), mistakes=())))
    assert find(page, QLabel, "confusions").text().endswith("None: every test image was recognised.")
    assert find(page, QLabel, "none_wrong").text() == "No test image was wrong."
    assert not find(page, QLabel, "none_wrong").isHidden()
    page.resize(1000, 800)
    page.show()
    assert find(page, QLabel, "none_wrong").geometry().bottom() < 400, "the texts stand together at the top"
    assert find(page, MistakeGrid, "mistakes").isHidden()


def test_an_older_run_without_stored_images_is_reported(page: TestPage) -> None:
    shown(page, animals(of_test(mistakes=())))
    assert find(page, QLabel, "none_wrong").text() == "The images were not kept with this older run."


def test_a_page_without_test_says_why(page: TestPage) -> None:
    observations = animals()
    shown(page, observations)
    assert "mlp_1 has not been tested yet in any run." in (hint(page) or "")
    assert not find(page, QCheckBox, "confusion_percent").isEnabled()
    observations.take(finished(1, Status.DIVERGED, test_accuracy=None, confusion=None))
    page.refresh(observations)
    assert hint(page) == "No run of mlp_1 was tested."
    find(page, QComboBox, "tested_run").setCurrentText("Run 1")
    assert hint(page) == "Run 1 of mlp_1 was not tested (diverged)."


def test_the_best_run_is_shown_unless_another_is_chosen(page: TestPage) -> None:
    worse = np.array([[500, 500, 0], [0, 1000, 0], [0, 0, 1000]])
    observations = animals(of_test(1, worse), started(2), record(2), repeats=2)
    shown(page, observations)
    assert cell(page, 0, 0) == "500"
    observations.take(of_test(2))
    page.refresh(observations)
    assert cell(page, 0, 0) == "900"
    assert find(page, QLabel, "tested_summary").text().startswith("run 2: ")
    find(page, QComboBox, "tested_run").setCurrentText("Run 1")
    assert cell(page, 0, 0) == "500"
    assert hint(page) is None


def test_long_names_are_rotated_over_narrow_columns(qtbot: QtBot, page: TestPage) -> None:
    names = ("airplane", "automobile", *(f"animal {n}" for n in range(8)))
    shown(page, animals(of_test(confusion=np.eye(10, dtype=int), mistakes=()), names=names))
    page.resize(700, 430)
    page.show()
    matrix = find(page, ConfusionMatrix, "confusion_matrix")
    header = matrix.horizontalHeader()
    longest = max(header.fontMetrics().horizontalAdvance(name) for name in names)
    qtbot.waitUntil(lambda: header.sectionSize(0) < longest <= header.height(), timeout=PATIENCE_MS)
    assert not page.grab().isNull()
    page.resize(2400, 430)
    qtbot.waitUntil(lambda: header.height() < longest, timeout=PATIENCE_MS)  # not rotated


def test_a_new_plan_clears_the_old_test(page: TestPage) -> None:
    shown(page, animals(of_test()))
    assert hint(page) is None
    shown(page, observed())
    assert hint(page) is not None


def test_in_a_comparison_every_variant_keeps_the_classes_it_was_trained_on(page: TestPage) -> None:
    few = animals(of_test(mistakes=()), names=("oak", "elm", "ash"))
    more = np.diag([5] * 10)
    more[9, 8] = 2
    many = animals(of_test(confusion=more, mistakes=(mistake(1, 9, 8, 0.5),)), names=tuple("abcdefghij"))
    few.experiment, many.experiment = 1, 2
    together = merge_experiments(-1, [Stored(Mock(), few), Stored(Mock(), many)])
    shown(page, together)
    [first, second] = [variant for variant in together.variants.values() if variant.name.endswith(" mlp_1")]
    assert (first.class_names, second.class_names) == (("oak", "elm", "ash"), tuple("abcdefghij"))
    page.chooser.choose(second.name)
    model = find(page, ConfusionMatrix, "confusion_matrix").model()
    headings = [model.headerData(section, Qt.Orientation.Horizontal) for section in range(model.columnCount())]
    assert headings == list("abcdefghij")
    assert "j taken for i" in find(page, QLabel, "confusions").text()
    page.chooser.choose(first.name)
    assert "oak taken for elm" in find(page, QLabel, "confusions").text()


def test_classes_without_a_name_are_numbered(qtbot: QtBot) -> None:
    matrix = ConfusionMatrix()
    qtbot.addWidget(matrix)
    matrix.show_confusion(CONFUSION, ("cat",))
    model = matrix.model()
    assert [model.headerData(section, Qt.Orientation.Vertical) for section in range(3)] == ["cat", "1", "2"]
    assert model.headerData(3, Qt.Orientation.Vertical) is None

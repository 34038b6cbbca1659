"""The Try it tab: networks of files that the user opens."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QComboBox, QFileDialog, QPushButton, QTabWidget, QWidget
from pytestqt.qtbot import QtBot

from engine.config.specs import DataSpec
from engine.events.inference import PickedTestImages
from engine.events.tasks import TaskFailed
from engine.executors.tasks import OpenNetworkTask, PickTestImagesTask, ProbeTask
from gui.forms.network_table import NetworkTable
from gui.try_it.contents import FirstWeights
from gui.try_it.tab import TryItTab
from tests.engine.support import INFO
from tests.gui.support import find
from tests.gui.try_it.test_try_it import drop
from tests.gui.try_it_support import Tried, opened, picked, probed, trained

OWN = Path("own.keras")


@pytest.fixture
def tried(qtbot: QtBot) -> Tried:
    tab = TryItTab()
    qtbot.addWidget(tab)
    tab.resize(1260, 740)
    tab.show()
    qtbot.waitExposed(tab)
    return Tried(tab, qtbot)


@pytest.fixture
def filed(tried: Tried) -> Tried:
    """With one file opened, and no runs."""
    tried.tab.open_file(OWN)
    tried.tab.take(opened())
    tried.tab.take(probed())
    tried.tasks.clear()
    return tried


def choose(tried: Tried, box: str, text: str) -> None:
    found = find(tried.tab, QComboBox, box)
    position = found.findText(text)
    assert position >= 0, f"there is no {text}"
    found.setCurrentIndex(position)


def test_a_file_can_be_opened_before_anything_is_trained(tried: Tried, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(OWN), ""))
    find(tried.tab, QPushButton, "open_first_network").click()
    assert tried.tasks == [OpenNetworkTask(OWN)]
    tried.tab.take(opened())
    assert tried.tab.canvas.isVisible()
    assert not find(tried.tab, QPushButton, "open_first_network").isVisible()
    assert find(tried.tab, QComboBox, "trained_run").currentText() == "own.keras · file"
    [warm] = tried.of(ProbeTask)
    assert (warm.model_file, warm.image.shape, warm.data, warm.normalization) == (OWN, (32, 32, 1), None, "half")


def test_a_dropped_file_of_a_network_is_opened_and_one_of_an_image_is_not_yet(tried: Tried) -> None:
    assert not drop(tried.tab, QUrl.fromLocalFile("/a.png"))
    assert drop(tried.tab, QUrl.fromLocalFile("/nets/own.KERAS"))
    assert tried.tasks == [OpenNetworkTask(Path("/nets/own.KERAS"))]


def test_one_that_can_not_be_used_is_said_and_the_chosen_one_stays(tried: Tried) -> None:
    tried.ready()
    before = tried.tab.network
    tried.tab.open_file(Path("net.h5"))
    assert tried.tasks == [OpenNetworkTask(Path("net.h5"))]
    tried.draw((0, 0))
    assert tried.text("try_status") == "Reading net.h5 …"
    tried.tab.take(TaskFailed("The trained network net.h5 can't be used: it is an HDF5 file."))
    assert tried.failures == ["The trained network net.h5 can't be used: it is an HDF5 file."]
    assert tried.text("try_status") == "Your drawing"
    assert tried.tab.network == before


def test_what_is_assumed_is_said_and_can_be_changed(filed: Tried) -> None:
    note = filed.text("file_assumptions")
    assert note == (
        "Images are resized to 32×32 in gray. The file does not say how they were normalised: 'half' is assumed. "
        "The file does not name its classes: they are numbered."
    )
    filed.draw((0, 0))
    filed.tab.take(probed(4))
    assert filed.text("verdict") == "class 4, 91.0 %"
    choose(filed, "file_normalization", "none: [0, 1]")
    assert [task.normalization for task in filed.of(ProbeTask)] == ["half", "none"]
    assert "'none' is assumed" in filed.text("file_assumptions")


def test_what_the_file_records_is_taken(tried: Tried) -> None:
    tried.tab.open_file(OWN)
    recorded = {"trained_on": "Letters", "normalization": "bytes", "class_names": tuple("abcdefghij")}
    tried.tab.take(opened(left_out=("noise (GaussianNoise)",), **recorded))
    assert tried.of(ProbeTask)[0].normalization == "bytes"
    assert tried.text("file_assumptions") == (
        "Images are resized to 32×32 in gray and normalised as 'bytes', as in training on Letters. The names of its "
        "classes are those in the file. Left out, as only training needs it: noise (GaussianNoise)."
    )
    tried.tab.take(probed())
    tried.draw((0, 0))
    tried.tab.take(probed(2))
    assert tried.text("verdict") == "c, 91.0 %"


def test_means_of_an_unknown_data_set_are_not_assumed_to_be_known(tried: Tried) -> None:
    tried.tab.open_file(OWN)
    tried.tab.take(opened(trained_on="Letters", normalization="per-dataset", class_names=tuple("abcdefghij")))
    assert tried.of(ProbeTask)[0].normalization == "half"
    assert "normalised as 'half'; in training on Letters it was 'per-dataset'." in tried.text("file_assumptions")
    choose(tried, "file_normalization", "per-dataset")
    choose(tried, "file_classes", "those of digits")
    assert tried.of(PickTestImagesTask)[-1].data == DataSpec(normalization="per-dataset", image_size=32)
    assert "'per-dataset' with the means of digits, as in training on Letters" in tried.text("file_assumptions")


def test_without_the_data_set_whose_means_are_needed_nothing_is_predicted(filed: Tried) -> None:
    filed.draw((0, 0))
    filed.tab.take(probed())
    assert filed.shows_answer
    choose(filed, "file_normalization", "none: [0, 1]")
    filed.tasks.clear()
    choose(filed, "file_normalization", "per-dataset")
    assert filed.text("file_assumptions").startswith(
        "Images are resized to 32×32 in gray. Choose the data set under Classes: 'per-dataset' needs its means."
    )
    filed.tab.take(probed())
    assert not filed.shows_answer, "it is of the normalisation before"
    assert filed.of(ProbeTask) == []
    choose(filed, "file_classes", "those of digits")
    filed.tab.take(picked(image_size=32, normalization="per-dataset"))
    assert filed.of(ProbeTask)[-1].data == DataSpec(normalization="per-dataset", image_size=32)
    filed.tab.take(probed())
    assert filed.shows_answer


def test_a_prediction_is_not_left_where_the_next_one_fails(filed: Tried) -> None:
    filed.draw((0, 0))
    filed.tab.take(probed())
    choose(filed, "file_normalization", "cifar10: its means")
    filed.tab.take(TaskFailed("The normalisation cifar10 needs three colour channels; choose half or none."))
    assert not filed.shows_answer
    choose(filed, "file_normalization", "none: [0, 1]")
    filed.tab.take(probed())
    assert filed.shows_answer


def test_a_file_that_was_saved_again_is_asked_again(filed: Tried) -> None:
    filed.draw((0, 0))
    filed.tab.take(probed(3))
    filed.tab.open_file(OWN)
    filed.tab.take(opened())
    assert len(filed.of(ProbeTask)) == 2
    filed.tab.take(probed(5))
    assert filed.text("verdict").startswith("class 5,")


def test_a_run_whose_network_was_also_opened_as_a_file_stays_chosen(tried: Tried) -> None:
    tried.ready(trained(2), trained(1))
    tried.tab.open_file(trained(1).model)
    tried.tab.take(opened(str(trained(1).model)))
    box = find(tried.tab, QComboBox, "trained_run")
    box.setCurrentIndex(2)
    for runs in ([trained(2), trained(1)], [trained(3), trained(2), trained(1)]):
        tried.tab.show_runs(runs)
        assert box.currentText() == trained(1).label
    box.setCurrentIndex(0)
    tried.tab.show_runs([trained(1)])
    assert box.currentText() == "run-1.keras · file"


def test_a_data_set_gives_classes_and_test_images(filed: Tried, qtbot: QtBot) -> None:
    filed.draw((0, 0))
    filed.tab.take(probed())
    choose(filed, "file_classes", "those of digits")
    data = DataSpec(image_size=32)
    assert filed.tasks[-2:][0] == PickTestImagesTask(data, 18, 0)
    names = tuple(f"digit {number}" for number in range(10))
    filed.tab.take(replace(picked(image_size=32), class_names=names))
    while filed.of(ProbeTask)[-1].data != data:
        filed.tab.take(probed())
    filed.tab.take(probed(4))
    assert filed.text("verdict") == "digit 4, 91.0 %"
    assert "Its classes are taken for those of digits, in this order." in filed.text("file_assumptions")


@pytest.mark.parametrize(
    ("classes", "channels", "reason"),
    [
        (3, 1, "own.keras tells 3 classes apart, and digits has 10; choose another data set."),
        (10, 3, "own.keras takes images in colour, and those of digits are gray; choose another data set."),
    ],
)
def test_a_data_set_that_does_not_fit_is_refused(tried: Tried, classes: int, channels: int, reason: str) -> None:
    tried.tab.open_file(OWN)
    tried.tab.take(opened(classes=classes, shape=(32, 32, channels)))
    choose(tried, "file_classes", "those of digits")
    data = tried.of(PickTestImagesTask)[-1].data
    tried.tab.take(probed())
    tried.tab.take(PickedTestImages(data, INFO.class_names, np.zeros((1, 32, 32, 1), np.uint8), (0,)))
    assert tried.failures == [reason]
    assert find(tried.tab, QComboBox, "file_classes").currentText() == "numbered"


def test_a_data_set_that_is_not_there_is_dropped(filed: Tried) -> None:
    choose(filed, "file_classes", "those of cifar10")
    filed.tab.take(TaskFailed("The images of cifar10 are not on this computer."))
    assert filed.failures == ["The images of cifar10 are not on this computer."]
    assert find(filed.tab, QComboBox, "file_classes").currentText() == "numbered"


def test_layers_and_weights_of_a_file(filed: Tried) -> None:
    pages = find(filed.tab, QTabWidget, "try_pages")
    pages.setCurrentIndex(1)
    table = find(filed.tab, NetworkTable, "network_layers")
    rows = [[table.item(row, column).text() for column in (0, 1, 3)] for row in range(table.rowCount())]  # type: ignore[union-attr]
    assert rows[:4] == [
        *(
            ["eyes", "30x30x4", "40"],
            ["eyes, ReLU", "30x30x4", "0"],
            ["more", "30x30x4", "20"],
            ["sum", "30x30x4", "0"],
        ),
    ]
    assert rows[-1] == ["sum", "", "110"]
    weights = find(filed.tab, FirstWeights, "first_weights")
    assert weights.image.isNull(), "it takes time, and is not in front"
    pages.setCurrentIndex(2)
    assert weights.caption == "eyes: 4 images; black -1, white 1"
    assert not weights.image.isNull()
    weights.setPalette(QPalette(Qt.GlobalColor.black))
    assert weights.image.pixelColor(0, 0).lightness() < 10, "the gaps have the colour of the window"
    assert filed.tasks == [], "what was read on opening is shown"
    pages.setCurrentIndex(0)
    weights.setPalette(QPalette(Qt.GlobalColor.white))
    assert weights.image.pixelColor(0, 0).lightness() < 10, "it is drawn when it is looked at"
    pages.setCurrentIndex(2)
    assert weights.image.pixelColor(0, 0).lightness() > 200


def test_that_not_all_weights_are_shown_is_said(tried: Tried) -> None:
    tried.tab.open_file(OWN)
    tried.tab.take(opened(outputs=4096))
    find(tried.tab, QTabWidget, "try_pages").setCurrentIndex(2)
    weights = find(tried.tab, FirstWeights, "first_weights")
    assert weights.caption == "eyes: first 4 of 4,096 images; black -1, white 1"


def test_layers_and_weights_of_a_run_are_read_when_they_are_looked_at(tried: Tried) -> None:
    tried.ready(trained(2), trained(1))
    pages = find(tried.tab, QTabWidget, "try_pages")
    pages.setCurrentIndex(2)
    assert tried.tasks == [OpenNetworkTask(Path("run-2.keras"))]
    find(tried.tab, QComboBox, "trained_run").setCurrentIndex(1)
    tried.tab.take(opened("run-2.keras"))
    weights = find(tried.tab, FirstWeights, "first_weights")
    assert weights.image.isNull(), "they are of the other one"
    assert tried.of(OpenNetworkTask)[-1] == OpenNetworkTask(Path("run-1.keras"))
    while tried.tasks and not isinstance(tried.tasks[0], OpenNetworkTask):
        tried.tasks.pop(0)
    tried.tab.take(probed())
    tried.tab.take(opened("run-1.keras"))
    assert not weights.image.isNull()
    box = find(tried.tab, QComboBox, "trained_run")
    assert [box.itemText(row) for row in range(box.count())] == [trained(2).label, trained(1).label]


def test_settings_are_shown_for_files_alone(filed: Tried) -> None:
    settings = find(filed.tab, QWidget, "file_settings")
    assert settings.isVisible()
    filed.tab.show_runs([trained()])
    assert settings.isVisible(), "the choice is kept"
    find(filed.tab, QComboBox, "trained_run").setCurrentIndex(1)
    assert not settings.isVisible()
    assert filed.tab.network is not None
    assert filed.tab.network.model == Path("run-1.keras")

"""Choosing a data set in a form."""

from __future__ import annotations

from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from gui.forms.dataset_chooser import DatasetChooser
from tests.gui.support import find, samples


def test_the_chooser_shows_samples_of_its_own_choice_only(qtbot: QtBot) -> None:
    chooser = DatasetChooser()
    qtbot.addWidget(chooser)
    chooser.choose("digits")
    chooser.show_samples(samples("cifar10"))
    assert find(chooser, QLabel, "sample_1").pixmap().isNull()
    chooser.show_samples(samples("digits"))
    assert not find(chooser, QLabel, "sample_1").pixmap().isNull()
    assert "1,000 images" in find(chooser, QLabel, "dataset_info").text()


def test_a_folder_of_the_users_own_joins_the_list(qtbot: QtBot) -> None:
    chooser = DatasetChooser()
    qtbot.addWidget(chooser)
    with qtbot.assertNotEmitted(chooser.chosen):
        chooser.choose("/home/somebody/größe")
    assert chooser.dataset == "/home/somebody/größe"
    with qtbot.waitSignal(chooser.chosen) as chosen:
        chooser.use("digits")
    assert chosen.args == ["digits"]

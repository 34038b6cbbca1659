"""The editors that choose one architecture or several."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QCheckBox, QComboBox, QPushButton
from pytestqt.qtbot import QtBot

from engine.networks.architectures import ARCHITECTURES
from gui.forms.architecture_editor import ArchitectureEditor, ArchitecturesEditor
from tests.gui.support import find

NAMES = tuple(ARCHITECTURES)
SMALL, CHANGED = "small[FC-8, ReLU]", "small[FC-16]"


@pytest.fixture
def several(qtbot: QtBot) -> ArchitecturesEditor:
    editor = ArchitecturesEditor("architectures", NAMES)
    qtbot.addWidget(editor)
    return editor


@pytest.fixture
def single(qtbot: QtBot) -> ArchitectureEditor:
    editor = ArchitectureEditor("architecture", NAMES)
    qtbot.addWidget(editor)
    return editor


# Several


def test_what_is_ticked_is_chosen_in_the_order_shown(several: ArchitecturesEditor) -> None:
    assert several.chosen == ()
    several.choose(("cnn_5", "mlp_1"))
    assert several.chosen == ("mlp_1", "cnn_5")
    several.choose(("cnn_3",))
    assert several.chosen == ("cnn_3",)


def test_a_tick_is_announced(several: ArchitecturesEditor, qtbot: QtBot) -> None:
    with qtbot.waitSignal(several.changed):
        find(several, QCheckBox, "architectures_cnn_4").click()
    assert several.chosen == ("cnn_4",)


def test_a_network_of_the_users_own_is_offered_by_name_with_its_layers_as_tool_tip(
    several: ArchitecturesEditor,
) -> None:
    several.add(SMALL)
    box = find(several, QCheckBox, "architectures_small")
    assert (box.text(), box.toolTip(), box.isChecked()) == ("small", "FC-8, ReLU", False)
    box.click()
    assert several.chosen == (SMALL,)


def test_choosing_one_not_yet_known_offers_it(several: ArchitecturesEditor) -> None:
    several.choose(("mlp_1", SMALL))
    assert several.chosen == ("mlp_1", SMALL)


def test_a_rewritten_network_replaces_the_old_one(several: ArchitecturesEditor) -> None:
    several.choose((SMALL,))
    several.add(CHANGED, ticked=True)
    assert several.chosen == (CHANGED,)
    several.add(CHANGED)
    assert several.chosen == (CHANGED,), "offering it again leaves its tick"


def test_the_box_of_a_rewritten_network_is_the_only_one_of_its_name(several: ArchitecturesEditor, qtbot: QtBot) -> None:
    several.add(SMALL)
    several.add(CHANGED)
    qtbot.waitUntil(lambda: len(several.findChildren(QCheckBox, "architectures_small")) == 1)
    assert find(several, QCheckBox, "architectures_small").toolTip() == "FC-16"


def test_a_ticked_network_that_is_rewritten_in_another_tab_stays_ticked(several: ArchitecturesEditor) -> None:
    several.choose(("mlp_1", SMALL))
    several.add(CHANGED)
    assert several.chosen == ("mlp_1", CHANGED)


# One


def test_one_of_the_list_is_chosen(single: ArchitectureEditor, qtbot: QtBot) -> None:
    single.choose("cnn_4")
    assert single.chosen == "cnn_4"
    with qtbot.waitSignal(single.changed):
        find(single, QComboBox, "architecture_list").setCurrentText("mlp_2")
    assert single.chosen == "mlp_2"


def test_a_network_of_the_users_own_joins_the_list(single: ArchitectureEditor) -> None:
    single.choose("cnn_4")
    single.add(SMALL)
    assert single.chosen == "cnn_4"
    single.choose(SMALL)
    assert (single.chosen, single.box.currentText(), single.box.count()) == (SMALL, "small", len(NAMES) + 1)


def test_a_rewritten_network_replaces_the_old_one_in_the_list(single: ArchitectureEditor) -> None:
    single.choose(SMALL)
    single.add(CHANGED)
    assert (single.chosen, single.box.count()) == (CHANGED, len(NAMES) + 1)
    single.choose("cnn_4")
    single.add(SMALL, ticked=True)
    assert single.chosen == SMALL


# Both


def test_the_button_asks_for_a_new_network(
    several: ArchitecturesEditor, single: ArchitectureEditor, qtbot: QtBot
) -> None:
    for editor, name in ((several, "architectures_write"), (single, "architecture_write")):
        with qtbot.waitSignal(editor.new_network_requested):
            find(editor, QPushButton, name).click()

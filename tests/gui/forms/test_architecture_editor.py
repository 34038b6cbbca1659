"""The editors that choose one architecture or several."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QEvent
from PySide6.QtGui import QHelpEvent
from PySide6.QtWidgets import QApplication, QCheckBox, QComboBox, QPushButton
from pytestqt.qtbot import QtBot

from engine.networks.architectures import ARCHITECTURES, COURSE_ARCHITECTURES
from gui.forms import network_tip
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


def rest_on(box: QCheckBox) -> None:
    """Ask for the tool tip, as the pointer does that rests on a box."""
    place = box.rect().center()
    QApplication.sendEvent(box, QHelpEvent(QEvent.Type.ToolTip, place, box.mapToGlobal(place)))


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


def test_the_course_further_built_in_networks_and_the_users_own_each_begin_a_row(
    several: ArchitecturesEditor,
) -> None:
    several.add(SMALL)
    several.show()
    tops = {box.text(): box.y() for box in several.findChildren(QCheckBox)}
    course, further, own = (
        {tops[name] for name in names}
        for names in (COURSE_ARCHITECTURES, [name for name in NAMES if name not in COURSE_ARCHITECTURES], ["small"])
    )
    assert max(course) < min(further)
    assert max(further) < min(own)


def test_a_built_in_network_says_where_it_is_from_and_shows_its_picture_when_asked(
    several: ArchitecturesEditor,
) -> None:
    box = find(several, QCheckBox, "architectures_resnet_20")
    assert box.toolTip().startswith("ResNet-20 of K. He et al.")
    rest_on(box)
    assert "<b>resnet_20</b>: 272,186 parameters" in box.toolTip()
    assert "<img" in box.toolTip()


def test_a_picture_is_drawn_once(several: ArchitecturesEditor, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[str] = []
    monkeypatch.setattr(network_tip, "picture_tip", lambda architecture: drawn.append(architecture) or architecture)
    for _ in range(2):
        rest_on(find(several, QCheckBox, "architectures_mlp_1"))
    assert drawn == ["mlp_1"]


def test_choosing_one_not_yet_known_offers_it(several: ArchitecturesEditor) -> None:
    several.choose(("mlp_1", SMALL))
    assert several.chosen == ("mlp_1", SMALL)


def test_a_rewritten_network_replaces_the_old_one(several: ArchitecturesEditor) -> None:
    several.choose((SMALL,))
    several.add(CHANGED, ticked=True)
    assert several.chosen == (CHANGED,)
    several.add(CHANGED)
    assert several.chosen == (CHANGED,), "offering it again leaves its tick"


def test_a_network_just_written_is_announced_as_it_changes_what_is_trained(
    several: ArchitecturesEditor, single: ArchitectureEditor, qtbot: QtBot
) -> None:
    with qtbot.waitSignal(several.changed):
        several.add(SMALL, ticked=True)
    single.choose(SMALL)
    with qtbot.waitSignal(single.changed):
        single.add(CHANGED, ticked=True)


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

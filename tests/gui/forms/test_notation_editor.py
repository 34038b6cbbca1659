"""The editor of a network's notation: inserting layers, and what each does."""

from __future__ import annotations

import pytest
from PySide6.QtGui import QTextCursor
from PySide6.QtWidgets import QPushButton, QTextBrowser, QToolButton
from pytestqt.qtbot import QtBot

from engine.networks.architectures import summarize_layers
from engine.networks.notation import LAYER_HELP, parse_network
from gui.forms.notation_editor import TEMPLATES, NotationEditor
from tests.gui.support import find

SHAPE = (32, 32, 3)


@pytest.fixture
def editor(qtbot: QtBot) -> NotationEditor:
    editor = NotationEditor(SHAPE)
    qtbot.addWidget(editor)
    editor.show()
    return editor


def insert(editor: NotationEditor, title: str) -> None:
    """Choose an entry of the menu."""
    menu = find(editor, QPushButton, "network_insert").menu()
    next(action for action in menu.actions() if action.text() == title).trigger()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("¦", "FC-64"),
        ("Conv-3x3x8¦", "Conv-3x3x8, FC-64"),
        ("Conv-3x3x8, ¦", "Conv-3x3x8, FC-64"),
        ("¦Conv-3x3x8", "FC-64, Conv-3x3x8"),
        ("ReLU¦, FC-8", "ReLU, FC-64, FC-8"),
        ("ReLU, ¦FC-8", "ReLU, FC-64, FC-8"),
        ("Skip[¦]", "Skip[FC-64]"),
        ("Skip[FC-3 |¦]", "Skip[FC-3 | FC-64]"),
        ("ReLU,\n¦", "ReLU, FC-64"),
    ],
)
def test_a_layer_is_inserted_at_the_cursor_with_its_commas(editor: NotationEditor, text: str, expected: str) -> None:
    editor.write(text.replace("¦", ""))
    cursor = editor.box.textCursor()
    cursor.setPosition(text.index("¦"))
    editor.box.setTextCursor(cursor)
    insert(editor, "FC-64")
    assert editor.text == expected


def test_what_is_selected_is_replaced(editor: NotationEditor) -> None:
    editor.write("ReLU, FC-8, ReLU")
    cursor = editor.box.textCursor()
    cursor.setPosition(6)
    cursor.setPosition(10, QTextCursor.MoveMode.KeepAnchor)
    editor.box.setTextCursor(cursor)
    insert(editor, "Dropout-0.5")
    assert editor.text == "ReLU, Dropout-0.5, ReLU"
    editor.box.undo()
    assert editor.text == "ReLU, FC-8, ReLU"


@pytest.mark.parametrize("title", TEMPLATES)
@pytest.mark.parametrize("before", ["Conv-3x3x24(same)", "Conv-3x3x24(same), MaxPool-2x2, Dropout-0.2"])
def test_several_layers_at_once_fit_the_channels_before_them(editor: NotationEditor, before: str, title: str) -> None:
    editor.write(before)
    editor.box.moveCursor(QTextCursor.MoveOperation.End)
    insert(editor, title)
    channels = {layer.output_shape[-1] for layer in summarize_layers(parse_network(editor.text), SHAPE, 10)}
    assert channels <= {24, 48, 10}
    assert editor.text.startswith(f"{before}, ")


@pytest.mark.parametrize("title", [title for title in TEMPLATES if title.startswith("Residual")])
@pytest.mark.parametrize(
    ("before", "after", "channels"),
    [
        ("Conv-3x3x32(same), Act, Skip[Conv-3x3x32(same), ", "", 32),
        ("Conv-3x3x32(same), Act, skip [Conv-3x3x48(same),\nSkip[Conv-3x3x64(same) | ", ", Conv-1x1x8]]", 48),
        ("Conv-3x3x32(same), Skip[Conv-3x3x48(same), Skip[Act, Act], ", "", 48),
        ("Skip[Act | Act] -> Skip[ReLU, ", "", 3),
    ],
)
def test_they_fit_in_a_block_that_is_not_finished(
    editor: NotationEditor, title: str, before: str, after: str, channels: int
) -> None:
    editor.write(before + after)
    cursor = editor.box.textCursor()
    cursor.setPosition(len(before))
    editor.box.setTextCursor(cursor)
    insert(editor, title)
    inserted = editor.text[len(before.rstrip()) : len(editor.text) - len(after)].strip()
    summaries = summarize_layers(parse_network(inserted), (32, 32, channels), 10)
    same = channels if channels > 3 else 16
    assert summaries[-1].input_shape[-1] == (2 * same if "half" in title else same)


@pytest.mark.parametrize("title", TEMPLATES)
@pytest.mark.parametrize("channels", [1, 3])
def test_as_first_layers_they_fit_the_images(qtbot: QtBot, title: str, channels: int) -> None:
    editor = NotationEditor((32, 32, channels))
    qtbot.addWidget(editor)
    insert(editor, title)
    summaries = summarize_layers(parse_network(editor.text), (32, 32, channels), 10)
    assert summaries[-1].input_shape[-1] in (16, 32)


def test_inserting_announces_a_change_once(editor: NotationEditor) -> None:
    heard: list[str] = []
    editor.changed.connect(lambda: heard.append(editor.text))
    insert(editor, "FC-64")
    assert heard == ["FC-64"]


def test_what_each_layer_does_can_be_unfolded(editor: NotationEditor) -> None:
    text = find(editor, QTextBrowser, "network_layer_help")
    assert not text.isVisible()
    find(editor, QToolButton, "network_layer_help_fold").click()
    assert text.isVisible()
    assert all(layer in text.toPlainText() and what in text.toPlainText() for layer, what in LAYER_HELP.items())


def test_every_entry_of_the_menu_says_what_it_is(editor: NotationEditor) -> None:
    entries = [entry for entry in find(editor, QPushButton, "network_insert").menu().actions() if entry.text()]
    assert all(entry.toolTip().startswith("<p>") for entry in entries)
    assert len(entries) == len(LAYER_HELP) - 1 + len(TEMPLATES)

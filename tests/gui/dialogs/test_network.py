"""The network dialog: checks while typing, and the networks offered afterwards."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QFileDialog,
    QLabel,
    QLineEdit,
    QMessageBox,
    QPlainTextEdit,
    QPushButton,
    QToolButton,
)
from pytestqt.qtbot import QtBot

from engine.networks.architectures import ARCHITECTURES
from engine.workspace.network_library import NetworkLibrary
from gui.dialogs.network import NetworkDialog
from gui.forms.dataset_chooser import DatasetChooser
from gui.forms.network_table import NetworkTable
from gui.forms.network_view import NetworkView
from gui.widgets.message_bar import MessageBar
from gui.window.main_window import MainWindow
from tests.gui.conftest import MakeWindow
from tests.gui.support import PATIENCE_MS, find, tab_of

MakeDialog = Callable[..., NetworkDialog]
TRAINING_TABS = ("architectures", "activations", "learning-rate", "schedule")


@pytest.fixture
def library(workspace: Path) -> NetworkLibrary:
    return NetworkLibrary(workspace)


@pytest.fixture
def make_dialog(qtbot: QtBot, library: NetworkLibrary) -> MakeDialog:
    def make(shape: tuple[int, int, int] = (32, 32, 1), classes: int = 10) -> NetworkDialog:
        dialog = NetworkDialog(library, shape, classes)
        qtbot.addWidget(dialog)
        dialog.show()
        return dialog

    return make


def write(dialog: NetworkDialog, notation: str | None = None, name: str | None = None) -> None:
    """Replace the network by typing."""
    if notation is not None:
        editor = find(dialog, QPlainTextEdit, "network_notation")
        editor.selectAll()
        QTest.keyClicks(editor, notation) if notation else QTest.keyClick(editor, Qt.Key.Key_Delete)
    if name is not None:
        line = find(dialog, QLineEdit, "network_name")
        line.selectAll()
        QTest.keyClicks(line, name)


def message(dialog: NetworkDialog) -> str:
    return find(dialog, QLabel, "network_message").text()


def save(dialog: NetworkDialog) -> QPushButton:
    return find(dialog, QPushButton, "network_save")


def rows(dialog: NetworkDialog) -> list[list[str]]:
    table = find(dialog, NetworkTable, "network_layers")
    return [
        [table.model().index(row, column).data() for column in range(table.columnCount())]
        for row in range(table.rowCount())
    ]


# Checks while typing


def test_it_begins_with_an_example_that_could_be_saved(make_dialog: MakeDialog) -> None:
    dialog = make_dialog()
    assert message(dialog) == ""
    assert save(dialog).isEnabled()
    assert rows(dialog)[-1][0] == "sum"


def test_the_layers_typed_are_shown_with_shapes_formulas_and_their_sum(make_dialog: MakeDialog) -> None:
    dialog = make_dialog()
    write(dialog, "Conv-3x5x4, ReLU, MaxPool-2x2, FC-8(no bias)")
    assert rows(dialog) == [
        ["conv_1", "28x30x4", "(1·5·3 + 1)·4", "64"],
        ["act_1", "28x30x4", "", "0"],
        ["maxpool_1", "14x15x4", "", "0"],
        ["dense_1", "8", "14·15·4·8", "6,720"],
        ["prediction", "10", "8·10 + 10", "90"],
        ["sum", "", "", "6,874"],
    ]


def test_the_table_follows_every_key(make_dialog: MakeDialog) -> None:
    """FC-6 is a network, as are FC-64 and FC-640; only FC- is none."""
    dialog = make_dialog()
    write(dialog, "FC-")
    assert "'FC-' is no layer" in message(dialog)
    assert rows(dialog) == []
    editor = find(dialog, QPlainTextEdit, "network_notation")
    for key, units in (("6", "6"), ("4", "64"), ("0", "640")):
        QTest.keyClicks(editor, key)
        assert (message(dialog), rows(dialog)[0][1]) == ("", units)


@pytest.mark.parametrize(
    ("notation", "words"),
    [
        ("", "the network has no layer; write for example Conv-3x3x16"),
        ("Conv-3x3", "'Conv-3x3' is no layer: write a convolution as width x height x number of channels"),
        ("FC-0", "the number of units in 'FC-0' must be from 1 to 65536."),
        ("MaxPool-2x3", "'MaxPool-2x3' is not square"),
        ("Conv-40x40x4", "On 32x32 images: at conv_1, a 40x40 kernel does not fit on a 32x32 image."),
        ("FC-8, Conv-3x3x4", "On 32x32 images: at conv_1, a convolution needs an image"),
        ("FC-65536", "The network would learn 67,829,770 parameters, and at most 50,000,000 are allowed; make"),
    ],
)
def test_what_is_wrong_is_said_at_once_and_can_not_be_saved(
    make_dialog: MakeDialog, library: NetworkLibrary, notation: str, words: str
) -> None:
    dialog = make_dialog()
    write(dialog, notation)
    assert message(dialog).startswith(words)
    assert message(dialog).endswith(".")
    assert not save(dialog).isEnabled()
    assert rows(dialog) == []
    write(dialog, "FC-8")
    assert message(dialog) == ""
    assert save(dialog).isEnabled()
    assert library.networks() == {}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("cnn_4", "'cnn_4' is the name of a built-in architecture; choose another name."),
        ("1st", "'1st' is no name of an architecture"),
        ("two words", "'two words' is no name of an architecture"),
        ("bad [x", "'bad [x' is no name of an architecture"),
        (" ", "'' is no name of an architecture"),
    ],
)
def test_a_name_that_can_not_be_is_said_and_can_not_be_saved(make_dialog: MakeDialog, name: str, words: str) -> None:
    dialog = make_dialog()
    write(dialog, name=name)
    assert message(dialog).startswith(words)
    assert not save(dialog).isEnabled()


def test_a_network_is_checked_on_the_images_of_the_form(make_dialog: MakeDialog) -> None:
    dialog = make_dialog((8, 12, 3), 4)
    write(dialog, "Conv-9x7x2")
    assert rows(dialog)[0][1:] == ["2x4x2", "(3·7·9 + 1)·2", "380"]
    assert rows(dialog)[1][1] == "4"
    write(dialog, "Conv-9x9x2")
    assert message(dialog).startswith("On 12x8 images: at conv_1, a 9x9 kernel does not fit on ")


def test_what_does_not_fit_is_said_width_before_height_as_it_was_typed(make_dialog: MakeDialog) -> None:
    dialog = make_dialog((8, 12, 3), 4)
    write(dialog, "Conv-5x9x2")
    assert message(dialog) == "On 12x8 images: at conv_1, a 5x9 kernel does not fit on a 12x8 image."


# The picture


def picture(dialog: NetworkDialog) -> NetworkView:
    return find(dialog, NetworkView, "network_picture")


def test_the_picture_and_the_total_follow_the_text(make_dialog: MakeDialog) -> None:
    dialog = make_dialog()
    write(dialog, "FC-8")
    assert picture(dialog).accessibleDescription() == "dense_1, prediction; 8,290 parameters"
    total = find(dialog, QLabel, "network_total")
    assert total.text() == "<b>8,290 parameters</b> on 32x32 images with 1 channel, 10 classes"
    write(dialog, "Skip[FC-1024, Dropout-0.5]")
    assert "the shortcut" in message(dialog)
    assert picture(dialog).accessibleDescription() == "dense_1, prediction; 8,290 parameters", "the last one stays"


def test_nothing_moves_while_the_text_is_wrong(make_dialog: MakeDialog) -> None:
    dialog = make_dialog()
    write(dialog, "FC-8")
    places = [find(dialog, QPlainTextEdit, "network_notation").geometry(), picture(dialog).geometry()]
    write(dialog, "FC-8, FC-")
    assert message(dialog)
    assert [find(dialog, QPlainTextEdit, "network_notation").geometry(), picture(dialog).geometry()] == places


def test_a_picture_that_can_not_be_saved_is_said(
    make_dialog: MakeDialog, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    dialog = make_dialog()
    proposed: list[str] = []

    def ask(_parent: object, _title: str, name: str, _kinds: str) -> tuple[str, str]:
        proposed.append(name)
        return str(tmp_path / "missing" / "net.svg"), ""

    monkeypatch.setattr(QFileDialog, "getSaveFileName", ask)
    find(dialog, QToolButton, "network_picture_save").click()
    assert proposed == ["my_net.svg"]
    assert message(dialog).endswith("can't be written (No such file or directory); choose another folder.")


def test_a_sum_in_the_table_says_what_it_adds(make_dialog: MakeDialog) -> None:
    dialog = make_dialog()
    write(dialog, "Conv-3x3x4(same), Skip[Conv-3x3x4(same)], FC-8")
    assert rows(dialog)[2] == ["skip_1", "32x32x4", "conv_2 + conv_1", "0"]


def test_one_can_begin_from_a_well_known_network(make_dialog: MakeDialog) -> None:
    dialog = make_dialog((32, 32, 3))
    start = find(dialog, QComboBox, "network_start")
    assert [start.itemText(row) for row in range(1, start.count())] == list(ARCHITECTURES)
    start.setCurrentText("resnet_20")
    assert find(dialog, QLineEdit, "network_name").text() == "resnet_20_changed"
    assert message(dialog) == ""


# Saved networks


def test_what_is_saved_is_in_the_library_in_its_plainest_form(make_dialog: MakeDialog, library: NetworkLibrary) -> None:
    dialog = make_dialog()
    write(dialog, "conv-3X3x4,relu", "  small ")
    save(dialog).click()
    assert dialog.result() == QDialog.DialogCode.Accepted
    assert dialog.architecture == "small[Conv-3x3x4, ReLU]"
    assert library.networks() == {"small": "small[Conv-3x3x4, ReLU]"}


def test_cancel_keeps_nothing(make_dialog: MakeDialog, library: NetworkLibrary) -> None:
    dialog = make_dialog()
    dialog.reject()
    assert (dialog.architecture, library.networks()) == ("", {})


def test_a_workspace_that_can_not_be_written_is_said_and_the_text_stays(
    make_dialog: MakeDialog, workspace: Path
) -> None:
    dialog = make_dialog()
    workspace.write_text("a file")
    save(dialog).click()
    assert "networks.toml can't be" in message(dialog)
    assert dialog.isVisible()
    assert find(dialog, QPlainTextEdit, "network_notation").toPlainText()


def test_one_can_begin_from_a_network_of_the_course_under_another_name(make_dialog: MakeDialog) -> None:
    dialog = make_dialog()
    find(dialog, QComboBox, "network_start").setCurrentText("cnn_3")
    assert find(dialog, QLineEdit, "network_name").text() == "cnn_3_changed"
    assert find(dialog, QPlainTextEdit, "network_notation").toPlainText() == (
        "Conv-3x3x16, Act, Conv-5x5x8, Act, MaxPool-2x2, Conv-7x7x16, MaxPool-2x2"
    )
    assert rows(dialog)[-1][-1] == "11,106"
    assert not find(dialog, QPushButton, "network_remove").isEnabled()


def test_one_can_change_a_network_of_ones_own_and_forget_it(make_dialog: MakeDialog, library: NetworkLibrary) -> None:
    library.save("small[FC-8, ReLU]")
    dialog = make_dialog()
    start, remove = find(dialog, QComboBox, "network_start"), find(dialog, QPushButton, "network_remove")
    start.setCurrentText("small")
    assert find(dialog, QLineEdit, "network_name").text() == "small"
    assert find(dialog, QPlainTextEdit, "network_notation").toPlainText() == "FC-8, ReLU"
    remove.click()
    assert library.networks() == {}
    assert start.findText("small") < 0
    assert not remove.isEnabled()


def answering(monkeypatch: pytest.MonkeyPatch, text: str) -> list[str]:
    """Press the button that begins with ``text`` in every question; return the questions."""
    asked: list[str] = []

    def press(box: QMessageBox) -> None:
        asked.append(box.text())
        next(button for button in box.buttons() if button.text().replace("&", "").startswith(text)).click()

    monkeypatch.setattr(QMessageBox, "exec", press)
    return asked


@pytest.mark.parametrize(
    ("answer", "kept"),
    [
        ("Cancel", {"small": "small[FC-8, ReLU]"}),
        ("Replace", {"small": "small[FC-9]"}),
        ("Save as small_2", {"small": "small[FC-8, ReLU]", "small_2": "small_2[FC-9]"}),
    ],
)
def test_another_network_of_the_name_is_not_replaced_unasked(
    make_dialog: MakeDialog, library: NetworkLibrary, monkeypatch: pytest.MonkeyPatch, answer: str, kept: dict[str, str]
) -> None:
    library.save("small[FC-8, ReLU]")
    asked = answering(monkeypatch, answer)
    dialog = make_dialog()
    write(dialog, "FC-9", "small")
    save(dialog).click()
    assert asked == ["Another network is saved as small: FC-8, ReLU. Replace it?"]
    assert library.networks() == kept
    assert dialog.isVisible() is (answer == "Cancel")
    assert dialog.architecture == ("" if answer == "Cancel" else list(kept.values())[-1])


def test_a_network_saved_meanwhile_by_another_window_is_not_replaced_unasked(
    make_dialog: MakeDialog, library: NetworkLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = answering(monkeypatch, "Cancel")
    dialog = make_dialog()
    library.save("my_net[FC-8]")
    save(dialog).click()
    assert len(asked) == 1
    assert library.networks() == {"my_net": "my_net[FC-8]"}


@pytest.mark.parametrize("notation", ["FC-9", "FC-8, ReLU"])
def test_the_network_being_edited_is_saved_unasked_and_so_is_an_equal_one(
    make_dialog: MakeDialog, library: NetworkLibrary, monkeypatch: pytest.MonkeyPatch, notation: str
) -> None:
    library.save("small[FC-8, ReLU]")
    asked = answering(monkeypatch, "Cancel")
    dialog = make_dialog()
    if notation == "FC-9":
        find(dialog, QComboBox, "network_start").setCurrentText("small")
    write(dialog, notation, "small")
    save(dialog).click()
    assert (asked, library.networks()) == ([], {"small": f"small[{notation}]"})


def test_the_proposed_name_is_free(make_dialog: MakeDialog, library: NetworkLibrary) -> None:
    for name in ("my_net", "my_net_2", "cnn_3_changed"):
        library.save(f"{name}[FC-8]")
    dialog = make_dialog()
    assert find(dialog, QLineEdit, "network_name").text() == "my_net_3"
    find(dialog, QComboBox, "network_start").setCurrentText("cnn_3")
    assert find(dialog, QLineEdit, "network_name").text() == "cnn_3_changed_2"


def test_a_library_that_can_not_be_read_is_said(make_dialog: MakeDialog, library: NetworkLibrary) -> None:
    library.file.parent.mkdir()
    library.file.write_text("small = ", encoding="utf-8")
    dialog = make_dialog()
    save(dialog).click()
    assert "can't be read" in message(dialog)
    assert dialog.isVisible()


# In the window


def write_in_window(window: MainWindow, monkeypatch: pytest.MonkeyPatch, tab: str, notation: str, name: str) -> None:
    """Press the tab's button, type into the dialog that opens, and save."""

    def use(dialog: NetworkDialog) -> int:
        write(dialog, notation, name)
        dialog.accept()
        return dialog.result()

    monkeypatch.setattr(NetworkDialog, "exec", use)
    form = tab_of(window, tab).form
    button = form.findChild(QPushButton, "architectures_write") or find(form, QPushButton, "architecture_write")
    button.click()


def offered(window: MainWindow, name: str) -> list[str]:
    """The tabs that offer a network of that name."""
    found = []
    for tab in TRAINING_TABS:
        form = tab_of(window, tab).form
        box = form.findChild(QComboBox, "architecture_list")
        ticks = form.findChild(QCheckBox, f"architectures_{name}")
        if ticks is not None or (box is not None and box.findText(name) >= 0):
            found.append(tab)
    return found


@pytest.mark.parametrize("asked", TRAINING_TABS)
def test_a_saved_network_is_offered_in_every_tab_and_chosen_where_it_was_written(
    make_window: MakeWindow, monkeypatch: pytest.MonkeyPatch, asked: str
) -> None:
    window = make_window()
    before = {tab: tab_of(window, tab).form.spec() for tab in TRAINING_TABS}
    write_in_window(window, monkeypatch, asked, "FC-8, ReLU", "tiny")
    assert offered(window, "tiny") == list(TRAINING_TABS)
    for tab in TRAINING_TABS:
        now = tab_of(window, tab).form.spec().model_dump()
        chosen = now["architectures"][-1] if "architectures" in now else now["architecture"]
        assert (chosen == "tiny[FC-8, ReLU]") is (tab == asked)
        if tab != asked:
            assert now == before[tab].model_dump()


def test_saved_networks_are_offered_when_the_program_starts_again(
    make_window: MakeWindow, library: NetworkLibrary
) -> None:
    library.save("tiny[FC-8, ReLU]")
    assert offered(make_window(), "tiny") == list(TRAINING_TABS)


def test_a_network_is_checked_on_the_samples_and_the_sizes_that_the_form_shows(
    qtbot: QtBot, make_window: MakeWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = make_window()
    tab = tab_of(window)
    qtbot.waitUntil(lambda: find(tab, DatasetChooser, "dataset_chooser").has_samples, timeout=PATIENCE_MS)
    tab.form.show_values({"image_size": 12})
    shapes: list[list[str]] = []

    def look(dialog: NetworkDialog) -> int:
        write(dialog, "Conv-3x3x2")
        shapes.append([row[1] for row in rows(dialog)])
        return QDialog.DialogCode.Rejected

    monkeypatch.setattr(NetworkDialog, "exec", look)
    find(tab, QPushButton, "architectures_write").click()
    assert shapes == [["10x10x2", "10", ""]]


def test_a_library_spoilt_by_hand_does_not_keep_the_window_from_opening(
    make_window: MakeWindow, library: NetworkLibrary
) -> None:
    library.file.parent.mkdir()
    library.file.write_text("small = ", encoding="utf-8")
    window = make_window()
    assert "networks.toml can't be read" in find(window, MessageBar, "message_bar").text
    assert offered(window, "small") == []

"""Typed titles and notes are stored, or kept until they can be."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from PySide6.QtWidgets import QLineEdit, QPlainTextEdit
from pytestqt.qtbot import QtBot

import gui.history.details
from engine.utils.errors import StoreError
from engine.workspace.catalogue import Catalogue
from gui.background.store_reader import StoreReader
from gui.history.drafts import Drafts
from gui.history.tab import HistoryTab
from gui.utils.preferences import program_settings
from tests.gui.history.support import heard
from tests.gui.history_support import entry_of, until
from tests.gui.support import find

REASON = "The disk is full; make room."


@contextmanager
def failing_store() -> Iterator[None]:
    """Fail all writes of titles and notes."""

    def fail(_catalogue: Catalogue, _number: int, _text: str) -> None:
        raise StoreError(REASON)

    with pytest.MonkeyPatch.context() as patch:
        for method in ("annotate", "rename"):
            patch.setattr(Catalogue, method, fail)
        yield


def notes_of(history: HistoryTab) -> QPlainTextEdit:
    return find(history, QPlainTextEdit, "experiment_notes")


def opened(qtbot: QtBot, workspace: Path) -> HistoryTab:
    tab = HistoryTab(StoreReader(workspace))
    qtbot.addWidget(tab)
    tab.show()
    until(qtbot, lambda: tab.table.entries.rowCount() == 3)
    return tab


@pytest.fixture
def typed(qtbot: QtBot, history: HistoryTab) -> Callable[[str], None]:
    """Select experiment 2 and type notes."""

    def type_notes(text: str) -> None:
        history.table.choose([2])
        notes_of(history).setFocus()
        qtbot.keyClicks(notes_of(history), text)

    return type_notes


def test_notes_are_stored_while_one_types_without_a_pause(
    qtbot: QtBot, workspace: Path, three: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gui.history.details, "NOTES_DELAY_MS", 200)
    history = opened(qtbot, workspace)
    history.table.choose([2])

    def type_on() -> bool:
        qtbot.keyClick(notes_of(history), "x")
        return history.table.entries.entry(2).stored.notes != ""

    until(qtbot, type_on)
    assert set(notes_of(history).toPlainText()) == {"x"}
    history.close_catalogue()


def test_notes_are_stored_when_a_search_hides_their_experiment(
    qtbot: QtBot, history: HistoryTab, workspace: Path, typed: Callable[[str], None]
) -> None:
    typed("of the second")
    qtbot.keyClicks(find(history, QLineEdit, "history_search"), "Long one")
    until(qtbot, lambda: entry_of(workspace, 2).stored.notes == "of the second")
    assert notes_of(history).toPlainText() == ""


def test_a_list_read_while_one_types_changes_nothing_in_the_notes(
    qtbot: QtBot, history: HistoryTab, typed: Callable[[str], None]
) -> None:
    typed("half a sen")
    with qtbot.waitSignal(history.listed):
        history.refresh()
    assert notes_of(history).hasFocus()
    qtbot.keyClicks(notes_of(history), "tence")
    assert notes_of(history).toPlainText() == "half a sentence"


def test_what_could_not_be_stored_is_shown_again_and_stored_when_it_can_be(
    qtbot: QtBot, history: HistoryTab, workspace: Path, typed: Callable[[str], None]
) -> None:
    said = heard(history.experiment_actions.failed)
    with failing_store():
        typed("not lost")
        history.table.choose([1])
        until(qtbot, lambda: said == [REASON])
        assert notes_of(history).toPlainText() == ""
        history.table.choose([2])
        assert notes_of(history).toPlainText() == "not lost"
        assert entry_of(workspace, 2).stored.notes == ""
    history.refresh()
    until(qtbot, lambda: entry_of(workspace, 2).stored.notes == "not lost")
    until(qtbot, lambda: not history.experiment_actions.drafts.all())
    assert Drafts(workspace).all() == []


def test_what_could_not_be_stored_before_the_window_closed_is_there_again(
    qtbot: QtBot, three: None, workspace: Path
) -> None:
    first = opened(qtbot, workspace)
    first.table.choose([2])
    with failing_store():
        qtbot.keyClicks(notes_of(first), "mail: me@Variant(x)")
        qtbot.keyClicks(find(first, QLineEdit, "experiment_title"), " mine ")
        first.close_catalogue()
    assert (entry_of(workspace, 2).stored.notes, entry_of(workspace, 2).stored.title) == ("", "")
    program_settings().sync()
    with failing_store():
        second = opened(qtbot, workspace)
        second.table.choose([2])
        assert notes_of(second).toPlainText() == "mail: me@Variant(x)"
        assert find(second, QLineEdit, "experiment_title").text() == "mine"
        second.close_catalogue()
    opened(qtbot, workspace).close_catalogue()
    stored = entry_of(workspace, 2).stored
    assert (stored.notes, stored.title) == ("mail: me@Variant(x)", "mine")


def test_drafts_that_make_no_sense_are_passed_over(workspace: Path) -> None:
    drafts = Drafts(workspace)
    drafts.put(2, "notes", "x")
    drafts.remember()
    [key] = [key for key in program_settings().allKeys() if key.startswith("unsaved_texts/")]
    for text in ("{", "[1]", '[[1, "colour", "red"]]', "[[null, null, null]]"):
        program_settings().setValue(key, text)
        assert Drafts(workspace).all() == []

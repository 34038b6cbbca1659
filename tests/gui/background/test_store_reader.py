"""gui.background.store_reader: queries in a thread of their own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from engine.utils.errors import StoreError
from gui.background.store_reader import StoreReader
from tests.gui.history_support import until


@pytest.fixture
def reader(qtbot: QtBot, workspace: Path) -> Iterator[StoreReader]:
    made = StoreReader(workspace)
    yield made
    made.close()


def test_answers_come_in_order_then_the_end_in_the_windows_thread(
    qtbot: QtBot, reader: StoreReader, workspace: Path
) -> None:
    said: list[object] = []
    threads: set[int] = set()

    def question(place: Path) -> Iterator[object]:
        threads.add(threading.get_ident())
        yield place
        yield 2

    reader.ask(question, said.append, pytest.fail, lambda: said.append(threading.get_ident()))
    until(qtbot, lambda: len(said) == 3)
    assert said == [workspace, 2, threading.get_ident()]
    assert threads
    assert threading.get_ident() not in threads


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (StoreError("The disk is full."), "The disk is full."),
        (RuntimeError("out of the blue"), "unexpected RuntimeError"),
    ],
)
def test_an_error_is_said_and_the_next_question_answered(
    qtbot: QtBot, reader: StoreReader, error: Exception, sentence: str
) -> None:
    said: list[str] = []

    def failing(_place: Path) -> Iterator[int]:
        yield 1
        raise error

    def ended() -> None:
        pytest.fail("it has not come to its end")

    reader.ask(failing, lambda _value: None, said.append, ended)
    reader.ask(lambda _place: iter(["answer"]), said.append, pytest.fail)
    until(qtbot, lambda: len(said) == 2)
    assert sentence in said[0]
    assert said[1] == "answer"


def test_a_question_that_was_dropped_says_nothing_more(qtbot: QtBot, reader: StoreReader) -> None:
    said: list[object] = []
    may_go_on = threading.Event()

    def question(_place: Path) -> Iterator[int]:
        yield 1
        may_go_on.wait()
        yield 2
        pytest.fail("nobody waits for this")

    reading = reader.ask(question, said.append, pytest.fail, lambda: said.append("end"))
    until(qtbot, lambda: said == [1])
    reading.cancel()
    may_go_on.set()
    reader.ask(lambda _place: iter([3]), said.append, pytest.fail)
    until(qtbot, lambda: said[-1] == 3)
    assert said == [1, 3]


def test_a_closed_reader_has_done_what_was_asked_and_asks_nothing_more(qtbot: QtBot, workspace: Path) -> None:
    done: list[int] = []

    def question(_place: Path) -> Iterator[None]:
        done.append(1)
        yield

    reader = StoreReader(workspace)
    reader.ask(question, lambda _value: None, pytest.fail)
    reader.close()
    reader.ask(question, lambda _value: None, pytest.fail)
    reader.close()
    assert done == [1]

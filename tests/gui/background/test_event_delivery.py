"""gui.background.event_delivery: events of a working thread in the window's thread."""

from __future__ import annotations

import threading

import pytest
from PySide6.QtCore import QObject
from pytestqt.qtbot import QtBot

from engine.events.runs import RunFinished, Status
from engine.events.tasks import Event
from gui.background import event_delivery
from gui.background.event_delivery import EventDelivery
from tests.gui.curve_support import recorded
from tests.gui.history_support import until


def put(delivery: EventDelivery, events: list[Event | None]) -> None:
    """Put events from another thread."""
    thread = threading.Thread(target=lambda: [delivery.put(event) for event in events])
    thread.start()
    thread.join()


def test_events_come_in_order_in_the_windows_thread_and_the_end_of_the_job_last(qtbot: QtBot) -> None:
    taken: list[tuple[Event | None, int]] = []
    parent = QObject()
    delivery = EventDelivery(lambda event: taken.append((event, threading.get_ident())), parent)
    events: list[Event | None] = [
        *(recorded(1, step) for step in range(1, 8)),
        RunFinished(1, Status.FINISHED),
        recorded(2, 1),
        None,
    ]
    put(delivery, events)
    until(qtbot, lambda: len(taken) == len(events))
    assert [event for event, _ in taken] == events
    assert {thread for _, thread in taken} == {threading.get_ident()}


def test_records_that_follow_closely_wait_for_one_another_and_nothing_else_waits(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_delivery, "RECORDS_INTERVAL_MS", 1_000_000)
    taken: list[Event | None] = []
    parent = QObject()
    delivery = EventDelivery(taken.append, parent)
    first, second, end = recorded(1, 1), recorded(1, 2), RunFinished(1, Status.FINISHED)
    put(delivery, [None])
    until(qtbot, lambda: taken == [None])
    put(delivery, [first])
    put(delivery, [second])
    qtbot.wait(0)  # what has arrived is handled
    assert taken == [None]
    put(delivery, [end])
    until(qtbot, lambda: len(taken) == 4)
    assert taken == [None, first, second, end]


def test_a_record_that_nothing_follows_is_delivered_all_the_same(qtbot: QtBot) -> None:
    taken: list[Event | None] = []
    parent = QObject()
    delivery = EventDelivery(taken.append, parent)
    put(delivery, [None, recorded(1, 1)])
    until(qtbot, lambda: len(taken) == 2)
    put(delivery, [recorded(1, 2)])
    until(qtbot, lambda: len(taken) == 3)

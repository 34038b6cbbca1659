"""gui.background.event_delivery: events of a working thread in the window's thread."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest
from PySide6.QtCore import QObject, QTimer
from pytestqt.qtbot import QtBot

from engine.events.runs import RunFinished, Status
from engine.events.tasks import Event
from engine.events.watching import WatchedEvent
from gui.background import event_delivery
from gui.background.event_delivery import EventDelivery
from tests.gui.curve_support import recorded
from tests.gui.history_support import until


def put(delivery: EventDelivery, events: Sequence[object]) -> None:
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


def test_records_of_watched_experiments_wait_for_one_another_too(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_delivery, "RECORDS_INTERVAL_MS", 1_000_000)
    taken: list[object] = []
    parent = QObject()
    delivery = EventDelivery(taken.append, parent)
    put(delivery, [None])
    until(qtbot, lambda: taken == [None])
    watched = [WatchedEvent(1, recorded(1, 1)), WatchedEvent(1, RunFinished(1, Status.FINISHED))]
    put(delivery, watched[:1])
    qtbot.wait(0)
    assert taken == [None]
    put(delivery, watched[1:])
    until(qtbot, lambda: len(taken) == 3)
    assert taken[1:] == watched


def test_the_window_handles_its_own_events_between_two_batches(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_delivery, "LONGEST_BATCH_MS", -1)
    taken: list[object] = []
    parent = QObject()

    def take(event: object) -> None:
        if not taken:
            QTimer.singleShot(0, lambda: taken.append("the window's own"))
        taken.append(event)

    put(EventDelivery(take, parent), [*(recorded(1, step) for step in range(1, 8)), None])
    until(qtbot, lambda: len(taken) == 9)
    assert taken[-1] is None, "it came before the last event"

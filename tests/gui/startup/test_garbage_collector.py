"""gui.startup.garbage_collector: garbage is collected in the GUI thread."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Iterator

import pytest
from PySide6.QtCore import QObject
from pytestqt.qtbot import QtBot

from gui.startup.garbage_collector import GarbageCollector


class Cycle:
    """Cyclic garbage that records the thread it is destroyed in."""

    def __init__(self, seen: list[int]) -> None:
        self.itself = self
        weakref.finalize(self, lambda: seen.append(threading.get_ident()))


@pytest.fixture
def collector() -> Iterator[GarbageCollector]:
    owner = QObject()
    yield GarbageCollector(owner)
    gc.unfreeze()
    owner.deleteLater()


def litter(seen: list[int], count: int) -> None:
    for _ in range(count):
        Cycle(seen)


def test_a_thread_that_litters_destroys_nothing_itself(qtbot: QtBot, collector: GarbageCollector) -> None:
    seen: list[int] = []
    thread = threading.Thread(target=litter, args=(seen, 5 * gc.get_threshold()[0]))
    thread.start()
    thread.join()
    assert seen == [], "many more than would have been collected otherwise"
    qtbot.waitUntil(lambda: bool(seen), timeout=60_000)
    assert set(seen) == {threading.get_ident()}


def test_a_little_garbage_waits(collector: GarbageCollector) -> None:
    gc.collect()
    seen: list[int] = []
    litter(seen, 5)
    collector.collect()
    assert seen == []

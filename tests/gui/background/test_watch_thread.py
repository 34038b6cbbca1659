"""gui.background.watch_thread: requests, failures and events of the thread that follows other programs' logs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from engine.events.watching import FolderLeft, FolderWatched, WatchEvent, WatchRequest
from engine.utils.errors import StoreError
from engine.watching import scan, watcher
from gui.background import watch_thread
from gui.background.watch_thread import WatchThread
from tests.gui.history_support import until
from tests.gui.watch_support import begins, logged, trains

Failures = list[Exception | None]


class ScriptedWatcher:
    """Sends the state of a folder at its first poll; ``polls`` are failures of the next ones, the last one for good."""

    made: list[ScriptedWatcher]
    polls: Failures

    def __init__(self, _workspace: Path, emit: Callable[[WatchEvent], None]) -> None:
        self.emit, self.folders = emit, dict[str, bool]()
        self.thread = threading.get_ident()
        self.polled, self.is_closed = 0, False
        self.made.append(self)

    def watch(self, request: WatchRequest) -> None:
        if "missing" in request.folder:
            raise StoreError("It can't be watched.")
        self.folders[request.folder] = False

    def leave(self, folder: str) -> None:
        del self.folders[folder]
        self.emit(FolderLeft(folder))

    def poll(self) -> bool:
        self.polled += 1
        failure = self.polls.pop(0) if len(self.polls) > 1 else self.polls[0]
        if failure is not None:
            raise failure
        for folder, is_known in self.folders.items():
            if not is_known:
                self.emit(FolderWatched(folder))
                self.folders[folder] = True
        return False

    def close(self) -> None:
        self.is_closed = True


@pytest.fixture
def watchers(monkeypatch: pytest.MonkeyPatch) -> list[ScriptedWatcher]:
    """The watchers that are made."""
    monkeypatch.setattr(ScriptedWatcher, "made", [], raising=False)
    monkeypatch.setattr(ScriptedWatcher, "polls", [None], raising=False)
    monkeypatch.setattr(watcher, "Watcher", ScriptedWatcher)
    monkeypatch.setattr(watch_thread, "POLL_SECONDS", 0.001)
    monkeypatch.setattr(watch_thread, "RETRY_SECONDS", 0.001)
    return ScriptedWatcher.made


@pytest.fixture
def thread(qtbot: QtBot, workspace: Path, watchers: list[ScriptedWatcher]) -> Iterator[WatchThread]:
    thread = WatchThread(workspace)
    yield thread
    thread.close()
    assert all(each.is_closed for each in watchers)


def test_nothing_runs_before_the_first_request(thread: WatchThread, watchers: list[ScriptedWatcher]) -> None:
    assert not thread.isRunning()
    assert watchers == []


def test_a_folder_is_followed_until_it_is_left_and_events_come_in_the_windows_thread(
    qtbot: QtBot, thread: WatchThread, watchers: list[ScriptedWatcher]
) -> None:
    happened: list[tuple[WatchEvent, int]] = []
    thread.happened.connect(lambda event: happened.append((event, threading.get_ident())))
    thread.watch(WatchRequest("logs"))
    until(qtbot, lambda: len(happened) == 1)
    records = [begins(1, logged(1)), *trains(1, [1])]
    for event in records:
        watchers[0].emit(event)
    until(qtbot, lambda: len(happened) == 1 + len(records))
    thread.leave("logs")
    until(qtbot, lambda: len(happened) == 2 + len(records))
    assert [event for event, _ in happened] == [FolderWatched("logs"), *records, FolderLeft("logs")]
    assert {ident for _, ident in happened} == {threading.get_ident()}
    assert watchers[0].thread != threading.get_ident()


def test_a_request_that_fails_is_reported_each_time(
    qtbot: QtBot, thread: WatchThread, watchers: list[ScriptedWatcher]
) -> None:
    failures: list[str] = []
    thread.failed.connect(failures.append)
    for _ in range(2):
        thread.watch(WatchRequest("missing"))
    until(qtbot, lambda: len(failures) == 2)
    assert failures == ["It can't be watched."] * 2
    assert watchers[0].polled == 0, "nothing is watched"


def test_a_failure_while_reading_is_reported_once_and_the_thread_goes_on(
    qtbot: QtBot, thread: WatchThread, watchers: list[ScriptedWatcher], monkeypatch: pytest.MonkeyPatch
) -> None:
    failures: list[str] = []
    happened: list[WatchEvent] = []
    thread.failed.connect(failures.append)
    thread.happened.connect(happened.append)
    broken: Failures = [
        StoreError("The store is full."),
        StoreError("The store is full."),
        ZeroDivisionError("x"),
        None,
    ]
    monkeypatch.setattr(ScriptedWatcher, "polls", broken)
    thread.watch(WatchRequest("logs"))
    until(qtbot, lambda: bool(happened))
    assert failures[0] == "The store is full."
    assert failures[1].startswith("An unexpected ZeroDivisionError")
    assert len(failures) == 2
    assert happened == [FolderWatched("logs")]


def test_a_scan_is_answered_or_says_why_not(qtbot: QtBot, thread: WatchThread, monkeypatch: pytest.MonkeyPatch) -> None:
    answers: list[tuple[str, scan.Scan]] = []
    thread.scanned.connect(lambda folder, found: answers.append((folder, found)))
    some = scan.Scan((), ("one is broken",))

    def look(folder: Path) -> scan.Scan:
        if folder.name == "unreadable":
            raise StoreError("It can't be read.")
        return some

    monkeypatch.setattr(scan, "scan", look)
    thread.scan("logs")
    until(qtbot, lambda: len(answers) == 1)
    thread.scan("unreadable")
    until(qtbot, lambda: len(answers) == 2)
    assert answers == [("logs", some), ("unreadable", scan.Scan((), ("It can't be read.",)))]

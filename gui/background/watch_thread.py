"""Thread that follows the folders in which other programs log their runs."""

from __future__ import annotations

import logging
import queue
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QThread, Signal

from engine.events.watching import FolderLeft, FolderWatched, Grouping, WatchEvent, WatchRequest
from engine.utils.errors import TrainscopeError
from gui.background.event_delivery import EventDelivery

if TYPE_CHECKING:
    from engine.watching.scan import Scan
    from engine.watching.watcher import Watcher

log = logging.getLogger(__name__)

POLL_SECONDS = 0.2  # a curve appears within a second of its record, even if the script buffers some of it
RETRY_SECONDS = 5.0  # after a failure, such as of a store that another program holds

Job = Callable[["Watcher"], None]


@dataclass(frozen=True)
class _Failure:
    sentence: str


@dataclass(frozen=True)
class _Scanned:
    folder: str
    scan: Scan


class WatchThread(QThread):
    """Owns a ``Watcher`` and reads what other programs have logged.

    It starts with the first request, sleeps while nothing is watched, and survives any failure. All signals are emitted
    in the thread that this object lives in: ``happened(event)`` for every ``WatchEvent``, ``failed(sentence)``, and
    ``scanned(folder, scan)`` in answer to ``scan``.
    """

    happened = Signal(object)
    failed = Signal(str)
    scanned = Signal(str, object)

    def __init__(self, workspace: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._workspace = workspace
        self._delivery = EventDelivery(self._pass_on, self)
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._wanted = ""  # the folder of the newest scan; earlier ones are of no use any more
        self._is_closed = False
        # Used in the thread itself only.
        self._watched: set[str] = set()
        self._met = ""  # the failure of the last poll, which is not reported again at every further one

    def watch(self, request: WatchRequest) -> None:
        """Begin to follow a folder or file."""
        self._do(lambda watcher: self._begin(watcher, request))

    def leave(self, folder: str) -> None:
        """Stop following a folder or file."""
        self._do(lambda watcher: watcher.leave(folder))

    def regroup(self, experiment: int, groupings: Mapping[str, Grouping]) -> None:
        """Group the runs of a watched experiment otherwise, by source."""
        self._do(lambda watcher: watcher.regroup(experiment, groupings))

    def scan(self, folder: str) -> None:
        """Look for runs in a folder or file; a request that has been overtaken by another is not answered."""
        self._wanted = folder
        self._do(lambda _watcher: self._scan(folder))

    def close(self) -> None:
        """Handle the requests made so far and end the thread; nothing is delivered any more."""
        self._is_closed = True
        self._jobs.put(None)
        self.wait()

    def run(self) -> None:
        """Run the thread; called by Qt."""
        from engine.watching.watcher import Watcher  # with the first folder: the program starts without it

        watcher = Watcher(self._workspace, self._emit)
        wait: float | None = None
        while True:
            job: Job | None = _nothing
            with suppress(queue.Empty):
                job = self._jobs.get(timeout=wait) if wait != 0.0 else self._jobs.get_nowait()
            if job is None:
                break
            self._report(_failure_of(job, watcher))
            wait = self._poll(watcher) if self._watched else None
        self._report(_failure_of(Watcher.close, watcher))

    def _do(self, job: Job) -> None:
        if not self._is_closed:
            self._jobs.put(job)
            if not self.isRunning():
                self.start()

    def _poll(self, watcher: Watcher) -> float:
        """Read what is new; return the seconds until there may be more."""
        has_more = False

        def poll(watcher: Watcher) -> None:
            nonlocal has_more
            has_more = watcher.poll()

        sentence = _failure_of(poll, watcher)
        if sentence != self._met:
            self._report(sentence)
        self._met = sentence
        return RETRY_SECONDS if sentence else 0.0 if has_more else POLL_SECONDS

    def _begin(self, watcher: Watcher, request: WatchRequest) -> None:
        watcher.watch(request)
        self._watched.add(request.folder)

    def _scan(self, folder: str) -> None:
        if folder != self._wanted:
            return
        from engine.watching.scan import Scan, scan

        try:
            found = scan(Path(folder))
        except TrainscopeError as error:
            found = Scan((), (str(error),))
        self._delivery.put(_Scanned(folder, found))

    def _report(self, sentence: str) -> None:
        if sentence:
            self._delivery.put(_Failure(sentence))

    def _emit(self, event: WatchEvent) -> None:
        match event:
            case FolderWatched(folder):
                self._watched.add(folder)
            case FolderLeft(folder):
                self._watched.discard(folder)
        self._delivery.put(event)

    def _pass_on(self, item: Any) -> None:
        if self._is_closed:
            return
        match item:
            case _Failure(sentence):
                self.failed.emit(sentence)
            case _Scanned(folder, scan):
                self.scanned.emit(folder, scan)
            case _:
                self.happened.emit(item)


def _nothing(_watcher: Watcher) -> None:
    """Do nothing: no request has come."""


def _failure_of(job: Job, watcher: Watcher) -> str:
    """Do a job; return a sentence on why it failed, or nothing."""
    try:
        job(watcher)
    except TrainscopeError as error:
        return str(error)
    except Exception as error:
        # The thread must survive: the scripts train on, and other folders are followed.
        log.exception("unexpected error while watching")
        return f"An unexpected {type(error).__name__} came up while watching ({error}); Help > Log has the details."
    return ""

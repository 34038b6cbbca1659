"""Follows folders in which other programs log their training, and stores what they log."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from pathlib import Path

from engine.events.watching import FolderLeft, Grouping, WatchEvent, WatchRequest
from engine.experiments.own_code import OWN_CODE_EXPERIMENT
from engine.storage.locks import named_lock, owner_lock
from engine.storage.logged import LoggedStore
from engine.storage.recovery import Recovery
from engine.utils.clock import SteadyClock
from engine.utils.errors import StoreError, TrainscopeError
from engine.watching.folder import FolderFollower

log = logging.getLogger(__name__)


class Watcher:
    """Follows folders; to be used in one thread. The store is opened with the first of them.

    Beside the session it is the only writer of results, and of the experiments of logged runs alone.

    Args:
        workspace: folder of the results.
        emit: receives every event after it is stored.
        clock: the time.
    """

    def __init__(self, workspace: Path, emit: Callable[[WatchEvent], None], clock: SteadyClock | None = None) -> None:
        self._workspace, self._emit = workspace, emit
        self._resources = ExitStack()
        self._store: LoggedStore | None = None
        self._owner = ""
        self._folders: dict[str, FolderFollower] = {}
        self._locks: dict[str, ExitStack] = {}
        self._clock = clock or SteadyClock()

    def watch(self, request: WatchRequest) -> None:
        """Begin to follow a folder or a file; propagates ``StoreError``.

        Of one that is followed already, runs are grouped and read again as requested.

        Raises:
            StoreError: if another window of this workspace follows it.
        """
        path = Path(request.folder).expanduser().absolute()
        store = self._opened()
        if request.again:
            store.readmit(str(path))
        if (followed := self._folders.get(str(path))) is not None:
            followed.dismiss(store.dismissed(str(path)) if not request.again else ())
            followed.regroup(dict(request.groupings), self._clock.now())
            return
        with ExitStack() as lock:
            name = hashlib.sha256(str(path).encode("utf-8", "surrogateescape")).hexdigest()[:32]
            if not lock.enter_context(named_lock(self._workspace, f"watch-{name}")):
                raise StoreError(f"{path} is watched by another window of this workspace; look there.")
            with closing(Recovery(self._workspace)) as recovery:
                recovery.mark_interrupted()
            follower = FolderFollower(store, self._owner, path, dict(request.groupings), self._emit, self._clock.now())
            follower.dismiss(() if request.again else store.dismissed(str(path)))
            self._locks[str(path)] = lock.pop_all()
        self._folders[str(path)] = follower

    def leave(self, folder: str) -> None:
        """Stop following a folder; what was read is kept."""
        follower = self._folders.pop(folder, None)
        if follower is None:
            return
        reason = ""
        try:
            follower.close(self._clock.now())
        except StoreError as error:
            reason = str(error)
        self._locks.pop(folder).close()
        self._emit(FolderLeft(folder, reason))

    def regroup(self, experiment: int, groupings: Mapping[str, Grouping]) -> None:
        """Group runs of an experiment that is followed otherwise, by source; propagates ``StoreError``.

        Raises:
            TrainscopeError: without changes, if the experiment is not followed, or one of the logs is not there.
        """
        for follower in self._folders.values():
            if experiment in follower.numbers:
                if gone := groupings.keys() - follower.sources:
                    raise TrainscopeError(
                        f"{min(gone)} is not there now, so its run can't be grouped; leave it as it is."
                    )
                follower.regroup(groupings, self._clock.now())
                return
        raise TrainscopeError(f"The folder of experiment {experiment} is not watched; watch it again first.")

    def poll(self) -> bool:
        """Read what is new; return whether there is more at once. An exception is raised after all folders."""
        now, is_behind = self._clock.now(), False
        failures: list[Exception] = []
        for follower in self._folders.values():
            try:
                is_behind |= follower.poll(now)
            except Exception as error:
                failures.append(error)
        if failures:
            raise failures[0]
        return is_behind

    @property
    def is_done(self) -> bool:
        """Whether everything that is there has been read and every run has ended."""
        return all(follower.is_done for follower in self._folders.values())

    def close(self) -> None:
        """Leave every folder and close the store."""
        for folder in list(self._folders):
            self.leave(folder)
        self._resources.close()

    def _opened(self) -> LoggedStore:
        """Return the store, opened if necessary."""
        if self._store is None:
            with ExitStack() as resources:
                store = LoggedStore(self._workspace, OWN_CODE_EXPERIMENT.name)
                resources.callback(store.close)
                self._owner = resources.enter_context(owner_lock(self._workspace))
                self._resources = resources.pop_all()
            self._store = store
        return self._store

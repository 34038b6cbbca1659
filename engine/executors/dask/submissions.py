"""Submission of runs as Dask tasks; Dask selects the worker of each."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from engine.executors.dask import worker
from engine.executors.dask.client import SchedulerClient
from engine.executors.dask.event_loop import EventLoopThread
from engine.executors.dask.membership import Membership
from engine.executors.dask.messages import RunRequest
from engine.executors.dask.notifications import Notification, RunDropped, RunFailed
from engine.executors.dask.polling import MessagePoller
from engine.utils.text import one_line


class Submissions:
    """Submitted runs that are neither released nor cancelled.

    Args:
        loop: event loop for the methods called from the executor's thread.
        client: client that submits the tasks.
        poller: provides the usable workers.
        membership: provides the rejected workers.
        notify: is called for runs that Dask has dropped or reported as failed.
        is_lasting: whether runs survive this program.
    """

    def __init__(
        self,
        loop: EventLoopThread,
        client: SchedulerClient,
        poller: MessagePoller,
        membership: Membership,
        notify: Callable[[Notification], None],
        is_lasting: bool,
    ) -> None:
        self._loop, self._client, self._poller, self._membership = loop, client, poller, membership
        self._notify, self._is_lasting = notify, is_lasting
        self._futures: dict[int, Any] = {}
        self._bound: set[int] = set()
        self._reports: set[asyncio.Task[None]] = set()

    # Called from the executor's thread.

    def submit(self, request: RunRequest, resources: dict[str, float]) -> None:
        """Submit a run, to be trained by a worker that provides ``resources``."""
        self._loop.run(self._submit(request, resources))

    def cancel(self, runs: Iterable[int]) -> None:
        """Cancel runs that have not started."""
        self._loop.run(self._cancel(list(runs)))

    def release(self, run: int) -> None:
        """Release a run that has ended."""
        self._loop.call(self._futures.pop, run, None)

    def is_submitted(self, run: int) -> bool:
        """Return whether a run was submitted through this connection."""
        return run in self._futures

    def is_bound(self, run: int) -> bool:
        """Return whether a run is restricted to certain workers, because others are unusable."""
        return run in self._bound

    # Called in the event loop.

    def drop_all(self) -> None:
        """Drop all runs, because their scheduler was lost."""
        for run in list(self._futures):
            self._drop(run)

    def close(self) -> None:
        """Cancel pending failure reports."""
        for report in self._reports:
            report.cancel()

    async def _submit(self, request: RunRequest, resources: dict[str, float]) -> None:
        run = request.task.run
        # Dask never selects a worker outside a given list, so a list is given only if workers must be excluded.
        workers = self._poller.workers if self._membership.rejected else None
        (self._bound.add if workers else self._bound.discard)(run)
        future = self._client.submit(
            _task(),
            pickle.dumps((worker.train_remotely, request)),
            self._is_lasting,
            key=f"trainscope-{request.owner}-{run}",
            workers=workers,
            resources=resources or None,
        )
        self._futures[run] = future
        future.add_done_callback(lambda done: self._loop.call(self._on_done, run, done))

    async def _cancel(self, runs: list[int]) -> None:
        futures = [self._futures.pop(run) for run in runs if run in self._futures]
        if futures:
            with suppress(OSError):
                await self._client.cancel(futures)

    def _drop(self, run: int) -> None:
        del self._futures[run]
        self._notify(RunDropped(run))

    def _on_done(self, run: int, future: Any) -> None:
        known = self._futures.get(run)
        if known is None or known is not future:  # it was cancelled, released or resubmitted
            return
        if future.status == "cancelled":  # not by this program: Dask's client lost its scheduler and reconnected
            self._drop(run)
        if future.status == "error":
            report = asyncio.ensure_future(self._report_failure(run, future))
            self._reports.add(report)
            report.add_done_callback(self._reports.discard)

    async def _report_failure(self, run: int, future: Any) -> None:
        error = await future.exception()
        text = one_line(str(error))[:200]
        self._notify(RunFailed(run, f"The cluster gave it up ({type(error).__name__}: {text})."))


def _task() -> Callable[[bytes], None]:
    """Return the function that is submitted to Dask.

    The scheduler unpickles it too and may not have this program installed, so the function must not refer to any of its
    modules. As a local function, it is pickled by value.
    """

    def begin(order: bytes) -> None:
        import pickle

        function, request = pickle.loads(order)  # noqa: S301 - from the client, whose code the worker executes anyway
        function(request)

    return begin

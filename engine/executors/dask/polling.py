"""Polling of the usable workers for messages of their attempts."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress

from engine.executors.dask.attempts import poll_messages
from engine.executors.dask.client import SchedulerClient
from engine.executors.dask.event_loop import EventLoopThread
from engine.executors.dask.messages import MessageBatch
from engine.executors.dask.notifications import MessagesReceived, Notification

log = logging.getLogger(__name__)

POLL_SECONDS = 1.0  # maximum time a worker waits for a message before it responds
RETRY_SECONDS = 1.0


class MessagePoller:
    """Polls each worker continuously, from the offset of the first message not yet received."""

    def __init__(
        self, loop: EventLoopThread, client: SchedulerClient, owner: str, notify: Callable[[Notification], None]
    ) -> None:
        self._loop, self._client, self._owner, self._notify = loop, client, owner, notify
        self._polls: dict[str, asyncio.Task[None]] = {}  # by worker
        self._offsets: dict[str, int] = {}  # messages received, by token
        self._is_closing = False

    # Called from the executor's thread.

    def count_workers(self) -> int:
        """Return the number of polled workers; thread-safe."""
        return len(self._polls)

    def fetch_all(self) -> list[tuple[str, MessageBatch]]:
        """Fetch the messages of all attempts from offset 0.

        Returns:
            The worker and the messages of each attempt; unreachable workers are left out.
        """
        return self._loop.run(self._fetch_all())

    # Called in the event loop.

    @property
    def workers(self) -> list[str]:
        """Addresses of the polled workers, sorted."""
        return sorted(self._polls)

    def start(self, worker: str) -> None:
        """Start polling a worker."""
        self._polls[worker] = asyncio.create_task(self._poll(worker))

    def stop(self, worker: str) -> None:
        """Stop polling a worker."""
        self._polls.pop(worker).cancel()

    def stop_all(self) -> None:
        """Stop polling all workers; the offsets are kept for workers whose polling is restarted."""
        for worker in self.workers:
            self.stop(worker)

    def forget(self, token: str) -> None:
        """Drop the offset of an attempt that no longer exists."""
        self._offsets.pop(token, None)

    async def close(self) -> None:
        """Await polls in progress, as workers would log aborted ones, then stop."""
        self._is_closing = True
        if self._polls:
            await asyncio.wait(self._polls.values(), timeout=2 * POLL_SECONDS)
        self.stop_all()

    async def _poll(self, worker: str) -> None:
        while not self._is_closing:
            try:
                batches = await self._client.call(worker, poll_messages, self._owner, dict(self._offsets), POLL_SECONDS)
            except asyncio.CancelledError:
                raise
            except Exception as error:  # polled until the scheduler reports it as gone
                log.info("%s can't be polled: %s", worker, error)
                await asyncio.sleep(RETRY_SECONDS)
                continue
            for batch in batches:
                self._offsets[batch.token] = batch.offset + len(batch.messages)
                self._notify(MessagesReceived(worker, batch))

    async def _fetch_all(self) -> list[tuple[str, MessageBatch]]:
        found = []
        for worker in self.workers:
            with suppress(OSError):
                batches = await self._client.call(worker, poll_messages, self._owner, {}, 0.0)
                found += [(worker, batch) for batch in batches]
        return found

"""Polls the workers that can be used for messages of their attempts."""

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

POLL_SECONDS = 1.0  # that a worker may wait for a message before it answers
RETRY_SECONDS = 1.0


class MessagePoller:
    """Polls each worker again and again, from where the messages received end."""

    def __init__(
        self, loop: EventLoopThread, client: SchedulerClient, owner: str, notify: Callable[[Notification], None]
    ) -> None:
        self._loop, self._client, self._owner, self._notify = loop, client, owner, notify
        self._polls: dict[str, asyncio.Task[None]] = {}  # by worker
        self._offsets: dict[str, int] = {}  # messages received, by token
        self._is_closing = False

    # Called by the executor's thread.

    def count_workers(self) -> int:
        """The number of workers that are polled; from any thread."""
        return len(self._polls)

    def fetch_all(self) -> list[tuple[str, MessageBatch]]:
        """Worker and messages from the beginning, of every attempt there is."""
        return self._loop.run(self._fetch_all())

    # Called in the event loop.

    @property
    def workers(self) -> list[str]:
        """The workers that are polled."""
        return sorted(self._polls)

    def start(self, worker: str) -> None:
        """Poll a worker."""
        self._polls[worker] = asyncio.create_task(self._poll(worker))

    def stop(self, worker: str) -> None:
        """Poll a worker no more."""
        self._polls.pop(worker).cancel()

    def stop_all(self) -> None:
        """Poll no worker; one that is started again is polled from where it was left."""
        for worker in self.workers:
            self.stop(worker)

    def forget(self, token: str) -> None:
        """An attempt is there no more."""
        self._offsets.pop(token, None)

    async def close(self) -> None:
        """Let polls under way end, as workers would log those that are cut off, and stop."""
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
            except Exception as error:  # it is polled until the scheduler says that it is gone
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

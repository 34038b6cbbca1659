"""Sending of instructions and images to attempts on workers, and discarding of attempts."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from typing import Any

from engine.config.specs import DataSpec
from engine.executors.dask import attempts, data_transfer
from engine.executors.dask.client import SchedulerClient
from engine.executors.dask.event_loop import EventLoopThread
from engine.executors.dask.messages import AttemptId, DataResponse, Instruction
from engine.executors.dask.polling import MessagePoller
from engine.utils.errors import TrainscopeError

log = logging.getLogger(__name__)

RETRY_SECONDS = 1.0


class InstructionSender:
    """Sends to each worker in order, retrying as long as the worker is polled."""

    def __init__(self, loop: EventLoopThread, client: SchedulerClient, poller: MessagePoller, owner: str) -> None:
        self._loop, self._client, self._poller, self._owner = loop, client, poller, owner
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    def deliver(self, attempt: AttemptId, instruction: Instruction) -> None:
        """Send an instruction as soon as the worker is reachable."""
        self._loop.start(self._call(attempts.deliver, attempt, instruction))

    def discard(self, attempt: AttemptId) -> None:
        """Make the worker drop an attempt as soon as it is reachable."""
        self._loop.start(self._discard(attempt))

    def send_data(self, attempt: AttemptId, data: DataSpec, fingerprint: str) -> None:
        """Send the images of a data set to the worker of the attempt that is waiting for them."""
        self._loop.start(self._send_data(attempt, data, fingerprint))

    async def _call(self, function: Callable[..., None], attempt: AttemptId, *arguments: Any) -> None:
        worker, token = attempt
        async with self._locks[worker]:
            while True:
                try:
                    await self._client.call(worker, function, self._owner, token, *arguments)
                except Exception as error:
                    log.info("%s could not be called: %s", worker, error)
                    if worker not in self._poller.workers:
                        return
                    await asyncio.sleep(RETRY_SECONDS)
                else:
                    return

    async def _discard(self, attempt: AttemptId) -> None:
        await self._call(attempts.discard, attempt)
        self._poller.forget(attempt.token)

    async def _send_data(self, attempt: AttemptId, data: DataSpec, fingerprint: str) -> None:
        try:
            await data_transfer.send_data(partial(self._client.call, attempt.worker), data, fingerprint)
            response = DataResponse()
        except Exception as error:  # e.g. its disk is full, the connection is lost, or the data set is gone here
            log.exception("the data set could not be sent")
            why = str(error) if isinstance(error, TrainscopeError) else f"{type(error).__name__}: {error}"
            response = DataResponse(f"The data set could not be sent to {attempt.worker} ({why[:200]}).")
        await self._call(attempts.deliver, attempt, response)

"""Attempts on a worker: message logs polled by the client, and queues of the client's instructions.

The client polls by offset, so a lost connection neither loses nor repeats a message, and a restarted client reads a log
from its beginning. It calls the functions at the end of this module through Dask's ``Client.run``, which a worker
serves concurrently with its task.
"""

from __future__ import annotations

import asyncio
import queue
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeVar

from engine.events.commands import Command, Control
from engine.events.runs import Checkpoint
from engine.executors.dask.messages import (
    AttemptReady,
    DataResponse,
    Instruction,
    Message,
    MessageBatch,
    RunRequest,
    StartSignal,
)
from engine.utils.errors import DatasetError

# After this long without a poll, a run waiting for its client starts without it, as originally requested.
CLIENT_TIMEOUT_SECONDS = 60.0
# Messages of an ended attempt are kept for this long after the client's last poll.
RETENTION_SECONDS = 7 * 86_400.0
BATCHING_SECONDS = 0.01  # wait after the first new message, so that several share a response
MAX_BATCH_MESSAGES = 2_000

Received = TypeVar("Received", StartSignal, DataResponse, Command)


@dataclass
class Attempt:
    """A run being trained on this worker, or an ended one kept until the client discards it."""

    request: RunRequest
    registry: AttemptRegistry
    token: str = field(default_factory=lambda: uuid.uuid4().hex)
    is_over: bool = False
    _log: list[Message | None] = field(default_factory=lambda: [AttemptReady()])
    _checkpoint: int | None = None  # offset of the newest
    _start: queue.SimpleQueue[StartSignal] = field(default_factory=queue.SimpleQueue)
    _data: queue.SimpleQueue[DataResponse] = field(default_factory=queue.SimpleQueue)
    _commands: queue.SimpleQueue[Command] = field(default_factory=queue.SimpleQueue)

    def publish(self, message: Message) -> None:
        """Append to the log; a new checkpoint replaces the previous one by None, so that offsets stay valid."""
        if isinstance(message, Checkpoint):
            if self._checkpoint is not None:
                self._log[self._checkpoint] = None
            self._checkpoint = len(self._log)
        self._log.append(message)
        self.registry.notify(self.request.owner)

    def read(self, offset: int) -> MessageBatch:
        """Return up to ``MAX_BATCH_MESSAGES`` messages, starting at ``offset``."""
        is_over = self.is_over  # read before the log: no message is appended once it is set
        messages = tuple(self._log[offset : offset + MAX_BATCH_MESSAGES])
        is_last = is_over and offset + len(messages) == len(self._log)
        return MessageBatch(self.token, self.request.task.run, offset, messages, is_last)

    def deliver(self, instruction: Instruction) -> None:
        """Enqueue an instruction of the client; thread-safe."""
        match instruction:
            case StartSignal():
                self._start.put(instruction)
            case DataResponse():
                self._data.put(instruction)
            case _:
                self._commands.put(instruction)

    def wait_for_start(self) -> StartSignal:
        """Wait for the client's start signal.

        Returns:
            The signal; if the client is gone, one that starts the run as originally requested.
        """
        self.registry.last_contact.setdefault(self.request.owner, time.monotonic())
        return self._receive(self._start, StartSignal(self.request.task.interrupted))

    def wait_for_data(self) -> None:
        """Wait until the client has sent the images.

        Raises:
            DatasetError: if the client is gone or could not send them.
        """
        timed_out = DataResponse("The program that holds the data set has not been heard of for a minute.")
        if error := self._receive(self._data, timed_out).error:
            raise DatasetError(error)

    def poll(self, *, wait: bool = False) -> Command | None:
        """Poll for the next command during training; implements ``Poll`` of ``engine.events.commands``.

        A paused run whose client is gone is suspended, which frees its worker for other runs.

        Args:
            wait: block until a command arrives, as a paused run does.

        Returns:
            The command; None if there is none and ``wait`` is not set.
        """
        if wait:
            return self._receive(self._commands, Control.SUSPEND)
        with suppress(queue.Empty):
            return self._commands.get_nowait()
        return None

    def _receive(self, instructions: queue.SimpleQueue[Received], default: Received) -> Received:
        """Wait for the next instruction; return ``default`` once the client has timed out."""
        while True:
            try:
                return instructions.get(timeout=1.0)
            except queue.Empty:
                if self.registry.silence(self.request.owner) > CLIENT_TIMEOUT_SECONDS:
                    return default


class AttemptRegistry:
    """Attempts of this process, and the time of last contact with each owner's client (monotonic seconds)."""

    def __init__(self) -> None:
        self.attempts: dict[str, Attempt] = {}  # by token
        self.last_contact: dict[str, float] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wakeups: dict[str, asyncio.Event] = {}

    def add(self, request: RunRequest) -> Attempt:
        """Register a new attempt at a run."""
        attempt = Attempt(request, self)
        self.attempts[attempt.token] = attempt
        self.notify(request.owner)
        return attempt

    def get(self, owner: str, token: str) -> Attempt | None:
        """Return an attempt, or None if it is unknown or belongs to another owner."""
        attempt = self.attempts.get(token)
        return attempt if attempt is not None and attempt.request.owner == owner else None

    def owned_by(self, owner: str) -> list[Attempt]:
        """Return the attempts of ``owner``; thread-safe."""
        return [attempt for attempt in list(self.attempts.values()) if attempt.request.owner == owner]

    def wakeup(self, owner: str) -> asyncio.Event:
        """Return the event set when an attempt of ``owner`` publishes; call from the event loop."""
        self._loop = asyncio.get_running_loop()
        return self._wakeups.setdefault(owner, asyncio.Event())

    def notify(self, owner: str) -> None:
        """Set the event of ``owner``; thread-safe."""
        if self._loop is not None and owner in self._wakeups:
            with suppress(RuntimeError):  # the loop is closed: the worker is shutting down
                self._loop.call_soon_threadsafe(self._wakeups[owner].set)

    def silence(self, owner: str) -> float:
        """Return the seconds since the last contact."""
        return time.monotonic() - self.last_contact.get(owner, 0.0)

    def prune(self) -> None:
        """Drop ended attempts whose client has not been in contact for ``RETENTION_SECONDS``."""
        for token, attempt in list(self.attempts.items()):
            if attempt.is_over and self.silence(attempt.request.owner) > RETENTION_SECONDS:
                del self.attempts[token]


REGISTRY = AttemptRegistry()


# Called by the client; run in the worker's event loop.


async def poll_messages(owner: str, offsets: dict[str, int], seconds: float) -> list[MessageBatch]:
    """Return new messages of the owner's attempts, waiting for the first one.

    Args:
        owner: workspace of the polling client.
        offsets: number of messages the client has received from each attempt, by token; 0 for missing tokens.
        seconds: maximum wait; 0 returns immediately.

    Returns:
        One batch per attempt with new messages; empty on timeout.
    """
    until = time.monotonic() + seconds
    wakeup = REGISTRY.wakeup(owner)
    while True:
        wakeup.clear()
        REGISTRY.last_contact[owner] = time.monotonic()
        batches = [attempt.read(offsets.get(attempt.token, 0)) for attempt in REGISTRY.owned_by(owner)]
        new = [batch for batch in batches if batch.messages]
        left = until - time.monotonic()
        if new or left <= 0:
            return new
        with suppress(TimeoutError):
            await asyncio.wait_for(wakeup.wait(), left)
            await asyncio.sleep(BATCHING_SECONDS)


def deliver(owner: str, token: str, instruction: Instruction) -> None:
    """Pass an instruction to an attempt, if it still exists."""
    if (attempt := REGISTRY.get(owner, token)) is not None:
        attempt.deliver(instruction)


def discard(owner: str, token: str) -> None:
    """Drop an attempt whose messages the client has stored or does not need; cancel it if it is still running."""
    if (attempt := REGISTRY.get(owner, token)) is not None:
        for instruction in (
            StartSignal(None, is_wanted=False),
            DataResponse("The attempt was discarded."),
            Control.CANCEL,
        ):
            attempt.deliver(instruction)
        del REGISTRY.attempts[token]

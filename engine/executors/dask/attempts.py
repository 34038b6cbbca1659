"""The attempts of a worker: logs of messages that the client polls, and the instructions it sends back.

The client polls by offset, so a lost connection neither loses nor repeats a message, and a client that was restarted
reads a log from its beginning. It calls the functions at the end of this module by Dask's ``Client.run``, which a
worker answers beside its task.
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

# After this long without a poll, a run that waits for its client starts without it, as it was first requested.
CLIENT_TIMEOUT_SECONDS = 60.0
# For this long after the client's last poll, the messages of an attempt that has ended are kept.
RETENTION_SECONDS = 7 * 86_400.0
BATCHING_SECONDS = 0.01  # wait after the first new message, so that several share an answer
MAX_BATCH_MESSAGES = 2_000

Received = TypeVar("Received", StartSignal, DataResponse, Command)


@dataclass
class Attempt:
    """A run that is trained here, or has been and is kept until the client discards it."""

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
        """Append to the log; a checkpoint replaces the one before by None, so that offsets stay valid."""
        if isinstance(message, Checkpoint):
            if self._checkpoint is not None:
                self._log[self._checkpoint] = None
            self._checkpoint = len(self._log)
        self._log.append(message)
        self.registry.notify(self.request.owner)

    def read(self, offset: int) -> MessageBatch:
        """Up to :data:`MAX_BATCH_MESSAGES` messages from ``offset`` on."""
        is_over = self.is_over  # read before the log: nothing is appended once it is set
        messages = tuple(self._log[offset : offset + MAX_BATCH_MESSAGES])
        is_last = is_over and offset + len(messages) == len(self._log)
        return MessageBatch(self.token, self.request.task.run, offset, messages, is_last)

    def deliver(self, instruction: Instruction) -> None:
        """Pass on an instruction of the client; from any thread."""
        match instruction:
            case StartSignal():
                self._start.put(instruction)
            case DataResponse():
                self._data.put(instruction)
            case _:
                self._commands.put(instruction)

    def wait_for_start(self) -> StartSignal:
        """The client's start signal; as the run was first requested where the client is gone."""
        self.registry.last_contact.setdefault(self.request.owner, time.monotonic())
        return self._receive(self._start, StartSignal(self.request.task.interrupted))

    def wait_for_data(self) -> None:
        """Wait until the client has sent the images.

        Raises:
            DatasetError: the client is gone, or could not send them.
        """
        timed_out = DataResponse("The program that holds the data set has not been heard of for a minute.")
        if error := self._receive(self._data, timed_out).error:
            raise DatasetError(error)

    def poll(self, *, wait: bool = False) -> Command | None:
        """The poll of the training; see :class:`~engine.events.commands.Poll`.

        A paused run whose client is gone is suspended, so that its worker is free for others.
        """
        if wait:
            return self._receive(self._commands, Control.SUSPEND)
        with suppress(queue.Empty):
            return self._commands.get_nowait()
        return None

    def _receive(self, instructions: queue.SimpleQueue[Received], default: Received) -> Received:
        """The next instruction, or ``default`` where the client has not polled for long."""
        while True:
            try:
                return instructions.get(timeout=1.0)
            except queue.Empty:
                if self.registry.silence(self.request.owner) > CLIENT_TIMEOUT_SECONDS:
                    return default


class AttemptRegistry:
    """The attempts of this process, and when the client of each owner was last in contact (monotonic seconds)."""

    def __init__(self) -> None:
        self.attempts: dict[str, Attempt] = {}  # by token
        self.last_contact: dict[str, float] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wakeups: dict[str, asyncio.Event] = {}

    def add(self, request: RunRequest) -> Attempt:
        """A new attempt at a run."""
        attempt = Attempt(request, self)
        self.attempts[attempt.token] = attempt
        self.notify(request.owner)
        return attempt

    def get(self, owner: str, token: str) -> Attempt | None:
        """An attempt, if it is there and ``owner``'s."""
        attempt = self.attempts.get(token)
        return attempt if attempt is not None and attempt.request.owner == owner else None

    def owned_by(self, owner: str) -> list[Attempt]:
        """The attempts of ``owner``; from any thread."""
        return [attempt for attempt in list(self.attempts.values()) if attempt.request.owner == owner]

    def wakeup(self, owner: str) -> asyncio.Event:
        """The event that is set when an attempt of ``owner`` publishes a message; from the event loop."""
        self._loop = asyncio.get_running_loop()
        return self._wakeups.setdefault(owner, asyncio.Event())

    def notify(self, owner: str) -> None:
        """Set the event of ``owner``; from any thread."""
        if self._loop is not None and owner in self._wakeups:
            with suppress(RuntimeError):  # the loop is closed: the worker is about to end
                self._loop.call_soon_threadsafe(self._wakeups[owner].set)

    def silence(self, owner: str) -> float:
        """Seconds since the last contact."""
        return time.monotonic() - self.last_contact.get(owner, 0.0)

    def prune(self) -> None:
        """Drop attempts that have ended and whose client was not in contact for :data:`RETENTION_SECONDS`."""
        for token, attempt in list(self.attempts.items()):
            if attempt.is_over and self.silence(attempt.request.owner) > RETENTION_SECONDS:
                del self.attempts[token]


REGISTRY = AttemptRegistry()


# Called by the client, in the event loop of the worker.


async def poll_messages(owner: str, offsets: dict[str, int], seconds: float) -> list[MessageBatch]:
    """New messages of the owner's attempts; waits up to ``seconds`` for one.

    Args:
        owner: whose client polls.
        offsets: how many messages of each attempt the client has, by token; none of those left out.
        seconds: 0 answers at once.
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
    """Pass an instruction to an attempt, if it is still there."""
    if (attempt := REGISTRY.get(owner, token)) is not None:
        attempt.deliver(instruction)


def discard(owner: str, token: str) -> None:
    """Drop an attempt, all of whose messages the client has stored or does not want; one under way is ended."""
    if (attempt := REGISTRY.get(owner, token)) is not None:
        for instruction in (
            StartSignal(None, is_wanted=False),
            DataResponse("Nobody wants it any more."),
            Control.CANCEL,
        ):
            attempt.deliver(instruction)
        del REGISTRY.attempts[token]

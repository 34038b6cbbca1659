"""What the client and the attempts on its workers send each other.

A run that is being trained by a worker is an attempt. It appends messages to a log, which the client polls by offset.
The client sends instructions to the attempt.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from engine.config.specs import DataSpec
from engine.devices.names import AUTO
from engine.events.commands import Command
from engine.events.runs import Interrupted
from engine.events.tasks import Event
from engine.executors.tasks import TrainTask


@dataclass(frozen=True)
class RunRequest:
    """A run that a worker is asked to train.

    Attributes:
        owner: identifies the workspace that the run belongs to.
        task: the run.
        fingerprint: hash of the images it is trained on.
        device: what it is computed on.
        threads: None means as many as the worker has. A resumed run states the number it was begun with, as its results
            are the same to the bit only with the same number.
    """

    owner: str
    task: TrainTask
    fingerprint: str
    device: str = AUTO
    threads: int | None = None


class AttemptId(NamedTuple):
    """Which attempt, on which worker."""

    worker: str
    token: str


# From an attempt to the client.


@dataclass(frozen=True)
class AttemptReady:
    """First message of an attempt, which then waits for a :class:`StartSignal`."""


@dataclass(frozen=True)
class DataRequest:
    """The worker does not have the images; the client is to send them."""

    data: DataSpec
    fingerprint: str


@dataclass(frozen=True)
class TrainedNetwork:
    """The trained network, as the bytes of its file."""

    data: bytes


Message = Event | AttemptReady | DataRequest | TrainedNetwork


@dataclass(frozen=True)
class MessageBatch:
    """Consecutive messages from the log of an attempt.

    Attributes:
        token: identifies the attempt.
        run: the run that it trains.
        offset: position of the first message in the log.
        messages: None stands for a checkpoint that a newer one has replaced.
        is_last: whether the attempt has ended and its log holds no more messages.
    """

    token: str
    run: int
    offset: int
    messages: tuple[Message | None, ...]
    is_last: bool


# From the client to an attempt.


@dataclass(frozen=True)
class StartSignal:
    """Train, from where the run was ``interrupted`` if it was; or end at once, as the attempt is not wanted."""

    interrupted: Interrupted | None
    is_wanted: bool = True


@dataclass(frozen=True)
class DataResponse:
    """The images were sent; or could not be, for the reason in ``error``."""

    error: str = ""


Instruction = StartSignal | DataResponse | Command

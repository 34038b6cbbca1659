"""Messages between the client and the attempts on the workers.

An attempt is one execution of a run on a worker. It appends messages to a log, which the client polls by offset. The
client sends instructions to the attempt.
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
    """Request to train a run on a worker.

    Attributes:
        owner: identifies the workspace of the run.
        task: the run.
        fingerprint: hash of the images it is trained on.
        device: device it is trained on.
        threads: number of threads; None means as many as the worker has. A resumed run keeps its original number, as
            its results are equal to the bit only with the same number.
    """

    owner: str
    task: TrainTask
    fingerprint: str
    device: str = AUTO
    threads: int | None = None


class AttemptId(NamedTuple):
    """Address of a worker and token of an attempt on it."""

    worker: str
    token: str


# From an attempt to the client.


@dataclass(frozen=True)
class AttemptReady:
    """First message of an attempt, which then waits for a ``StartSignal``."""


@dataclass(frozen=True)
class DataRequest:
    """Request for the images, which the worker does not have."""

    data: DataSpec
    fingerprint: str


@dataclass(frozen=True)
class TrainedNetwork:
    """The trained network as the content of its file."""

    data: bytes


Message = Event | AttemptReady | DataRequest | TrainedNetwork


@dataclass(frozen=True)
class MessageBatch:
    """Consecutive messages from the log of an attempt.

    Attributes:
        token: identifies the attempt.
        run: the run it trains.
        offset: position of the first message in the log.
        messages: None marks a checkpoint replaced by a newer one.
        is_last: whether the attempt has ended and its log contains no further messages.
    """

    token: str
    run: int
    offset: int
    messages: tuple[Message | None, ...]
    is_last: bool


# From the client to an attempt.


@dataclass(frozen=True)
class StartSignal:
    """Signal to train, resuming from ``interrupted`` if set, or to end immediately if not ``is_wanted``."""

    interrupted: Interrupted | None
    is_wanted: bool = True


@dataclass(frozen=True)
class DataResponse:
    """Confirmation that the images were sent; ``error`` is the reason if they could not be."""

    error: str = ""


Instruction = StartSignal | DataResponse | Command

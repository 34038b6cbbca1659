"""What happens on a Dask worker: a run is trained there, and what it says is kept until its client has fetched it.

A run that is being trained is an attempt. It keeps a log of letters, which the client reads from where it stopped
reading, as often as it likes: a lost connection loses and doubles nothing, and a client that was started anew reads it
all. What the client has to say is delivered to the attempt. Both go by Dask's own ``Client.run``, which a worker
answers beside its tasks.

Nothing is imported here that a worker doesn't need: it may have no window.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import queue
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TypeVar

from filelock import FileLock

from engine.config.specs import DataSpec
from engine.datasets import describe_dataset
from engine.datasets.download import without_downloads
from engine.devices.hardware import configure, quiet_tensorflow, silence_stderr
from engine.devices.names import AUTO
from engine.events.commands import Command, Control
from engine.events.runs import Checkpoint, Interrupted, RunFinished, Status
from engine.events.tasks import Event
from engine.executors.placement import Placement
from engine.executors.tasks import TaskRunner, TrainTask
from engine.utils.errors import DatasetError, TrainscopeError
from engine.utils.paths import cache_folder
from engine.utils.versions import versions

log = logging.getLogger(__name__)

# So long after a client was last heard, a run that waits for its word begins without it, as it was first ordered.
SILENCE_SECONDS = 60.0
# So long what was said for a client is kept after it was last heard.
KEEP_SECONDS = 7 * 86_400.0
GATHER_SECONDS = 0.01  # that letters are waited for once there is one, so that several go in one answer
MOST_LETTERS = 2_000  # in one answer


@dataclass(frozen=True)
class Ticket:
    """A run to be trained for ``owner``, on images whose hash is ``fingerprint``, on ``device``.

    ``threads`` None takes as many as the worker has, so that bits are those of the run's other parts where it is given.
    """

    owner: str
    task: TrainTask
    fingerprint: str
    device: str = AUTO
    threads: int | None = None


@dataclass(frozen=True)
class Begun:
    """First letter of an attempt: it waits for a :class:`Go`."""


@dataclass(frozen=True)
class DataWanted:
    """Letter: the images are not here; the client sends them with :func:`receive`."""

    data: DataSpec
    fingerprint: str


@dataclass(frozen=True)
class Network:
    """Letter: the trained network, as the bytes of its file."""

    data: bytes


Letter = Event | Begun | DataWanted | Network


@dataclass(frozen=True)
class Go:
    """To an attempt: train, from where the run was ``interrupted`` if it was; or don't, as nobody wants it."""

    interrupted: Interrupted | None
    is_wanted: bool = True


@dataclass(frozen=True)
class DataSent:
    """To an attempt: the images are here, or why they are not."""

    problem: str = ""


Delivery = Go | DataSent | Command
Delivered = TypeVar("Delivered", Go, DataSent, Command)


@dataclass(frozen=True)
class Post:
    """What an attempt said from letter number ``first`` on. An attempt that ``is_over`` says nothing more."""

    token: str
    run: int
    first: int
    letters: tuple[Letter | None, ...]
    is_over: bool


@dataclass
class Attempt:
    """A run under way here, or over and not yet forgotten."""

    ticket: Ticket
    token: str = field(default_factory=lambda: uuid.uuid4().hex)
    is_over: bool = False
    _log: list[Letter | None] = field(default_factory=lambda: [Begun()])
    _checkpoint: int | None = None  # where in the log the newest lies
    _go: queue.SimpleQueue[Go] = field(default_factory=queue.SimpleQueue)
    _data: queue.SimpleQueue[DataSent] = field(default_factory=queue.SimpleQueue)
    _commands: queue.SimpleQueue[Command] = field(default_factory=queue.SimpleQueue)

    def say(self, letter: Letter) -> None:
        """Add to the log. Of checkpoints only the newest is of use."""
        if isinstance(letter, Checkpoint):
            if self._checkpoint is not None:
                self._log[self._checkpoint] = None
            self._checkpoint = len(self._log)
        self._log.append(letter)
        DESK.ring(self.ticket.owner)

    def post(self, first: int) -> Post:
        """The next letters from number ``first`` on."""
        is_over = self.is_over  # looked at before the log: nothing comes after it
        letters = tuple(self._log[first : first + MOST_LETTERS])
        return Post(
            self.token, self.ticket.task.run, first, letters, is_over and first + len(letters) == len(self._log)
        )

    def deliver(self, delivery: Delivery) -> None:
        """Hand over what the client says; from any thread."""
        match delivery:
            case Go():
                self._go.put(delivery)
            case DataSent():
                self._data.put(delivery)
            case _:
                self._commands.put(delivery)

    def wait_for_go(self) -> Go:
        """What the client says, or what was ordered where nobody has been heard for long."""
        DESK.heard.setdefault(self.ticket.owner, time.monotonic())
        return self._next(self._go, Go(self.ticket.task.interrupted))

    def wait_for_data(self) -> None:
        """Until the client has sent the images; raises :class:`DatasetError` where it can't."""
        gone = DataSent("The program that holds the data set has not been heard of for a minute.")
        if problem := self._next(self._data, gone).problem:
            raise DatasetError(problem)

    def poll(self, *, wait: bool = False) -> Command | None:
        """The poll of the training; see :class:`~engine.events.commands.Poll`.

        A run that is held for somebody who is gone ends, so that its worker is free for others.
        """
        if wait:
            return self._next(self._commands, Control.SUSPEND)
        with suppress(queue.Empty):
            return self._commands.get_nowait()
        return None

    def _next(self, deliveries: queue.SimpleQueue[Delivered], gone: Delivered) -> Delivered:
        """What is delivered next, or ``gone`` where the client has not been heard for long."""
        while True:
            try:
                return deliveries.get(timeout=1.0)
            except queue.Empty:
                if DESK.silence(self.ticket.owner) > SILENCE_SECONDS:
                    return gone


@dataclass
class Desk:
    """The attempts of this process, and when each owner was last heard (monotonic seconds)."""

    attempts: dict[str, Attempt] = field(default_factory=dict)
    heard: dict[str, float] = field(default_factory=dict)
    _loop: asyncio.AbstractEventLoop | None = None
    _bells: dict[str, asyncio.Event] = field(default_factory=dict)

    def bell(self, owner: str) -> asyncio.Event:
        """What is set when one of the owner's attempts has said something; to be called in the event loop."""
        self._loop = asyncio.get_running_loop()
        return self._bells.setdefault(owner, asyncio.Event())

    def ring(self, owner: str) -> None:
        """Set the bell of ``owner``, from any thread."""
        if self._loop is not None and owner in self._bells:
            with suppress(RuntimeError):  # the loop is closed: the worker is about to end
                self._loop.call_soon_threadsafe(self._bells[owner].set)

    def silence(self, owner: str) -> float:
        """Seconds since ``owner`` was last heard."""
        return time.monotonic() - self.heard.get(owner, 0.0)

    def clear_out(self) -> None:
        """Let go of what was said for clients that have not come back for :data:`KEEP_SECONDS`."""
        for token, attempt in list(self.attempts.items()):
            if attempt.is_over and self.silence(attempt.ticket.owner) > KEEP_SECONDS:
                del self.attempts[token]

    def of(self, owner: str) -> list[Attempt]:
        """Those that belong to ``owner``."""
        return [attempt for attempt in list(self.attempts.values()) if attempt.ticket.owner == owner]


DESK = Desk()
_ALONE = threading.Lock()  # TensorFlow has one set of threads a process, and Keras one state: one run at a time


def train_remotely(ticket: Ticket) -> None:
    """The task that Dask carries out: train the ticket's run, and say so to whoever asks."""
    carry_out(ticket, _train)


def carry_out(ticket: Ticket, train: Callable[[Attempt, TrainTask], None]) -> None:
    """Make an attempt at the ticket's run, which ``train`` does once the client has said from where."""
    with _ALONE:
        DESK.clear_out()
        attempt = Attempt(ticket)
        DESK.attempts[attempt.token] = attempt
        DESK.ring(ticket.owner)
        try:
            go = attempt.wait_for_go()
            if go.is_wanted:
                train(attempt, replace(ticket.task, interrupted=go.interrupted))
        finally:
            attempt.is_over = True


def _train(attempt: Attempt, task: TrainTask) -> None:
    try:
        data = _found(attempt, task.spec.data)
    except TrainscopeError as error:
        attempt.say(RunFinished(task.run, Status.FAILED, str(error)))
        return
    with tempfile.TemporaryDirectory() as folder:
        model_file = Path(folder) / "network.keras" if task.model_file is not None else None

        def take(event: Event) -> None:
            if isinstance(event, RunFinished) and event.model is not None:
                attempt.say(Network(Path(event.model).read_bytes()))
            attempt.say(event)

        here = replace(task, spec=task.spec.replace(data=data), model_file=model_file)
        _runner(attempt.ticket.device, attempt.ticket.threads).execute(here, take, attempt.poll)


def _runner(device: str, threads: int | None) -> TaskRunner:
    """The only one of this process: what its first run asks for is what all get, as TensorFlow is set up once."""
    if not _RUNNERS:
        from distributed import get_worker

        threads = threads or get_worker().state.nthreads
        # A worker that is a process of the program's own shares its terminal.
        with _LOADING, silence_stderr():
            configure(threads, device)
        _RUNNERS.append(TaskRunner(Placement(device, threads=threads)))
    return _RUNNERS[0]


_RUNNERS: list[TaskRunner] = []
_LOADING = threading.Lock()  # one puts the streams aside at a time, and back what it found


def _found(attempt: Attempt, data: DataSpec) -> DataSpec:
    """``data`` as it is to be had here: as it stands where its images are the right ones, else as it is sent."""
    wanted = attempt.ticket.fingerprint
    if _fingerprint(data) == wanted:
        return data
    file = sent_file(wanted)
    sent = data.replace(dataset=str(file))
    with alone(file):  # several processes of one machine share a cache
        if not file.exists() or _fingerprint(sent) != wanted:
            attempt.say(DataWanted(data, wanted))
            attempt.wait_for_data()
            if _fingerprint(sent) != wanted:
                raise DatasetError(f"The images of {data.dataset} did not arrive whole; start the run again.")
    return sent


@cache
def _fingerprint_of(data: str) -> str:
    with without_downloads():  # what the client has is sent sooner, and a node may have no network
        return describe_dataset(DataSpec.from_json(data), lambda _message, _done, _total: None).fingerprint


def _fingerprint(data: DataSpec) -> str | None:
    """Hash of the images that ``data`` names on this machine; None where there are none."""
    try:
        return _fingerprint_of(data.to_json())
    except TrainscopeError as error:
        log.info("%s is not here: %s", data.dataset, error)
        return None


def sent_file(fingerprint: str) -> Path:
    """Where images that were sent are kept."""
    return cache_folder() / "sent" / f"{fingerprint}.npz"


@contextmanager
def alone(file: Path) -> Iterator[None]:
    """Within, no other process of this machine deals with ``file``."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(file.with_suffix(".lock")):
        yield


# What follows is called by the client, in the event loop of the worker.


def describe(owner: str) -> dict[str, str]:
    """Versions of the program and its libraries here; who asks means to train, so TensorFlow begins to load."""
    DESK.heard[owner] = time.monotonic()
    _quieten()
    _load_once()
    return versions()


async def collect(owner: str, read: dict[str, int], seconds: float) -> list[Post]:
    """What the owner's attempts have said since the client has ``read`` so many letters of each, by token.

    Waits up to ``seconds`` for something.
    """
    until = time.monotonic() + seconds
    bell = DESK.bell(owner)
    while True:
        bell.clear()
        DESK.heard[owner] = time.monotonic()
        posts = [attempt.post(read.get(attempt.token, 0)) for attempt in DESK.of(owner)]
        news = [post for post in posts if post.letters]
        left = until - time.monotonic()
        if news or left <= 0:
            return news
        with suppress(TimeoutError):
            await asyncio.wait_for(bell.wait(), left)
            await asyncio.sleep(GATHER_SECONDS)


def deliver(owner: str, token: str, delivery: Delivery) -> None:
    """Hand something to an attempt, if it is still there."""
    if (attempt := DESK.attempts.get(token)) is not None and attempt.ticket.owner == owner:
        attempt.deliver(delivery)


def forget(owner: str, token: str) -> None:
    """Let go of an attempt, whose letters were all stored; one that is under way is ended."""
    if (attempt := DESK.attempts.get(token)) is not None and attempt.ticket.owner == owner:
        for end in (Go(None, is_wanted=False), DataSent("Nobody wants it any more."), Control.CANCEL):
            attempt.deliver(end)
        del DESK.attempts[token]


def receive(fingerprint: str, offset: int, part: bytes, digest: str) -> None:
    """Write a part of a file of images; with the last one comes the SHA-256 of the whole, in hex."""
    if len(fingerprint) != hashlib.sha256().digest_size * 2 or not fingerprint.isalnum():
        raise ValueError("not the hash of a data set")  # it names a file
    file = sent_file(fingerprint)
    growing = file.with_suffix(f".{os.getpid()}.part")
    with growing.open("r+b" if offset else "wb") as out:
        out.seek(offset)
        out.truncate()
        out.write(part)
    if digest:
        with growing.open("rb") as whole:
            if hashlib.file_digest(whole, "sha256").hexdigest() != digest:
                raise ValueError("the images did not arrive whole")
        growing.replace(file)


@cache
def _load_once() -> None:
    threading.Thread(target=_load, name="load", daemon=True).start()


def _load() -> None:
    quiet_tensorflow()
    try:
        with _LOADING, silence_stderr():
            import engine.training.trainer  # noqa: F401
    except Exception:  # the first run will say it to its client
        log.exception("TensorFlow can't be loaded")


def _quieten() -> None:
    """Dask logs each call of ``Client.run``; there are several a second."""
    logger = logging.getLogger("distributed.worker")
    if _is_worth_a_line not in logger.filters:
        logger.addFilter(_is_worth_a_line)


def _is_worth_a_line(record: logging.LogRecord) -> bool:
    return not record.getMessage().startswith("Run out-of-band function")

"""Trains runs on a Dask cluster; everything else is done by the executor of this machine.

Dask finds a place for each run, and another one where a worker is lost. What a run says comes back while it trains: for
each worker a listener asks what is new (:mod:`engine.executors.dask_remote`), so nothing is lost or doubled when a
connection is, and the one writer of the store is whoever calls :meth:`DaskExecutor.run`.

Before an attempt trains it asks where to begin, and is told the newest checkpoint that came back. So a run whose worker
was killed goes on elsewhere, and since going on changes no bit, its result is that of an undisturbed run.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import queue
import tempfile
import threading
from collections import Counter, deque
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing import Pipe
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from engine.cluster import ClusterChoice
from engine.control import ControlChannel
from engine.datasets.sources import load_raw
from engine.devices.names import AUTO, CPU
from engine.errors import TrainscopeError, WorkerError
from engine.events import (
    Checkpoint,
    Command,
    Control,
    DatasetReady,
    Emit,
    Event,
    Interrupted,
    Intervention,
    InterventionKind,
    Progress,
    RunFinished,
    SkipRun,
    Status,
)
from engine.executors import dask_remote as remote
from engine.executors.base import Executor, concerns, ending
from engine.executors.dask_cluster import check_packages, open_cluster
from engine.executors.tasks import PrepareTask, Task, TrainTask
from engine.spec import DataSpec
from engine.versions import versions

log = logging.getLogger(__name__)

MOST_DEATHS = 3  # of workers, during one and the same run
CONNECT_SECONDS = 30.0
RECONNECT_SECONDS = 600.0  # for which a lost scheduler is looked for
ASK_SECONDS = 1.0  # that a worker may take to find something to say
LOOK_SECONDS = 1.0  # between two looks at which workers there are
PART_BYTES = 2**23  # of a data set that is sent

# What decides the bits of a run: a worker must have the same.
DECIDING = ("Trainscope", "TensorFlow", "Keras", "NumPy", "scikit-learn")

Result = TypeVar("Result")


@dataclass(frozen=True)
class _Heard:
    """Letters of an attempt at ``worker``."""

    worker: str
    post: remote.Post


@dataclass(frozen=True)
class _Gone:
    """A worker is no longer there."""

    worker: str


@dataclass(frozen=True)
class _Refused:
    """A worker can't be used."""

    worker: str
    why: str


@dataclass(frozen=True)
class _Failed:
    """Dask has given up a run."""

    run: int
    why: str


@dataclass(frozen=True)
class _Reconnected:
    """The scheduler was lost, and is there again; it may know of nothing."""


@dataclass(frozen=True)
class _Lost:
    """The scheduler is not there any more."""

    why: str


_News = _Heard | _Gone | _Refused | _Failed | _Reconnected | _Lost


class DaskExecutor:
    """An executor whose runs are trained by the workers of a Dask cluster.

    Args:
        choice: which cluster.
        local: does what is no run: data sets, exports, computations.
        owner: tells this workspace's runs from all others in the cluster.
        device: what workers compute on: auto, cpu or the key of a GPU. A run that wants a GPU is placed where Dask's
            resource ``GPU`` is.
        gpu_share: how much of a GPU a run takes.
    """

    def __init__(
        self, choice: ClusterChoice, local: Executor, owner: str, device: str = AUTO, gpu_share: float = 1.0
    ) -> None:
        check_packages(choice)
        self._choice, self._local, self._owner, self._device = choice, local, owner, device
        self._resources = {"GPU": gpu_share} if device not in (AUTO, CPU) else {}
        self._link: _Link | None = None
        self._threads: int | None = None
        self._fingerprints: dict[DataSpec, str] = {}

    def start(self, runs: int, threads: int | None = None) -> int:
        """Connect, unless that was done; gives the number of workers that are there or were asked for.

        Raises :class:`~engine.errors.WorkerError` where the cluster can't be reached or has no worker that can be used.
        """
        self._threads = threads
        return max(1, self._connected().count_workers())

    def run(self, tasks: Sequence[Task], emit: Emit, control: ControlChannel) -> Control | None:
        """Carry out all tasks; see :class:`~engine.executors.base.Executor`."""
        runs = [task for task in tasks if isinstance(task, TrainTask)]
        if len(runs) < len(tasks) or not runs:
            return self._local.run(tasks, self._noting(tasks, emit), control)
        fingerprints = {data: self._fingerprint(data) for data in {task.spec.data for task in runs}}
        tickets = [
            remote.Ticket(self._owner, task, fingerprints[task.spec.data], self._device, self._threads) for task in runs
        ]
        return _Campaign(self._connected(), tickets, self._resources, emit).carry_out(control)

    def close(self) -> None:
        """Let go of the cluster, and end it if it is this program's own."""
        if self._link is not None:
            self._link.close()
            self._link = None
        self._local.close()

    def _connected(self) -> _Link:
        if self._link is None:
            self._link = _Link(self._choice, self._owner)
        return self._link

    def _noting(self, tasks: Sequence[Task], emit: Emit) -> Emit:
        """``emit``, which keeps the hash of a data set that was prepared."""
        specs = [task.data for task in tasks if isinstance(task, PrepareTask)]

        def take(event: Event) -> None:
            if isinstance(event, DatasetReady):
                self._fingerprints |= dict.fromkeys(specs, event.info.fingerprint)
            emit(event)

        return take

    def _fingerprint(self, data: DataSpec) -> str:
        if data not in self._fingerprints:
            self._fingerprints[data] = load_raw(data, lambda _message, _done, _total: None).fingerprint
        return self._fingerprints[data]


class _Campaign:
    """The runs of one call: which wait, which are under way where, and what is known of each."""

    def __init__(self, link: _Link, tickets: Sequence[remote.Ticket], resources: dict[str, float], emit: Emit) -> None:
        self._link, self._resources, self._emit = link, resources, emit
        self._tickets = {ticket.task.run: ticket for ticket in tickets}
        self._waiting = deque(self._tickets)
        self._submitted: set[int] = set()
        self._attempts: dict[int, tuple[str, str]] = {}  # token and worker of each run's newest attempt
        self._networks: dict[int, bytes] = {}
        self._deaths: Counter[int] = Counter()
        self._excused: set[int] = set()  # runs whose next loss is that of a scheduler
        self._held: list[int] = []  # runs whose attempts wait for the end of a pause
        self._ignored: set[str] = set()  # tokens of attempts that nobody wants any more
        self._was_told_to_wait = False
        self._paused = False
        self._ending: Control | None = None

    def carry_out(self, control: ControlChannel) -> Control | None:
        try:
            self._adopt()
            while self._tickets:
                self._submit()
                ready = wait([self._link.connection, control.connection], LOOK_SECONDS)
                if self._link.connection in ready:
                    for news in self._link.news():
                        self._take(news)
                if control.connection in ready and (command := control.poll()) is not None:
                    self._obey(command)
        except BaseException:
            self._link.cancel(self._submitted)
            raise
        return self._ending

    def _adopt(self) -> None:
        """Take up what goes on from before: an earlier program with this workspace may have been killed."""
        for worker, post in self._link.attempts():
            if post.run not in self._tickets:
                continue
            if _came_to_its_end(post) or not post.is_over:
                self._attempts[post.run] = post.token, worker
                self._submitted.add(post.run)
            else:
                self._ignored.add(post.token)
                self._link.forget(worker, post.token)
        self._waiting = deque(run for run in self._waiting if run not in self._submitted)

    def _submit(self) -> None:
        """Keep the cluster busy, and no more than that: a plan of many runs lies here, not in its scheduler."""
        workers = self._link.count_workers()
        if not workers and not self._was_told_to_wait:
            self._was_told_to_wait = True
            self._emit(Progress("Waiting for a worker of the cluster", 0, 0))
        while self._waiting and not self._paused and len(self._submitted) < 2 * workers:
            run = self._waiting.popleft()
            self._submitted.add(run)
            self._link.submit(self._tickets[run], self._resources)

    def _take(self, news: _News) -> None:
        match news:
            case _Heard(worker, post):
                for letter in post.letters:
                    self._read(worker, post.token, post.run, letter)
            case _Gone(worker):
                for run in [run for run, (_, place) in self._attempts.items() if place == worker]:
                    self._mourn(run)
                self._requeue()
            case _Refused(worker, why):
                self._emit(Progress(f"{worker} is not used: {why}", 0, 0))
            case _Failed(run, why) if run in self._tickets:
                self._end(RunFinished(run, Status.CRASHED, why))
            case _Reconnected():
                # A new scheduler knows of no run; one that does takes the same key for the same run.
                self._excused |= set(self._attempts)
                self._waiting.extendleft(sorted(self._submitted, reverse=True))
                self._submitted.clear()
            case _Lost(why):
                for run in list(self._tickets):
                    self._end(RunFinished(run, Status.CRASHED, why))

    def _read(self, worker: str, token: str, run: int, letter: remote.Letter | None) -> None:
        if run not in self._tickets or token in self._ignored:
            if token not in self._ignored:
                self._ignored.add(token)
                self._link.forget(worker, token)
            return
        if isinstance(letter, remote.Begun):
            self._begin(worker, token, run)
            return
        if self._attempts.get(run) != (token, worker):
            return  # of an attempt that was taken for lost
        match letter:
            case remote.DataWanted(data, fingerprint):
                self._link.send_data(worker, token, data, fingerprint)
            case remote.Network(data):
                self._networks[run] = data
            case RunFinished():
                self._end(self._with_network(letter))
            case None:
                pass
            case _:
                self._note(run, letter)
                self._emit(letter)

    def _begin(self, worker: str, token: str, run: int) -> None:
        """An attempt begins, the first of its run or another one."""
        if (before := self._attempts.get(run)) is not None and before != (token, worker):
            self._link.forget(before[1], before[0])
            if self._bury(run):  # Dask has noticed sooner than the look at which workers there are
                self._link.forget(worker, token)
                return
        self._attempts[run] = token, worker
        if self._paused:
            self._held.append(run)
        else:
            self._go(run)

    def _go(self, run: int) -> None:
        if run in self._attempts:
            token, worker = self._attempts[run]
            self._link.deliver(worker, token, remote.Go(self._tickets[run].task.interrupted))

    def _note(self, run: int, event: Event) -> None:
        """Keep from where the run could go on."""
        ticket = self._tickets[run]
        known = ticket.task.interrupted
        match event:
            case Checkpoint(_, step, data):
                rates = [rate for rate in (known.rates if known else ()) if rate[0] > step]
                known = Interrupted(data, tuple(rates))
            case Intervention(_, step, _, InterventionKind.LEARNING_RATE, float(rate)) if known is not None:
                known = replace(known, rates=(*known.rates, (step, rate)))
            case _:
                return
        self._tickets[run] = replace(ticket, task=replace(ticket.task, interrupted=known))

    def _with_network(self, finished: RunFinished) -> RunFinished:
        """``finished``, its network in the file where it is kept here."""
        network, file = self._networks.pop(finished.run, None), self._tickets[finished.run].task.model_file
        if network is None or file is None:
            return replace(finished, model=None)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            unfinished = file.with_name(f"{file.stem}.unfinished.keras")
            unfinished.write_bytes(network)
            unfinished.replace(file)
        except OSError as error:
            why = f"The trained network could not be saved to {file} ({error.strerror or error})."
            return replace(finished, model=None, reason=why)
        return replace(finished, model=str(file))

    def _end(self, finished: RunFinished) -> None:
        run = finished.run
        self._emit(finished)
        del self._tickets[run]
        if run in self._submitted:
            self._submitted.remove(run)
            self._link.release(run)
        else:
            self._waiting.remove(run)
        if (attempt := self._attempts.pop(run, None)) is not None:
            self._link.forget(attempt[1], attempt[0])

    def _mourn(self, run: int) -> None:
        """The worker of a run is gone: Dask gives the run to another, unless too many have died of it."""
        if not self._bury(run) and not self._link.follows(run):  # it was taken up from an earlier program
            self._link.submit(self._tickets[run], self._resources)

    def _bury(self, run: int) -> bool:
        """An attempt was lost with its worker; gives whether the run has ended with it."""
        self._attempts.pop(run, None)
        self._deaths[run] += run not in self._excused
        self._excused.discard(run)
        if self._ending is not None:
            self._end(RunFinished(run, _STATUS_OF[self._ending], "Its worker was lost as it was being ended."))
        elif self._deaths[run] >= MOST_DEATHS:
            self._link.cancel([run])
            why = f"It was set aside: {MOST_DEATHS} workers were lost while they trained it."
            self._end(RunFinished(run, Status.CRASHED, why))
        return run not in self._tickets

    def _requeue(self) -> None:
        """Runs that were to begin on certain workers alone may never begin, now that one of them is gone."""
        for run in self._submitted - set(self._attempts):
            if self._link.is_bound(run):
                self._link.cancel([run])
                self._submitted.remove(run)
                self._waiting.appendleft(run)

    def _obey(self, command: Command) -> None:
        match command:
            case Control.CANCEL | Control.SUSPEND if self._ending in (Control.CANCEL, Control.SUSPEND):
                for run in list(self._tickets):
                    self._end(RunFinished(run, _STATUS_OF[command], "It did not answer."))
                return
            case Control() if command.ends:
                self._ending = ending(command)
                for run in [run for run in self._tickets if run not in self._attempts or run in self._held]:
                    self._leave_out(run, Status.CANCELLED, "Not started.")
            case Control.PAUSE:
                self._paused = True
            case Control.RESUME | Control.STEP:
                self._paused &= command is Control.STEP
                begun, self._held = self._held, []
                for run in begun:
                    self._go(run)
                    if self._paused:
                        token, worker = self._attempts[run]
                        self._link.deliver(worker, token, Control.PAUSE)
            case SkipRun(run) if run in self._tickets and (run not in self._attempts or run in self._held):
                self._leave_out(run, Status.SKIPPED, "Skipped.")
        for run, (token, worker) in self._attempts.items():
            if concerns(command, self._tickets[run].task):
                self._link.deliver(worker, token, command)

    def _leave_out(self, run: int, status: Status, why: str) -> None:
        if run in self._submitted:
            self._link.cancel([run])
        self._end(RunFinished(run, status, why))


_STATUS_OF = {
    Control.STOP: Status.STOPPED,
    Control.CANCEL: Status.CANCELLED,
    Control.SUSPEND: Status.INTERRUPTED,
}


def _came_to_its_end(post: remote.Post) -> bool:
    """Whether an attempt that is over needs no other one."""
    return any(isinstance(letter, RunFinished) and not letter.status.can_go_on for letter in post.letters)


class _Link:
    """A thread with an event loop that speaks with Dask.

    ``connection`` can be waited on: it can be read when there is news.
    """

    def __init__(self, choice: ClusterChoice, owner: str) -> None:
        self._choice, self._owner = choice, owner
        self._news: queue.SimpleQueue[_News] = queue.SimpleQueue()
        self.connection, self._bell = Pipe(duplex=False)
        self._bell_lock, self._is_rung = threading.Lock(), False
        self._futures: dict[int, Any] = {}
        self._bound: set[int] = set()
        self._listeners: dict[str, asyncio.Task[None]] = {}
        self._usable: set[str] = set()
        self._refused: dict[str, str] = {}
        self._read: dict[str, int] = {}  # letters, by token
        self._own = versions()
        self._cluster: Any = None
        self._client: Any = None
        self._watcher: asyncio.Task[None] | None = None
        self._is_closing = False
        self._sendings: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="dask", daemon=True)
        self._thread.start()
        try:
            self._do(self._open())
        except BaseException:
            self.close()
            raise

    # Called by the executor's thread.

    def news(self) -> list[_News]:
        """What has happened since the last call."""
        with self._bell_lock:
            if self._is_rung:
                self.connection.recv_bytes()
                self._is_rung = False
        found: list[_News] = []
        with suppress(queue.Empty):
            while True:
                found.append(self._news.get_nowait())
        return found

    def count_workers(self) -> int:
        """Workers that can be used now; others may be on their way."""
        return len(self._usable)

    def attempts(self) -> list[tuple[str, remote.Post]]:
        """Where each attempt is that the workers know of, and all it has said."""
        return self._do(self._all_attempts())

    def submit(self, ticket: remote.Ticket, resources: dict[str, float]) -> None:
        """Have a run trained somewhere."""
        self._do(self._submit(ticket, resources))

    def deliver(self, worker: str, token: str, delivery: remote.Delivery) -> None:
        """Hand something to an attempt, now or as soon as its worker can be reached."""
        self._later(self._call(worker, remote.deliver, self._owner, token, delivery))

    def forget(self, worker: str, token: str) -> None:
        """Let a worker forget an attempt."""
        self._later(self._call(worker, remote.forget, self._owner, token))

    def send_data(self, worker: str, token: str, data: DataSpec, fingerprint: str) -> None:
        """Send the images of a data set to a worker, and tell the attempt that waits for them."""
        self._later(self._send_data(worker, token, data, fingerprint))

    def follows(self, run: int) -> bool:
        """Whether it was submitted by this link."""
        return run in self._futures

    def is_bound(self, run: int) -> bool:
        """Whether it may begin on certain workers alone, as there are some that can't be used."""
        return run in self._bound

    def release(self, run: int) -> None:
        """Nothing more is wanted of a run."""
        self._loop.call_soon_threadsafe(self._futures.pop, run, None)

    def cancel(self, runs: Sequence[int] | set[int]) -> None:
        """Take runs back that have not begun."""
        self._do(self._cancel(list(runs)))

    def close(self) -> None:
        """End the connection, and a cluster of one's own."""
        with suppress(Exception):  # whatever a broken connection says now, nobody is helped by it
            self._do(self._shut())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self.connection.close()
        self._bell.close()

    def _do(self, work: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop)

    # In the event loop.

    def _tell(self, news: _News) -> None:
        self._news.put(news)
        with self._bell_lock:
            if not self._is_rung:
                self._is_rung = True
                self._bell.send_bytes(b"1")

    async def _open(self) -> None:
        self._cluster, address, self._security = await open_cluster(self._choice)
        self._address = address
        await self._connect(CONNECT_SECONDS)
        await self._look()
        if self._refused and not self._usable:
            raise WorkerError(f"No worker of {self._choice} can be used: {next(iter(self._refused.values()))}")
        self._watcher = asyncio.create_task(self._watch())

    async def _connect(self, seconds: float) -> None:
        from distributed import Client

        try:
            self._client = await Client(
                self._address, asynchronous=True, security=self._security, timeout=seconds, set_as_default=False
            )
        except (OSError, ValueError) as error:
            raise WorkerError(
                f"No Dask scheduler answers at {self._choice} ({error}); start one, or check the address."
            ) from None

    async def _shut(self) -> None:
        self._is_closing = True
        for task in (self._watcher, *self._sendings):
            if task is not None:
                task.cancel()
        if self._listeners:  # a question that is under way would be lost with a line in somebody's log
            await asyncio.wait(self._listeners.values(), timeout=2 * ASK_SECONDS)
        for listener in self._listeners.values():
            listener.cancel()
        if self._client is not None:
            await self._client.close()
        if self._cluster is not None:
            await self._cluster.close()

    async def _watch(self) -> None:
        """See which workers there are, again and again; where the scheduler is lost, look for it."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self._look()
            except OSError as error:
                log.info("connection lost: %s", error)
                await self._reconnect()

    async def _reconnect(self) -> None:
        until = self._loop.time() + RECONNECT_SECONDS
        while self._cluster is None and self._loop.time() < until:
            with suppress(Exception):
                await self._client.close(timeout=1)
            with suppress(WorkerError):
                await self._connect(5.0)
                self._futures.clear()
                # The same workers are found again, with what they have said meanwhile.
                for listener in self._listeners.values():
                    listener.cancel()
                self._listeners.clear()
                self._usable.clear()
                self._tell(_Reconnected())
                return
            await asyncio.sleep(LOOK_SECONDS)
        self._tell(_Lost(f"The scheduler at {self._choice} was lost; start it again and go on with --resume."))
        await asyncio.Event().wait()

    async def _look(self) -> None:
        identity = await self._client.scheduler.identity(n_workers=-1)
        there = set(identity["workers"])
        for worker in there - set(self._listeners) - set(self._refused):
            if (why := await self._objection(worker)) is None:
                self._usable.add(worker)
                self._listeners[worker] = asyncio.create_task(self._listen(worker))
            else:
                self._refused[worker] = why
                self._tell(_Refused(worker, why))
        for worker in set(self._listeners) - there:
            self._listeners.pop(worker).cancel()
            self._usable.discard(worker)
            self._tell(_Gone(worker))
        for worker in set(self._refused) - there:
            del self._refused[worker]

    async def _objection(self, worker: str) -> str | None:
        """Why a worker can't be used; None where it can."""
        try:
            theirs = await self._ask(worker, remote.describe, self._owner)
        except OSError:
            return "it does not answer."
        except Exception as error:  # whatever its Python has to say of this program
            return f"Trainscope can't be imported there ({error}); start it with PYTHONPATH, as docs/cluster.md shows."
        other = [
            f"{name} {theirs[name]}, here {self._own[name]}" for name in DECIDING if theirs[name] != self._own[name]
        ]
        return f"it has {'; '.join(other)}. Install the same there." if other else None

    async def _listen(self, worker: str) -> None:
        """Ask a worker again and again what its attempts have said."""
        while not self._is_closing:
            try:
                posts = await self._ask(worker, remote.collect, self._owner, dict(self._read), ASK_SECONDS)
            except asyncio.CancelledError:
                raise
            except Exception as error:  # it is asked again until the scheduler says that it is gone
                log.info("%s can't be asked: %s", worker, error)
                await asyncio.sleep(LOOK_SECONDS)
                continue
            for post in posts:
                self._read[post.token] = post.first + len(post.letters)
                self._tell(_Heard(worker, post))

    async def _all_attempts(self) -> list[tuple[str, remote.Post]]:
        found = []
        for worker in sorted(self._usable):
            with suppress(OSError):
                found += [(worker, post) for post in await self._ask(worker, remote.collect, self._owner, {}, 0.0)]
        return found

    async def _ask(self, worker: str, function: Any, *arguments: Any) -> Any:
        return (await self._client.run(function, *arguments, workers=[worker]))[worker]

    async def _call(self, worker: str, function: Any, *arguments: Any) -> None:
        try:
            await self._ask(worker, function, *arguments)
        except Exception as error:  # it is gone, which is noticed elsewhere
            log.info("%s could not be told: %s", worker, error)

    async def _submit(self, ticket: remote.Ticket, resources: dict[str, float]) -> None:
        from distributed import fire_and_forget

        run = ticket.task.run
        # Dask never looks for another worker than those that were named, so none is unless one has to be kept out.
        bound = sorted(self._usable) if self._refused else None
        (self._bound.add if bound else self._bound.discard)(run)
        future = self._client.submit(
            remote.train_remotely,
            ticket,
            key=f"trainscope-{self._owner}-{run}",
            workers=bound,
            resources=resources or None,
            pure=False,
        )
        if self._choice.is_lasting:
            fire_and_forget(future)  # it goes on where this program ends
        self._futures[run] = future
        future.add_done_callback(lambda done: self._loop.call_soon_threadsafe(self._ended, run, done))

    def _ended(self, run: int, future: Any) -> None:
        if future.status != "error" or self._futures.get(run) is not future:
            return
        task = asyncio.ensure_future(self._say_why(run, future))
        self._sendings.add(task)
        task.add_done_callback(self._sendings.discard)

    async def _say_why(self, run: int, future: Any) -> None:
        error = await future.exception()
        self._tell(_Failed(run, f"The cluster gave it up ({type(error).__name__}: {str(error)[:200]})."))

    async def _cancel(self, runs: list[int]) -> None:
        futures = [self._futures.pop(run) for run in runs if run in self._futures]
        if futures:
            with suppress(OSError):
                await self._client.cancel(futures, force=True)

    async def _send_data(self, worker: str, token: str, data: DataSpec, fingerprint: str) -> None:
        try:
            with tempfile.TemporaryDirectory() as folder:
                file = Path(folder) / "images.npz"
                await asyncio.to_thread(_pack, data, file)
                digest = hashlib.sha256()
                size, offset = file.stat().st_size, 0
                with file.open("rb") as content:
                    while part := content.read(PART_BYTES):
                        digest.update(part)
                        is_last = offset + len(part) == size
                        whole = digest.hexdigest() if is_last else ""
                        await self._ask(worker, remote.receive, fingerprint, offset, part, whole)
                        offset += len(part)
            sent = remote.DataSent()
        except Exception as error:  # its disk is full, its connection lost, the data set is gone here
            log.exception("the data set could not be sent")
            why = str(error) if isinstance(error, TrainscopeError) else f"{type(error).__name__}: {error}"
            sent = remote.DataSent(f"The data set could not be sent to {worker} ({why[:200]}).")
        await self._call(worker, remote.deliver, self._owner, token, sent)


def _pack(data: DataSpec, file: Path) -> None:
    """The images of ``data`` as stored, in an .npz file that has the same hash."""
    raw = load_raw(data, lambda _message, _done, _total: None)
    arrays: dict[str, Any] = {"x_train": raw.x_train, "y_train": raw.y_train, "class_names": np.array(raw.class_names)}
    if raw.x_test is not None and raw.y_test is not None:
        arrays |= {"x_test": raw.x_test, "y_test": raw.y_test}
    np.savez(file, **arrays)

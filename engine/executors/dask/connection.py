"""What speaks with Dask: an event loop in its own thread, which sees workers come and go and asks what they say."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import pickle
import queue
import signal
import tempfile
import threading
from collections import defaultdict
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future, wait
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import Pipe, resource_tracker
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from engine.config.cluster import ClusterChoice
from engine.config.specs import DataSpec
from engine.datasets.registry import load_raw
from engine.executors.dask import worker as remote
from engine.executors.dask.clusters import Opened, ask_for_jobs, open_cluster
from engine.utils.errors import Cancelled, TrainscopeError, WorkerError
from engine.utils.text import one_line
from engine.utils.versions import versions

log = logging.getLogger(__name__)

CONNECT_SECONDS = 15.0
REFUSED_SECONDS = 30.0  # until a batch system that has refused a job is asked again
SPARE_SECONDS = 120.0  # after the last run, until jobs of a batch system are given back
CLOSE_SECONDS = 10.0  # for an opening that was given up to end
PATIENCE_SECONDS = 0.2  # until it is asked again whether a connection is still wanted
RECONNECT_SECONDS = 600.0  # for which a lost scheduler is looked for
ASK_SECONDS = 1.0  # that a worker may take to find something to say
LOOK_SECONDS = 1.0  # between two looks at which workers there are
PART_BYTES = 2**23  # of a data set that is sent

# What decides the bits of a run: a worker must have the same.
DECIDING = ("Trainscope", "TensorFlow", "Keras", "NumPy", "scikit-learn")

Result = TypeVar("Result")


@dataclass(frozen=True)
class Heard:
    """Letters of an attempt at ``worker``."""

    worker: str
    post: remote.Post


@dataclass(frozen=True)
class Came:
    """A worker is there, for the first time or again."""

    worker: str


@dataclass(frozen=True)
class Gone:
    """A worker is no longer there."""

    worker: str


@dataclass(frozen=True)
class Refused:
    """A worker can't be used."""

    worker: str
    why: str


@dataclass(frozen=True)
class Failed:
    """Dask has given up a run."""

    run: int
    why: str


@dataclass(frozen=True)
class Dropped:
    """The scheduler was lost, and with it what it knew of a run."""

    run: int


@dataclass(frozen=True)
class Lost:
    """The scheduler is not there any more."""

    why: str


@dataclass(frozen=True)
class Noted:
    """Something that ends nothing."""

    why: str


News = Heard | Came | Gone | Refused | Failed | Dropped | Lost | Noted


class Link:
    """A thread with an event loop that speaks with Dask.

    ``connection`` can be waited on: it can be read when there is news.
    """

    def __init__(self, choice: ClusterChoice, owner: str, is_wanted: Callable[[], bool] = lambda: True) -> None:
        self._choice, self._owner = choice, owner
        self._news: queue.SimpleQueue[News] = queue.SimpleQueue()
        self.connection, self._bell = Pipe(duplex=False)
        self._bell_lock, self._is_rung = threading.Lock(), False
        self._futures: dict[int, Any] = {}
        self._bound: set[int] = set()
        self._listeners: dict[str, asyncio.Task[None]] = {}
        self._usable: set[str] = set()
        self._refused: dict[str, str] = {}
        self._read: dict[str, int] = {}  # letters, by token
        self._own = versions()
        self._opened: Opened | None = None
        self._opening: asyncio.Task[None] | None = None
        self._refused_until = 0.0
        self._has_jobs, self._spare_since = False, 0.0  # when the last plan ended, 0 while one is carried out
        self._client: Any = None
        self._watcher: asyncio.Task[None] | None = None
        self._is_closing = self.is_lost = False
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._sendings: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="dask", daemon=True)
        self._thread.start()
        try:
            self._wait_for(asyncio.run_coroutine_threadsafe(self._open(), self._loop), is_wanted)
        except BaseException:
            self.close()
            raise

    # Called by the executor's thread.

    def news(self) -> list[News]:
        """What has happened since the last call."""
        with self._bell_lock:
            if self._is_rung:
                self.connection.recv_bytes()
                self._is_rung = False
        found: list[News] = []
        with suppress(queue.Empty):
            while True:
                found.append(self._news.get_nowait())
        return found

    def use(self) -> None:
        """Runs are to be trained now: jobs of a batch system are asked for, unless they are there."""
        self._do(self._use())

    def spare(self) -> None:
        """No runs are to be trained for now: jobs are given back after a while."""
        self._do(self._spare())

    def count_workers(self) -> int:
        """Workers that can be used now; others may be on their way."""
        return len(self._usable)

    @property
    def jobs(self) -> int:
        """How many jobs of a batch system are asked for when runs are to be trained."""
        return 0 if self._opened is None else self._opened.jobs

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
        self._later(self._forget(worker, token))

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

    def _wait_for(self, opening: Future[None], is_wanted: Callable[[], bool]) -> None:
        while not wait([opening], PATIENCE_SECONDS).done:
            if not is_wanted():
                opening.cancel()
                raise Cancelled(f"{self._choice} is no longer waited for.")
        opening.result()

    def _do(self, work: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop)

    # In the event loop.

    def _run(self) -> None:
        # Processes begun from here inherit it: Ctrl-C reaches all of a terminal's, and only this program decides what
        # it means. What ends a process of Dask's own, SIGTERM, stays.
        if hasattr(signal, "pthread_sigmask"):
            resource_tracker.ensure_running()  # as it is started, it lets them through again
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGHUP})
        self._loop.run_forever()
        self._loop.run_until_complete(self._end_tasks())

    async def _end_tasks(self) -> None:
        """Let each task that is left, of a connection that was given up, end in its own way."""
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def _tell(self, news: News) -> None:
        self._news.put(news)
        with self._bell_lock:
            if not self._is_rung:
                self._is_rung = True
                self._bell.send_bytes(b"1")

    async def _open(self) -> None:
        self._opening = asyncio.current_task()
        self._opened = await open_cluster(self._choice)
        await self._connect(CONNECT_SECONDS)
        await self._look()
        if self._refused and not self._usable:
            raise WorkerError(f"No worker of {self._choice} can be used: {next(iter(self._refused.values()))}")
        self._watcher = asyncio.create_task(self._watch())

    async def _connect(self, seconds: float) -> None:
        from distributed import Client

        opened = self._opened
        if opened is None:
            raise RuntimeError("the cluster is not open")
        try:
            self._client = Client(
                opened.address, asynchronous=True, security=opened.security, timeout=seconds, set_as_default=False
            )
            await self._client
        except (OSError, ValueError) as error:
            raise WorkerError(
                f"No Dask scheduler answers at {self._choice} ({error}); start one, or check the address."
            ) from None

    async def _shut(self) -> None:
        self._is_closing = True
        if self._opening is not None:  # one that was given up ends what has begun
            await asyncio.wait([self._opening], timeout=CLOSE_SECONDS)
        for task in (self._watcher, *self._sendings):
            if task is not None:
                task.cancel()
        if self._listeners:  # a question that is under way would be lost with a line in somebody's log
            await asyncio.wait(self._listeners.values(), timeout=2 * ASK_SECONDS)
        for listener in self._listeners.values():
            listener.cancel()
        if self._client is not None:
            await self._client.close()
        if self._opened is not None and self._opened.cluster is not None:
            await self._opened.cluster.close()

    async def _use(self) -> None:
        self._spare_since = 0.0
        if self._opened is not None and self._opened.jobs:
            self._has_jobs = True  # some may have been given where others are refused
            await ask_for_jobs(self._opened.cluster, self._opened.jobs)

    async def _spare(self) -> None:
        self._spare_since = self._loop.time()

    async def _keep_jobs(self) -> None:
        """Ask for jobs anew that were lost or came to the end of their time; give back those that are not needed."""
        if not self._has_jobs or self._opened is None:
            return
        if not self._spare_since and self._loop.time() > self._refused_until:
            try:
                await ask_for_jobs(self._opened.cluster, self._opened.jobs)
            except WorkerError as error:  # the others go on
                self._refused_until = self._loop.time() + REFUSED_SECONDS
                self._tell(Noted(str(error)))
        elif self._spare_since and self._loop.time() - self._spare_since > SPARE_SECONDS:
            self._opened.cluster.scale(0)
            self._has_jobs = False

    async def _watch(self) -> None:
        """See which workers there are, again and again; where the scheduler is lost, look for it."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self._keep_jobs()
                await self._look()
            except Exception as error:  # of whatever kind a lost connection is here
                log.info("connection lost: %r", error)
                await self._reconnect()

    @property
    def _is_own(self) -> bool:
        """Whether the scheduler lives in this process, and can't be found again once it is lost."""
        return self._opened is not None and self._opened.cluster is not None

    async def _reconnect(self) -> None:
        until = self._loop.time() + RECONNECT_SECONDS
        while not self._is_own and self._loop.time() < until:
            with suppress(Exception):
                await self._client.close(timeout=1)
            with suppress(WorkerError):
                await self._connect(5.0)
                for run in list(self._futures):
                    del self._futures[run]
                    self._tell(Dropped(run))
                # The same workers are found again, with what they have said meanwhile.
                for listener in self._listeners.values():
                    listener.cancel()
                self._listeners.clear()
                self._usable.clear()
                return
            await asyncio.sleep(LOOK_SECONDS)
        self.is_lost = True
        self._tell(Lost(f"The scheduler at {self._choice} was lost; start it again and go on with --resume."))
        await asyncio.Event().wait()

    async def _look(self) -> None:
        identity = await self._client.scheduler.identity(n_workers=-1)
        there = set(identity["workers"])
        for worker in there - set(self._listeners) - set(self._refused):
            try:
                why = await self._objection(worker)
            except OSError:  # it has just come, or just gone: the next look will tell
                continue
            if why is None:
                self._usable.add(worker)
                self._listeners[worker] = asyncio.create_task(self._listen(worker))
                self._tell(Came(worker))
            else:
                self._refused[worker] = why
                self._tell(Refused(worker, why))
        for worker in set(self._listeners) - there:
            self._listeners.pop(worker).cancel()
            self._usable.discard(worker)
            self._tell(Gone(worker))
        for worker in set(self._refused) - there:
            del self._refused[worker]

    async def _objection(self, worker: str) -> str | None:
        """Why a worker can't be used; None where it can. Raises OSError where it does not answer."""
        try:
            theirs = await self._ask(worker, remote.describe, self._owner)
        except OSError:
            raise
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
                self._tell(Heard(worker, post))

    async def _all_attempts(self) -> list[tuple[str, remote.Post]]:
        found = []
        for worker in sorted(self._usable):
            with suppress(OSError):
                found += [(worker, post) for post in await self._ask(worker, remote.collect, self._owner, {}, 0.0)]
        return found

    async def _ask(self, worker: str, function: Any, *arguments: Any) -> Any:
        return (await self._client.run(function, *arguments, workers=[worker]))[worker]

    async def _call(self, worker: str, function: Any, *arguments: Any) -> None:
        """Tell a worker something, after what it was told before, again and again until it has heard or is gone."""
        async with self._turns[worker]:
            while True:
                try:
                    await self._ask(worker, function, *arguments)
                except Exception as error:
                    log.info("%s could not be told: %s", worker, error)
                    if self._is_closing or worker not in self._listeners:
                        return
                    await asyncio.sleep(LOOK_SECONDS)
                else:
                    return

    async def _forget(self, worker: str, token: str) -> None:
        await self._call(worker, remote.forget, self._owner, token)
        self._read.pop(token, None)

    async def _submit(self, ticket: remote.Ticket, resources: dict[str, float]) -> None:
        from distributed import fire_and_forget

        run = ticket.task.run
        # Dask never looks for another worker than those that were named, so none is unless one has to be kept out.
        bound = sorted(self._usable) if self._refused else None
        (self._bound.add if bound else self._bound.discard)(run)
        future = self._client.submit(
            _task(),
            pickle.dumps((remote.train_remotely, ticket)),
            key=f"trainscope-{self._owner}-{run}",
            workers=bound,
            resources=resources or None,
            pure=False,
        )
        if self._choice.outlives_program:
            fire_and_forget(future)  # it goes on where this program ends
        self._futures[run] = future
        future.add_done_callback(lambda done: self._loop.call_soon_threadsafe(self._ended, run, done))

    def _ended(self, run: int, future: Any) -> None:
        known = self._futures.get(run)
        if known is None or known is not future:  # it was taken back
            return
        if future.status == "cancelled":  # by nobody here: Dask's client has lost its scheduler, and found one again
            del self._futures[run]
            self._tell(Dropped(run))
        if future.status != "error":
            return
        task = asyncio.ensure_future(self._say_why(run, future))
        self._sendings.add(task)
        task.add_done_callback(self._sendings.discard)

    async def _say_why(self, run: int, future: Any) -> None:
        error = await future.exception()
        self._tell(Failed(run, f"The cluster gave it up ({type(error).__name__}: {one_line(str(error))[:200]})."))

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


def _task() -> Callable[[bytes], None]:
    """What Dask is given. A scheduler reads it too, and need not have this program: so it names nothing of it."""

    def begin(order: bytes) -> None:
        import pickle

        function, ticket = pickle.loads(order)  # noqa: S301 - from the client, whose code a worker runs anyway
        function(ticket)

    return begin


def _pack(data: DataSpec, file: Path) -> None:
    """The images of ``data`` as stored, in an .npz file that has the same hash."""
    raw = load_raw(data, lambda _message, _done, _total: None)
    arrays: dict[str, Any] = {"x_train": raw.x_train, "y_train": raw.y_train, "class_names": np.array(raw.class_names)}
    if raw.x_test is not None and raw.y_test is not None:
        arrays |= {"x_test": raw.x_test, "y_test": raw.y_test}
    np.savez(file, **arrays)

"""The connection to a cluster: opened, watched over, made again where the scheduler was lost, and closed."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from contextlib import suppress

from engine.config.cluster import ClusterChoice
from engine.executors.dask.client import SchedulerClient
from engine.executors.dask.clusters import JobPool, OpenCluster, open_cluster
from engine.executors.dask.event_loop import EventLoopThread
from engine.executors.dask.instructions import InstructionSender
from engine.executors.dask.membership import Membership
from engine.executors.dask.notifications import NotificationQueue, SchedulerLost
from engine.executors.dask.polling import MessagePoller
from engine.executors.dask.submissions import Submissions
from engine.utils.errors import Cancelled, WorkerError

log = logging.getLogger(__name__)

CONNECT_SECONDS = 15.0
RECONNECT_SECONDS = 600.0  # for which a lost scheduler is looked for
CLOSE_SECONDS = 10.0  # for a connection that was given up while it was being made
UPDATE_SECONDS = 1.0  # between two looks at which workers there are
CANCEL_CHECK_SECONDS = 0.2  # between two questions whether a connection that is being made is still wanted


class Connection:
    """A connection to a cluster, whose event loop runs in a thread of its own.

    Args:
        choice: which cluster.
        owner: identifies the workspace whose runs are trained.
        is_wanted: polled while the connection is being made, which is given up where it says no.

    Attributes:
        notifications: what happens in the cluster.
        submissions: the runs that the scheduler was given.
        poller: fetches messages of the owner's attempts, from the workers that can be used.
        sender: sends instructions to them.
        is_lost: whether the scheduler is lost for good.

    Raises:
        Cancelled: the connection is no longer wanted.
        WorkerError: no scheduler answers, the cluster can't be started, or no worker can be used.
        SpecError: the file of a batch system's jobs is wrong.
    """

    def __init__(self, choice: ClusterChoice, owner: str, is_wanted: Callable[[], bool] = lambda: True) -> None:
        self._choice = choice
        self.is_lost = False
        self.notifications = NotificationQueue()
        self._loop, self._client, notify = EventLoopThread(), SchedulerClient(), self.notifications.put
        self.poller = MessagePoller(self._loop, self._client, owner, notify)
        self.sender = InstructionSender(self._loop, self._client, self.poller, owner)
        self._membership = Membership(self._client, self.poller, owner, notify)
        self.submissions = Submissions(
            self._loop, self._client, self.poller, self._membership, notify, choice.outlives_program
        )
        self._cluster: OpenCluster | None = None
        self._jobs: JobPool | None = None
        self._opening: asyncio.Task[None] | None = None
        self._watcher: asyncio.Task[None] | None = None
        try:
            self._wait_until_open(self._loop.start(self._open()), is_wanted)
        except BaseException:
            self.close()
            raise

    # Called by the executor's thread.

    @property
    def job_count(self) -> int:
        """Number of jobs of a batch system that are requested when runs are to be trained."""
        return 0 if self._jobs is None else self._jobs.count

    def request_jobs(self) -> None:
        """Runs are to be trained now: request the jobs of a batch system, unless they are there.

        Raises:
            WorkerError: the batch system takes none.
        """
        if self._jobs is not None:
            self._loop.run(self._jobs.request())

    def release_jobs(self) -> None:
        """No runs are to be trained for now: jobs are given back after a while."""
        if self._jobs is not None:
            self._loop.call(self._jobs.release)

    def close(self) -> None:
        """End the connection, and a cluster of this program's own."""
        with suppress(Exception):  # whatever a broken connection raises now helps nobody
            self._loop.run(self._shut_down())
        self._loop.stop()
        self.notifications.close()

    def _wait_until_open(self, opening: Future[None], is_wanted: Callable[[], bool]) -> None:
        while not wait([opening], CANCEL_CHECK_SECONDS).done:
            if not is_wanted():
                opening.cancel()
                raise Cancelled(f"{self._choice} is no longer waited for.")
        opening.result()

    # Called in the event loop.

    async def _open(self) -> None:
        self._opening = asyncio.current_task()
        self._cluster = cluster = await open_cluster(self._choice)
        if cluster.jobs:
            self._jobs = JobPool(cluster, self.notifications.put)
        await self._client.connect(cluster, self._choice, CONNECT_SECONDS)
        await self._membership.update()
        if self._membership.rejected and not self.poller.workers:
            reason = next(iter(self._membership.rejected.values()))
            raise WorkerError(f"No worker of {self._choice} can be used: {reason}")
        self._watcher = asyncio.create_task(self._watch(cluster))

    async def _shut_down(self) -> None:
        if self._opening is not None:  # one that was given up ends what it has begun
            await asyncio.wait([self._opening], timeout=CLOSE_SECONDS)
        if self._watcher is not None:
            self._watcher.cancel()
        self.submissions.close()
        await self.poller.close()
        await self._client.close()
        if self._cluster is not None and self._cluster.cluster is not None:
            await self._cluster.cluster.close()

    async def _watch(self, cluster: OpenCluster) -> None:
        """See again and again which workers there are; where the scheduler is lost, look for it."""
        while True:
            await asyncio.sleep(UPDATE_SECONDS)
            try:
                if self._jobs is not None:
                    await self._jobs.maintain()
                await self._membership.update()
            except Exception as error:  # of whatever kind a lost connection is here
                log.info("connection lost: %r", error)
                if not await self._reconnect(cluster):
                    break
        self.is_lost = True
        reason = f"The scheduler at {self._choice} was lost; start it again and go on with --resume."
        self.notifications.put(SchedulerLost(reason))

    async def _reconnect(self, cluster: OpenCluster) -> bool:
        """Look for the scheduler, which can't be found again where it was in this process; gives whether it was."""
        until = time.monotonic() + RECONNECT_SECONDS
        while cluster.cluster is None and time.monotonic() < until:
            with suppress(Exception):
                await self._client.close(timeout=1)
            with suppress(WorkerError):
                await self._client.connect(cluster, self._choice, 5.0)
                self.submissions.drop_all()
                self.poller.stop_all()  # the same workers are found again, with what they have said meanwhile
                return True
            await asyncio.sleep(UPDATE_SECONDS)
        return False

"""Connection to a cluster: open, monitor, reconnect, close."""

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
RECONNECT_SECONDS = 600.0  # reconnect attempts stop after this
CLOSE_SECONDS = 10.0  # maximum wait for the cleanup of a connection aborted while opening
UPDATE_SECONDS = 1.0  # interval of membership updates and reconnect attempts
CANCEL_CHECK_SECONDS = 0.2  # interval at which is_wanted is polled while connecting


class Connection:
    """A connection to a cluster, with an event loop in a separate thread.

    Args:
        choice: the cluster to connect to.
        owner: identifies the workspace whose runs are trained.
        is_wanted: polled while connecting, which is aborted once it returns False.

    Attributes:
        notifications: events of the cluster.
        submissions: runs submitted to the scheduler.
        poller: fetches messages of the owner's attempts from the usable workers.
        sender: sends instructions to the attempts.
        is_lost: whether the scheduler is permanently lost.

    Raises:
        Cancelled: if connecting was aborted through ``is_wanted``.
        WorkerError: if no scheduler responds, the cluster can't be started, or no worker is usable.
        SpecError: if the file that describes the jobs of a batch system is invalid.
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

    # Called from the executor's thread.

    @property
    def job_count(self) -> int:
        """Number of batch-system jobs that are requested for training."""
        return 0 if self._jobs is None else self._jobs.count

    def request_jobs(self) -> None:
        """Request the missing jobs of a batch system before runs are trained.

        Raises:
            WorkerError: if the batch system refuses a job.
        """
        if self._jobs is not None:
            self._loop.run(self._jobs.request())

    def release_jobs(self) -> None:
        """Let the jobs of a batch system be released after an idle period."""
        if self._jobs is not None:
            self._loop.call(self._jobs.release)

    def close(self) -> None:
        """Close the connection, and the cluster if this program owns it."""
        with suppress(Exception):  # errors of a broken connection are irrelevant while closing
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
        if self._opening is not None:  # an aborted one cleans up what it has started
            await asyncio.wait([self._opening], timeout=CLOSE_SECONDS)
        if self._watcher is not None:
            self._watcher.cancel()
        self.submissions.close()
        await self.poller.close()
        await self._client.close()
        if self._cluster is not None and self._cluster.cluster is not None:
            await self._cluster.cluster.close()

    async def _watch(self, cluster: OpenCluster) -> None:
        """Poll membership; reconnect if the scheduler is lost."""
        while True:
            await asyncio.sleep(UPDATE_SECONDS)
            try:
                if self._jobs is not None:
                    await self._jobs.maintain()
                await self._membership.update()
            except Exception as error:  # a lost connection can raise any type here
                log.info("connection lost: %r", error)
                if not await self._reconnect(cluster):
                    break
        self.is_lost = True
        reason = f"The scheduler at {self._choice} was lost; start it again and go on with --resume."
        self.notifications.put(SchedulerLost(reason))

    async def _reconnect(self, cluster: OpenCluster) -> bool:
        """Try to reconnect to the scheduler, unless it ran in this process and so is gone.

        Returns:
            Whether the connection was restored.
        """
        until = time.monotonic() + RECONNECT_SECONDS
        while cluster.cluster is None and time.monotonic() < until:
            with suppress(Exception):
                await self._client.close(timeout=1)
            with suppress(WorkerError):
                await self._client.connect(cluster, self._choice, 5.0)
                self.submissions.drop_all()
                self.poller.stop_all()  # the same workers rejoin, with the messages logged meanwhile
                return True
            await asyncio.sleep(UPDATE_SECONDS)
        return False

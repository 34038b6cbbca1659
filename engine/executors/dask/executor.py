"""Trains runs on a Dask cluster; everything else is done by the executor of this machine.

Dask places each run on a worker, and on another one when that is lost. Its messages are polled while it trains
(:mod:`engine.executors.dask.attempts`), so that a lost connection neither loses nor repeats any, and whoever calls
:meth:`DaskExecutor.run` remains the only writer of the store.

Before an attempt trains it is told the newest checkpoint that came back. So a run whose worker was killed is resumed on
another one, and as resuming changes no bit, its result is that of an undisturbed run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from engine.config.cluster import ClusterChoice
from engine.config.specs import DataSpec
from engine.datasets.registry import load_raw
from engine.devices.names import AUTO, CPU
from engine.events.channel import ControlChannel
from engine.events.commands import Control
from engine.events.datasets import DatasetReady
from engine.events.tasks import Emit, Event
from engine.executors.base import Executor
from engine.executors.dask.cluster_run import ClusterRun
from engine.executors.dask.clusters import check_packages
from engine.executors.dask.connection import Connection
from engine.executors.dask.messages import RunRequest
from engine.executors.tasks import PrepareTask, Task, TrainTask


class DaskExecutor:
    """An executor whose runs are trained by the workers of a Dask cluster.

    Args:
        choice: which cluster.
        local: does what is no run: data sets, exports, computations.
        owner: tells this workspace's runs from all others in the cluster.
        device: what workers compute on: auto, cpu or the key of a GPU. A run that wants a GPU takes one of Dask's
            resource ``GPU``, or the share that ``choice`` states.
        is_wanted: polled while a connection is being made, which is given up where it says no.
    """

    def __init__(
        self,
        choice: ClusterChoice,
        local: Executor,
        owner: str,
        device: str = AUTO,
        is_wanted: Callable[[], bool] = lambda: True,
    ) -> None:
        self.choice = choice
        self._local, self._owner, self._device, self._is_wanted = local, owner, device, is_wanted
        self._resources = {"GPU": choice.gpu_share} if device not in (AUTO, CPU) else {}
        self._connection: Connection | None = None
        self._threads: int | None = None
        self._fingerprints: dict[DataSpec, str] = {}

    def start(self, runs: int, threads: int | None = None) -> int:
        """Connect, unless that was done; gives the number of workers that are there or jobs that are requested.

        Raises:
            WorkerError: the cluster can't be reached, or has no worker that can be used.
        """
        self._threads = threads
        connection = self._connected()
        return max(1, connection.poller.count_workers(), connection.job_count)

    def run(self, tasks: Sequence[Task], emit: Emit, control: ControlChannel) -> Control | None:
        """Carry out all tasks; see :class:`~engine.executors.base.Executor`."""
        runs = [task for task in tasks if isinstance(task, TrainTask)]
        if len(runs) < len(tasks) or not runs:
            return self._local.run(tasks, self._keeping_fingerprints(tasks, emit), control)
        fingerprints = {data: self._fingerprint(data) for data in {task.spec.data for task in runs}}
        requests = [
            RunRequest(self._owner, task, fingerprints[task.spec.data], self._device, self._threads) for task in runs
        ]
        return ClusterRun(self._connected(), requests, self._resources, emit).run(control)

    def count_workers(self) -> int:
        """Workers that can be used now; from any thread."""
        connection = self._connection
        return 0 if connection is None else connection.poller.count_workers()

    def close(self) -> None:
        """End the connection, and the cluster if it is this program's own; the local executor is left to its owner."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connected(self) -> Connection:
        if self._connection is not None and self._connection.is_lost:
            self.close()
        if self._connection is None:
            check_packages(self.choice)
            self._connection = Connection(self.choice, self._owner, self._is_wanted)
        return self._connection

    def _keeping_fingerprints(self, tasks: Sequence[Task], emit: Emit) -> Emit:
        """``emit``, which also keeps the hash of a data set that was prepared."""
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

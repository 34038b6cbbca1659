"""Executor that trains runs on a Dask cluster and delegates all other tasks to the local executor.

Dask assigns each run to a worker, and to another one if that is lost. The messages of a run are polled during training
(see ``engine.executors.dask.attempts``), so a lost connection neither loses nor repeats any, and the caller of
``DaskExecutor.run`` remains the only writer of the store.

Each attempt starts from the newest checkpoint that the client received. So a run whose worker was killed resumes on
another one, and as resuming is exact to the bit, its result equals that of an uninterrupted run, if
both workers compute with the same library on processors with the same instructions.
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
    """Executor that trains runs on the workers of a Dask cluster.

    Args:
        choice: the cluster to connect to.
        local: executes all other tasks: data sets, exports, computations.
        owner: distinguishes the runs of this workspace from all others in the cluster.
        device: device that workers train on: auto, cpu or the key of a GPU. A run on a GPU requires one unit of the
            Dask resource ``GPU``, or the share set in ``choice``.
        is_wanted: polled while connecting, which is aborted once it returns False.
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
        """Connect, unless connected already.

        Args:
            runs: unused, as the cluster determines the number of workers.
            threads: threads of each run; None means as many as its worker has.

        Returns:
            The number of usable workers or of jobs to be requested, whichever is larger; at least 1.

        Raises:
            WorkerError: if the cluster can't be reached or has no usable worker.
        """
        self._threads = threads
        connection = self._connected()
        return max(1, connection.poller.count_workers(), connection.job_count)

    def allocation(self, runs: int, threads: int | None = None) -> None:  # the signature of every executor
        """Return None, as nothing is known of the time that a cluster takes; see ``Executor``."""

    def run(self, tasks: Sequence[Task], emit: Emit, control: ControlChannel) -> Control | None:
        """Execute all tasks; see ``Executor.run``."""
        runs = [task for task in tasks if isinstance(task, TrainTask)]
        if len(runs) < len(tasks) or not runs:
            return self._local.run(tasks, self._keeping_fingerprints(tasks, emit), control)
        fingerprints = {data: self._fingerprint(data) for data in {task.spec.data for task in runs}}
        requests = [
            RunRequest(self._owner, task, fingerprints[task.spec.data], self._device, self._threads) for task in runs
        ]
        return ClusterRun(self._connected(), requests, self._resources, emit).run(control)

    def count_workers(self) -> int:
        """Return the number of workers usable now; thread-safe."""
        connection = self._connection
        return 0 if connection is None else connection.poller.count_workers()

    def close(self) -> None:
        """Close the connection, and the cluster if this program owns it; the local executor stays open."""
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
        """Wrap ``emit`` so that the hashes of prepared data sets are cached."""
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

"""Routes runs to this machine or to a cluster; Dask is only loaded if a cluster is chosen."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from engine.config.cluster import ClusterChoice
from engine.devices.names import AUTO, Allocation
from engine.events.channel import ControlChannel
from engine.events.commands import Control
from engine.events.tasks import Emit
from engine.executors.base import Executor
from engine.executors.tasks import Task

if TYPE_CHECKING:
    from engine.executors.dask.executor import DaskExecutor


class RoutingExecutor:
    """An executor that trains on the chosen cluster, or on this machine.

    Only ``start`` fails if Dask is not installed or the cluster can't be reached.

    Args:
        local: the executor of this machine, which also executes tasks other than runs; closed with this one.
        workspace: identifies the runs in a cluster.
        device: of the workers in a cluster: auto, cpu or the key of a GPU.
        cluster: the initial choice.
    """

    def __init__(
        self, local: Executor, workspace: Path, device: str = AUTO, cluster: ClusterChoice | None = None
    ) -> None:
        self._local, self._owner, self._device = local, owner_id(workspace), device
        self._chosen = cluster
        self._remote: DaskExecutor | None = None
        self._gives_up = self._is_closing = False

    @property
    def cluster(self) -> ClusterChoice | None:
        """The cluster that the next ``start`` connects to; None for this machine."""
        return self._chosen

    @property
    def started(self) -> ClusterChoice | None:
        """The cluster that the last ``start`` connected to; None for this machine."""
        remote = self._remote
        return None if remote is None else remote.choice

    def choose(self, cluster: ClusterChoice | None, at_once: bool = False) -> None:
        """Train there from the next ``start`` on; thread-safe.

        Args:
            cluster: None for this machine.
            at_once: abort a connection to another cluster that is being established.
        """
        self._chosen = cluster
        self._gives_up = at_once

    def count_workers(self) -> int:
        """Return the number of workers available in the cluster; thread-safe."""
        remote = self._remote
        return 0 if remote is None else remote.count_workers()

    def give_up(self) -> None:
        """Abort a connection that is being established; thread-safe."""
        self._is_closing = True

    def start(self, runs: int, threads: int | None = None) -> int:
        """Connect to the current choice; see ``Executor``."""
        self._gives_up = False
        chosen = self._chosen
        if self._remote is not None and self._remote.choice != chosen:
            self._remote.close()
            self._remote = None
        if chosen is None:
            return self._local.start(runs, threads)
        if self._remote is None:
            from engine.executors.dask.executor import DaskExecutor

            self._remote = DaskExecutor(
                chosen,
                self._local,
                self._owner,
                self._device,
                is_wanted=lambda: not self._is_closing and (self._chosen == chosen or not self._gives_up),
            )
        return self._remote.start(runs, threads)

    def allocation(self, runs: int, threads: int | None = None) -> Allocation | None:
        """Return what this machine would use; see ``Executor``."""
        return None if self._chosen is not None else self._local.allocation(runs, threads)

    def run(self, tasks: Sequence[Task], emit: Emit, control: ControlChannel) -> Control | None:
        """Execute all tasks where ``start`` connected to last; see ``Executor``."""
        return (self._remote or self._local).run(tasks, emit, control)

    def close(self) -> None:
        """End everything on this machine, and the cluster if this program started it."""
        if self._remote is not None:
            self._remote.close()
            self._remote = None
        self._local.close()


def is_remote(executor: Executor) -> bool:
    """Return whether the last ``start`` of an executor connected to a cluster."""
    return isinstance(executor, RoutingExecutor) and executor.started is not None


def owner_id(workspace: Path) -> str:
    """Return an identifier of a workspace in a cluster, the same each time it is opened on this machine."""
    return hashlib.sha256(f"{platform.node()}:{workspace}".encode("utf-8", "surrogateescape")).hexdigest()[:16]

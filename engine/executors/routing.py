"""Routes runs to this machine or to a cluster; Dask is not loaded unless one is chosen."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from engine.config.cluster import ClusterChoice
from engine.devices.names import AUTO
from engine.events.channel import ControlChannel
from engine.events.commands import Control
from engine.events.tasks import Emit
from engine.executors.base import Executor
from engine.executors.tasks import Task

if TYPE_CHECKING:
    from engine.executors.dask.executor import DaskExecutor


class RoutingExecutor:
    """An executor that trains on the cluster that was chosen, or else on this machine.

    Whether Dask is installed and the cluster can be reached shows in :meth:`start`.

    Args:
        local: the executor of this machine, which also does what is no run; closed with this one.
        workspace: identifies the runs in a cluster.
        device: what the workers of a cluster compute on.
        cluster: the first choice.
    """

    def __init__(
        self, local: Executor, workspace: Path, device: str = AUTO, cluster: ClusterChoice | None = None
    ) -> None:
        self._local, self._owner, self._device = local, owner_of(workspace), device
        self._chosen = cluster
        self._remote: DaskExecutor | None = None
        self._gives_up = self._is_closing = False

    @property
    def cluster(self) -> ClusterChoice | None:
        """The cluster that the next start connects to; None is this machine."""
        return self._chosen

    @property
    def started(self) -> ClusterChoice | None:
        """The cluster that the last start connected to; None is this machine."""
        remote = self._remote
        return None if remote is None else remote.choice

    def choose(self, cluster: ClusterChoice | None, at_once: bool = False) -> None:
        """Train there from the next :meth:`start` on; from any thread.

        Args:
            cluster: None is this machine.
            at_once: give up a connection to another cluster that is being made, as nobody waits for it.
        """
        self._chosen = cluster
        self._gives_up = at_once

    def count_workers(self) -> int:
        """Workers of the cluster that can be used now; from any thread."""
        remote = self._remote
        return 0 if remote is None else remote.count_workers()

    def give_up(self) -> None:
        """Give up a connection that is being made; from any thread."""
        self._is_closing = True

    def start(self, runs: int, threads: int | None = None) -> int:
        """Connect to what was chosen last; see :class:`~engine.executors.base.Executor`."""
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

    def run(self, tasks: Sequence[Task], emit: Emit, control: ControlChannel) -> Control | None:
        """Carry out all tasks where it was started last; see :class:`~engine.executors.base.Executor`."""
        return (self._remote or self._local).run(tasks, emit, control)

    def close(self) -> None:
        """End everything, on this machine and in a cluster of this program's own."""
        if self._remote is not None:
            self._remote.close()
            self._remote = None
        self._local.close()


def owner_of(workspace: Path) -> str:
    """Identifies a workspace in a cluster; the same whenever it is opened on this machine."""
    return hashlib.sha256(f"{platform.node()}:{workspace}".encode("utf-8", "surrogateescape")).hexdigest()[:16]

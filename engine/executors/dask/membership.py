"""Membership of the cluster: its workers, and which of them have the same versions as this program."""

from __future__ import annotations

from collections.abc import Callable

from engine.executors.dask.client import SchedulerClient
from engine.executors.dask.notifications import Notification, WorkerJoined, WorkerLost, WorkerRejected
from engine.executors.dask.polling import MessagePoller
from engine.executors.dask.worker import report_versions
from engine.utils.versions import versions

# The results of a run are equal to the bit if these versions are equal.
COMPARED_VERSIONS = ("Trainscope", "TensorFlow", "Keras", "NumPy", "scikit-learn")


class Membership:
    """Detects workers that join and leave, and starts and stops polling of the usable ones.

    Attributes:
        rejected: unusable workers, with the reason for each.
    """

    def __init__(
        self, client: SchedulerClient, poller: MessagePoller, owner: str, notify: Callable[[Notification], None]
    ) -> None:
        self._client, self._poller, self._owner, self._notify = client, poller, owner, notify
        self._versions = versions()
        self.rejected: dict[str, str] = {}

    async def update(self) -> None:
        """Compare the present workers with the known ones, and report the changes.

        Raises:
            OSError: if the scheduler does not respond.
        """
        present, polled = await self._client.list_workers(), self._poller.workers
        for worker in present - set(polled) - set(self.rejected):
            try:
                reason = await rejection_reason(self._client, worker, self._owner, self._versions)
            except OSError:  # it has just joined or left: checked at the next update
                continue
            if reason is None:
                self._poller.start(worker)
                self._notify(WorkerJoined(worker))
            else:
                self.rejected[worker] = reason
                self._notify(WorkerRejected(worker, reason))
        for worker in set(polled) - present:
            self._poller.stop(worker)
            self._notify(WorkerLost(worker))
        for worker in set(self.rejected) - present:
            del self.rejected[worker]


async def rejection_reason(client: SchedulerClient, worker: str, owner: str, here: dict[str, str]) -> str | None:
    """Check whether a worker is usable.

    Args:
        client: client through which the worker is queried.
        worker: its address.
        owner: workspace that would use it.
        here: versions of this program and its libraries.

    Returns:
        The reason why the worker can't be used; None if it can.

    Raises:
        OSError: if it does not respond.
    """
    try:
        there = await client.call(worker, report_versions, owner)
    except OSError:
        raise
    except Exception as error:  # any exception raised by an import on the worker
        return f"Trainscope can't be imported there ({error}); start it with PYTHONPATH, as docs/cluster.md shows."
    different = [f"{name} {there[name]}, here {here[name]}" for name in COMPARED_VERSIONS if there[name] != here[name]]
    return f"it has {'; '.join(different)}. Install the same there." if different else None

"""Which workers of the cluster there are, and which of them have the versions that this program has."""

from __future__ import annotations

from collections.abc import Callable

from engine.executors.dask.client import SchedulerClient
from engine.executors.dask.notifications import Notification, WorkerJoined, WorkerLost, WorkerRejected
from engine.executors.dask.polling import MessagePoller
from engine.executors.dask.worker import report_versions
from engine.utils.versions import versions

# A run gives the same bits where these are the same.
COMPARED_VERSIONS = ("Trainscope", "TensorFlow", "Keras", "NumPy", "scikit-learn")


class Membership:
    """Notices workers that join and leave, and has those polled that can be used.

    Attributes:
        rejected: the reason for each worker that can't be used.
    """

    def __init__(
        self, client: SchedulerClient, poller: MessagePoller, owner: str, notify: Callable[[Notification], None]
    ) -> None:
        self._client, self._poller, self._owner, self._notify = client, poller, owner, notify
        self._versions = versions()
        self.rejected: dict[str, str] = {}

    async def update(self) -> None:
        """Compare the workers that are there with those that are known.

        Raises:
            OSError: the scheduler does not answer.
        """
        present, polled = await self._client.list_workers(), self._poller.workers
        for worker in present - set(polled) - set(self.rejected):
            try:
                reason = await rejection_reason(self._client, worker, self._owner, self._versions)
            except OSError:  # it has just come, or just gone: the next update will tell
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
    """Why a worker can't be used; None where it can.

    Args:
        client: asks it.
        worker: its address.
        owner: who means to use it.
        here: versions of this program and its libraries.

    Raises:
        OSError: it does not answer.
    """
    try:
        there = await client.call(worker, report_versions, owner)
    except OSError:
        raise
    except Exception as error:  # whatever is raised by an import there
        return f"Trainscope can't be imported there ({error}); start it with PYTHONPATH, as docs/cluster.md shows."
    different = [f"{name} {there[name]}, here {here[name]}" for name in COMPARED_VERSIONS if there[name] != here[name]]
    return f"it has {'; '.join(different)}. Install the same there." if different else None

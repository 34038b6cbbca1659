"""Dask's client, of which there is another one each time the scheduler is found again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from engine.executors.dask.clusters import OpenCluster
from engine.utils.errors import WorkerError


class SchedulerClient:
    """What is asked of a scheduler; all but the constructor is called in the event loop."""

    def __init__(self) -> None:
        self._client: Any = None

    async def connect(self, cluster: OpenCluster, name: object, seconds: float) -> None:
        """Connect, for the first time or again.

        Raises:
            WorkerError: no scheduler of ``cluster``, which is called ``name``, answers within ``seconds``.
        """
        from distributed import Client

        try:
            self._client = Client(
                cluster.address, asynchronous=True, security=cluster.security, timeout=seconds, set_as_default=False
            )
            await self._client
        except (OSError, ValueError) as error:
            raise WorkerError(
                f"No Dask scheduler answers at {name} ({error}); start one, or check the address."
            ) from None

    async def list_workers(self) -> set[str]:
        """Addresses of all workers."""
        return set((await self._client.scheduler.identity(n_workers=-1))["workers"])

    async def call(self, worker: str, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call a function on a worker, which answers beside its task.

        Raises:
            OSError: the worker does not answer.
            Exception: whatever the function raises there.
        """
        return (await self._client.run(function, *arguments, workers=[worker]))[worker]

    def submit(self, function: Callable[..., Any], argument: Any, is_lasting: bool, **options: Any) -> Any:
        """Have Dask call ``function(argument)`` on some worker; gives the future.

        A task that ``is_lasting`` goes on where this program ends.
        """
        from distributed import fire_and_forget

        future = self._client.submit(function, argument, pure=False, **options)
        if is_lasting:
            fire_and_forget(future)
        return future

    async def cancel(self, futures: Sequence[Any]) -> None:
        """Take back tasks that have not begun."""
        await self._client.cancel(futures, force=True)

    async def close(self, **options: Any) -> None:
        """End the connection, if there is one."""
        if self._client is not None:
            await self._client.close(**options)

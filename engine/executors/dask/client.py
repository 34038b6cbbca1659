"""Wrapper of Dask's client, which is replaced on every reconnect to the scheduler."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from engine.executors.dask.clusters import OpenCluster
from engine.utils.errors import WorkerError


class SchedulerClient:
    """Requests to the scheduler; all methods but the constructor are called in the event loop."""

    def __init__(self) -> None:
        self._client: Any = None

    async def connect(self, cluster: OpenCluster, name: object, seconds: float) -> None:
        """Connect or reconnect.

        Args:
            cluster: the cluster to connect to.
            name: name of the cluster in error messages.
            seconds: timeout.

        Raises:
            WorkerError: if no scheduler responds within the timeout.
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
        """Return the addresses of all workers."""
        return set((await self._client.scheduler.identity(n_workers=-1))["workers"])

    async def call(self, worker: str, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call a function on a worker, concurrently with the worker's task.

        Returns:
            The result of the function.

        Raises:
            OSError: if the worker does not respond.
            Exception: any exception raised by the function on the worker.
        """
        return (await self._client.run(function, *arguments, workers=[worker]))[worker]

    def submit(self, function: Callable[..., Any], argument: Any, is_lasting: bool, **options: Any) -> Any:
        """Submit ``function(argument)`` as a Dask task.

        Args:
            function: called on the worker that Dask selects.
            argument: its only argument.
            is_lasting: whether the task survives this program.
            **options: passed to Dask's ``Client.submit``.

        Returns:
            The Dask future.
        """
        from distributed import fire_and_forget

        future = self._client.submit(function, argument, pure=False, **options)
        if is_lasting:
            fire_and_forget(future)
        return future

    async def cancel(self, futures: Sequence[Any]) -> None:
        """Cancel tasks that have not started."""
        await self._client.cancel(futures, force=True)

    async def close(self, **options: Any) -> None:
        """Close the connection, if there is one."""
        if self._client is not None:
            await self._client.close(**options)

"""An asyncio event loop in a separate thread."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from multiprocessing import resource_tracker
from typing import Any, TypeVar

Result = TypeVar("Result")


class EventLoopThread:
    """Event loop that runs coroutines on behalf of other threads."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="dask", daemon=True)
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        """Run a coroutine to completion and return its result."""
        return self.start(coroutine).result()

    def start(self, coroutine: Coroutine[Any, Any, Result]) -> Future[Result]:
        """Schedule a coroutine without waiting for it."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    def call(self, function: Callable[..., Any], *arguments: Any) -> None:
        """Schedule a function call in the loop's thread without waiting for it."""
        self._loop.call_soon_threadsafe(function, *arguments)

    def stop(self) -> None:
        """Cancel the remaining tasks and end the thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self) -> None:
        # Processes started from this thread inherit the mask: Ctrl-C reaches all processes of a terminal, but only this
        # program handles it. Dask terminates its processes by SIGTERM, which is not blocked.
        if hasattr(signal, "pthread_sigmask"):
            resource_tracker.ensure_running()  # starting it unblocks these signals
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGHUP})
        self._loop.run_forever()
        self._loop.run_until_complete(_cancel_tasks())


async def _cancel_tasks() -> None:
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)

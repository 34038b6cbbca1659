"""Peak memory of a side: of its process and their children at the same time, pages that they share counted once.

A page of a file counts once however many processes map it, so that libraries and images that processes share do. It
counts in full even if a process of another side maps it too, unlike in the proportional set size (PSS).
"""

from __future__ import annotations

import threading
from contextlib import suppress
from types import TracebackType
from typing import Self

import psutil

from benchmarks.compare.results import Found

SAMPLE_SECONDS = 0.1
# (network, of which, relative to which): the maximum ratio.
AT_MOST = {(network, above, below): 1.3 for network in ("mlp_1", "cnn_4") for above, below in (("d", "b"), ("e", "d"))}


class PeakMemory:
    """Samples the memory of a process tree while the context lasts.

    Attributes:
        bytes: the largest sample.
    """

    def __init__(self, process: int) -> None:
        self._root = psutil.Process(process)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample, name="memory", daemon=True)
        self.bytes = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _sample(self) -> None:
        is_last = False
        while not is_last:
            is_last = self._ended.wait(SAMPLE_SECONDS)
            with suppress(psutil.Error):
                self.bytes = max(self.bytes, memory_of([self._root, *self._root.children(recursive=True)]))


def memory_of(processes: list[psutil.Process]) -> int:
    """Return the bytes that processes hold together."""
    private = most_shared = 0
    of_files: dict[str, int] = {}  # the most that a process has in memory of each
    for each in processes:
        with suppress(psutil.Error):  # it has ended
            if not psutil.LINUX:  # what one process shares is taken to include what the others do
                found = each.memory_full_info()
                private += found.uss
                most_shared = max(most_shared, found.rss - found.uss)
                continue
            for mapped in each.memory_maps(grouped=True):
                private += mapped.anonymous
                of_files[mapped.path] = max(of_files.get(mapped.path, 0), mapped.rss - mapped.anonymous)
    return private + most_shared + sum(of_files.values())


def print_targets(found: Found) -> None:
    """Print the targets of memory and what was reached."""
    for (network, above, below), target in AT_MOST.items():
        of_network = found.sides.get(network, {})
        if above in of_network and below in of_network:
            ratio = of_network[above].peak_bytes / of_network[below].peak_bytes
            missed = "" if ratio <= target else "  MISSED"
            print(f"  {network} memory of ({above})/({below}) at most {target:g}: {ratio:.2f}{missed}")

"""What is logged in a folder, before it is watched."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from engine.events.watching import FoundRun
from engine.watching.sources.discovery import FolderScan


@dataclass(frozen=True)
class Scan:
    """The runs that were found, and sentences on what can't be read."""

    runs: tuple[FoundRun, ...] = ()
    problems: tuple[str, ...] = ()


def scan(folder: Path) -> Scan:
    """Look through a folder, or at a file, for logs of runs."""
    search = FolderScan(folder)
    runs = tuple(FoundRun(source.key, source.format, source.grouping) for source in search.discover(()))
    return Scan(runs, search.problems)

"""Folders in which files other than images are looked for."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from engine.datasets.formats.layout import is_system

_MAX_WRAPPERS = 5


def sub_folders(folder: Path) -> list[Path]:
    """Return the folders in a folder, without those of systems and tools; propagates ``OSError``."""
    with os.scandir(folder) as entries:
        return sorted(Path(entry.path) for entry in entries if not is_system(entry.name) and entry.is_dir())


def lone_folders(folder: Path) -> Iterator[Path]:
    """Yield a folder and, while there is but one folder in it, that one; propagates ``OSError``."""
    yield folder
    for _ in range(_MAX_WRAPPERS):
        inside = sub_folders(folder)
        if len(inside) != 1:
            return
        folder = inside[0]
        yield folder

"""Folders in a folder, without those of systems and tools."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

MAX_WRAPPERS = 5  # folders around a data set that hold nothing else

# Made by systems and tools beside the user's own files.
_SYSTEM_FOLDERS = {
    *("__macosx", "$recycle.bin", "system volume information", "lost+found", "__pycache__"),
    *("@eadir", "#recycle", "@recycle"),  # of network storage by Synology and QNAP
}
_SYSTEM_FILES = {"thumbs.db", "desktop.ini"}


def is_system(name: str) -> bool:
    """Return whether a file or folder of that name is hidden, or made by a system or tool."""
    return name.startswith(".") or name.casefold() in _SYSTEM_FOLDERS | _SYSTEM_FILES


def sub_folders(folder: Path) -> list[Path]:
    """Return the folders in a folder, without those of systems and tools; propagates ``OSError``."""
    with os.scandir(folder) as entries:
        return sorted(Path(entry.path) for entry in entries if not is_system(entry.name) and entry.is_dir())


def lone_folders(folder: Path) -> Iterator[Path]:
    """Yield a folder and, while there is but one folder in it, that one; propagates ``OSError``."""
    yield folder
    for _ in range(MAX_WRAPPERS):
        inside = sub_folders(folder)
        if len(inside) != 1:
            return
        folder = inside[0]
        yield folder

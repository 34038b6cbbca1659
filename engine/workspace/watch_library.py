"""The folders that are watched again at the next start, stored in a file of the workspace."""

from __future__ import annotations

from pathlib import Path

from engine.workspace.library import PathLibrary

FILE_NAME = "watched.toml"


class WatchLibrary(PathLibrary):
    """Paths of folders and files in which other programs log; a missing file is an empty library."""

    def __init__(self, workspace: Path) -> None:
        super().__init__(workspace / FILE_NAME)

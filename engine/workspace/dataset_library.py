"""The user's own data sets that were used before, stored in a file of the workspace."""

from __future__ import annotations

from pathlib import Path

from engine.workspace.library import PathLibrary

FILE_NAME = "datasets.toml"


class DatasetLibrary(PathLibrary):
    """Paths of folders and files; a missing file is an empty library, and paths that don't exist stay in it."""

    def __init__(self, workspace: Path) -> None:
        super().__init__(workspace / FILE_NAME)

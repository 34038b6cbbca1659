"""The user's own data sets that were used before, stored in a file of the workspace."""

from __future__ import annotations

from pathlib import Path

from engine.workspace.library import Library

FILE_NAME = "datasets.toml"


class DatasetLibrary(Library):
    """Paths of folders and files; a missing file is an empty library, and paths that don't exist stay in it."""

    def __init__(self, workspace: Path) -> None:
        super().__init__(workspace / FILE_NAME)

    def paths(self) -> list[Path]:
        """Return all paths in the order of addition; propagates ``StoreError`` if the file can't be read."""
        found = self._read().get("paths", [])
        return [Path(path) for path in found if isinstance(path, str)] if isinstance(found, list) else []

    def add(self, path: Path) -> Path:
        """Add a path unless it is known, and return it as an absolute path.

        Propagates ``StoreError`` if the file can't be read or written.
        """
        absolute = path.expanduser().absolute()
        known = self.paths()
        if absolute not in known:
            self._save_all([*known, absolute])
        return absolute

    def remove(self, path: Path) -> None:
        """Remove a path, but not the data set itself; propagates ``StoreError`` as ``add`` does."""
        self._save_all([known for known in self.paths() if known != path])

    def _save_all(self, paths: list[Path]) -> None:
        self._write({"paths": [str(path) for path in paths]})

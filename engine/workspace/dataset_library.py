"""The data sets of the user's own that were ever used, kept in a file of the workspace."""

from __future__ import annotations

from pathlib import Path

from engine.workspace.library import Library

FILE_NAME = "datasets.toml"


class DatasetLibrary(Library):
    """Paths of folders and files; a missing file is an empty library, and a path that leads nowhere stays in it."""

    def __init__(self, workspace: Path) -> None:
        super().__init__(workspace / FILE_NAME)

    def paths(self) -> list[Path]:
        """Every path, in the order they came; raises :class:`~engine.utils.errors.StoreError` where that can't be read."""
        found = self._read().get("paths", [])
        return [Path(path) for path in found if isinstance(path, str)] if isinstance(found, list) else []

    def add(self, path: Path) -> Path:
        """Keep a path, once, and give it whole.

        Raises :class:`~engine.utils.errors.StoreError` where the file can't be read or written.
        """
        whole = path.expanduser().absolute()
        known = self.paths()
        if whole not in known:
            self._keep([*known, whole])
        return whole

    def remove(self, path: Path) -> None:
        """Let go of a path; what it leads to is left alone. Raises as :meth:`remember` does."""
        self._keep([known for known in self.paths() if known != path])

    def _keep(self, paths: list[Path]) -> None:
        self._write({"paths": [str(path) for path in paths]})

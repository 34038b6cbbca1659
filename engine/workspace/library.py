"""Base class of files of the workspace that store what the user made or chose."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tomli_w

from engine.utils.errors import StoreError
from engine.utils.files import read_text, toml_table, write_atomic


class Library:
    """A TOML table that users may edit as well; a missing file is an empty table."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def _read(self) -> dict[str, Any]:
        """Read the table.

        Raises:
            StoreError: if the file can't be read or parsed.
        """
        try:
            return toml_table(read_text(self.file))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise StoreError(f"{self.file} can't be read ({error}); mend or remove it.") from None

    def _write(self, table: dict[str, Any]) -> None:
        """Replace the table.

        Raises:
            StoreError: if the file can't be written.
        """
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(self.file, tomli_w.dumps(table))
        except (OSError, UnicodeEncodeError) as error:
            reason = getattr(error, "strerror", None) or error
            raise StoreError(f"{self.file} can't be written ({reason}); check the folder.") from None


class PathLibrary(Library):
    """A list of paths; those that don't exist stay in it."""

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
        """Remove a path, but not what it names; propagates ``StoreError`` as ``add`` does."""
        self._save_all([known for known in self.paths() if known != path])

    def _save_all(self, paths: list[Path]) -> None:
        self._write({"paths": [str(path) for path in paths]})

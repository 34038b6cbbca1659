"""The data sets of the user's own that were ever used, kept in a file of the workspace."""

from __future__ import annotations

from pathlib import Path

import tomli_w

from engine.utils.errors import StoreError
from engine.utils.files import read_text, toml_table

FILE_NAME = "datasets.toml"


class DatasetLibrary:
    """Paths of folders and files; a missing file is an empty library, and a path that leads nowhere stays in it."""

    def __init__(self, workspace: Path) -> None:
        self.file = workspace / FILE_NAME

    def paths(self) -> list[Path]:
        """Every path, in the order they came; raises :class:`StoreError` where the file can't be read."""
        try:
            table = toml_table(read_text(self.file))
        except FileNotFoundError:
            return []
        except (OSError, ValueError) as error:
            raise StoreError(f"{self.file} can't be read ({error}); mend or remove it.") from None
        found = table.get("paths", [])
        return [Path(path) for path in found if isinstance(path, str)] if isinstance(found, list) else []

    def remember(self, path: Path) -> Path:
        """Keep a path, once, and give it whole; raises :class:`StoreError` where the file can't be written."""
        whole = path.expanduser().absolute()
        known = self.paths()
        if whole not in known:
            self._write([*known, whole])
        return whole

    def forget(self, path: Path) -> None:
        """Let go of a path; what it leads to is left alone. Raises as :meth:`remember` does."""
        self._write([known for known in self.paths() if known != path])

    def _write(self, paths: list[Path]) -> None:
        partial = self.file.with_suffix(".part")
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            partial.write_text(tomli_w.dumps({"paths": [str(path) for path in paths]}), encoding="utf-8")
            partial.replace(self.file)
        except (OSError, UnicodeEncodeError) as error:
            raise StoreError(f"{self.file} can't be written ({error}); check the folder.") from None

"""List of the files of an export, by which the next one to the same folder removes those that it does not replace."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path, PurePosixPath

from pydantic import BaseModel, ValidationError

from engine.utils.files import open_file, write_atomic

FILE_NAME = "export-files.json"
MAX_BYTES = 2**24  # of a list; one of ten thousand files has about 1 MB


class _Manifest(BaseModel):
    """SHA-256 in hex of each file by its path below the folder, with slashes."""

    about: str = "Files that Trainscope exported here; a later export replaces them, unless they were changed."
    files: dict[str, str] = {}


def read_manifest(folder: Path) -> dict[str, str]:
    """Return the list of ``folder``; an unreadable one is empty, so that nothing is removed."""
    try:
        with open_file(folder / FILE_NAME) as file:
            return _Manifest.model_validate(json.loads(file.read(MAX_BYTES))).files
    except (OSError, ValueError, RecursionError, ValidationError):
        return {}


def write_manifest(folder: Path, earlier: dict[str, str], written: Iterable[Path]) -> None:
    """List ``written`` and those of the ``earlier`` files that are still there; propagates ``OSError``."""
    files = {name: digest for name, digest in earlier.items() if _find(folder, name) is not None}
    files |= {path.relative_to(folder).as_posix(): _digest(path) for path in written}
    write_atomic(folder / FILE_NAME, json.dumps(_Manifest(files=files).model_dump(), indent=1) + "\n")


def remove_replaced(folder: Path, earlier: dict[str, str], written: Iterable[Path]) -> tuple[list[Path], list[Path]]:
    """Remove the files of an ``earlier`` export that are not among ``written``, and the folders that this empties.

    Files that have changed since are someone's own, and stay. Nothing outside ``folder`` is touched, whatever the list
    names: neither by ``..`` nor by links.

    Returns:
        The files removed, and those kept as they have changed.
    """
    replaced = {path.relative_to(folder).as_posix() for path in written}
    removed, changed = [], []
    for name, digest in earlier.items():
        path = _find(folder, name)
        if name in replaced or path is None:
            continue
        with suppress(OSError):  # in use or protected: left, and listed again
            if _digest(path) != digest:
                changed.append(path)
                continue
            path.unlink()
            removed.append(path)
    for path in removed:
        _remove_empty_folders(path.parent, folder)
    return removed, changed


def _find(folder: Path, name: str) -> Path | None:
    """Return the regular file of that name in ``folder``; None if it is missing, a link or outside of it."""
    pure = PurePosixPath(name)
    path = folder / pure
    try:
        if pure.is_absolute() or ".." in pure.parts or path.is_symlink() or not path.is_file():
            return None
        return path if path.resolve() == folder.resolve() / pure else None
    except (OSError, ValueError):
        return None


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _remove_empty_folders(empty: Path, top: Path) -> None:
    with suppress(OSError):  # not empty
        while empty != top:
            empty.rmdir()
            empty = empty.parent

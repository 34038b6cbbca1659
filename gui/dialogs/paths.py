"""Paths that people type."""

from __future__ import annotations

from pathlib import Path

from engine.errors import ExportError


def typed_path(text: str) -> Path:
    """The path in full, ``~`` being the user's folder.

    Raises :class:`~engine.errors.ExportError` where there is none, or it names the folder of a user there is not.
    """
    if not text:
        raise ExportError("Choose where to write to.")
    try:
        return Path(text).expanduser().absolute()
    except RuntimeError:
        raise ExportError(f"'{text}' names the folder of a user there is not; choose another.") from None

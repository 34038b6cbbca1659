"""Titles and notes that were typed and are not stored yet."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from engine.workspace.catalogue import CatalogueEntry
from gui.utils.preferences import program_settings

TextField = Literal["title", "notes"]


class Drafts:
    """What the user typed, from the moment it is to be stored until it is, so that a failed write loses nothing.

    Drafts that could not be stored are kept in the program's settings, also after its end.
    """

    def __init__(self, workspace: Path) -> None:
        self._settings = program_settings()
        self._key = f"unsaved_texts/{quote(os.fsencode(workspace), safe='')}"
        self._texts = self._remembered()

    def text(self, number: int, field: TextField) -> str | None:
        """Return the draft of a field of an experiment; None if there is none."""
        return self._texts.get((number, field))

    def all(self) -> list[tuple[int, TextField, str]]:
        """Return all drafts as experiment, field and text."""
        return [(*key, text) for key, text in self._texts.items()]

    def put(self, number: int, field: TextField, text: str) -> None:
        """Set the draft of a field of an experiment."""
        self._texts[number, field] = text

    def drop(self, number: int, field: TextField, text: str) -> None:
        """Remove a draft that was stored, unless it has changed since."""
        if self._texts.get((number, field)) == text:
            del self._texts[number, field]
            if not self._texts or self._settings.contains(self._key):
                self.remember()

    def drop_stored(self, entries: Iterable[CatalogueEntry]) -> None:
        """Remove the drafts that are stored in ``entries``, as those of a window that closed before it knew."""
        for entry in entries if self._texts else ():
            self.drop(entry.number, "title", entry.stored.title)
            self.drop(entry.number, "notes", entry.stored.notes)

    def remember(self) -> None:
        """Write the drafts to the settings."""
        if self._texts:
            # "@Variant(" in the file would be taken for a serialised object; see without_unsafe_values.
            self._settings.setValue(self._key, json.dumps(self.all()).replace("@", "\\u0040"))
        else:
            self._settings.remove(self._key)

    def _remembered(self) -> dict[tuple[int, TextField], str]:
        try:
            found = json.loads(str(self._settings.value(self._key, "[]")))
            return {(int(number), _field(field)): str(text) for number, field, text in found}
        except (TypeError, ValueError, RecursionError):  # written by hand
            return {}


def _field(name: str) -> TextField:
    """Return the field of that name.

    Raises:
        ValueError: if there is none.
    """
    match name:
        case "title" | "notes":
            return name
    raise ValueError(name)

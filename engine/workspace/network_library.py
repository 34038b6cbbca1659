"""The user's own named networks, stored in a file of the workspace."""

from __future__ import annotations

from pathlib import Path

from engine.experiments.fields import normalize_architecture
from engine.networks.architectures import ARCHITECTURES
from engine.networks.notation import split_architecture
from engine.utils.errors import NetworkError
from engine.workspace.library import Library

FILE_NAME = "networks.toml"


class NetworkLibrary(Library):
    """Named networks in the notation ``name[layers]``; a missing file is an empty library.

    Invalid entries of a file edited by hand are skipped.
    """

    def __init__(self, workspace: Path) -> None:
        super().__init__(workspace / FILE_NAME)

    def networks(self) -> dict[str, str]:
        """Return all networks by name; propagates ``StoreError`` if the file can't be read."""
        found: dict[str, str] = {}
        for name, notation in self._read().items():
            try:
                found[name] = normalize_architecture(f"{name}[{notation}]")
            except (ValueError, RecursionError):
                continue
        return found

    def save(self, architecture: str) -> None:
        """Save ``name[layers]``, replacing a network of the same name.

        Propagates ``StoreError`` if the file can't be read or written.

        Raises:
            NetworkError: if the notation is invalid, or names a built-in architecture.
        """
        try:
            checked = normalize_architecture(architecture)
        except ValueError as error:
            raise NetworkError(str(error)) from None
        name, notation = split_architecture(checked)
        known = self._read()
        if notation is None or (name in ARCHITECTURES and name not in known):
            raise NetworkError(f"'{name}' is a built-in architecture; write layers after a name of your own.")
        self._write(known | {name: notation})

    def remove(self, name: str) -> None:
        """Remove a network; propagates ``StoreError`` if the file can't be read or written."""
        self._write({known: notation for known, notation in self._read().items() if known != name})

    def resolve(self, architecture: str) -> str:
        """Return ``name[layers]`` for the name of a saved network; any other text unchanged."""
        return self.networks().get(architecture.strip(), architecture)

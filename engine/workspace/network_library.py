"""The networks that the user wrote and named, kept in a file of the workspace."""

from __future__ import annotations

from pathlib import Path

from engine.experiments.fields import normalize_architecture
from engine.networks.architectures import architecture_name
from engine.networks.notation import split_architecture
from engine.utils.errors import NetworkError
from engine.workspace.library import Library

FILE_NAME = "networks.toml"


class NetworkLibrary(Library):
    """Named networks, each complete as ``name[layers]``; a missing file is an empty library.

    Entries of a file edited by hand that can't be read as a network are passed over.
    """

    def __init__(self, workspace: Path) -> None:
        super().__init__(workspace / FILE_NAME)

    def networks(self) -> dict[str, str]:
        """Every network by its name; raises :class:`~engine.utils.errors.StoreError` where the file can't be read."""
        found: dict[str, str] = {}
        for name, notation in self._read().items():
            try:
                found[name] = normalize_architecture(f"{name}[{notation}]")
            except (ValueError, RecursionError):
                continue
        return found

    def save(self, architecture: str) -> None:
        """Keep ``name[layers]`` under its name, in place of another of that name.

        Raises :class:`NetworkError` where it is none, and :class:`~engine.utils.errors.StoreError` where the file can't be
        written.
        """
        try:
            checked = normalize_architecture(architecture)
        except ValueError as error:
            raise NetworkError(str(error)) from None
        if split_architecture(checked)[1] is None:
            raise NetworkError(f"'{checked}' is an architecture of the course; write layers after a name of your own.")
        self._keep(self.networks() | {architecture_name(checked): checked})

    def remove(self, name: str) -> None:
        """Forget a network; raises :class:`~engine.utils.errors.StoreError` where the file can't be written."""
        self._keep({known: text for known, text in self.networks().items() if known != name})

    def resolve(self, architecture: str) -> str:
        """``name[layers]`` of a network known here by name; any other text as it is."""
        return self.networks().get(architecture.strip(), architecture)

    def _keep(self, networks: dict[str, str]) -> None:
        self._write({name: split_architecture(text)[1] or "" for name, text in networks.items()})

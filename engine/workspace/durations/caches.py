"""What is kept in this machine's caches, so that later experiments start faster."""

from __future__ import annotations

from contextlib import suppress

from engine.datasets.inventory import decoded_folders
from engine.utils.paths import devices_file


class CacheWatch:
    """Shows whether the caches grow while an experiment starts, which then takes longer than the next one's start.

    They hold the decoded images of ``dataset``, and the measurements and verifications of libraries and devices.
    """

    def __init__(self, dataset: str) -> None:
        self._dataset = dataset
        self._before = self._contents()

    @property
    def has_changed(self) -> bool:
        """Whether something was downloaded, decoded, measured or verified."""
        return self._contents() != self._before

    def _contents(self) -> tuple[frozenset[str], bytes]:
        devices = b""
        with suppress(OSError):
            devices = devices_file().read_bytes()
        return frozenset(folder.name for folder in decoded_folders(self._dataset)), devices

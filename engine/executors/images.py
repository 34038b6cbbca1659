"""The images of trainings: held once a program where processes share a folder, else once a process."""

from __future__ import annotations

import logging
from pathlib import Path

from engine.config.specs import DataSpec
from engine.datasets import PreparedData, prepare
from engine.datasets.base import ProgressCallback
from engine.datasets.prepare import collect_parts, describe_and_prepare
from engine.datasets.shared import SharedImages
from engine.events.datasets import DatasetInfo

log = logging.getLogger(__name__)


class ImageStore:
    """Prepares images and keeps the last ones, as consecutive trainings mostly use the same.

    Args:
        folder: shared with other processes, which find there what one of them prepared; None without such.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._shared = SharedImages(folder) if folder is not None else None
        self._kept: tuple[DataSpec, PreparedData] | None = None  # in memory

    def describe_and_prepare(self, spec: DataSpec, progress: ProgressCallback) -> DatasetInfo:
        """Describe a data set that is about to be trained on, and prepare it; propagates errors as ``prepare`` does."""
        info, parts = describe_and_prepare(spec, progress)
        self._kept = None  # free the old arrays before creating new ones
        if self._shared is not None:
            try:
                self._shared.write(spec, info, parts)
                return info
            except OSError as error:  # no space left, or the folder was removed
                log.info("images are not shared: %s", error)
        else:
            self._kept = spec, collect_parts(info, parts)
        return info

    def get(self, spec: DataSpec, info: DatasetInfo | None) -> PreparedData:
        """Return prepared images; propagates errors as ``prepare`` does.

        Args:
            spec: the data set.
            info: its description, under which its images are shared; None if it was not described before.
        """
        if info is not None and (found := self._read_shared(spec, info)) is not None:
            self._kept = None
            return found
        if self._kept is None or self._kept[0] != spec:
            self._kept = None
            self._kept = spec, prepare(spec, lambda _message, _done, _total: None)
        return self._kept[1]

    def _read_shared(self, spec: DataSpec, info: DatasetInfo) -> PreparedData | None:
        if self._shared is None:
            return None
        try:
            return self._shared.read(spec, info)
        except (OSError, ValueError, EOFError) as error:  # removed meanwhile, or damaged
            log.info("shared images can't be read: %s", error)
            return None

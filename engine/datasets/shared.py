"""Prepared images in files that all training processes of a program map, so that memory holds them once.

The folder belongs to the program that starts the processes and is removed with it. So nothing needs to outlast a power
failure, as the decoded images do (``cache.py``), and files are not synced to disk.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from engine.config.specs import DataSpec
from engine.datasets.cache import write_blocks
from engine.datasets.prepare import PreparedData, PreparedPart
from engine.events.datasets import DatasetInfo
from engine.utils.arrays import Array

_PARTS = ("train", "validation", "test")


class SharedImages:
    """The prepared images of one data set, in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, spec: DataSpec, info: DatasetInfo, parts: Iterable[PreparedPart]) -> None:
        """Write ``parts`` unless they are there, in place of those of another data set.

        Propagates ``OSError``, such as for want of space, and errors of ``parts``; then nothing is kept.

        Args:
            spec: the data set.
            info: its description.
            parts: its training, validation and test part.
        """
        entry = self._entry(spec, info)
        if entry.exists():
            return
        for other in self._folder.iterdir():
            shutil.rmtree(other, ignore_errors=True)  # on Windows a process may still map it; the next one removes it
        temporary = Path(tempfile.mkdtemp(dir=self._folder))
        try:
            for name, part in zip(_PARTS, parts, strict=True):
                with (temporary / f"x_{name}.npy").open("wb") as file:
                    write_blocks(file, part.shape, np.float32, part.blocks)
                np.save(temporary / f"y_{name}.npy", part.labels, allow_pickle=False)
            temporary.rename(entry)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def read(self, spec: DataSpec, info: DatasetInfo) -> PreparedData | None:
        """Return the images that ``write`` wrote for ``spec`` and ``info``; None if they are not there.

        Images are mapped copy-on-write: TensorFlow takes no read-only memory, and what it never writes is not copied.
        """
        entry = self._entry(spec, info)
        if not entry.exists():
            return None
        arrays: list[Array] = []
        for name in _PARTS:
            arrays += [np.load(entry / f"x_{name}.npy", mmap_mode="c"), np.load(entry / f"y_{name}.npy")]
        return PreparedData(info, *arrays)

    def _entry(self, spec: DataSpec, info: DatasetInfo) -> Path:
        return self._folder / hashlib.sha256(f"{info.fingerprint} {spec.to_json()}".encode()).hexdigest()

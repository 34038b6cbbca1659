"""Prepared images in files that all training processes of a program map, so that memory holds them once.

The folder belongs to the program that starts the processes and is removed with it. So nothing needs to outlast a power
failure, as the decoded images do (``cache.py``), and files are not synced to disk.

An entry may be there in part: on Windows files that a process maps are not removed with the others of their folder, and
some systems remove old files from the temporary folder. So an entry counts only with all its files, and ``COMPLETE`` is
written last and removed first.
"""

from __future__ import annotations

import errno
import hashlib
import os
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

COMPLETE = "complete"
_PARTS = ("train", "validation", "test")
_FILES = (COMPLETE, *(f"{array}_{part}.npy" for part in _PARTS for array in "xy"))
RESERVED_BYTES = 2**29  # left free in the temporary folder, for other programs and what training itself writes there


class SharedImages:
    """The prepared images of one data set, in ``folder``.

    Where the temporary folder lies in memory (tmpfs), the files are that memory, and processes that map them take no
    other: images count once, as where they lie on a disk.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, spec: DataSpec, info: DatasetInfo, parts: Iterable[PreparedPart]) -> None:
        """Write ``parts`` unless they are there, in place of those of another data set.

        Propagates errors of ``parts``; nothing is kept after an error.

        Args:
            spec: the data set.
            info: its description.
            parts: its training, validation and test part.

        Raises:
            OSError: if they can't be written, or would leave less than ``RESERVED_BYTES`` free.
        """
        entry = self._entry(spec, info)
        if _is_complete(entry):
            return
        for other in self._folder.iterdir():
            (other / COMPLETE).unlink(missing_ok=True)
            shutil.rmtree(other, ignore_errors=True)  # on Windows a process may still map it; the next one removes it
        if shutil.disk_usage(self._folder).free < info.image_bytes + RESERVED_BYTES:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._folder))
        temporary = Path(tempfile.mkdtemp(dir=self._folder))
        try:
            for name, part in zip(_PARTS, parts, strict=True):
                with (temporary / f"x_{name}.npy").open("wb") as file:
                    write_blocks(file, part.shape, np.float32, part.blocks)
                np.save(temporary / f"y_{name}.npy", part.labels, allow_pickle=False)
            (temporary / COMPLETE).touch()
            temporary.rename(entry)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def read(self, spec: DataSpec, info: DatasetInfo) -> PreparedData | None:
        """Return the images that ``write`` wrote for ``spec`` and ``info``; None if they are not there, or in part.

        Propagates ``OSError``, ``ValueError`` and ``EOFError`` of files that are removed or damaged meanwhile.

        Images are mapped copy-on-write: TensorFlow takes no read-only memory, and what it never writes is not copied.
        """
        entry = self._entry(spec, info)
        if not _is_complete(entry):
            return None
        arrays: list[Array] = []
        for name in _PARTS:
            arrays += [np.load(entry / f"x_{name}.npy", mmap_mode="c"), np.load(entry / f"y_{name}.npy")]
        return PreparedData(info, *arrays)

    def _entry(self, spec: DataSpec, info: DatasetInfo) -> Path:
        return self._folder / hashlib.sha256(f"{info.fingerprint} {spec.to_json()}".encode()).hexdigest()


def _is_complete(entry: Path) -> bool:
    return all((entry / name).is_file() for name in _FILES)

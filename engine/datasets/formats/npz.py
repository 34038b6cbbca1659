"""NumPy archives (.npz) with ``x_train``, ``y_train`` and, if there are such parts, ``x_val``, ``x_test``."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from engine.datasets.base import Decoded, ProgressCallback, RawImages
from engine.datasets.cache import CacheKey, cached, signature_of_paths
from engine.datasets.formats.arrays.dataset import decode_arrays, read_arrays
from engine.datasets.formats.arrays.errors import refusal
from engine.datasets.formats.arrays.names import ArrayNames
from engine.utils.arrays import Array
from engine.utils.errors import DatasetError
from engine.utils.files import check_file
from engine.utils.text import reason

MAX_UNPACKED_BYTES = 8 * 2**30


def load(path: Path, side: int | None, progress: ProgressCallback) -> RawImages:
    """Load the images of an .npz file; ``formats.arrays`` says which arrays it can hold. Nothing is unpickled.

    Raises:
        DatasetError: naming the file, if it is unsuitable.
    """

    def decode() -> Decoded:
        progress(f"Reading {path.name}", 0, 1)
        decoded = decode_arrays(path, path.stem, *_read(path), side)
        progress(f"Reading {path.name}", 1, 1)
        return decoded

    try:
        check_file(path)
        key = CacheKey("npz", path, side, signature_of_paths([path]))
    except OSError as error:
        raise DatasetError(refusal(path, f"can't be read ({error.strerror})", "check the file")) from None
    return cached(key, decode)


def _read(path: Path) -> tuple[ArrayNames, dict[str, Array]]:
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
        if unpacked > MAX_UNPACKED_BYTES:
            raise DatasetError(refusal(path, f"unpacks to {unpacked / 2**30:.0f} GiB", "save fewer or smaller images"))
        with np.load(path, allow_pickle=False) as arrays:
            return read_arrays(path, list(arrays.files), lambda name: np.asarray(arrays[name]))
    except DatasetError:
        raise
    except Exception as error:  # zipfile, zlib and NumPy raise almost anything for damaged files
        problem = f"can't be read as an .npz file ({reason(error)})"
        raise DatasetError(refusal(path, problem, "save it again with numpy.savez, without object arrays")) from None

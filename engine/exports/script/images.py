"""The images of a data set as an .npz file, as stored and split by the program."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np

from engine.datasets.base import ProgressCallback, RawImages
from engine.datasets.split import Split, chunks, stored_part

_CHUNK_BYTES = 2**22


def write_images(path: Path, raw: RawImages, parts: Split, progress: ProgressCallback) -> None:
    """Write ``x_train``, uint8 [n, height, width, channels], ``y_train``, int64 [n], and the same of the other parts.

    They are not compressed, which photographs hardly are by it, and written piece by piece, as they may take gigabytes.
    Propagates ``OSError`` and errors of ``progress``.
    """
    chosen = {"train": parts.train, "validation": parts.validation, "test": parts.test}
    done, total = 0, sum(map(len, chosen.values()))
    with ZipFile(path, "w") as archive:
        for name, indices in chosen.items():
            images, labels = stored_part(raw, name)
            with _member(archive, f"x_{name}", images.dtype, (len(indices), *images.shape[1:])) as file:
                for chunk in chunks(images, indices, _CHUNK_BYTES):
                    progress("Exporting images", done, total)
                    file.write(images[chunk].tobytes())
                    done += len(chunk)
            with _member(archive, f"y_{name}", labels.dtype, indices.shape) as file:
                file.write(labels[indices].tobytes())


@contextmanager
def _member(archive: ZipFile, name: str, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Iterator[Any]:
    """Open an array of an .npz file for writing its numbers."""
    with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
        header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        yield file

"""NumPy archives (.npz) with ``x_train``, ``y_train`` and, if there are such parts, ``x_val``, ``x_test``.

Also a folder with one of them for each part, such as ``train.npz`` and ``test.npz``.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np

from engine.datasets.base import Decoded, ProgressCallback, RawImages
from engine.datasets.cache import CacheKey, cached, signature_of_paths
from engine.datasets.formats.arrays.dataset import decode_arrays, read_arrays
from engine.datasets.formats.arrays.errors import refusal
from engine.datasets.formats.arrays.names import ArrayNames, listed, part_of, split_name
from engine.datasets.formats.places import lone_folders, sub_folders
from engine.utils.arrays import Array
from engine.utils.errors import DatasetError
from engine.utils.files import check_file
from engine.utils.text import reason

ENDING = ".npz"
MAX_UNPACKED_BYTES = 8 * 2**30


def is_npz(folder: Path) -> bool:
    """Return whether there is an .npz file for each of several parts in a folder, or in lone folders around them."""
    return _place(folder) is not None


def load(path: Path, side: int | None, progress: ProgressCallback) -> RawImages:
    """Load an .npz file, or those of a folder; ``formats.arrays`` says which arrays they can hold.

    Nothing is unpickled.

    Raises:
        DatasetError: naming the file or folder, if it is unsuitable.
    """
    files, beside = _choose(path)

    def decode() -> Decoded:
        progress(f"Reading {path.name}", 0, 1)
        decoded = decode_arrays(path, path.name if path.is_dir() else path.stem, *_read(path, files), side)
        decoded.warnings.extend(_not_used(path, beside))
        progress(f"Reading {path.name}", 1, 1)
        return decoded

    try:
        for file in files.values():
            check_file(file)
        key = CacheKey("npz", path, side, signature_of_paths([*files.values(), *beside]))
    except OSError as error:
        raise DatasetError(refusal(path, f"can't be read ({error.strerror})", "check the file")) from None
    return cached(key, decode)


def _place(folder: Path) -> Path | None:
    """Return the folder with an .npz file for each part, if there are no folders in it."""
    *_, last = lone_folders(folder)
    return last if _parts(last) and not sub_folders(last) else None


def _parts(folder: Path) -> list[Path]:
    """Return the .npz files of a folder that are the parts of one data set by their names, if there are several."""
    names = {file: split_name(file.stem) for file in _files(folder)}
    parts = {file: part for file, (part, _) in names.items() if part}
    is_one = len({names[file][1] for file in parts}) == 1
    return list(parts) if is_one and "train" in parts.values() and len({*parts.values()}) > 1 else []


def _files(folder: Path) -> list[Path]:
    return sorted(each for each in folder.iterdir() if each.suffix.lower() == ENDING and not each.name.startswith("."))


def _choose(path: Path) -> tuple[dict[str, Path], list[Path]]:
    """Return the files to read by what comes before the names of their arrays, and those not to read beside them."""
    if path.is_dir():
        place = _place(path) or path
        files = {f"{each.stem}/": each for each in _parts(place)}
        return files, [each for each in _files(place) if each not in files.values()]
    part, name = split_name(path.stem)
    beside = []
    if part:
        with suppress(OSError):  # a folder that may not be listed
            beside = [each for each in _files(path.parent) if split_name(each.stem)[1] == name]
    return {"": path}, [each for each in beside if part_of(each.stem) not in (None, part)]


def _not_used(path: Path, beside: list[Path]) -> Iterator[str]:
    """Yield a sentence on files that were not read beside those that were."""
    if not beside:
        return
    verb = "is" if len(beside) == 1 else "are"
    said = (
        f"{listed(each.name for each in beside)} beside {path.name if path.is_file() else 'the parts'} {verb} not used"
    )
    if path.is_dir():
        yield f"{said}."
    elif _place(path.parent) == path.parent:
        yield f"{said}; name their folder, {path.parent.name}, to use all parts."
    else:
        yield f"{said}; save all parts in one file, as x_train and x_test, to use them."


def _read(path: Path, files: dict[str, Path]) -> tuple[ArrayNames, dict[str, Array]]:
    """Read files by what comes before the names of their arrays.

    Raises:
        DatasetError: if one can't be read or they unpack to too much.
    """
    found: dict[str, tuple[Path, str]] = {}
    file, unpacked = path, 0

    def read(name: str) -> Array:
        nonlocal file
        file, key = found[name]
        with np.load(file, allow_pickle=False) as arrays:
            return np.asarray(arrays[key])

    try:
        for before, file in files.items():
            with zipfile.ZipFile(file) as archive:
                unpacked += sum(member.file_size for member in archive.infolist())
            with np.load(file, allow_pickle=False) as arrays:
                found |= {f"{before}{name}": (file, name) for name in arrays.files}
        if unpacked > MAX_UNPACKED_BYTES:
            raise DatasetError(refusal(path, f"unpacks to {unpacked / 2**30:.0f} GiB", "save fewer or smaller images"))
        return read_arrays(path, list(found), read)
    except DatasetError:
        raise
    except Exception as error:  # zipfile, zlib and NumPy raise almost anything for damaged files
        problem = f"can't be read as an .npz file ({reason(error)})"
        raise DatasetError(refusal(file, problem, "save it again with numpy.savez, without object arrays")) from None

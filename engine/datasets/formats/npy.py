"""Arrays in files of their own: a folder of ``x_train.npy``, ``y_train.npy`` …, or one of these files.

Also ``train/x.npy``, ``train/y.npy``, ``test/x.npy`` …: a folder for each part.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from engine.datasets.base import Decoded, ProgressCallback, RawImages
from engine.datasets.cache import CacheKey, cached, signature_of_paths
from engine.datasets.formats.arrays.dataset import decode_arrays, read_arrays
from engine.datasets.formats.arrays.errors import refusal
from engine.datasets.formats.arrays.names import ArrayNames, has_training, listed, part_of
from engine.datasets.formats.npz import MAX_UNPACKED_BYTES
from engine.datasets.formats.places import lone_folders, sub_folders
from engine.utils.arrays import Array
from engine.utils.errors import DatasetError
from engine.utils.files import open_file
from engine.utils.text import reason

ENDING = ".npy"


def is_npy(folder: Path) -> bool:
    """Return whether there are training images as .npy file in a folder, or in lone folders around them."""
    return _place(folder) is not None


def load(path: Path, side: int | None, progress: ProgressCallback) -> RawImages:
    """Load the arrays of a folder, or those that lie beside one of them.

    Raises:
        DatasetError: naming the file or folder, if it is unsuitable.
    """
    folder = _place(path) or path if path.is_dir() else _folder_of(path)
    files = _arrays(folder)
    try:
        key = CacheKey("npy", path, side, signature_of_paths(files.values()))
    except OSError as error:
        raise DatasetError(refusal(path, f"can't be read ({error.strerror})", "check the files")) from None

    def decode() -> Decoded:
        progress(f"Reading {folder.name}", 0, 1)
        decoded = decode_arrays(folder, folder.name, *_read(path, folder, files), side)
        if beside := [each.name for each in _other_folders(folder)]:
            decoded.warnings.append(f"Only the arrays of {folder.name} are used, no files of {listed(beside)} in it.")
        progress(f"Reading {folder.name}", 1, 1)
        return decoded

    return cached(key, decode)


def _place(folder: Path) -> Path | None:
    """Return the folder with training images and their labels, or, if there are no folders of images, without."""
    for wrapper in lone_folders(folder):
        names = _arrays(wrapper)
        if has_training(names, "images") and (has_training(names, "labels") or not _other_folders(wrapper)):
            return wrapper
    return None


def _folder_of(file: Path) -> Path:
    """Return the folder of the data set that a file is of: around that of a part, ``train/x.npy``, if it is one."""
    if not part_of(file.parent.name):
        return file.parent  # without looking around it, which may not be allowed
    around = file.parent.parent
    is_part = file.parent in _part_folders(around) and has_training(_arrays(around), "images")
    return around if is_part else file.parent


def _arrays(folder: Path) -> dict[str, Path]:
    """Return the .npy files of a folder, and of those for each part in it, by the names of their arrays."""
    parts = {f"{each.name}/{file.stem}": file for each in _part_folders(folder) for file in _files(each)}
    return {file.stem: file for file in _files(folder)} | parts


def _files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.iterdir() if file.suffix.lower() == ENDING and not file.name.startswith("."))


def _part_folders(folder: Path) -> list[Path]:
    """Return the folders in a folder that are named like a part and hold arrays and no folders."""
    return [each for each in sub_folders(folder) if part_of(each.name) and _files(each) and not sub_folders(each)]


def _other_folders(folder: Path) -> list[Path]:
    parts = _part_folders(folder)
    return [each for each in sub_folders(folder) if each not in parts]


def _read(path: Path, folder: Path, files: dict[str, Path]) -> tuple[ArrayNames, dict[str, Array]]:
    try:
        chosen, arrays = read_arrays(folder, list(files), lambda name: _read_array(files[name]), ENDING)
    except DatasetError:
        raise
    except Exception as error:  # NumPy raises almost anything for damaged files
        problem = f"can't be read as arrays ({reason(error)})"
        raise DatasetError(refusal(path, problem, "save them again with numpy.save, without object arrays")) from None
    if path.is_file() and path not in [files[name] for name in chosen.used]:
        advice = f"name {chosen.images['train']}{ENDING} or their folder to use those"
        raise DatasetError(
            refusal(path, f"is not among the arrays beside it that make a data set ({listed(chosen.used)})", advice)
        )
    return chosen, arrays


def _read_array(path: Path) -> Array:
    """Read a file of one array.

    Raises:
        DatasetError: if it is too large.
    """
    with open_file(path) as file:  # no memory map, which ends the process if the file shrinks meanwhile
        if path.stat().st_size > MAX_UNPACKED_BYTES:
            raise DatasetError(
                refusal(path, f"holds {path.stat().st_size / 2**30:.0f} GiB", "save fewer or smaller images")
            )
        return np.lib.format.read_array(file, allow_pickle=False)

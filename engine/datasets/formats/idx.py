"""IDX files of the user's: MNIST and its relatives, as they are downloaded, unpacked or copied.

The format is described at http://yann.lecun.com/exdb/mnist/: a big-endian header of a magic number and one 32-bit size
per dimension, then unsigned bytes.
"""

from __future__ import annotations

import gzip
import os
import re
import string
import struct
import zlib
from contextlib import suppress
from pathlib import Path

import numpy as np

from engine.datasets.base import MAX_IMAGE_BYTES, Decoded, Part, ProgressCallback, RawImages
from engine.datasets.cache import CacheKey, cached, signature_of_paths
from engine.datasets.formats.places import lone_folders, sub_folders
from engine.datasets.resize import array_part, usual_side
from engine.utils.arrays import Array
from engine.utils.errors import DatasetError

ENDINGS = ("-ubyte", "-ubyte.gz")
# In the order in which they are read: name of the part, of the content, dimensions.
_CONTENTS = (("train", "images", 3), ("train", "labels", 1), ("t10k", "images", 3), ("t10k", "labels", 1))
_NAME = re.compile(
    r"(?:(?P<prefix>.+)-)?(?P<part>train|t10k|test)-(?P<content>images|labels)[-.]idx[13]-ubyte"
    r"(?P<copy> ?\(\d+\))?(?P<packed>\.gz)?",
    re.IGNORECASE,
)
_FOLDERS = ("raw", "gzip")  # of torchvision, and of EMNIST's archive
_MAX_FOLDERS = 100  # more are the classes of an image folder

_UNMERGED = "abdefghnqrt"  # the small letters that EMNIST tells from the capital ones
# The characters that EMNIST's labels stand for, by the emnist-*-mapping.txt beside its files
# (https://www.nist.gov/itl/products-and-services/emnist-dataset). Those of "letters" start at 1.
_EMNIST = {
    "emnist-byclass": string.digits + string.ascii_uppercase + string.ascii_lowercase,
    "emnist-bymerge": string.digits + string.ascii_uppercase + _UNMERGED,
    "emnist-balanced": string.digits + string.ascii_uppercase + _UNMERGED,
    "emnist-letters": "?" + string.ascii_lowercase,
    "emnist-digits": string.digits,
    "emnist-mnist": string.digits,
}

# Files by part and content.
_Files = dict[tuple[str, str], Path]


def is_idx(folder: Path) -> bool:
    """Return whether a folder has IDX training images, itself or where they usually lie in it."""
    return bool(_sets(folder))


def is_idx_file(path: Path) -> bool:
    """Return whether a file is named as IDX files are."""
    return _NAME.fullmatch(path.name) is not None


def load_path(path: Path, side: int | None, progress: ProgressCallback) -> RawImages:
    """Load the four IDX files of a folder, or those that belong to one of them.

    They may be gzipped or lie in folders of their own names, and all of them in ``raw`` or ``gzip`` or lone folders.
    Classes are named by their labels, those of EMNIST by their characters; its images, which are stored transposed,
    are turned upright.

    Raises:
        DatasetError: if one is missing or can't be read, or there are several data sets.
    """
    if path.is_dir():
        sets = _sets(path)
        if len(sets) > 1:
            first = min(files["train", "images"] for files in sets.values())
            names = ", ".join(sorted(_title(place, prefix) for place, prefix in sets))
            raise DatasetError(
                f"{path} holds several data sets ({names}); name the training images of one, as {first}."
            )
    else:
        place = path.parent.parent if is_idx_file(path.parent) else path.parent
        prefix = _prefix(path.name)
        sets = {(place, prefix): _by_prefix(place).get(prefix, {})}
    (place, prefix), files = next(iter(sets.items()))
    paths = [_required(place, prefix, files, part, content, size) for part, content, size in _CONTENTS]
    title = path.name if path.is_dir() else _title(place, prefix)
    progress(f"Reading {title}", 0, 2)
    key = CacheKey(f"idx {path.name}", path, side, signature_of_paths(paths))
    return cached(key, lambda: decode(title, None, paths, side, progress))


def decode(
    title: str, names: tuple[str, ...] | None, paths: list[Path], side: int | None, progress: ProgressCallback
) -> Decoded:
    """Read four IDX files.

    Args:
        title: Of the data set.
        names: Of the classes, whose indices are the labels; None if the training labels are the classes.
        paths: Training images and labels, test images and labels.
        side: Of the images in pixels; None for their own.
        progress: Progress callback.

    Raises:
        DatasetError: if one can't be read or has a label that is no class.
    """
    characters = _EMNIST.get(_prefix(paths[0].name))
    images, labels = _read_part(paths[0], paths[1])
    progress(f"Reading {title}", 1, 2)
    test_images, test_labels = _read_part(paths[2], paths[3])
    if characters is not None:
        images, test_images = images.swapaxes(1, 2), test_images.swapaxes(1, 2)
    classes = np.unique(labels) if names is None else np.arange(len(names))
    if names is None:
        names = tuple((characters or "")[label : label + 1] or str(label) for label in classes.tolist())
        _check_known(paths[3], test_labels, classes)
    side = side or usual_side(*images.shape[1:])
    train = _part(images, labels, paths[1], classes, side)
    test = _part(test_images, test_labels, paths[3], classes, side)
    turned = [f"The images of {title} are stored transposed, as EMNIST's are, and were turned upright."]
    return Decoded(title, names, train, test, warnings=[] if characters is None else turned)


def _sets(folder: Path) -> dict[tuple[Path, str], _Files]:
    """Return the files of each data set by its folder and the prefix of its names, from the first place with some."""
    for wrapper in lone_folders(folder):
        inside = sub_folders(wrapper)
        groups = [[wrapper], *([wrapper / name] for name in _FOLDERS)]
        if len(inside) <= _MAX_FOLDERS:
            groups.append([each / name for each in inside for name in _FOLDERS])  # torchvision's MNIST/raw …
        for group in groups:
            found = {(place, prefix): files for place in group for prefix, files in _by_prefix(place).items()}
            found = {key: files for key, files in found.items() if ("train", "images") in files}
            if found:
                return found
    return {}


def _by_prefix(place: Path) -> dict[str, _Files]:
    """Return the IDX files in a folder by the prefix of their names."""
    found: dict[str, _Files] = {}
    for path in _idx_files(place):
        match = _NAME.fullmatch(path.name)
        if match is not None:
            part = match["part"].lower().replace("test", "t10k")
            first = found.setdefault(_prefix(path.name), {}).setdefault((part, match["content"].lower()), path)
            _check_copy(first, path)
    return found


def _check_copy(first: Path, second: Path) -> None:
    """Check that a file is no second download of another, as a browser names it: it may be of another data set.

    Raises:
        DatasetError: if it is.
    """
    copies = [match["copy"] for path in (first, second) if (match := _NAME.fullmatch(path.name))]
    if copies[0] != copies[1]:
        raise DatasetError(
            f"{first.parent} has both {first.name} and {second.name}; place the files of one data set in a folder of "
            "their own."
        )


def _idx_files(place: Path) -> list[Path]:
    """Return the IDX files in a folder, and in folders of such names in it, the unpacked ones first."""
    found = []
    with suppress(FileNotFoundError, NotADirectoryError), os.scandir(place) as entries:
        named = [Path(entry.path) for entry in entries if _NAME.fullmatch(entry.name)]
        for path in named:
            found += [each for each in path.iterdir() if is_idx_file(each)] if path.is_dir() else [path]
    found = [path for path in found if path.is_file()]
    return sorted(found, key=lambda path: (path.name.lower().endswith(".gz"), len(path.parts), path))


def _prefix(name: str) -> str:
    match = _NAME.fullmatch(name)
    return (match["prefix"] or "").lower() if match else ""


def _title(place: Path, prefix: str) -> str:
    return prefix or (place.parent.name if place.name in _FOLDERS else place.name)


def _required(place: Path, prefix: str, files: _Files, part: str, content: str, dimensions: int) -> Path:
    """Return a file of a data set.

    Raises:
        DatasetError: if it is missing.
    """
    if (part, content) not in files:
        part = part.replace("t10k", "test") if prefix else part
        name = f"{prefix}{'-' if prefix else ''}{part}-{content}-idx{dimensions}-ubyte.gz"
        raise DatasetError(f"{place} has no {name} beside the other IDX files; place it there too.")
    return files[part, content]


def _check_known(path: Path, test_labels: Array, classes: Array) -> None:
    """Check that training images have the test labels.

    Raises:
        DatasetError: if not.
    """
    unknown = test_labels[~np.isin(test_labels, classes)]
    if unknown.size:
        problem = f"has the label {unknown[0]} in the test part, which no training image has"
        raise DatasetError(f"{path} {problem}; take those images out.")


def _part(images: Array, labels: Array, labels_path: Path, classes: Array, side: int) -> Part:
    unknown = labels[~np.isin(labels, classes)]
    if unknown.size:
        problem = f"it has the label {unknown[0]}, which is none of the {len(classes)} classes"
        raise DatasetError(_unreadable_message(labels_path, problem))
    return array_part(images[..., np.newaxis], np.searchsorted(classes, labels), side)


def _read_part(images_path: Path, labels_path: Path) -> tuple[Array, Array]:
    images, labels = _read(images_path, 3), _read(labels_path, 1)
    if not images.size:
        raise DatasetError(
            _unreadable_message(images_path, f"it holds images of {images.shape[2]}x{images.shape[1]} pixels")
        )
    if len(images) != len(labels):
        raise DatasetError(_unreadable_message(labels_path, f"{len(labels)} labels for {len(images)} images"))
    return images, labels


def _read(path: Path, dimensions: int) -> Array:
    """Read the unsigned bytes of an IDX file, uint8 with ``dimensions`` dimensions.

    Raises:
        DatasetError: if it is no such file.
    """
    header = struct.Struct(f">{1 + dimensions}I")
    try:
        with gzip.open(path, "rb") if path.suffix.lower() == ".gz" else path.open("rb") as file:
            magic, *shape = header.unpack(file.read(header.size))
            size = _checked_size(magic, shape)
            content = file.read(size + 1)
    except (OSError, EOFError, zlib.error, struct.error, ValueError) as error:
        raise DatasetError(_unreadable_message(path, str(error))) from None
    if len(content) != size:
        raise DatasetError(_unreadable_message(path, "it has not the size that its header says"))
    return np.frombuffer(content, np.uint8).reshape(shape)


def _checked_size(magic: int, shape: list[int]) -> int:
    if magic != 0x0800 + len(shape):  # 0x08: unsigned bytes
        raise ValueError("it is no IDX file of unsigned bytes")
    size = int(np.prod(shape, dtype=object))
    if size > MAX_IMAGE_BYTES:
        raise ValueError("it says that it unpacks to more than memory holds")
    return size


def _unreadable_message(path: Path, reason: str) -> str:
    return f"{path} can't be read as an IDX file ({reason}); fetch it again."

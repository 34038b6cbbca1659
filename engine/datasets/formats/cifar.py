"""The versions of CIFAR-10 and CIFAR-100 that their authors publish: archives of batches, binary or pickled by Python.

The formats are described at https://www.cs.toronto.edu/~kriz/cifar.html.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.datasets.base import Decoded, ProgressCallback, RawImages
from engine.datasets.cache import CacheKey, cached, signature_of_paths
from engine.datasets.formats import tar
from engine.datasets.formats.unpickle import UnpickleError, read_batch
from engine.datasets.resize import array_part
from engine.utils.arrays import Array
from engine.utils.errors import DatasetError

SIDE = 32
_IMAGE_BYTES = 3 * SIDE * SIDE
_MAX_NAMES_BYTES = 100_000


@dataclass(frozen=True)
class Cifar:
    """One of the two data sets.

    Attributes:
        kind: Of the cache's keys.
        batches: Number of images of each batch, by its name without ending; the last batch is the test part.
        label_bytes: Bytes before each image in binary batches; the last of them is the label.
        label_key: Of the labels in pickled batches.
        class_names: None if a file beside the batches names them.
        names_files: Such files: pickled, and of lines.
        names_key: Of the names in the pickled file.
        classes: How many there are.
        folders: Into which the archives unpack.
        archives: Names of the official archives.
    """

    title: str
    kind: str
    batches: dict[str, int]
    label_bytes: int
    label_key: bytes
    classes: int
    folders: tuple[str, ...]
    archives: tuple[str, str]
    class_names: tuple[str, ...] | None = None
    names_files: tuple[str, ...] = ()
    names_key: bytes = b""

    @property
    def max_batch_bytes(self) -> int:
        """More than the largest batch has, pickled with the names of its files."""
        return 2 * max(self.batches.values()) * (_IMAGE_BYTES + 128)

    @property
    def file_names(self) -> set[str]:
        """Names of all files that are read."""
        return {f"{name}{ending}" for name in self.batches for ending in ("", ".bin")} | set(self.names_files)

    def folder(self, path: Path) -> Path | None:
        """Return ``path`` or the folder in it that was extracted from an official archive; None if neither was."""
        places = (path, *(path / name for name in self.folders))
        return next((each for each in places if all(_batch_file(each, name) for name in self._marks)), None)

    def is_among(self, names: list[str]) -> bool:
        """Return whether one of the first files in an archive is a batch."""
        return not self.file_names.isdisjoint(names)

    @property
    def _marks(self) -> tuple[str, ...]:
        """Batches by which a folder is known: an image folder may have a file called ``train``, but hardly both."""
        names = tuple(self.batches)
        return names[:1] if len(names) > 2 else names


# With its fine classes.
CIFAR100 = Cifar(
    title="CIFAR-100",
    kind="cifar100",
    batches={"train": 50_000, "test": 10_000},
    label_bytes=2,  # the coarse class and the fine one
    label_key=b"fine_labels",
    classes=100,
    folders=("cifar-100-binary", "cifar-100-python"),
    archives=("cifar-100-binary.tar.gz", "cifar-100-python.tar.gz"),
    names_files=("meta", "fine_label_names.txt"),
    names_key=b"fine_label_names",
)


def load(cifar: Cifar, path: Path, side: int | None, progress: ProgressCallback) -> RawImages:
    """Load an official archive or an extracted folder.

    Raises:
        DatasetError: naming the file, if it can't be read.
    """
    source = path if path.is_file() else cifar.folder(path) or path
    files = [source] if source.is_file() else [*_batch_files(cifar, source), *_names_files(cifar, source)]
    try:
        key = CacheKey(cifar.kind, source, side, signature_of_paths(files))
    except OSError as error:
        raise DatasetError(unreadable_message(cifar, source, error.strerror or str(error))) from None
    return cached(key, lambda: _decode(cifar, source, side or SIDE, progress))


def unreadable_message(cifar: Cifar, source: Path, reason: str) -> str:
    """Return the sentence on an archive or folder that can't be read."""
    return (
        f"{source} can't be read as {cifar.title} ({reason}); fetch {' or '.join(cifar.archives)} again from "
        "https://www.cs.toronto.edu/~kriz/cifar.html."
    )


def _decode(cifar: Cifar, source: Path, side: int, progress: ProgressCallback) -> Decoded:
    found: dict[str, tuple[Array, Array]] = {}
    names = cifar.class_names
    try:
        for name, content in _contents(cifar, source):
            progress(f"Reading {source.name}", len(found), len(cifar.batches))
            if name in cifar.names_files:
                names = _parsed_names(cifar, source, name, content)
            else:
                found[name.removesuffix(".bin")] = _parsed(cifar, source, name, content)
    except DatasetError:
        raise
    except tar.ERRORS as error:
        raise DatasetError(unreadable_message(cifar, source, f"it is damaged or incomplete: {error}")) from None
    missing = [name for name in cifar.batches if name not in found]
    if missing or names is None:
        what = missing[0] if missing else " or ".join(cifar.names_files)
        raise DatasetError(unreadable_message(cifar, source, f"{what} is missing"))
    *training, test = cifar.batches
    images, labels = (np.concatenate([found[name][k] for name in training]) for k in (0, 1))
    return Decoded(cifar.title, names, array_part(images, labels, side), array_part(*found[test], side))


def _batch_file(folder: Path, name: str) -> Path | None:
    return next((path for ending in (".bin", "") if (path := folder / f"{name}{ending}").is_file()), None)


def _batch_files(cifar: Cifar, folder: Path) -> list[Path]:
    return [path for name in cifar.batches if (path := _batch_file(folder, name)) is not None]


def _names_files(cifar: Cifar, folder: Path) -> list[Path]:
    return [path for name in cifar.names_files if (path := folder / name).is_file()]


def _contents(cifar: Cifar, source: Path) -> Iterator[tuple[str, bytes]]:
    """Yield names and contents of the files in an archive or a folder."""
    if source.is_file():
        yield from tar.contents(source, cifar.file_names, cifar.max_batch_bytes)
        return
    for path in (*_batch_files(cifar, source), *_names_files(cifar, source)):
        with path.open("rb") as file:
            yield path.name, file.read(cifar.max_batch_bytes + 1)


def _parsed(cifar: Cifar, source: Path, name: str, content: bytes) -> tuple[Array, Array]:
    """Return images uint8 [n, 32, 32, 3] and labels [n] of a batch.

    Raises:
        DatasetError: if it is no such batch.
    """
    images = cifar.batches[name.removesuffix(".bin")]
    try:
        parse = _parse_binary if name.endswith(".bin") else _parse_pickle
        rows, labels = parse(cifar, images, content)
        _check_labels(cifar, images, labels)
    except (ValueError, TypeError, OverflowError) as error:
        raise DatasetError(unreadable_message(cifar, source, f"{name}: {error}")) from None
    planes = rows.reshape(-1, 3, SIDE, SIDE)  # stored as red, green and blue planes
    return np.ascontiguousarray(planes.transpose(0, 2, 3, 1)), labels


def _parse_binary(cifar: Cifar, images: int, content: bytes) -> tuple[Array, Array]:
    """Parse records of the label bytes and 3,072 image bytes.

    Raises:
        ValueError: if the size is wrong.
    """
    record = cifar.label_bytes + _IMAGE_BYTES
    if len(content) != images * record:
        raise ValueError(f"it has not the size of {images:,} images")
    records = np.frombuffer(content, np.uint8).reshape(-1, record)
    return records[:, cifar.label_bytes :], records[:, cifar.label_bytes - 1]


def _parse_pickle(cifar: Cifar, images: int, content: bytes) -> tuple[Array, Array]:
    if len(content) > cifar.max_batch_bytes:
        raise ValueError("it is larger than a batch")
    batch = read_batch(content)
    rows, labels = batch.get(b"data"), batch.get(cifar.label_key)
    if not isinstance(rows, np.ndarray) or rows.shape != (images, _IMAGE_BYTES):
        raise UnpickleError(f"it holds no {images:,} images")
    if not isinstance(labels, list) or not all(isinstance(label, int) for label in labels):
        raise UnpickleError("it holds no labels")
    return rows, np.array(labels, np.int64)


def _check_labels(cifar: Cifar, images: int, labels: Array) -> None:
    if labels.shape != (images,) or labels.min() < 0 or labels.max() >= cifar.classes:
        raise ValueError(f"its labels are not those of {cifar.title}")


def _parsed_names(cifar: Cifar, source: Path, name: str, content: bytes) -> tuple[str, ...]:
    """Return the names of the classes in a file.

    Raises:
        DatasetError: if they are not there.
    """
    try:
        return _names(cifar, content.split() if name.endswith(".txt") else _pickled_names(cifar, content))
    except ValueError as error:
        raise DatasetError(unreadable_message(cifar, source, f"{name}: {error}")) from None


def _pickled_names(cifar: Cifar, content: bytes) -> object:
    if len(content) > _MAX_NAMES_BYTES:
        raise ValueError("it is larger than a list of names")
    return read_batch(content).get(cifar.names_key)


def _names(cifar: Cifar, found: object) -> tuple[str, ...]:
    if not isinstance(found, list) or not all(isinstance(each, bytes) for each in found):
        raise ValueError("it holds no names")
    names = tuple(each.decode("ascii") for each in found)
    if len(names) != cifar.classes or not all(each.isprintable() and each for each in names):
        raise ValueError(f"it has not {cifar.classes} names")
    return names

"""CIFAR-10 from its official archives or extracted folders (https://www.cs.toronto.edu/~kriz/cifar.html).

The binary version is downloaded, as it involves no pickles. Archives are read from the stream and nothing is extracted
to disk, so member names can't lead anywhere.
"""

from __future__ import annotations

import gzip
import io
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np

from engine.datasets.base import Decoded, NamedDataset, ProgressCallback, RawImages, RemoteFile
from engine.datasets.cache import CacheKey, cached, signature_of_paths
from engine.datasets.download import downloads_folder, fetch
from engine.datasets.formats.unpickle import UnpickleError, read_batch
from engine.datasets.resize import array_part
from engine.utils.arrays import Array
from engine.utils.errors import DatasetError

TITLE = "CIFAR-10"
CLASS_NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
SIDE = 32

# SHA-256 and size: published in TensorFlow Datasets, tensorflow_datasets/url_checksums/cifar10.txt
# (https://github.com/tensorflow/datasets). The authors' page, https://www.cs.toronto.edu/~kriz/cifar.html, publishes
# the same file's MD5, c32a1d4ab5d03f1284b67883e8d87530. The second address is the same department's newer host.
ARCHIVE = RemoteFile(
    name="cifar-10-binary.tar.gz",
    known_hash="sha256:c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
    size=170_052_171,
    urls=(
        "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
        "https://cave.cs.toronto.edu/kriz/cifar-10-binary.tar.gz",
    ),
)
PYTHON_ARCHIVE = "cifar-10-python.tar.gz"
FOLDERS = ("cifar-10-batches-bin", "cifar-10-batches-py")

_BATCHES = ("data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch")
_IMAGES_PER_BATCH = 10_000
_RECORD_BYTES = 1 + 3 * SIDE * SIDE
# The official archives unpack to 184 and 186 MB; more is a decompression bomb.
_MAX_ARCHIVE_BYTES = 400_000_000
_MAX_BATCH_BYTES = 64_000_000
_MAX_MEMBERS = 100  # the official ones have nine


def load(side: int | None, progress: ProgressCallback, archive: RemoteFile = ARCHIVE) -> RawImages:
    """Load CIFAR-10 from the downloads folder, downloading it if necessary; propagates ``DatasetError``."""
    return load_path(_user_provided() or fetch(archive, progress), side, progress)


def is_cifar10(folder: Path) -> bool:
    """Return whether a folder is, or contains, one extracted from an official archive."""
    return _batch_folder(folder) is not None


def load_path(path: Path, side: int | None, progress: ProgressCallback) -> RawImages:
    """Load CIFAR-10 from an official archive or an extracted folder.

    Raises:
        DatasetError: naming the file, if it can't be read.
    """
    source = path if path.is_file() else _batch_folder(path) or path
    files = [source] if source.is_file() else [file for name in _BATCHES if (file := _batch_file(source, name))]
    try:
        key = CacheKey("cifar10", source, side, signature_of_paths(files))
    except OSError as error:
        raise DatasetError(_unreadable_message(source, error.strerror or str(error))) from None
    return cached(key, lambda: _decode(source, side or SIDE, progress))


def _user_provided() -> Path | None:
    """Return what the user placed in the downloads folder; ``fetch`` checks the binary archive itself."""
    folder = downloads_folder()
    places = [folder / name for name in (*FOLDERS, PYTHON_ARCHIVE)]
    return next((place for place in places if place.is_file() or is_cifar10(place)), None)


def _batch_folder(folder: Path) -> Path | None:
    candidates = (folder, *(folder / name for name in FOLDERS))
    return next((place for place in candidates if _batch_file(place, _BATCHES[0])), None)


def _batch_file(folder: Path, name: str) -> Path | None:
    return next((path for ending in (".bin", "") if (path := folder / f"{name}{ending}").is_file()), None)


def _decode(source: Path, side: int, progress: ProgressCallback) -> Decoded:
    found: dict[str, tuple[Array, Array]] = {}
    try:
        for name, content in _batch_contents(source):
            progress(f"Reading {source.name}", len(found), len(_BATCHES))
            found[name.removesuffix(".bin")] = _parse(source, name, content)
    except DatasetError:
        raise
    except (OSError, EOFError, ValueError, zlib.error, tarfile.TarError) as error:
        raise DatasetError(_unreadable_message(source, f"it is damaged or incomplete: {error}")) from None
    missing = [name for name in _BATCHES if name not in found]
    if missing:
        raise DatasetError(_unreadable_message(source, f"{missing[0]} is missing"))
    images, labels = (np.concatenate([found[name][k] for name in _BATCHES[:-1]]) for k in (0, 1))
    return Decoded(TITLE, CLASS_NAMES, array_part(images, labels, side), array_part(*found[_BATCHES[-1]], side))


def _batch_contents(source: Path) -> Iterator[tuple[str, bytes]]:
    """Yield names and contents of the batches in an archive or a folder."""
    if source.is_file():
        yield from _archive_contents(source)
        return
    for name in _BATCHES:
        path = _batch_file(source, name)
        if path is not None:
            with path.open("rb") as file:
                yield path.name, file.read(_MAX_BATCH_BYTES + 1)


def _archive_contents(archive: Path) -> Iterator[tuple[str, bytes]]:
    expected = {f"{name}{ending}" for name in _BATCHES for ending in ("", ".bin")}
    with _open(archive) as opened:
        stream = _LimitedStream(opened)
        with tarfile.open(fileobj=stream, mode="r|") as tar:
            for number, member in enumerate(tar):
                if number >= _MAX_MEMBERS:
                    raise tarfile.ReadError("it holds more files than CIFAR-10")
                name = member.name.rpartition("/")[2]
                if member.isfile() and name in expected and (file := tar.extractfile(member)) is not None:
                    yield name, file.read(_MAX_BATCH_BYTES + 1)
        while stream.read(2**20):  # to the end, where gzip has its checksum
            pass


def _open(archive: Path) -> IO[bytes]:
    """Open the tar stream of an archive, gzipped or already decompressed, as some browsers do."""
    with archive.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    return gzip.open(archive, "rb") if packed else archive.open("rb")  # type: ignore[return-value]


class _LimitedStream(io.RawIOBase):
    """A stream that fails when an archive unpacks to more than the official ones."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream, self._left = stream, _MAX_ARCHIVE_BYTES

    def readinto(self, buffer: Any, /) -> int:
        """Read into ``buffer``.

        Raises:
            ReadError: if the limit is exceeded.
        """
        piece = self._stream.read(len(buffer))
        self._left -= len(piece)
        if self._left < 0:
            raise tarfile.ReadError("it unpacks to more than CIFAR-10")
        buffer[: len(piece)] = piece
        return len(piece)


def _parse(source: Path, name: str, content: bytes) -> tuple[Array, Array]:
    """Return images uint8 [10000, 32, 32, 3] and labels uint8 [10000] of a batch.

    Raises:
        DatasetError: if it is no batch of CIFAR-10.
    """
    try:
        rows, labels = _parse_binary(content) if name.endswith(".bin") else _parse_pickle(content)
    except (ValueError, TypeError, OverflowError) as error:
        raise DatasetError(_unreadable_message(source, f"{name}: {error}")) from None
    planes = rows.reshape(-1, 3, SIDE, SIDE)  # stored as red, green and blue planes
    return np.ascontiguousarray(planes.transpose(0, 2, 3, 1)), labels


def _parse_binary(content: bytes) -> tuple[Array, Array]:
    """Parse records of one label byte and 3,072 image bytes.

    Raises:
        ValueError: if the size is wrong.
    """
    if len(content) != _IMAGES_PER_BATCH * _RECORD_BYTES:
        raise ValueError(f"it has not the size of {_IMAGES_PER_BATCH:,} images")
    records = np.frombuffer(content, np.uint8).reshape(-1, _RECORD_BYTES)
    return records[:, 1:], _checked(records[:, 0])


def _parse_pickle(content: bytes) -> tuple[Array, Array]:
    if len(content) > _MAX_BATCH_BYTES:
        raise ValueError("it is larger than a batch")
    batch = read_batch(content)
    rows, labels = batch.get(b"data"), batch.get(b"labels")
    if not isinstance(rows, np.ndarray) or rows.shape != (_IMAGES_PER_BATCH, _RECORD_BYTES - 1):
        raise UnpickleError(f"it holds no {_IMAGES_PER_BATCH:,} images")
    if not isinstance(labels, list) or not all(isinstance(label, int) for label in labels):
        raise UnpickleError("it holds no labels")
    return rows, _checked(np.array(labels, np.int64))


def _checked(labels: Array) -> Array:
    if labels.shape != (_IMAGES_PER_BATCH,) or labels.min() < 0 or labels.max() >= len(CLASS_NAMES):
        raise ValueError("its labels are not those of CIFAR-10")
    return labels


def _unreadable_message(source: Path, reason: str) -> str:
    return (
        f"{source} can't be read as CIFAR-10 ({reason}); fetch {ARCHIVE.name} or {PYTHON_ARCHIVE} again from "
        "https://www.cs.toronto.edu/~kriz/cifar.html."
    )


CIFAR10 = NamedDataset(
    name="cifar10",
    title=TITLE,
    summary="60,000 colour photographs, 32x32, of 10 classes; 170 MB, downloaded once",
    load=load,
    files=(ARCHIVE,),
    replacements=(*FOLDERS, PYTHON_ARCHIVE),
    cache_kind="cifar10",
    cache_paths=(ARCHIVE.name, *FOLDERS, PYTHON_ARCHIVE),
)

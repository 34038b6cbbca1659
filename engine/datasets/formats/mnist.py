"""MNIST and Fashion-MNIST: four IDX files each, downloaded, placed by the user, or in a folder of the user's.

The format is described at http://yann.lecun.com/exdb/mnist/: a big-endian header of a magic number and one 32-bit size
per dimension, then unsigned bytes.
"""

from __future__ import annotations

import gzip
import struct
import zlib
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from engine.datasets.base import MAX_IMAGE_BYTES, Decoded, NamedDataset, Part, ProgressCallback, RawImages, RemoteFile
from engine.datasets.cache import CacheKey, cached, signature_of_paths
from engine.datasets.download import downloads_folder, fetch
from engine.datasets.resize import array_part, usual_side
from engine.utils.arrays import Array
from engine.utils.errors import DatasetError

_FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
_DIGITS = tuple("0123456789")
_CLOTHES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"
)  # fmt: skip


@dataclass(frozen=True)
class IdxSet:
    """A data set of four IDX files: training images, training labels, test images, test labels."""

    folder: str
    title: str
    class_names: tuple[str, ...]
    files: tuple[RemoteFile, ...]


def _idx_set(
    folder: str, title: str, class_names: tuple[str, ...], addresses: tuple[str, ...], published: dict[str, int]
) -> IdxSet:
    files = tuple(
        RemoteFile(f"{folder}/{name}.gz", f"sha256:{digest}", size, tuple(f"{url}/{name}.gz" for url in addresses))
        for name, (digest, size) in zip(_FILES, published.items(), strict=True)
    )
    return IdxSet(folder, title, class_names, files)


# SHA-256 and size: published in TensorFlow Datasets, tensorflow_datasets/url_checksums/mnist.txt and fashion_mnist.txt
# (https://github.com/tensorflow/datasets). MD5s of the same files stand in torchvision's datasets/mnist.py and, for
# Fashion-MNIST, in the authors' README (https://github.com/zalandoresearch/fashion-mnist). The first addresses are
# those TensorFlow Datasets (MNIST) and the authors (Fashion-MNIST) name; the second ones are torchvision's and Keras'.
MNIST_FILES = _idx_set(
    "mnist",
    "MNIST",
    _DIGITS,
    ("https://storage.googleapis.com/cvdf-datasets/mnist", "https://ossci-datasets.s3.amazonaws.com/mnist"),
    {
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609": 9_912_422,
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c": 28_881,
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6": 1_648_877,
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6": 4_542,
    },
)
FASHION_MNIST_FILES = _idx_set(
    "fashion_mnist",
    "Fashion-MNIST",
    _CLOTHES,
    (
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets",
    ),
    {
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84": 26_421_880,
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845": 29_515,
        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073": 4_422_102,
        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5": 5_148,
    },
)


def load(source: IdxSet, side: int | None, progress: ProgressCallback) -> RawImages:
    """A named set: uint8 28x28x1 unless another side is asked, 60,000 and 10,000 images.

    Its unpacked files in the downloads folder are taken where they lie there, else it is fetched. Raises
    :class:`DatasetError`.
    """
    folder = downloads_folder() / source.folder
    paths = [_unpacked(folder, file) or fetch(file, progress) for file in source.files]
    return _load(source.title, source.class_names, folder, paths, side, progress)


def is_idx(folder: Path) -> bool:
    """Return whether a folder has IDX training images under their official name."""
    return _find(folder, _FILES[0]) is not None


def load_folder(folder: Path, side: int | None, progress: ProgressCallback) -> RawImages:
    """Load four IDX files, gzipped or not, from a folder of the user's; classes are named by their numbers.

    Raises:
        DatasetError: if one is missing or can't be read.
    """
    paths = [_find(folder, name) for name in _FILES]
    for name, path in zip(_FILES, paths, strict=True):
        if path is None:
            raise DatasetError(f"{folder} has no {name}.gz beside the other IDX files; place it there too.")
    return _load(folder.name, None, folder, [path for path in paths if path is not None], side, progress)


def _unpacked(folder: Path, file: RemoteFile) -> Path | None:
    path = _find(folder, Path(file.name).stem)
    return path if path is not None and path.suffix != ".gz" else None


def _find(folder: Path, name: str) -> Path | None:
    """Find an IDX file by its official name: gzipped, decompressed, or with the dot that some tools insert."""
    names = (name, name.replace("-idx", ".idx"), f"{name}.gz")
    return next((path for candidate in names if (path := folder / candidate).is_file()), None)


def _load(
    title: str,
    names: tuple[str, ...] | None,
    folder: Path,
    paths: list[Path],
    side: int | None,
    progress: ProgressCallback,
) -> RawImages:
    def decode() -> Decoded:
        train = _read_part(paths[0], paths[1], side)
        progress(f"Reading {title}", 1, 2)
        test = _read_part(paths[2], paths[3], side or train.shape[0])
        class_names = names or tuple(str(label) for label in range(int(train.labels.max(initial=0)) + 1))
        _check_labels(test, paths[3], len(class_names))
        _check_labels(train, paths[1], len(class_names))
        return Decoded(title, class_names, train, test)

    progress(f"Reading {title}", 0, 2)
    return cached(CacheKey(f"idx {title}", folder, side, signature_of_paths(paths)), decode)


def _check_labels(part: Part, path: Path, classes: int) -> None:
    if len(part.labels) and part.labels.max() >= classes:
        raise DatasetError(
            _unreadable_message(path, f"it has the label {part.labels.max()}, and there are {classes} classes")
        )


def _read_part(images_path: Path, labels_path: Path, side: int | None) -> Part:
    images, labels = _read(images_path, 3), _read(labels_path, 1)
    if not images.size:
        raise DatasetError(
            _unreadable_message(images_path, f"it holds images of {images.shape[2]}x{images.shape[1]} pixels")
        )
    if len(images) != len(labels):
        raise DatasetError(_unreadable_message(labels_path, f"{len(labels)} labels for {len(images)} images"))
    return array_part(images[..., np.newaxis], labels, side or usual_side(*images.shape[1:]))


def _read(path: Path, dimensions: int) -> Array:
    """Read the unsigned bytes of an IDX file, uint8 with ``dimensions`` dimensions.

    Raises:
        DatasetError: if it is no such file.
    """
    header = struct.Struct(f">{1 + dimensions}I")
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
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


def _named(source: IdxSet, name: str, summary: str) -> NamedDataset:
    return NamedDataset(
        name=name,
        title=source.title,
        summary=summary,
        load=partial(load, source),
        files=source.files,
        cache_kind=f"idx {source.title}",
        cache_paths=(source.folder,),
    )


MNIST = _named(MNIST_FILES, "mnist", "70,000 handwritten digits, gray, 28x28; 12 MB, downloaded once")
FASHION_MNIST = _named(
    FASHION_MNIST_FILES,
    "fashion_mnist",
    "70,000 pieces of clothing, gray, 28x28, of 10 classes; 31 MB, downloaded once",
)

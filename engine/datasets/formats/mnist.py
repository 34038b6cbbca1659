"""MNIST and Fashion-MNIST: four IDX files each, downloaded or placed by the user."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from engine.datasets.base import NamedDataset, ProgressCallback, RawImages, RemoteFile, StoredSizes
from engine.datasets.cache import CacheKey, cached, signature_of_paths
from engine.datasets.download import downloads_folder, fetch
from engine.datasets.formats import idx

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
    progress(f"Reading {source.title}", 0, 2)
    key = CacheKey(f"idx {source.title}", folder, side, signature_of_paths(paths))
    return cached(key, lambda: idx.decode(source.title, source.class_names, paths, side, progress))


def _unpacked(folder: Path, file: RemoteFile) -> Path | None:
    """Find a file unpacked by the user, under its official name or with the dot that some tools insert."""
    name = Path(file.name).stem
    return next((path for each in (name, name.replace("-idx", ".idx")) if (path := folder / each).is_file()), None)


def _named(source: IdxSet, name: str, summary: str) -> NamedDataset:
    return NamedDataset(
        name=name,
        title=source.title,
        summary=summary,
        load=partial(load, source),
        files=source.files,
        cache_kind=f"idx {source.title}",
        cache_paths=(source.folder,),
        sizes=StoredSizes((28, 28, 1), 10, {"train": 60_000, "test": 10_000}),
    )


MNIST = _named(MNIST_FILES, "mnist", "70,000 handwritten digits, gray, 28x28; 12 MB, downloaded once")
FASHION_MNIST = _named(
    FASHION_MNIST_FILES,
    "fashion_mnist",
    "70,000 pieces of clothing, gray, 28x28, of 10 classes; 31 MB, downloaded once",
)

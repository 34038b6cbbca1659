"""CIFAR-10, downloaded, or from its official archives or extracted folders.

The binary version is downloaded, as it involves no pickles.
"""

from __future__ import annotations

from pathlib import Path

from engine.datasets.base import NamedDataset, ProgressCallback, RawImages, RemoteFile, StoredSizes
from engine.datasets.download import downloads_folder, fetch
from engine.datasets.formats import cifar
from engine.datasets.formats.cifar import Cifar

TITLE = "CIFAR-10"
CLASS_NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")

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
FORMAT = Cifar(
    title=TITLE,
    kind="cifar10",
    batches=dict.fromkeys((*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"), 10_000),
    label_bytes=1,
    label_key=b"labels",
    classes=len(CLASS_NAMES),
    folders=("cifar-10-batches-bin", "cifar-10-batches-py"),
    archives=(ARCHIVE.name, PYTHON_ARCHIVE),
    class_names=CLASS_NAMES,
)


def load(side: int | None, progress: ProgressCallback, archive: RemoteFile = ARCHIVE) -> RawImages:
    """Load CIFAR-10 from the downloads folder, downloading it if necessary; propagates ``DatasetError``."""
    return cifar.load(FORMAT, _user_provided() or fetch(archive, progress), side, progress)


def _user_provided() -> Path | None:
    """Return what the user placed in the downloads folder; ``fetch`` checks the binary archive itself."""
    folder = downloads_folder()
    places = [folder / name for name in (*FORMAT.folders, PYTHON_ARCHIVE)]
    return next((place for place in places if place.is_file() or FORMAT.folder(place)), None)


CIFAR10 = NamedDataset(
    name="cifar10",
    title=TITLE,
    summary="60,000 colour photographs, 32x32, of 10 classes; 170 MB, downloaded once",
    load=load,
    files=(ARCHIVE,),
    replacements=(*FORMAT.folders, PYTHON_ARCHIVE),
    cache_kind="cifar10",
    cache_paths=(ARCHIVE.name, *FORMAT.folders, PYTHON_ARCHIVE),
    sizes=StoredSizes((32, 32, 3), 10, {"train": 50_000, "test": 10_000}),
)

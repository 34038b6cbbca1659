"""The named data sets, in the table :data:`DATASETS`, and what a path stands for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.config.specs import DataSpec
from engine.datasets.base import NamedDataset, ProgressCallback, RawImages
from engine.datasets.formats import cifar10, folder, mnist, npz
from engine.datasets.formats.cifar10 import CIFAR10
from engine.datasets.formats.digits import DIGITS
from engine.datasets.formats.mnist import FASHION_MNIST, MNIST
from engine.utils.errors import DatasetError

ARCHIVE_ENDINGS = (".tar.gz", ".tgz", ".tar")
FILE_ENDINGS = (".npz", *ARCHIVE_ENDINGS)

_ALL = (
    DIGITS,
    CIFAR10,
    MNIST,
    FASHION_MNIST,
)
DATASETS: dict[str, NamedDataset] = {dataset.name: dataset for dataset in _ALL}


def load_raw(spec: DataSpec, progress: ProgressCallback) -> RawImages:
    """Load the images that ``spec`` names, before preparation, at the requested side.

    A known name takes precedence, so a folder called ``digits`` is given as ``./digits``. A path can be a folder of
    images, an .npz file, an official CIFAR-10 archive or its extracted folder, or a folder of IDX files. Errors of
    ``progress`` are propagated.

    Raises:
        DatasetError: if there is no such data set or it can't be read.
    """
    if spec.dataset in DATASETS:
        return DATASETS[spec.dataset].load(spec.image_size, progress)
    path = existing_path(spec.dataset)
    with _explained(path):
        if path.is_dir():
            return _load_folder(path, spec, progress)
        if path.suffix.lower() == ".npz":
            return npz.load(path, spec.image_size, progress)
        if path.name.lower().endswith(ARCHIVE_ENDINGS):
            return cifar10.load_path(path, spec.image_size, progress)
    raise DatasetError(_no_dataset_message(path))


def check_path(path: Path) -> None:
    """Check by names alone, so quickly, that ``path`` can be a data set.

    Raises:
        DatasetError: if it can't.
    """
    path = existing_path(str(path))
    if path.is_dir():
        with _explained(path):
            if not (cifar10.is_cifar10(path) or mnist.is_idx(path)):
                folder.check_layout(path)
    elif not path.name.lower().endswith(FILE_ENDINGS):
        raise DatasetError(_no_dataset_message(path))


def _load_folder(path: Path, spec: DataSpec, progress: ProgressCallback) -> RawImages:
    if cifar10.is_cifar10(path):
        return cifar10.load_path(path, spec.image_size, progress)
    if mnist.is_idx(path):
        return mnist.load_folder(path, spec.image_size, progress)
    return folder.load(path, spec.image_size, progress, spec.skip_broken_images)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Convert ``OSError``, such as of a folder without read permission, to ``DatasetError``.

    Raises:
        DatasetError: if the body raises ``OSError``.
    """
    try:
        yield
    except OSError as error:
        raise DatasetError(f"{path} can't be read ({error.strerror or error}); check its permissions.") from None


def _no_dataset_message(path: Path) -> str:
    return f"{path} is not a data set; name a folder of images, an .npz file or an archive of CIFAR-10 (.tar.gz)."


def existing_path(name: str) -> Path:
    """Return the absolute path of a file or folder named by the user.

    Raises:
        DatasetError: if it does not exist.
    """
    try:
        path = Path(name).expanduser().absolute()
        if path.exists():
            return path
    except (OSError, RuntimeError, ValueError):  # name too long, unknown ~user, null byte
        pass
    raise DatasetError(
        f"There is no data set '{name}'; choose {', '.join(DATASETS)}, or the path of a folder or an .npz file that "
        "exists."
    )

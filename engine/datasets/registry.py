"""The named data sets, in the table :data:`DATASETS`, and what a path stands for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.config.specs import DataSpec
from engine.datasets.base import NamedDataset, ProgressCallback, RawImages
from engine.datasets.formats import cifar, cifar10, folder, idx, npy, npz, tar
from engine.datasets.formats.cifar import CIFAR100, Cifar
from engine.datasets.formats.cifar10 import CIFAR10
from engine.datasets.formats.digits import DIGITS
from engine.datasets.formats.mnist import FASHION_MNIST, MNIST
from engine.datasets.formats.other_kinds import archive_message, files_message, other_kind_message
from engine.utils.errors import DatasetError
from engine.utils.files import check_file
from engine.utils.text import reason

_CONTAINERS = (".npz", npy.ENDING, *tar.ENDINGS)
FILE_ENDINGS = (*_CONTAINERS, *idx.ENDINGS)

_ALL = (
    DIGITS,
    CIFAR10,
    MNIST,
    FASHION_MNIST,
)
DATASETS: dict[str, NamedDataset] = {dataset.name: dataset for dataset in _ALL}

_CIFARS = (cifar10.FORMAT, CIFAR100)
_FOLDER_KINDS = ((idx.is_idx, idx.load_path), (npy.is_npy, npy.load), (npz.is_npz, npz.load))


def load_raw(spec: DataSpec, progress: ProgressCallback) -> RawImages:
    """Load the images that ``spec`` names, before preparation, at the requested side.

    A known name takes precedence, so a folder called ``digits`` is given as ``./digits``. A path can be a folder of
    images, an .npz file, an official archive of CIFAR-10 or CIFAR-100 or its extracted folder, and IDX or .npy files,
    or a folder of them or of an .npz file for each part. Errors of ``progress`` are propagated.

    Raises:
        DatasetError: if there is no such data set or it can't be read.
    """
    if spec.dataset in DATASETS:
        return DATASETS[spec.dataset].load(spec.image_size, progress)
    path = existing_path(spec.dataset)
    with _explained(path):
        if path.is_dir():
            return _load_folder(path, spec, progress)
        return _load_file(path, spec.image_size, progress)


def check_path(path: Path) -> None:
    """Check by names alone, so quickly, that ``path`` can be a data set.

    Raises:
        DatasetError: if it can't.
    """
    path = existing_path(str(path))
    if path.is_dir():
        with _explained(path):
            if not (any(each.folder(path) for each in _CIFARS) or any(is_kind(path) for is_kind, _ in _FOLDER_KINDS)):
                _check_files(path)
                folder.check_layout(path)
    elif not (path.name.lower().endswith(_CONTAINERS) or idx.is_idx_file(path)):
        raise DatasetError(other_kind_message(path))


def _load_folder(path: Path, spec: DataSpec, progress: ProgressCallback) -> RawImages:
    for each in _CIFARS:
        if each.folder(path) is not None:
            return cifar.load(each, path, spec.image_size, progress)
    for is_kind, load_kind in _FOLDER_KINDS:
        if is_kind(path):
            return load_kind(path, spec.image_size, progress)
    _check_files(path)
    return folder.load(path, spec.image_size, progress, spec.skip_broken_images)


def _check_files(path: Path) -> None:
    """Check that a folder has more in it than a file that should be named instead.

    Raises:
        DatasetError: if not.
    """
    message = files_message(path)
    if message:
        raise DatasetError(message)


def _load_file(path: Path, side: int | None, progress: ProgressCallback) -> RawImages:
    """Load a data set from a file of a kind that its name tells.

    Raises:
        DatasetError: if it is of another kind or can't be read.
    """
    name = path.name.lower()
    if name.endswith(".npz"):
        return npz.load(path, side, progress)
    if name.endswith(npy.ENDING):
        return npy.load(path, side, progress)
    if idx.is_idx_file(path):
        return idx.load_path(path, side, progress)
    if name.endswith(tar.ENDINGS):
        return cifar.load(_archived(path), path, side, progress)
    raise DatasetError(other_kind_message(path))


def _archived(path: Path) -> Cifar:
    """Find out which data set an archive holds, by its first files.

    Raises:
        DatasetError: if it holds none, or can't be read.
    """
    check_file(path)
    try:
        names = tar.first_names(path)
    except tar.ERRORS as error:
        raise DatasetError(f"{path} can't be read as an archive ({reason(error)}); fetch it again.") from None
    found = next((each for each in _CIFARS if each.is_among(names)), None)
    if found is None:
        raise DatasetError(archive_message(path))
    return found


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
        f"There is no data set '{name}'; choose {', '.join(DATASETS)}, or the path of a folder, an .npz, .npy or IDX "
        "file or an archive of CIFAR-10 or CIFAR-100 that exists."
    )

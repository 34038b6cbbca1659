"""NumPy archives with ``x_train``, ``y_train`` and, if there is a test part, ``x_test`` and ``y_test``."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from engine.datasets.base import Decoded, ProgressCallback, RawImages
from engine.datasets.cache import CacheKey, cached, signature_of_paths
from engine.datasets.resize import array_part, usual_side
from engine.utils.arrays import Array
from engine.utils.errors import DatasetError
from engine.utils.files import check_file
from engine.utils.text import reason

_MAX_UNPACKED_BYTES = 8 * 2**30
_KEYS = ("x_train", "y_train", "x_validation", "y_validation", "x_test", "y_test", "class_names")


def load(path: Path, side: int | None, progress: ProgressCallback) -> RawImages:
    """Load the images of an .npz file.

    ``x_*``: [n, height, width] or [n, height, width, channels] with 1 or 3 channels, uint8 or floats in [0, 1], which
    are stored as uint8 (times 255, rounded). ``y_*``: integers, [n] or [n, 1]; the distinct values of ``y_train``,
    ascending, are the classes. ``class_names``, optional, names each of them; otherwise they are named by their
    numbers. Nothing is unpickled.

    Raises:
        DatasetError: naming the file, if it is unsuitable.
    """

    def decode() -> Decoded:
        progress(f"Reading {path.name}", 0, 1)
        decoded = _decode(path, _read(path), side)
        progress(f"Reading {path.name}", 1, 1)
        return decoded

    try:
        check_file(path)
        key = CacheKey("npz", path, side, signature_of_paths([path]))
    except OSError as error:
        raise DatasetError(_message(path, f"can't be read ({error.strerror})", "check the file")) from None
    return cached(key, decode)


def _read(path: Path) -> dict[str, Array]:
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
        if unpacked > _MAX_UNPACKED_BYTES:
            raise DatasetError(_message(path, f"unpacks to {unpacked / 2**30:.0f} GiB", "save fewer or smaller images"))
        with np.load(path, allow_pickle=False) as arrays:
            return {key: np.asarray(arrays[key]) for key in _KEYS if key in arrays}
    except DatasetError:
        raise
    except Exception as error:  # zipfile, zlib and NumPy raise almost anything for damaged files
        problem = f"can't be read as an .npz file ({reason(error)})"
        raise DatasetError(_message(path, problem, "save it again with numpy.savez, without object arrays")) from None


def _decode(path: Path, arrays: dict[str, Array], side: int | None) -> Decoded:
    for key in ("x_train", "y_train"):
        if key not in arrays:
            raise DatasetError(_message(path, f"has no {key}", "save x_train and y_train in it"))
    if ("x_test" in arrays) != ("y_test" in arrays):
        raise DatasetError(_message(path, "has only one of x_test and y_test", "save both or neither"))
    parts = [name for name in ("train", "validation", "test") if f"x_{name}" in arrays]
    images = {name: _images(path, f"x_{name}", arrays[f"x_{name}"]) for name in parts}
    labels = {name: _labels(path, name, arrays) for name in parts}
    if "test" in parts and images["test"].shape[3] != images["train"].shape[3]:
        raise DatasetError(
            _message(path, "has another number of channels in x_test than in x_train", "save both alike")
        )
    side = side or usual_side(*images["train"].shape[1:3])
    classes = np.unique(labels["train"])
    found = {name: array_part(images[name], _indices(path, name, labels[name], classes), side) for name in parts}
    names = _class_names(path, arrays, classes)
    return Decoded(path.stem, names, found["train"], found.get("test"), found.get("validation"))


def _images(path: Path, key: str, images: Array) -> Array:
    """Return the images as uint8 [n, height, width, channels].

    Raises:
        DatasetError: if shape, type or values are unsuitable.
    """
    if images.ndim == 3:
        images = images[..., np.newaxis]
    if images.ndim != 4 or images.shape[3] not in (1, 3) or 0 in images.shape:
        advice = "save it as images x height x width, or x channels (1 or 3) after that"
        raise DatasetError(_message(path, f"has {key} of shape {list(images.shape)}", advice))
    if images.dtype == np.uint8:
        return images
    if images.dtype.kind != "f":
        raise DatasetError(_message(path, f"has {key} as {images.dtype}", "save it as uint8 or as floats from 0 to 1"))
    if not (images.min() >= 0 and images.max() <= 1):  # also false for NaN
        raise DatasetError(
            _message(path, f"has values in {key} that are not from 0 to 1", "scale floats so, or save uint8")
        )
    return np.stack([np.rint(image.astype(np.float64) * 255).astype(np.uint8) for image in images])


def _labels(path: Path, name: str, arrays: dict[str, Array]) -> Array:
    """Return the labels as integers [n], as stored in the file.

    Raises:
        DatasetError: if shape or type is unsuitable.
    """
    labels, count = arrays[f"y_{name}"], len(arrays[f"x_{name}"])
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise DatasetError(
            _message(path, f"has y_{name} as {labels.dtype} of shape {list(labels.shape)}", "save one integer an image")
        )
    if len(labels) != count:
        raise DatasetError(
            _message(path, f"has {count} images in x_{name} and {len(labels)} labels in y_{name}", "save one an image")
        )
    return labels


def _indices(path: Path, name: str, labels: Array, classes: Array) -> Array:
    """Return the class index of each label, int64 [n].

    Raises:
        DatasetError: if a label is not among ``classes``.
    """
    if not np.isin(labels, classes).all():
        unknown = labels[~np.isin(labels, classes)][0]
        raise DatasetError(
            _message(path, f"has the label {unknown} in y_{name} but not in y_train", "take those images out")
        )
    return np.searchsorted(classes, labels)


def _class_names(path: Path, arrays: dict[str, Array], classes: Array) -> tuple[str, ...]:
    if "class_names" not in arrays:
        return tuple(str(label) for label in classes)
    names = arrays["class_names"]
    if names.dtype.kind != "U" or names.shape != classes.shape:
        raise DatasetError(
            _message(path, f"has class_names that are not {len(classes)} texts", "save one for each label in y_train")
        )
    return tuple(str(name) for name in names)


def _message(path: Path, problem: str, advice: str) -> str:
    return f"{path} {problem}; {advice}."

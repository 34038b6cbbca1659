"""Labels in arrays: numbers, texts or one-hot rows, and the names of the classes."""

from __future__ import annotations

import unicodedata
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.datasets.formats.arrays.errors import refusal
from engine.datasets.formats.arrays.names import listed
from engine.utils.arrays import Array
from engine.utils.errors import DatasetError
from engine.utils.text import pluralise

_MAX_WHOLE = 2**53  # beyond it not every whole number is a float
_FAR_BELOW = 245  # classes numbered in a row don't skip from here to 255
_MISSING = ("", "nan", "NaN", "None", "<NA>")  # as NumPy and pandas write what is missing as texts
_AS_TEXT = "save one number or text an image"


@dataclass(frozen=True)
class Labels:
    """The labels of a part, [n]: int64, or texts.

    Attributes:
        name: of their array.
        form: "numbers", "texts" or "one-hot rows".
        columns: of one-hot rows, else 0.
    """

    name: str
    values: Array
    form: str
    columns: int = 0


@dataclass(frozen=True)
class Classes:
    """The distinct labels of the training images, ascending or in the order of their names; their names; warnings."""

    labels: Array
    names: tuple[str, ...]
    warnings: tuple[str, ...] = ()


def read_labels(path: Path, name: str, labels: Array, images_name: str, images: int) -> Labels:
    """Read the labels of a part: integers, truth values, whole floats, texts or one-hot rows, one for each image.

    Raises:
        DatasetError: if shape, type or values are unsuitable.
    """
    shape = list(labels.shape)
    while labels.ndim > 1 and labels.shape[-1] == 1:
        labels = labels[..., 0]
    if labels.ndim == 2 and labels.shape[0] == 1 and labels.shape[1] == images:
        labels = labels[0]
    if labels.ndim not in (1, 2) or labels.dtype.kind not in ("iufbUS" if labels.ndim == 1 else "iufb"):
        raise DatasetError(refusal(path, f"has {name} as {labels.dtype} of shape {shape}", _AS_TEXT))
    if len(labels) != images:
        problem = f"has {images} images in {images_name} and {len(labels)} labels in {name}"
        raise DatasetError(refusal(path, problem, "save one an image, along the first axis"))
    if labels.ndim == 2:
        return Labels(name, _one_hot(path, name, labels), "one-hot rows", labels.shape[1])
    if labels.dtype.kind in "US":
        return Labels(name, _label_texts(path, name, labels), "texts")
    return Labels(name, _whole(path, name, labels), "numbers")


def check_alike(path: Path, parts: list[Labels]) -> None:
    """Check that the labels of all parts have one form.

    Raises:
        DatasetError: if not.
    """
    first = parts[0]
    for other in parts[1:]:
        if (other.form, other.columns) != (first.form, first.columns):
            forms = [f"{each.form}{f' of {each.columns}' if each.columns else ''}" for each in (first, other)]
            problem = f"has {forms[0]} in {first.name} but {forms[1]} in {other.name}"
            raise DatasetError(refusal(path, problem, "save the labels of all parts alike"))


def find_classes(path: Path, labels: Labels, name: str, class_names: Array | None) -> Classes:
    """Find the classes and their names, in the array ``name`` if ``class_names`` is given.

    Fewer classes than names: numbers from 0 are indices of the names, and texts are among them. As many: the names are
    those of the distinct labels, ascending.

    Raises:
        DatasetError: if the names don't fit the labels.
    """
    found = np.unique(labels.values)
    doubtful = _unlabelled(labels, found)
    if class_names is None:
        unused = sorted(set(range(labels.columns)) - set(found.tolist())) if labels.columns else []
        warnings = (*_left_out([str(each) for each in unused]), *doubtful)
        return Classes(found, tuple(str(label) for label in found), warnings)
    texts = _texts(path, name, class_names)
    advice = f"save one for each label in {labels.name}"
    if labels.form == "texts":
        if missing := sorted(set(found.tolist()) - set(texts)):
            raise DatasetError(
                refusal(path, f"has the label '{missing[0]}' in {labels.name} but not in {name}", advice)
            )
        there = set(found.tolist())
        used = [text for text in texts if text in there]
        _check_names(path, name, used)
        return Classes(np.array(used), tuple(used), _left_out([text for text in texts if text not in used]))
    if len(texts) == len(found) and not labels.columns:
        _check_names(path, name, texts)
        return Classes(found, tuple(texts), doubtful)
    if len(texts) < len(found) or found[0] < 0 or found[-1] >= len(texts) or labels.columns not in (0, len(texts)):
        raise DatasetError(refusal(path, f"has {name} of {len(texts)} texts for {len(found)} labels", advice))
    used = [texts[label] for label in found]
    _check_names(path, name, used)
    unused_texts = [text for label, text in enumerate(texts) if label not in set(found.tolist())]
    return Classes(found, tuple(used), (*_left_out(unused_texts), *doubtful))


def _unlabelled(labels: Labels, found: Array) -> tuple[str, ...]:
    """Return a sentence if the lowest or highest of at least three numbers may mark images without a label."""
    if labels.form != "numbers" or len(found) < 3:
        return ()
    marks = [-1] if found[0] == -1 else [255] if found[-1] == 255 and found[0] >= 0 and found[-2] < _FAR_BELOW else []
    return tuple(
        f"The label {mark} of {pluralise(int((labels.values == mark).sum()), 'image')} in {labels.name} is taken as a "
        "class, though it often marks images without a label; take them out if so."
        for mark in marks
    )


def _check_names(path: Path, name: str, texts: list[str]) -> None:
    """Check that classes have names that tell them apart.

    Raises:
        DatasetError: if not.
    """
    if "" in texts:
        raise DatasetError(refusal(path, f"has an empty class name in {name}", "give each class a name"))
    double = [text for text, count in Counter(texts).items() if count > 1]
    if double:
        raise DatasetError(
            refusal(path, f"has the class name '{double[0]}' twice in {name}", "name each class differently")
        )


def class_indices(path: Path, part: Labels, classes: Classes, training: str) -> Array:
    """Return the index of the class of each label, int64 [n].

    Raises:
        DatasetError: if a label is not among those of the array ``training``.
    """
    unknown = part.values[~np.isin(part.values, classes.labels)]
    if unknown.size:
        problem = f"has the label {unknown[0]} in {part.name} but not in {training}"
        raise DatasetError(refusal(path, problem, "take those images out"))
    order = np.argsort(classes.labels)
    return order[np.searchsorted(classes.labels, part.values, sorter=order)].astype(np.int64)


def _one_hot(path: Path, name: str, labels: Array) -> Array:
    fits = ((labels == 0) | (labels == 1)).all(axis=1) & ((labels == 1).sum(axis=1) == 1)
    if not fits.all():
        problem = (
            f"has {name} of shape {list(labels.shape)} whose rows are not one-hot, the first is that of image "
            f"{int(np.argmin(fits))}"
        )
        raise DatasetError(
            refusal(path, problem, "save one class an image, as several labels an image can't be learned here")
        )
    indices: Array = labels.argmax(axis=1)
    return indices


def _whole(path: Path, name: str, labels: Array) -> Array:
    """Return numbers as int64.

    Raises:
        DatasetError: if some are missing, no whole numbers, or too large.
    """
    if labels.dtype.kind == "f":
        bad = np.flatnonzero(~np.isfinite(labels))
        if bad.size:
            problem = f"has NaN or infinite labels in {name} ({bad.size:,}, the first of image {bad[0]})"
            raise DatasetError(refusal(path, problem, "label these images or take them out"))
        fractions = labels[labels != np.rint(labels)]
        if fractions.size:
            problem = f"has {fractions[0]:g} in {name}, which is no class"
            raise DatasetError(refusal(path, problem, "save the number or name of a class for each image"))
    if max(abs(float(labels.max())), abs(float(labels.min()))) > _MAX_WHOLE:
        raise DatasetError(refusal(path, f"has labels beyond 2^53 in {name}", "number the classes from 0"))
    return labels.astype(np.int64)


def _label_texts(path: Path, name: str, labels: Array) -> Array:
    texts = _texts(path, name, labels)
    if missing := [number for number, text in enumerate(texts) if text in _MISSING]:
        problem = (
            f"has missing labels in {name} ({len(missing):,}, the first, '{texts[missing[0]]}', of image {missing[0]})"
        )
        raise DatasetError(refusal(path, problem, "label these images or take them out"))
    return np.array(texts)


def _texts(path: Path, name: str, texts: Array) -> list[str]:
    """Return texts, or bytes in UTF-8, without spaces around them and in the composed form (NFC).

    Raises:
        DatasetError: if it is no row of texts.
    """
    row = texts.reshape(-1)
    if row.dtype.kind not in "US" or row.size != max(texts.shape, default=0):
        raise DatasetError(
            refusal(path, f"has {name} that are not texts in a row", 'save them as numpy.array(["cat", "dog"])')
        )
    try:
        decoded = [each.decode("utf-8") if isinstance(each, bytes) else str(each) for each in row.tolist()]
        "".join(decoded).encode("utf-8")
    except (ValueError, SystemError):  # bytes in another encoding, or numbers that are no characters
        raise DatasetError(
            refusal(path, f"has texts in {name} that are not UTF-8", 'save them as numpy.array(["cat"])')
        ) from None
    return [unicodedata.normalize("NFC", text).strip() for text in decoded]


def _left_out(names: list[str]) -> tuple[str, ...]:
    if not names:
        return ()
    classes = (
        "1 class without training images is"
        if len(names) == 1
        else f"{len(names):,} classes without training images are"
    )
    return (f"{classes} left out: {listed(names)}.",)

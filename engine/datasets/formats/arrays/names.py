"""Which array is what, by its name: ``x_train``, ``train_images``, ``X_val``, ``labels``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from engine.datasets.formats.arrays.errors import refusal
from engine.utils.errors import DatasetError
from engine.utils.text import pluralise

PARTS = ("train", "validation", "test")
_PART_WORDS = {"train": "tr(?:ain(?:ing)?)?", "validation": "val?(?:id(?:ation)?)?|dev", "test": "te(?:st(?:ing)?)?"}
_IMAGE_WORDS = "x|images?|imgs?|data|pixels|features|inputs?"
_LABEL_WORDS = "y|labels?|targets?"
_CLASS_NAME_WORDS = "(?:class|label|target)s?_?names?|classes|categories"
_SEPARATORS = re.compile(r"[\s_.\-]+")
_MAX_LISTED = 10
_SHORT = {"validation": "val", "test": "test"}


@dataclass(frozen=True)
class ArrayNames:
    """Names of the arrays that make a data set.

    Attributes:
        images: by part; "train" is always there.
        labels: likewise, of the same parts.
        class_names: None if there are none.
        unused: names of the other arrays.
        warnings: sentences on parts that are left out.
    """

    images: dict[str, str]
    labels: dict[str, str]
    class_names: str | None
    unused: tuple[str, ...]
    warnings: tuple[str, ...] = ()

    @property
    def used(self) -> tuple[str, ...]:
        """All names but the unused."""
        return (*self.images.values(), *self.labels.values(), *([self.class_names] if self.class_names else []))


def has_training(names: Iterable[str], content: Literal["images", "labels"]) -> bool:
    """Return whether one of ``names`` is that of training images, or of their labels."""
    words = _IMAGE_WORDS if content == "images" else _LABEL_WORDS
    return bool(_matching(names, _pattern("train", words)) or _matching(names, f"(?:{words})"))


def part_of(name: str) -> str | None:
    """Return the part that a file or folder holds by its name, such as ``mnist_train``; None if none or several."""
    return split_name(name)[0]


def split_name(name: str) -> tuple[str | None, tuple[str, ...]]:
    """Return the part that a file or folder holds by its name, as ``part_of``, and the other words of the name."""
    words = re.split(r"[\W_]+", name.casefold())
    found = {
        part: word
        for part, pattern in _PART_WORDS.items()
        for word in words
        if re.fullmatch(f"(?:{pattern})(?:set|data)?", word)
    }
    if len(found) != 1:
        return None, tuple(words)
    ((part, own),) = found.items()
    return part, tuple(word for word in words if word != own)


def choose_arrays(path: Path, names: Iterable[str], ending: str = "") -> ArrayNames:
    """Choose the arrays of each part by their names, in any case and with any separators.

    Images and labels named without a part, such as ``x`` and ``y``, are the training part, unless others are named so.
    In ``test/x`` the file or folder before the array names the part. Of another part, images without labels and labels
    without images are left out. ``ending`` is that of their files in sentences.

    Raises:
        DatasetError: if the training part is missing, or two arrays are named alike.
    """
    names = list(names)
    images = dict(_by_part(path, names, _IMAGE_WORDS))
    labels = dict(_by_part(path, names, _LABEL_WORDS))
    for found, example in ((images, "x_train"), (labels, "y_train")):
        if "train" not in found:
            contents = f" (it holds {listed(f'{name}{ending}' for name in names)})" if names else ""
            advice = f"save the images as x_train{ending} and the labels as y_train{ending} in it"
            raise DatasetError(refusal(path, f"has no {example}{ending}{contents}", advice))
    warnings, halves = [], set()
    for part in PARTS[1:]:
        for found, others, lacks in ((images, labels, "labels (no y_{})"), (labels, images, "images (no x_{})")):
            if part in found and part not in others:
                halves.add(name := found.pop(part))
                warnings.append(left_out(name, part, f"has no {lacks.format(_SHORT[part])}"))
    class_names = _one(path, _matching(names, f"(?:list_?)?(?:{_CLASS_NAME_WORDS})"))
    used = {*images.values(), *labels.values(), *halves, class_names}
    return ArrayNames(images, labels, class_names, tuple(name for name in names if name not in used), tuple(warnings))


def left_out(name: str, part: str, why: str) -> str:
    """Return the sentence on an array whose part is left out."""
    purpose = {"validation": "validation", "test": "testing"}[part]
    return f"{name} {why} and is not used; a share of the training images is held back for {purpose}."


def unused_warning(path: Path, names: ArrayNames) -> list[str]:
    """Return a sentence on the arrays that are not used, if any."""
    if not names.unused:
        return []
    verb = "is" if len(names.unused) == 1 else "are"
    return [f"{pluralise(len(names.unused), 'array')} of {path.name} {verb} not used: {listed(names.unused)}."]


def variable(name: str) -> str:
    """Return the name of an array as one that Python code can have."""
    return re.sub(r"\W", "_", name)


def listed(names: Iterable[str]) -> str:
    """Return names in a row, the first ten and the number of the others."""
    names = list(names)
    rest = [f"and {len(names) - _MAX_LISTED:,} more"] if len(names) > _MAX_LISTED else []
    return ", ".join([*names[:_MAX_LISTED], *rest])


def _by_part(path: Path, names: list[str], words: str) -> Iterator[tuple[str, str]]:
    for part in PARTS:
        found = _one(path, _matching(names, _pattern(part, words)))
        if found is None and part == "train":
            found = _one(path, _matching(names, f"(?:{words})"))
        if found is not None:
            yield part, found


def _pattern(part: str, words: str) -> str:
    part_words = f"(?:{_PART_WORDS[part]})(?:_?set)?"
    # Also train/x_train and x_train_images, which say the part or what it is twice.
    return f"(?:{part_words}_)?(?:{part_words}_?(?:{words})|(?:{words})_?{part_words}(?:_(?:{words}))?)"


def _matching(names: Iterable[str], pattern: str) -> list[str]:
    return [name for name in names if re.fullmatch(pattern, _normalised(name))]


def _normalised(name: str) -> str:
    place, _, array = name.rpartition("/")
    return _SEPARATORS.sub("_", f"{part_of(place)}_{array}" if part_of(place) else name).lower()


def _one(path: Path, found: list[str]) -> str | None:
    """Return the only name.

    Raises:
        DatasetError: if there are several.
    """
    if len(found) > 1:
        raise DatasetError(
            refusal(path, f"has both {found[0]} and {found[1]}, which can mean the same", "save only one of them")
        )
    return found[0] if found else None

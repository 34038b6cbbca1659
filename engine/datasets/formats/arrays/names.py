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


@dataclass(frozen=True)
class ArrayNames:
    """Names of the arrays that make a data set.

    Attributes:
        images: by part; "train" is always there.
        labels: likewise, of the same parts.
        class_names: None if there are none.
        unused: names of the other arrays.
    """

    images: dict[str, str]
    labels: dict[str, str]
    class_names: str | None
    unused: tuple[str, ...]

    @property
    def used(self) -> tuple[str, ...]:
        """All names but the unused."""
        return (*self.images.values(), *self.labels.values(), *([self.class_names] if self.class_names else []))


def has_training(names: Iterable[str], content: Literal["images", "labels"]) -> bool:
    """Return whether one of ``names`` is that of training images, or of their labels."""
    words = _IMAGE_WORDS if content == "images" else _LABEL_WORDS
    return bool(_matching(names, _pattern("train", words)) or _matching(names, f"(?:{words})"))


def choose_arrays(path: Path, names: Iterable[str], ending: str = "") -> ArrayNames:
    """Choose the arrays of each part by their names, in any case and with any separators.

    Images and labels named without a part, such as ``x`` and ``y``, are the training part, unless others are named so.
    ``ending`` is that of their files in sentences.

    Raises:
        DatasetError: if the training part or half of another is missing, or two arrays are named alike.
    """
    names = list(names)
    images = dict(_by_part(path, names, _IMAGE_WORDS))
    labels = dict(_by_part(path, names, _LABEL_WORDS))
    for found, example in ((images, "x_train"), (labels, "y_train")):
        if "train" not in found:
            contents = f" (it holds {listed(f'{name}{ending}' for name in names)})" if names else ""
            advice = f"save the images as x_train{ending} and the labels as y_train{ending} in it"
            raise DatasetError(refusal(path, f"has no {example}{ending}{contents}", advice))
    for part in PARTS[1:]:
        if (part in images) != (part in labels):
            there = images.get(part) or labels[part]
            other = f"{'y' if part in images else 'x'}_{part}"
            problem = f"has only one of x_{part} and y_{part}"
            named = "" if there in (f"x_{part}", f"y_{part}") else f" ({there})"
            raise DatasetError(
                refusal(path, f"{problem}{named}", f"save both or neither, here {other} too or no {there}")
            )
    class_names = _one(path, _matching(names, f"(?:list_?)?(?:{_CLASS_NAME_WORDS})"))
    used = {*images.values(), *labels.values(), class_names}
    return ArrayNames(images, labels, class_names, tuple(name for name in names if name not in used))


def unused_warning(path: Path, names: ArrayNames) -> list[str]:
    """Return a sentence on the arrays that are not used, if any."""
    if not names.unused:
        return []
    verb = "is" if len(names.unused) == 1 else "are"
    return [f"{pluralise(len(names.unused), 'array')} of {path.name} {verb} not used: {listed(names.unused)}."]


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
    return f"(?:{part_words}_?(?:{words})|(?:{words})_?{part_words})"


def _matching(names: Iterable[str], pattern: str) -> list[str]:
    return [name for name in names if re.fullmatch(pattern, _SEPARATORS.sub("_", name).lower())]


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

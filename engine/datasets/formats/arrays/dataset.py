"""A data set from arrays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from engine.datasets.base import Decoded
from engine.datasets.formats.arrays.errors import refusal
from engine.datasets.formats.arrays.images import images_as_bytes
from engine.datasets.formats.arrays.labels import check_alike, class_indices, find_classes, read_labels
from engine.datasets.formats.arrays.names import ArrayNames, choose_arrays, left_out, unused_warning, variable
from engine.datasets.resize import array_part, usual_side
from engine.utils.arrays import Array
from engine.utils.errors import DatasetError


def read_arrays(
    path: Path, names: list[str], read: Callable[[str], Array], ending: str = ""
) -> tuple[ArrayNames, dict[str, Array]]:
    """Choose the arrays of a data set by their ``names`` and read them.

    Args:
        path: The file or folder that holds them.
        names: Of all arrays there.
        read: Returns an array by its name, or raises what NumPy does.
        ending: Of the arrays' files, for sentences.

    Raises:
        DatasetError: if some are missing, or one holds Python objects.
        ValueError: of ``read``, like its other errors.
    """
    chosen = choose_arrays(path, names, ending)
    found = {}
    for name in chosen.used:
        try:
            found[name] = read(name)
        except ValueError as error:
            if "allow_pickle" not in str(error):
                raise
            problem = f"holds {name} as Python objects, which would have to be unpickled"
            converted = f"numpy.array({variable(name)}.tolist())"
            advice = f"save it as an array of numbers (of images of one size) or texts, {converted}"
            raise DatasetError(refusal(path, problem, advice)) from None
    return chosen, found


def decode_arrays(path: Path, title: str, names: ArrayNames, arrays: dict[str, Array], side: int | None) -> Decoded:
    """Make a data set of arrays by their names.

    Raises:
        DatasetError: if they are unsuitable.
    """
    names = _without_empty(names, arrays)
    images, warnings = images_as_bytes(path, {name: arrays[name] for name in names.images.values()})
    train = images[names.images["train"]]
    for name, found in images.items():
        if found.shape[3] != train.shape[3]:
            problem = f"has another number of channels in {name} than in {names.images['train']}"
            raise DatasetError(refusal(path, problem, "save both alike"))
    labels = {
        part: read_labels(path, name, arrays[name], names.images[part], len(images[names.images[part]]))
        for part, name in names.labels.items()
    }
    check_alike(path, list(labels.values()))
    names = _without_other_classes(names, arrays)
    class_names = arrays[names.class_names] if names.class_names else None
    classes = find_classes(path, labels["train"], names.class_names or "", class_names)
    side = side or usual_side(*train.shape[1:3])
    parts = {
        part: array_part(images[name], class_indices(path, labels[part], classes, names.labels["train"]), side)
        for part, name in names.images.items()
    }
    warnings = [*unused_warning(path, names), *names.warnings, *warnings, *classes.warnings]
    return Decoded(title, classes.names, parts["train"], parts.get("test"), parts.get("validation"), warnings)


def _without_empty(names: ArrayNames, arrays: dict[str, Array]) -> ArrayNames:
    """Leave out parts without images other than the training part."""
    for part, name in names.images.items():
        if part != "train" and arrays[name].shape[:1] == (0,):
            images = {each: array for each, array in names.images.items() if each != part}
            labels = {each: array for each, array in names.labels.items() if each != part}
            warnings = (*names.warnings, left_out(name, part, "is empty"))
            return _without_empty(replace(names, images=images, labels=labels, warnings=warnings), arrays)
    return names


def _without_other_classes(names: ArrayNames, arrays: dict[str, Array]) -> ArrayNames:
    """Leave out an array such as ``classes`` that holds no texts: it says nothing of the classes' names."""
    name = names.class_names
    if name is None or "name" in name.lower() or arrays[name].dtype.kind in "US":
        return names
    return replace(names, class_names=None, unused=(*names.unused, name))

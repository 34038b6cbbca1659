"""Validation of .keras files, and their reading and saving.

Keras builds whatever such a file describes, at any size, and follows external links in its weights. So Keras never
loads a file: the network it describes is built here, if all its layers are known, and only its weights are read.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np

from engine.networks.architectures import MAX_PARAMETERS
from engine.networks.description import SavedNetwork, UnfitError, read_description
from engine.networks.layers import Shape
from engine.networks.training_images import TrainingImages
from engine.utils.arrays import Array
from engine.utils.files import atomic_path, open_file

MAX_BYTES = 4 * MAX_PARAMETERS + 2**26
MAX_CONFIG_BYTES = 2**20
MAX_OBJECTS = 4000  # in the weights file, whose groups may contain each other

_OF_A_LAYER = re.compile("layers/[^/]*/vars/[^/]*")  # unlike variables of the optimiser and of random generators


def read_network(file: Path) -> tuple[SavedNetwork, TrainingImages | None]:
    """Read what network ``file`` holds, and what images it was trained on if that is recorded; builds nothing.

    Propagates ``UnfitError`` with a reason if it is none that can be trained here, otherwise ``ValueError`` with a
    reason, ``OSError`` and the errors of ``zipfile`` if it can't be read.
    """
    with open_file(file) as opened, ZipFile(opened) as archive:
        _check_sizes(archive)
        return read_description(json.loads(archive.read("config.json"))), TrainingImages.read(archive)


def read_weights(file: Path, expected: Mapping[str, Shape]) -> dict[str, Array]:
    """Read the weights of the layers in ``file``; otherwise as ``read_network``.

    Args:
        file: the file.
        expected: the shapes of all variables of the network's layers, by their places in the file, such as
            ``layers/dense/vars/0``.

    Returns:
        The variables, float32, by the same places.

    Raises:
        UnfitError: if it holds others.
    """
    import h5py

    with open_file(file) as opened, ZipFile(opened) as archive:
        _check_sizes(archive)
        with h5py.File(io.BytesIO(archive.read("model.weights.h5")), "r") as weights:
            if _check_weights(weights) != dict(expected):
                raise UnfitError("its weights are not those of its layers", "load it in Keras 3 and save it again")
            return {place: np.asarray(weights[place], np.float32) for place in expected}


def _check_sizes(archive: ZipFile) -> None:
    sizes = {member.filename: member.file_size for member in archive.infolist()}
    described = max(sizes.get("config.json", 0), sizes.get(TrainingImages.MEMBER, 0))
    if sum(sizes.values()) > MAX_BYTES or described > MAX_CONFIG_BYTES:
        raise ValueError("it unpacks to more than any network that can be trained here")


def _check_weights(weights: Any) -> dict[str, Shape]:
    """Return the shapes of the layers' variables in an HDF5 file, by their places.

    Raises:
        ValueError: if some lie in another file, or they are too large.
    """
    import h5py

    shapes: dict[str, Shape] = {}
    size = 0
    for number, each in enumerate(_objects(weights)):
        if isinstance(each, h5py.Dataset):
            if each.is_virtual or each.external:
                raise ValueError("its weights lie in another file")
            size += each.nbytes
            shapes[str(each.name).strip("/")] = each.shape
        if size > MAX_BYTES or number > MAX_OBJECTS:
            raise ValueError("its weights are more than any network has that can be trained here")
    return {name: shape for name, shape in shapes.items() if _OF_A_LAYER.fullmatch(name)}


def _objects(group: Any) -> Iterator[Any]:
    """Yield everything in an HDF5 group, recursively.

    Raises:
        ValueError: if a link is not a hard link, as its target may be in another file.
    """
    import h5py

    waiting = [group]
    while waiting:
        group = waiting.pop()
        for name in group:
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise ValueError("its weights lie in another file")
            found = group[name]
            yield found
            if isinstance(found, h5py.Group):
                waiting.append(found)


def save_network(file: Path, write: Callable[[Path], object]) -> str:
    """Save the file of a trained network atomically, so that an interruption leaves no partial file.

    Args:
        file: the target.
        write: writes the network to the given path.

    Returns:
        The reason if saving failed, else an empty text: test figures are valid without the file.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(file) as unfinished:
            write(unfinished)
    except OSError as error:
        return f"The trained network could not be saved to {file} ({error.strerror or error})."
    return ""

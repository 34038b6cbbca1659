"""Validation of .keras files before Keras loads them, and their saving.

Keras builds whatever such a file describes, at any size, and follows external links in its weights. A file is
therefore loaded only after checking that it has only layers that this program trains, and weights of a possible size.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from engine.networks.architectures import MAX_PARAMETERS
from engine.networks.description import SavedNetwork, read_description
from engine.networks.layers import Shape
from engine.networks.training_images import TrainingImages
from engine.utils.files import atomic_path, open_file

MAX_BYTES = 4 * MAX_PARAMETERS + 2**26
MAX_CONFIG_BYTES = 2**20
MAX_OBJECTS = 1000  # in the weights file, whose groups may contain each other

_OF_A_LAYER = re.compile("layers/[^/]*/vars/[^/]*")  # unlike variables of the optimiser and of random generators

# Classes allowed in the description, by module. None of them runs code from the file.
_ALLOWED_CLASSES = {
    "keras": {"Sequential", "DTypePolicy"},
    "keras.layers": {"InputLayer", "Conv2D", "MaxPooling2D", "Flatten", "Dense", "Activation"},
    "keras.initializers": {"VarianceScaling", "RandomUniform", "GlorotUniform", "Zeros"},
}


def check_network(file: Path, shape: tuple[int, ...]) -> None:
    """Check that ``file`` holds a network for images of ``shape``.

    Propagates ``ValueError`` with a reason if not, and ``OSError`` and the errors of ``zipfile`` if it can't be read.
    """
    with open_file(file) as opened, ZipFile(opened) as archive:
        _check_sizes(archive)
        _check_config(json.loads(archive.read("config.json")), shape)
        _check_weights(archive)


def read_network(file: Path) -> tuple[SavedNetwork, TrainingImages | None]:
    """Read what network ``file`` holds, and what images it was trained on if that is recorded; builds nothing.

    Propagates ``UnfitError`` with a reason if it is none that can be trained here, otherwise as ``check_network``.
    """
    with open_file(file) as opened, ZipFile(opened) as archive:
        _check_sizes(archive)
        return read_description(json.loads(archive.read("config.json"))), TrainingImages.read(archive)


def check_weights(file: Path) -> dict[str, Shape]:
    """Check only the weights of ``file``, for loading nothing else; otherwise as ``check_network``.

    Returns:
        The shapes of the layers' variables, by their places in the file, such as ``layers/dense/vars/0``.
    """
    with open_file(file) as opened, ZipFile(opened) as archive:
        _check_sizes(archive)
        return _check_weights(archive)


def _check_sizes(archive: ZipFile) -> None:
    sizes = {member.filename: member.file_size for member in archive.infolist()}
    described = max(sizes.get("config.json", 0), sizes.get(TrainingImages.MEMBER, 0))
    if sum(sizes.values()) > MAX_BYTES or described > MAX_CONFIG_BYTES:
        raise ValueError("it unpacks to more than any network that can be trained here")


def _check_config(description: Any, shape: tuple[int, ...]) -> None:
    for named in _named_objects(description):
        module, name = str(named.get("module")), str(named["class_name"])
        if name not in _ALLOWED_CLASSES.get(module, ()):
            raise ValueError(f"it is no network of this program's: it has a {name}")
    saved = read_description(description)
    if saved.input_shape != shape:
        raise ValueError(f"it is no network for images of {'x'.join(map(str, shape))}")
    if saved.has_softmax:
        raise ValueError("it is no network of this program's: it ends with a softmax")


def _named_objects(description: Any) -> Iterator[dict[str, Any]]:
    """Yield every object in a description that Keras would build by its class name."""
    if isinstance(description, dict):
        if "class_name" in description:
            yield description
        description = list(description.values())
    if isinstance(description, list):
        for each in description:
            yield from _named_objects(each)


def _check_weights(archive: ZipFile) -> dict[str, Shape]:
    import h5py

    shapes: dict[str, Shape] = {}
    with h5py.File(io.BytesIO(archive.read("model.weights.h5")), "r") as weights:
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

"""Validation of .keras files before Keras loads them, and their saving.

Keras builds whatever such a file describes, at any size, and follows external links in its weights. A file is
therefore loaded only after checking that it has only layers that this program trains, and weights of a possible size.
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args
from zipfile import ZipFile

from engine.config.specs import Activation
from engine.networks.architectures import MAX_PARAMETERS, summarize_layers
from engine.networks.layers import Act, Conv, Dense, Layer, MaxPool, Shape
from engine.utils.errors import NetworkError
from engine.utils.files import atomic_path, open_file

MAX_LAYER_SIZE = 65_536  # units, filters or side of a layer
MAX_OUTPUTS = 2**30  # values per image and layer
MAX_BYTES = 4 * MAX_PARAMETERS + 2**26
MAX_CONFIG_BYTES = 2**20
MAX_OBJECTS = 1000  # in the weights file, whose groups may contain each other

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


def check_weights(file: Path) -> None:
    """Check only the weights of ``file``, for loading nothing else; otherwise as ``check_network``."""
    with open_file(file) as opened, ZipFile(opened) as archive:
        _check_sizes(archive)
        _check_weights(archive)


def _check_sizes(archive: ZipFile) -> None:
    sizes = {member.filename: member.file_size for member in archive.infolist()}
    if sum(sizes.values()) > MAX_BYTES or sizes.get("config.json", 0) > MAX_CONFIG_BYTES:
        raise ValueError("it unpacks to more than any network that can be trained here")


def _check_config(description: Any, shape: tuple[int, ...]) -> None:
    for named in _named_objects(description):
        module, name = str(named.get("module")), str(named["class_name"])
        if name not in _ALLOWED_CLASSES.get(module, ()):
            raise ValueError(f"it is no network of this program's: it has a {name}")
    match description:
        case {"class_name": "Sequential", "config": {"layers": [{"config": {"batch_shape": [_, *size]}}, *layers]}}:
            if tuple(size) != shape:
                raise ValueError(f"it is no network for images of {'x'.join(map(str, shape))}")
            _check_layers([layer for each in layers if (layer := _layer(each)) is not None], shape)
        case _:
            raise ValueError("it is no network of this program's")


def _named_objects(description: Any) -> Iterator[dict[str, Any]]:
    """Yield every object in a description that Keras would build by its class name."""
    if isinstance(description, dict):
        if "class_name" in description:
            yield description
        description = list(description.values())
    if isinstance(description, list):
        for each in description:
            yield from _named_objects(each)


def _layer(description: Any) -> Layer | None:
    """Return the described layer; None for one that only reshapes.

    Raises:
        ValueError: if it is of an unsupported kind.
    """
    match description:
        case {"class_name": "Flatten"}:
            return None
        case {"class_name": "Activation", "config": {"activation": str(name)}} if name in get_args(Activation):
            return Act(name)  # type: ignore[arg-type]
        case {"class_name": "Dense", "config": {"units": int(units), "use_bias": bool(bias), "activation": "linear"}}:
            return Dense(_checked_size(units), bias)
        case {
            "class_name": "MaxPooling2D",
            "config": {"pool_size": [int(size), _] as window, "strides": strides, "padding": "valid"},
        } if window == strides == [size, size]:
            return MaxPool(_checked_size(size))
        case {
            "class_name": "Conv2D",
            "config": {
                "filters": int(filters),
                "kernel_size": [int(height), int(width)],
                "strides": [1, 1],
                "dilation_rate": [1, 1],
                "padding": "valid",
                "groups": 1,
                "activation": "linear",
            },
        }:
            return Conv(_checked_size(height), _checked_size(width), _checked_size(filters))
    raise ValueError("it has layers that this program doesn't train")


def _checked_size(value: int) -> int:
    if not 1 <= value <= MAX_LAYER_SIZE:
        raise ValueError("it has layers of impossible sizes")
    return value


def _check_layers(layers: list[Layer], shape: Shape) -> None:
    if not layers or not isinstance(prediction := layers.pop(), Dense):
        raise ValueError("it has no layer that tells classes apart")
    try:
        summaries = summarize_layers(layers, shape, prediction.units)
    except NetworkError as error:
        raise ValueError(str(error).rstrip(".")) from None
    if any(math.prod(summary.output_shape) > MAX_OUTPUTS for summary in summaries):
        raise ValueError("it has layers of impossible sizes")


def _check_weights(archive: ZipFile) -> None:
    import h5py

    with h5py.File(io.BytesIO(archive.read("model.weights.h5")), "r") as weights:
        size = 0
        for number, each in enumerate(_objects(weights)):
            if isinstance(each, h5py.Dataset):
                if each.is_virtual or each.external:
                    raise ValueError("its weights lie in another file")
                size += each.nbytes
            if size > MAX_BYTES or number > MAX_OBJECTS:
                raise ValueError("its weights are more than any network has that can be trained here")


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

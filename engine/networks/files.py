"""Looks into a .keras file before Keras does.

Keras builds whatever such a file describes, as large as it says, and follows what its weights refer to. So a file is
opened only once it is known to hold layers such as this program trains, and weights of a size they can have.
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
from engine.networks.architectures import MOST_PARAMETERS, summarize_layers
from engine.networks.layers import Act, Conv, Dense, Layer, MaxPool, Shape
from engine.utils.errors import NetworkError
from engine.utils.files import atomic_path, open_file

LARGEST_LENGTH = 65_536  # of anything a layer has a number of
MOST_OUTPUTS = 2**30  # values that a layer gives for one image
MOST_BYTES = 4 * MOST_PARAMETERS + 2**26
MOST_DESCRIPTION_BYTES = 2**20
MOST_OBJECTS = 1000  # in the file of the weights, in which groups may contain each other

# Whatever is named in the description, by its module. Nothing here runs code that a file brings along.
_KNOWN = {
    "keras": {"Sequential", "DTypePolicy"},
    "keras.layers": {"InputLayer", "Conv2D", "MaxPooling2D", "Flatten", "Dense", "Activation"},
    "keras.initializers": {"VarianceScaling", "RandomUniform", "GlorotUniform", "Zeros"},
}


def check_network(file: Path, shape: tuple[int, ...]) -> None:
    """Raises ValueError with a reason unless ``file`` holds a network for images of ``shape``.

    Raises OSError, and what :mod:`zipfile` raises, where it can't be read at all.
    """
    with open_file(file) as opened, ZipFile(opened) as archive:
        _check_sizes(archive)
        _check_description(json.loads(archive.read("config.json")), shape)
        _check_weights(archive)


def check_weights(file: Path) -> None:
    """As :func:`check_network`, for who reads nothing of a file but its weights."""
    with open_file(file) as opened, ZipFile(opened) as archive:
        _check_sizes(archive)
        _check_weights(archive)


def _check_sizes(archive: ZipFile) -> None:
    sizes = {member.filename: member.file_size for member in archive.infolist()}
    if sum(sizes.values()) > MOST_BYTES or sizes.get("config.json", 0) > MOST_DESCRIPTION_BYTES:
        raise ValueError("it unpacks to more than any network that can be trained here")


def _check_description(description: Any, shape: tuple[int, ...]) -> None:
    for named in _named(description):
        module, name = str(named.get("module")), str(named["class_name"])
        if name not in _KNOWN.get(module, ()):
            raise ValueError(f"it is no network of this program's: it has a {name}")
    match description:
        case {"class_name": "Sequential", "config": {"layers": [{"config": {"batch_shape": [_, *size]}}, *layers]}}:
            if tuple(size) != shape:
                raise ValueError(f"it is no network for images of {'x'.join(map(str, shape))}")
            _check_layers([layer for each in layers if (layer := _layer(each)) is not None], shape)
        case _:
            raise ValueError("it is no network of this program's")


def _named(description: Any) -> Iterator[dict[str, Any]]:
    """Everything in a description that Keras would build by its name."""
    if isinstance(description, dict):
        if "class_name" in description:
            yield description
        description = list(description.values())
    if isinstance(description, list):
        for each in description:
            yield from _named(each)


def _layer(description: Any) -> Layer | None:
    """A layer; None for one that only changes how values lie. Raises ValueError where it is of another kind."""
    match description:
        case {"class_name": "Flatten"}:
            return None
        case {"class_name": "Activation", "config": {"activation": str(name)}} if name in get_args(Activation):
            return Act(name)  # type: ignore[arg-type]
        case {"class_name": "Dense", "config": {"units": int(units), "use_bias": bool(bias), "activation": "linear"}}:
            return Dense(_length(units), bias)
        case {
            "class_name": "MaxPooling2D",
            "config": {"pool_size": [int(size), _] as window, "strides": strides, "padding": "valid"},
        } if window == strides == [size, size]:
            return MaxPool(_length(size))
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
            return Conv(_length(height), _length(width), _length(filters))
    raise ValueError("it has layers that this program doesn't train")


def _length(value: int) -> int:
    if not 1 <= value <= LARGEST_LENGTH:
        raise ValueError("it has layers of impossible sizes")
    return value


def _check_layers(layers: list[Layer], shape: Shape) -> None:
    if not layers or not isinstance(prediction := layers.pop(), Dense):
        raise ValueError("it has no layer that tells classes apart")
    try:
        summaries = summarize_layers(layers, shape, prediction.units)
    except NetworkError as error:
        raise ValueError(str(error).rstrip(".")) from None
    if any(math.prod(summary.output_shape) > MOST_OUTPUTS for summary in summaries):
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
            if size > MOST_BYTES or number > MOST_OBJECTS:
                raise ValueError("its weights are more than any network has that can be trained here")


def _objects(group: Any) -> Iterator[Any]:
    """Everything in a group; raises ValueError where something is only referred to, as it may be in another file."""
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


def keep_network(file: Path, write: Callable[[Path], object]) -> str:
    """Have ``write`` make the file of a trained network; gives the reason if that fails, as its test figures count
    all the same.

    It takes its place all at once, so that an interruption leaves no half of one.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(file) as unfinished:
            write(unfinished)
    except OSError as error:
        return f"The trained network could not be saved to {file} ({error.strerror or error})."
    return ""

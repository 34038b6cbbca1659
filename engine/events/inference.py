"""What crosses the border while a trained network is tried on single images."""

from __future__ import annotations

from dataclasses import dataclass

from engine.config.specs import DataSpec
from engine.utils.arrays import Array


@dataclass(frozen=True)
class LayerOutput:
    """What one layer gives for an image.

    ``shape`` is that of the whole output: (height, width, channels), or (units,) of a dense layer. ``values`` is
    float32 with as many dimensions, and holds what is worth showing: the first channels or units of very many, and
    very large maps shrunk by averaging.
    """

    name: str
    shape: tuple[int, ...]
    values: Array


@dataclass(frozen=True)
class Probed:
    """A network's answer for one image.

    ``probabilities`` is float64 [classes] and sums to 1. ``layers`` begins with what the network is fed, then has every
    layer in turn; the last gives the logits.
    """

    probabilities: Array
    layers: tuple[LayerOutput, ...]


@dataclass(frozen=True)
class PickedTestImages:
    """Images of a data set's test part: uint8 [k, height, width, channels] as stored, and the class index of each."""

    data: DataSpec
    class_names: tuple[str, ...]
    images: Array
    labels: tuple[int, ...]


@dataclass(frozen=True)
class ImageRead:
    """A file of the user's as an image, uint8 [height, width, 3]; ``name`` is the file's."""

    name: str
    image: Array

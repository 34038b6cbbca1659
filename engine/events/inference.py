"""Results of applying a trained network to single images."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from engine.config.specs import DataSpec, Normalization
from engine.events.runs import Weights
from engine.utils.arrays import Array


@dataclass(frozen=True)
class LayerOutput:
    """A layer's output for an image.

    Attributes:
        shape: that of the whole output: (height, width, channels), or (units,) of a dense layer.
        values: float32 of the same rank, reduced to what can be shown: the first channels or units of very many, and
            very large maps averaged down.
    """

    name: str
    shape: tuple[int, ...]
    values: Array


@dataclass(frozen=True)
class Probed:
    """A network's output for one image.

    Attributes:
        probabilities: float64 [classes], summing to 1.
        layers: the network's input, then the output of every layer; the last gives the logits.
    """

    probabilities: Array
    layers: tuple[LayerOutput, ...]


@dataclass(frozen=True)
class PickedTestImages:
    """Images of a data set's test part.

    ``images`` is uint8 [k, height, width, channels] as stored; ``labels`` has the class index of each.
    """

    data: DataSpec
    class_names: tuple[str, ...]
    images: Array
    labels: tuple[int, ...]


@dataclass(frozen=True)
class ImageRead:
    """An image file of the user, for display: ``image`` is uint8 [height, width, 3]."""

    file: Path
    image: Array


@dataclass(frozen=True)
class NetworkOpened:
    """What the file of a network holds.

    Attributes:
        shape: height, width and channels of its images.
        classes: number of its outputs.
        architecture: its layers, as text.
        names: of its layers in the file, in the order of ``engine.networks.architectures.summarize``.
        weights: those of its first layer that has some, for the first of very many outputs.
        outputs: number of channels or units of that layer.
        left_out: what acts only while it is trained, and is not known here.
        trained_on: title of the data set it was trained on; empty, like what follows, if the file does not say.
        normalization: of the images it was trained on.
        class_names: of its outputs, in order.
        black: the value of black after ``normalization``, for each channel.
        white: likewise.
    """

    file: Path
    shape: tuple[int, int, int]
    classes: int
    architecture: str
    names: tuple[str, ...]
    weights: Weights
    outputs: int
    left_out: tuple[str, ...] = ()
    trained_on: str = ""
    normalization: Normalization | None = None
    class_names: tuple[str, ...] = ()
    black: tuple[float, ...] = ()
    white: tuple[float, ...] = ()

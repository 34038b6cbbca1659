"""The network of a .keras file, as values."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from engine.networks.layers import Dense, Layer, Shape
from engine.networks.notation import format_network

KNOWN_LAYERS = (
    "Conv2D, DepthwiseConv2D, max and average pooling, batch and layer normalisation, dropout, activations, Add, "
    "Flatten and Dense"
)


class UnfitError(ValueError):
    """A file's network can't be trained here.

    Args:
        reason: why, as a clause.
        advice: what to do instead, as a clause.
    """

    def __init__(self, reason: str, advice: str = f"choose a network of {KNOWN_LAYERS} alone") -> None:
        super().__init__(reason)
        self.advice = advice


@dataclass(frozen=True)
class SavedLayer:
    """A layer of a file.

    Attributes:
        name: in the file; an activation given as an argument has the name of its layer.
        layer: the same layer here; an Add is a ``Skip``.
        place: of its weights in the file's ``model.weights.h5``; empty if it has none.
        body: the layers of the body of a ``Skip``.
        shortcut: likewise of its shortcut.
    """

    name: str
    layer: Layer
    place: str = ""
    body: tuple[SavedLayer, ...] = ()
    shortcut: tuple[SavedLayer, ...] = ()


@dataclass(frozen=True)
class SavedNetwork:
    """The network of a file.

    Attributes:
        input_shape: of an image, without the batch: height, width and channels, or fewer.
        layers: those that compute, in order. The last is a ``Dense``, which gives the logits.
        has_softmax: whether the file's network turns its logits into probabilities.
        training_only: what acts only while a network is trained and is left out here, such as ``noise
            (GaussianNoise)``.
    """

    input_shape: Shape
    layers: tuple[SavedLayer, ...]
    has_softmax: bool
    training_only: tuple[str, ...]

    @property
    def hidden(self) -> tuple[Layer, ...]:
        """The layers before the last one."""
        return tuple(each.layer for each in self.layers[:-1])

    @property
    def notation(self) -> str:
        """The layers before the last one, in notation; it describes them completely."""
        return format_network(self.hidden)

    @property
    def classes(self) -> int:
        """Number of logits."""
        last = self.layers[-1].layer
        return last.units if isinstance(last, Dense) else 0

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of images that it takes and that can be shown.

        Raises:
            UnfitError: if there are none.
        """
        match self.input_shape:
            case (height, width, 1 | 3 as channels):
                return height, width, channels
            case (height, width):
                return height, width, 1
            case (values,):
                for channels in (1, 3):
                    side = math.isqrt(values // channels)
                    if side * side * channels == values:
                        return side, side, channels
        size = "x".join(map(str, self.input_shape))
        raise UnfitError(f"it takes {size} values, which are no image in gray or colour", "choose another one")

    def takes(self, shape: Shape) -> bool:
        """Whether images of ``shape`` have the values that it takes, in the same order."""
        if len(self.input_shape) == 1:
            return self.input_shape == (math.prod(shape),)
        return shape in (self.input_shape, (*self.input_shape, 1))


def every_layer(layers: Iterable[SavedLayer]) -> Iterator[SavedLayer]:
    """Yield layers in the order of ``engine.networks.architectures.summarize``: those of a block before its sum."""
    for each in layers:
        yield from every_layer(each.body)
        yield from every_layer(each.shortcut)
        yield each

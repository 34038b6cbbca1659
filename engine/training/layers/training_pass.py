"""The forward pass of a training step over the shares of a batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import keras
import tensorflow as tf

from engine.training.forward import NO_FOLDING, Folding, Forward, takes_single_pixels
from engine.training.layers.batch_norm import normalize_batch
from engine.training.layers.dropout import Masks
from engine.training.layers.graph import IMAGES, network_graph

# What is computed otherwise than Keras' layers do.
_OWN = keras.layers.BatchNormalization | keras.layers.Dropout


@dataclass(frozen=True)
class Shard:
    """A share of a batch.

    TensorFlow can't convolve an empty batch, so that an empty share, as the last batch of an epoch may have, is
    computed for one image and has no weight.

    Attributes:
        start: its first image in the batch.
        stop: its end, exclusive.
        weight: float32, 1, or 0 if it is empty.
    """

    start: tf.Tensor
    stop: tf.Tensor
    weight: tf.Tensor

    @classmethod
    def of(cls, start: tf.Tensor, stop: tf.Tensor) -> Shard:
        """Return the share from ``start`` to ``stop``, exclusive."""
        return cls(start, tf.maximum(stop, start + 1), tf.cast(tf.minimum(stop - start, 1), tf.float32))

    def part(self, batch: tf.Tensor) -> tf.Tensor:
        """Return its part of what belongs to the images of the batch."""
        return batch[self.start : self.stop]


class TrainingPass:
    """Computes logits in training.

    Batch normalisation takes the statistics of the whole batch whatever the number of shares. For that, all shares are
    computed layer by layer; TensorFlow's executor runs their operations in parallel all the same.

    Args:
        network: images to logits.
        folding: which convolutions are folded.
        seed: of the run, for dropout.

    Attributes:
        is_joint: whether all shares must be computed in one call.
    """

    def __init__(self, network: keras.Model, folding: Folding, seed: int) -> None:
        self._network, self._graph = network, network_graph(network)
        layers = [node.layer for node in self._graph]
        self._folds = folding.in_training and any(isinstance(layer, keras.layers.Conv2D) for layer in layers)
        self._is_plain = not any(isinstance(layer, _OWN) or takes_single_pixels(layer) for layer in layers)
        self._forward = Forward(network, folding if folding.in_training else NO_FOLDING)
        dropouts = [number for number, node in enumerate(self._graph) if isinstance(node.layer, keras.layers.Dropout)]
        self._masks = {node: Masks(self._graph[node].layer, seed, number) for number, node in enumerate(dropouts)}
        self.is_joint = any(isinstance(node.layer, keras.layers.BatchNormalization) for node in self._graph)

    def draw(self, images: tf.Tensor, step: tf.Tensor) -> dict[int, tf.Tensor]:
        """Return the masks of a whole batch, by the numbers of the layers in the network.

        Args:
            images: number of images in the batch, int32.
            step: number of steps made before, int64.
        """
        return {number: masks.draw(images, step) for number, masks in self._masks.items()}

    def __call__(
        self, images: Sequence[tf.Tensor], shards: Sequence[Shard], masks: dict[int, tf.Tensor]
    ) -> list[tf.Tensor]:
        """Compute the logits of some shares of a batch.

        Args:
            images: float32 [n, h, w, c] of each share.
            shards: the shares; all of them if ``is_joint``.
            masks: what ``draw`` returned for the batch.

        Returns:
            Logits of each share, float32 [n, classes].
        """
        if self._is_plain:  # with Keras' own layers unless convolutions are folded
            return [self._forward(each)[0] if self._folds else self._network(each, training=True) for each in images]
        values: dict[int, list[tf.Tensor]] = {IMAGES: list(images)}
        for number, node in enumerate(self._graph):
            inputs = [values[each] for each in node.inputs]
            if isinstance(node.layer, keras.layers.BatchNormalization):
                values[number] = normalize_batch(node.layer, inputs[0], [shard.weight for shard in shards])
            elif number in masks:
                parts = zip(inputs[0], shards, strict=True)
                values[number] = [each * shard.part(masks[number]) for each, shard in parts]
            else:
                values[number] = [self._forward.compute(node.layer, *each) for each in zip(*inputs, strict=True)]
        return values[len(self._graph) - 1]

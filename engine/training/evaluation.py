"""A network measured on many images in one compiled call: loss, accuracy, and what its activations give."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import keras
import tensorflow as tf

# Images a compiled evaluation call takes at a time: measured on two cores, 250 to 500 is fastest for the convolutional
# networks (their activations stay in cache) and costs the dense ones little.
EVALUATION_CHUNK = 500

Loss = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


@dataclass(frozen=True)
class Evaluation:
    """Mean loss (nats) and accuracy (a fraction) over the images, and a number for each activation of the network.

    ``activation_means`` and ``activation_deviations`` are over all its outputs for the images looked at;
    ``dead_units`` counts its units (of a dense layer) or channels (of a convolution) that gave 0 for all of them.
    """

    loss: float
    accuracy: float
    dead_units: tuple[int, ...]
    activation_means: tuple[float, ...]
    activation_deviations: tuple[float, ...]


class Evaluator:
    """Evaluates ``network`` on images of ``shape`` (height, width, channels).

    Args:
        network: images to logits.
        shape: height, width and channels of the images.
        loss: mean loss in nats of labels and logits.
        looks_at_all: whether activations are looked at for every image, or for the first :data:`EVALUATION_CHUNK`
            alone, which costs a twentieth of it with CIFAR-10's 5,000 validation images.
    """

    def __init__(self, network: keras.Sequential, shape: tuple[int, ...], loss: Loss, looks_at_all: bool) -> None:
        self._network, self._loss, self._looks_at_all = network, loss, looks_at_all
        activations = [layer.output for layer in network.layers if isinstance(layer, keras.layers.Activation)]
        self._observed = keras.Model(network.inputs, [network.outputs[0], *activations])
        # The signature lets one trace serve any number of images, so that none falls into training time.
        signature = [tf.TensorSpec((None, *shape), tf.float32), tf.TensorSpec((None,), tf.int32)]
        self._compiled = tf.function(self._evaluate, input_signature=signature)

    def __call__(self, images: tf.Tensor, labels: tf.Tensor) -> Evaluation:
        """Measure on ``images``, float32 [n, h, w, c], with ``labels``, int32 [n]; tensors are best kept resident."""
        loss, accuracy, *of_activations = self._compiled(images, labels).numpy().tolist()
        count = len(of_activations) // 3
        dead, means, deviations = (of_activations[part * count : (part + 1) * count] for part in range(3))
        return Evaluation(loss, accuracy, tuple(round(each) for each in dead), tuple(means), tuple(deviations))

    def _evaluate(self, images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        """[mean loss, accuracy, dead units..., activation means..., activation deviations...]."""
        count = tf.shape(labels)[0]
        looked_at = count if self._looks_at_all else tf.minimum(count, EVALUATION_CHUNK)
        loss_sum, correct = tf.constant(0.0), tf.constant(0.0)
        alive = [tf.zeros(output.shape[-1], tf.bool) for output in self._observed.outputs[1:]]
        sums = [tf.constant(0.0) for _ in alive]
        squares = [tf.constant(0.0) for _ in alive]
        for start in tf.range(0, looked_at, EVALUATION_CHUNK):
            stop = tf.minimum(start + EVALUATION_CHUNK, looked_at)
            outputs = self._observed(images[start:stop], training=False)
            logits, *activations = outputs if alive else [outputs]
            size = tf.cast(stop - start, tf.float32)
            loss_sum += size * self._loss(labels[start:stop], logits)
            correct += size * accuracy_of(labels[start:stop], logits)
            alive = [before | _any_but_zero(now) for before, now in zip(alive, activations, strict=True)]
            sums = [before + size * tf.reduce_mean(now) for before, now in zip(sums, activations, strict=True)]
            squares = [
                before + size * tf.reduce_mean(tf.square(now)) for before, now in zip(squares, activations, strict=True)
            ]
        for start in tf.range(looked_at, count, EVALUATION_CHUNK):
            of_chunk = labels[start : start + EVALUATION_CHUNK]
            logits = self._network(images[start : start + EVALUATION_CHUNK], training=False)
            size = tf.cast(tf.shape(of_chunk)[0], tf.float32)
            loss_sum += size * self._loss(of_chunk, logits)
            correct += size * accuracy_of(of_chunk, logits)
        whole, part = tf.cast(count, tf.float32), tf.cast(looked_at, tf.float32)
        dead = [tf.reduce_sum(tf.cast(~each, tf.float32)) for each in alive]
        means = [each / part for each in sums]
        deviations = [
            tf.sqrt(tf.maximum(square / part - mean**2, 0.0)) for square, mean in zip(squares, means, strict=True)
        ]
        return tf.stack([loss_sum / whole, correct / whole, *dead, *means, *deviations])


def _any_but_zero(outputs: tf.Tensor) -> tf.Tensor:
    """Which channels of [batch, ..., channels] are other than 0 anywhere: bool [channels]."""
    return tf.reduce_any(tf.not_equal(outputs, 0.0), axis=list(range(len(outputs.shape) - 1)))


def accuracy_of(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Share of the images, a scalar, whose largest logit is that of the label; ``logits`` is [n, classes]."""
    predicted = tf.argmax(logits, axis=1, output_type=labels.dtype)
    return tf.reduce_mean(tf.cast(tf.equal(predicted, labels), tf.float32))

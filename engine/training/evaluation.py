"""A network measured on many images in one compiled call: loss, accuracy, and what its activations give."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import keras
import tensorflow as tf

from engine.spec import ValidationPrecision
from engine.training.forward import Forward

# For so many images activations are looked at, unless for all.
LOOKED_AT = 500

# Images are evaluated in chunks whose largest tensor takes about so many bytes: some 500 of cnn_4, whose activations
# then stay in cache; all 5,000 of a dense network, whose first product is twice as fast in one piece.
CHUNK_BYTES = 2**25

Loss = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]

PRECISIONS: dict[ValidationPrecision, tf.DType] = {"float32": tf.float32, "bfloat16": tf.bfloat16}


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
        looks_at_all: whether activations are looked at for every image, or for the first :data:`LOOKED_AT` alone,
            which costs a twentieth of it with CIFAR-10's 5,000 validation images.
        precision: with how many bits the network is computed.
    """

    def __init__(
        self,
        network: keras.Sequential,
        shape: tuple[int, ...],
        loss: Loss,
        looks_at_all: bool,
        precision: ValidationPrecision = "float32",
    ) -> None:
        self._loss, self._looks_at_all = loss, looks_at_all
        self._forward = Forward(network, PRECISIONS[precision])
        self._chunk = max(LOOKED_AT, CHUNK_BYTES // self._forward.largest_image_bytes)
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
        looked_at = count if self._looks_at_all else tf.minimum(count, LOOKED_AT)
        loss_sum, correct = tf.constant(0.0), tf.constant(0.0)
        alive = [tf.zeros(channels, tf.bool) for channels in self._forward.activation_channels]
        moments = [tf.zeros(2) for _ in alive]
        for start in tf.range(0, looked_at, LOOKED_AT):
            stop = tf.minimum(start + LOOKED_AT, looked_at)
            logits, given = self._forward(images[start:stop])
            given = [tf.cast(each, tf.float32) for each in given]
            size = tf.cast(stop - start, tf.float32)
            loss_sum += size * self._loss(labels[start:stop], logits)
            correct += size * accuracy_of(labels[start:stop], logits)
            alive = [before | _any_but_zero(now) for before, now in zip(alive, given, strict=True)]
            moments = [
                _pooled(before, tf.cast(start, tf.float32), now, size)
                for before, now in zip(moments, given, strict=True)
            ]
        for start in tf.range(looked_at, count, self._chunk):
            of_chunk = labels[start : start + self._chunk]
            logits, _ = self._forward(images[start : start + self._chunk])
            size = tf.cast(tf.shape(of_chunk)[0], tf.float32)
            loss_sum += size * self._loss(of_chunk, logits)
            correct += size * accuracy_of(of_chunk, logits)
        whole = tf.cast(count, tf.float32)
        dead = [tf.reduce_sum(tf.cast(~each, tf.float32)) for each in alive]
        means, deviations = [each[0] for each in moments], [tf.sqrt(each[1]) for each in moments]
        return tf.stack([loss_sum / whole, correct / whole, *dead, *means, *deviations])


def _pooled(before: tf.Tensor, images_before: tf.Tensor, outputs: tf.Tensor, images: tf.Tensor) -> tf.Tensor:
    """[mean, variance] of all outputs so far, from those of the ``images_before`` and the ``outputs`` for ``images``.

    The difference of mean square and squared mean would lose the variance of a saturated sigmoid to rounding; this is
    the rule for pooling two samples (T. Chan, G. Golub and R. LeVeque, "Updating Formulae and a Pairwise Algorithm for
    Computing Sample Variances", 1979).
    """
    mean, variance = tf.nn.moments(outputs, axes=list(range(len(outputs.shape))))
    share = images / (images_before + images)
    apart = mean - before[0]
    pooled_variance = (1 - share) * before[1] + share * variance + share * (1 - share) * apart**2
    return tf.stack([before[0] + share * apart, pooled_variance])


def _any_but_zero(outputs: tf.Tensor) -> tf.Tensor:
    """Which channels of [batch, ..., channels] are other than 0 anywhere: bool [channels].

    By sums of absolute values, as a product with ones, which takes half as long as to compare and to reduce. What is no
    number is other than 0.
    """
    flat = tf.reshape(tf.abs(outputs), [-1, outputs.shape[-1]])
    return tf.not_equal(tf.linalg.matvec(flat, tf.ones(tf.shape(flat)[:1]), transpose_a=True), 0.0)


def accuracy_of(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Share of the images, a scalar, whose largest logit is that of the label; ``logits`` is [n, classes]."""
    predicted = tf.argmax(logits, axis=1, output_type=labels.dtype)
    return tf.reduce_mean(tf.cast(tf.equal(predicted, labels), tf.float32))

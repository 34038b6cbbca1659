"""A network measured on many images in one compiled call: loss, accuracy, what its activations give, its logits."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import keras
import tensorflow as tf

from engine.config.specs import ValidationPrecision
from engine.training.forward import Forward

# For so many images activations are looked at, unless for all.
LOOKED_AT = 500

# Images are evaluated in chunks whose largest tensor takes about so many bytes: some 150 of cnn_4, some 2,000 of
# mlp_1. What one layer gives is then still in the processor's cache when the next one reads it.
CHUNK_BYTES = 2**23

# For each thread, so many chunks may be under way: one that has to wait for another leaves no thread without work.
CHUNKS_A_THREAD = 2

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
        looks_at_all: whether activations are looked at for every image, or for the first :data:`LOOKED_AT` alone,
            which costs a twentieth of it with CIFAR-10's 5,000 validation images.
        precision: with how many bits the network is computed.
        threads: chunks of images that are computed side by side. Sums are the same to the bit with any number.
    """

    def __init__(
        self,
        network: keras.Sequential,
        shape: tuple[int, ...],
        looks_at_all: bool,
        precision: ValidationPrecision = "float32",
        threads: int = 1,
    ) -> None:
        self._looks_at_all = looks_at_all
        self._forward, self._exact = Forward(network, PRECISIONS[precision]), Forward(network)
        self._chunk = max(1, CHUNK_BYTES // self._forward.largest_image_bytes)
        self._side_by_side = CHUNKS_A_THREAD * threads
        # One trace serves any number of images.
        self._signature = tf.TensorSpec((None, *shape), tf.float32), tf.TensorSpec((None,), tf.int32)

    def __call__(self, images: tf.Tensor, labels: tf.Tensor) -> Evaluation:
        """Measure on ``images``, float32 [n, h, w, c], with ``labels``, int32 [n]; tensors are best kept resident."""
        return self.told(self._compiled(images, labels).numpy().tolist())

    def told(self, numbers: list[float]) -> Evaluation:
        """What the ``numbers`` of :meth:`evaluate` say."""
        loss, accuracy, *of_activations = numbers
        count = len(of_activations) // 3
        dead, means, deviations = (of_activations[part * count : (part + 1) * count] for part in range(3))
        return Evaluation(loss, accuracy, tuple(round(each) for each in dead), tuple(means), tuple(deviations))

    @cached_property
    def _compiled(self) -> tf.types.experimental.ConcreteFunction:
        return tf.function(self.evaluate).get_concrete_function(*self._signature)

    @cached_property
    def _compiled_logits(self) -> tf.types.experimental.ConcreteFunction:
        return tf.function(self._logits).get_concrete_function(self._signature[0])

    @property
    def count(self) -> int:
        """How many numbers :meth:`evaluate` gives."""
        return 2 + 3 * len(self._forward.activation_channels)

    def logits(self, images: tf.Tensor) -> tf.Tensor:
        """Float32 [n, classes] of ``images``, float32 [n, h, w, c], computed in float32 whatever the precision is."""
        return self._compiled_logits(images)

    def _logits(self, images: tf.Tensor) -> tf.Tensor:
        count = tf.shape(images)[0]
        chunks = tf.TensorArray(tf.float32, -(-count // self._chunk), infer_shape=False)
        for number in tf.range(chunks.size()):
            tf.autograph.experimental.set_loop_options(parallel_iterations=self._side_by_side)
            start = number * self._chunk
            chunks = chunks.write(number, self._exact(images[start : start + self._chunk])[0])
        return chunks.concat()

    def evaluate(self, images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        """The same as a tensor, to be part of a compiled function.

        [mean loss, accuracy, dead units..., activation means..., activation deviations...].
        """
        count = tf.shape(labels)[0]
        looked_at = count if self._looks_at_all else tf.minimum(count, LOOKED_AT)
        loss_sum, correct = tf.constant(0.0), tf.constant(0.0)
        alive = [tf.zeros(channels, tf.bool) for channels in self._forward.activation_channels]
        moments = [tf.zeros(2) for _ in alive]
        for start in tf.range(0, looked_at, self._chunk):
            tf.autograph.experimental.set_loop_options(parallel_iterations=self._side_by_side)
            stop = tf.minimum(start + self._chunk, looked_at)
            logits, given = self._forward(images[start:stop])
            given = [tf.cast(each, tf.float32) for each in given]
            size = tf.cast(stop - start, tf.float32)
            loss_sum += cross_entropy(labels[start:stop], logits)
            correct += hits(labels[start:stop], logits)
            alive = [before | _any_but_zero(now) for before, now in zip(alive, given, strict=True)]
            moments = [
                _pooled(before, tf.cast(start, tf.float32), now, size)
                for before, now in zip(moments, given, strict=True)
            ]
        for start in tf.range(looked_at, count, self._chunk):
            tf.autograph.experimental.set_loop_options(parallel_iterations=self._side_by_side)
            of_chunk = labels[start : start + self._chunk]
            logits, _ = self._forward(images[start : start + self._chunk])
            loss_sum += cross_entropy(of_chunk, logits)
            correct += hits(of_chunk, logits)
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


def cross_entropy(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Sum over the images of -log softmax(logits)[label], in nats, a scalar; ``logits`` is [n, classes]."""
    return tf.reduce_sum(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))


def hits(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """How many images, a scalar, have their largest logit at their label; ``logits`` is [n, classes]."""
    predicted = tf.argmax(logits, axis=1, output_type=labels.dtype)
    return tf.reduce_sum(tf.cast(tf.equal(predicted, labels), tf.float32))

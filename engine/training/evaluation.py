"""Evaluation of a network on many images in one compiled call: loss, accuracy, activation statistics, logits."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import keras
import tensorflow as tf

from engine.config.specs import ValidationPrecision
from engine.training.forward import Folding, Forward

ACTIVATION_IMAGES = 500  # for activation statistics, unless they cover all images
# Size of the largest tensor of a chunk of images: some 150 images of cnn_4, some 2,000 of mlp_1. The output of a layer
# is then still in the processor's cache when the next layer reads it.
CHUNK_BYTES = 2**23
CHUNKS_PER_THREAD = 2  # computed concurrently, so that a chunk that waits for another leaves no thread idle

PRECISIONS: dict[ValidationPrecision, tf.DType] = {"float32": tf.float32, "bfloat16": tf.bfloat16}


@dataclass(frozen=True)
class Evaluation:
    """Results over a set of images; tuples have one entry for each activation of the network.

    Attributes:
        loss: mean, in nats.
        accuracy: a fraction.
        dead_units: number of units (dense) or channels (convolution) that are 0 for all of the images sampled.
        activation_means: mean output over the same images.
        activation_deviations: standard deviation of the output over the same images.
    """

    loss: float
    accuracy: float
    dead_units: tuple[int, ...]
    activation_means: tuple[float, ...]
    activation_deviations: tuple[float, ...]


class Evaluator:
    """Evaluates a network on images of one shape.

    Args:
        network: images to logits.
        shape: height, width and channels of the images.
        activations_on_all: whether activation statistics cover every image or only the first ``ACTIVATION_IMAGES``,
            which costs a twentieth as much on CIFAR-10's 5,000 validation images.
        folding: which convolutions are folded.
        precision: of the network's weights and activations.
        threads: number of threads among which chunks of images are divided; sums are bit-identical for any number.
    """

    def __init__(
        self,
        network: keras.Model,
        shape: tuple[int, ...],
        activations_on_all: bool,
        folding: Folding,
        precision: ValidationPrecision = "float32",
        threads: int = 1,
    ) -> None:
        self._activations_on_all = activations_on_all
        self._forward, self._exact = Forward(network, folding, PRECISIONS[precision]), Forward(network, folding)
        self._chunk = max(1, CHUNK_BYTES // self._forward.largest_image_bytes)
        self._parallel_chunks = CHUNKS_PER_THREAD * threads
        # One trace for any number of images.
        self._signature = tf.TensorSpec((None, *shape), tf.float32), tf.TensorSpec((None,), tf.int32)

    def __call__(self, images: tf.Tensor, labels: tf.Tensor) -> Evaluation:
        """Evaluate ``images``, float32 [n, h, w, c], with ``labels``, int32 [n]."""
        return self.unpack(self._compiled(images, labels).numpy().tolist())

    def unpack(self, numbers: list[float]) -> Evaluation:
        """Convert the output of ``evaluate``."""
        loss, accuracy, *statistics = numbers
        count = len(statistics) // 3
        dead, means, deviations = (statistics[part * count : (part + 1) * count] for part in range(3))
        return Evaluation(loss, accuracy, tuple(round(each) for each in dead), tuple(means), tuple(deviations))

    @cached_property
    def _compiled(self) -> tf.types.experimental.ConcreteFunction:
        return tf.function(self.evaluate).get_concrete_function(*self._signature)

    @cached_property
    def _compiled_logits(self) -> tf.types.experimental.ConcreteFunction:
        return tf.function(self._logits).get_concrete_function(self._signature[0])

    @property
    def output_size(self) -> int:
        """Length of the output of ``evaluate``."""
        return 2 + 3 * len(self._forward.activation_channels)

    def logits(self, images: tf.Tensor) -> tf.Tensor:
        """Return float32 [n, classes] for ``images``, float32 [n, h, w, c], always computed in float32."""
        return self._compiled_logits(images)

    def _logits(self, images: tf.Tensor) -> tf.Tensor:
        count = tf.shape(images)[0]
        chunks = tf.TensorArray(tf.float32, -(-count // self._chunk), infer_shape=False)
        for number in tf.range(chunks.size()):
            tf.autograph.experimental.set_loop_options(parallel_iterations=self._parallel_chunks)
            start = number * self._chunk
            chunks = chunks.write(number, self._exact(images[start : start + self._chunk])[0])
        return chunks.concat()

    def evaluate(self, images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        """Evaluate as part of a compiled function.

        Returns:
            Float32 [mean loss, accuracy, dead units..., activation means..., activation deviations...].
        """
        count = tf.shape(labels)[0]
        sampled = count if self._activations_on_all else tf.minimum(count, ACTIVATION_IMAGES)
        loss_sum, correct = tf.constant(0.0), tf.constant(0.0)
        alive = [tf.zeros(channels, tf.bool) for channels in self._forward.activation_channels]
        moments = [tf.zeros(2) for _ in alive]
        for start in tf.range(0, sampled, self._chunk):
            tf.autograph.experimental.set_loop_options(parallel_iterations=self._parallel_chunks)
            stop = tf.minimum(start + self._chunk, sampled)
            logits, outputs = self._forward(images[start:stop])
            outputs = [tf.cast(each, tf.float32) for each in outputs]
            size = tf.cast(stop - start, tf.float32)
            loss_sum += cross_entropy(labels[start:stop], logits)
            correct += count_correct(labels[start:stop], logits)
            alive = [before | _any_nonzero(now) for before, now in zip(alive, outputs, strict=True)]
            moments = [
                _pooled_moments(before, tf.cast(start, tf.float32), now, size)
                for before, now in zip(moments, outputs, strict=True)
            ]
        for start in tf.range(sampled, count, self._chunk):
            tf.autograph.experimental.set_loop_options(parallel_iterations=self._parallel_chunks)
            chunk_labels = labels[start : start + self._chunk]
            logits, _ = self._forward(images[start : start + self._chunk])
            loss_sum += cross_entropy(chunk_labels, logits)
            correct += count_correct(chunk_labels, logits)
        whole = tf.cast(count, tf.float32)
        dead = [tf.reduce_sum(tf.cast(~each, tf.float32)) for each in alive]
        means, deviations = [each[0] for each in moments], [tf.sqrt(each[1]) for each in moments]
        return tf.stack([loss_sum / whole, correct / whole, *dead, *means, *deviations])


def _pooled_moments(before: tf.Tensor, images_before: tf.Tensor, outputs: tf.Tensor, images: tf.Tensor) -> tf.Tensor:
    """Update the [mean, variance] of the outputs.

    The difference of mean square and squared mean would lose the variance of a saturated sigmoid to rounding. This is
    the formula for pooling two samples (T. Chan, G. Golub and R. LeVeque, "Updating Formulae and a Pairwise Algorithm
    for Computing Sample Variances", 1979).

    Args:
        before: [mean, variance] so far.
        images_before: number of images so far.
        outputs: the activation's output for the next images.
        images: their number.
    """
    mean, variance = tf.nn.moments(outputs, axes=list(range(len(outputs.shape))))
    share = images / (images_before + images)
    difference = mean - before[0]
    pooled_variance = (1 - share) * before[1] + share * variance + share * (1 - share) * difference**2
    return tf.stack([before[0] + share * difference, pooled_variance])


def _any_nonzero(outputs: tf.Tensor) -> tf.Tensor:
    """Whether each channel of [batch, ..., channels] is non-zero anywhere, bool [channels]; NaN is non-zero.

    Computed from sums of absolute values, as a product with ones: twice as fast as comparing and reducing.
    """
    flat = tf.reshape(tf.abs(outputs), [-1, outputs.shape[-1]])
    return tf.not_equal(tf.linalg.matvec(flat, tf.ones(tf.shape(flat)[:1]), transpose_a=True), 0.0)


def cross_entropy(labels: tf.Tensor, logits: tf.Tensor, weights: tf.Tensor | None = None) -> tf.Tensor:
    """Return the sum over the images of -log softmax(logits)[label], in nats, each times its weight if there are any.

    ``logits`` is [n, classes].
    """
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
    return tf.reduce_sum(losses if weights is None else weights * losses)


def count_correct(labels: tf.Tensor, logits: tf.Tensor, weights: tf.Tensor | None = None) -> tf.Tensor:
    """Return the number of images whose largest logit is at their label, or the sum of their weights.

    ``logits`` is [n, classes].
    """
    predicted = tf.argmax(logits, axis=1, output_type=labels.dtype)
    correct = tf.cast(tf.equal(predicted, labels), tf.float32)
    return tf.reduce_sum(correct if weights is None else weights * correct)

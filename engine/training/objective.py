"""The loss that training minimises: cross-entropy, with smoothed labels or weighted classes if the settings say so."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from engine.config.specs import TrainingSpec
from engine.training.evaluation import cross_entropy
from engine.utils.arrays import Array


class Objective:
    """The sum over images of the loss whose gradient is followed.

    Args:
        training: its label smoothing and class weights.
        labels: of all training images, int32 [n].
        classes: number of classes.

    Attributes:
        is_plain: whether it is the cross-entropy, which is what is recorded.
    """

    def __init__(self, training: TrainingSpec, labels: Array, classes: int) -> None:
        self._smoothing, self._classes = training.label_smoothing, classes
        weights = balanced_weights(labels, classes) if training.class_weights == "balanced" else None
        self._weights = None if weights is None else tf.constant(weights)
        self.is_plain = not self._smoothing and weights is None

    def __call__(self, labels: tf.Tensor, logits: tf.Tensor, weights: tf.Tensor | None = None) -> tf.Tensor:
        """Return the objective; arguments as those of ``cross_entropy``."""
        if self.is_plain:
            return cross_entropy(labels, logits, weights)
        targets = tf.one_hot(labels, self._classes) * (1 - self._smoothing) + self._smoothing / self._classes
        losses = tf.nn.softmax_cross_entropy_with_logits(targets, logits)
        if self._weights is not None:
            losses *= tf.gather(self._weights, labels)
        return tf.reduce_sum(losses if weights is None else weights * losses)


def balanced_weights(labels: Array, classes: int) -> Array:
    """Return the weight of each class, float32 [classes], whose mean over the images is 1.

    It is images / (occurring classes * images of the class), as in scikit-learn's ``compute_class_weight``.
    """
    counts = np.bincount(labels, minlength=classes)
    return (len(labels) / (np.count_nonzero(counts) * np.maximum(counts, 1))).astype(np.float32)

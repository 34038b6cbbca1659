"""The Keras model that trains a recording interval in one compiled call and measures the gradients on the way.

No Keras hook sees gradients, so they are measured where they arise, in :meth:`MeasuredModel.train_step`. Python is
entered once an interval instead of once a step: images stay on the device, a batch is gathered by index, and
:meth:`MeasuredModel.make_train_function`, which Keras lets a model override, hands ``fit`` a function that runs all
steps up to the next record, and the validation that belongs to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras.optimizers.schedules import LearningRateSchedule

from engine.config.specs import ValidationPrecision
from engine.datasets import PreparedData
from engine.training.evaluation import PRECISIONS, Evaluation, Evaluator, cross_entropy, hits
from engine.training.schedules import SteerableRate, rate_at
from engine.training.timetable import Piece, Timetable
from engine.utils.arrays import Array

FEWEST_IN_SHARE = 12  # images; on one thread, five shares of ten make a step of cnn_4 a sixth longer


@dataclass(frozen=True)
class Measurement:
    """Sums of loss and accuracy over the batches of one piece, and what its last step measured, per kernel.

    ``validation`` is what the network was like after it, where it ends with a record.
    """

    piece: Piece
    loss_sum: float
    accuracy_sum: float
    gradient_norms: tuple[float, ...]
    update_ratios: tuple[float, ...]
    validation: Evaluation | None


class MeasuredModel(keras.Model):
    """Wraps ``network`` (images to logits) for training on ``data``.

    With several ``threads``, a network with convolutions computes its gradients in as many shares of the batch, side by
    side. Their sum is the gradient of the whole, but for the rounding. A dense network's steps are too short for that.
    """

    def __init__(
        self,
        network: keras.Sequential,
        data: PreparedData,
        batch_size: int,
        timetable: Timetable,
        rate: float | LearningRateSchedule,
        counts_dead_units: bool = False,
        validation_precision: ValidationPrecision = "float32",
        threads: int = 1,
    ) -> None:
        super().__init__(name="measured")
        self.network = network
        self.timetable = timetable
        self.measurement: Measurement | None = None
        self.first_step = 0  # steps made before training began: those of a run that goes on
        self._rate = rate
        self._images, self._labels = tf.constant(data.x_train), tf.constant(data.y_train)
        self._order = tf.Variable(np.arange(len(data.y_train), dtype=np.int32), trainable=False)
        self._batch_size = batch_size
        self._kernels = [layer.kernel for layer in network.layers if hasattr(layer, "kernel")]
        self._pieces: Iterator[Piece] = iter(())
        is_long = any(isinstance(layer, keras.layers.Conv2D) for layer in network.layers)
        self._shares = max(1, min(threads, batch_size // FEWEST_IN_SHARE)) if is_long else 1
        self._evaluator = Evaluator(network, data.info.shape, counts_dead_units, validation_precision, threads)
        # Rounded once rather than at each record: to round takes as long as mlp_1's whole validation.
        images = tf.cast(tf.constant(data.x_validation), PRECISIONS[validation_precision])
        self._validation = images, tf.constant(data.y_validation)

    def call(self, images: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Logits [batch, classes] of ``images``."""
        return self.network(images, training=training)

    def begin_epoch(self, epoch: int, order: Array) -> None:
        """Set the order (int32 [n], a permutation) in which epoch ``epoch`` (from 0) visits the images."""
        self._order.assign(order)
        self._pieces = (piece for piece in self.timetable.pieces(epoch) if piece.start >= self.first_step)

    @property
    def rate_variables(self) -> list[tf.Variable]:
        """What the learning rate depends on, beside the number of steps and the optimiser's own variables."""
        return [self._rate.by_hand] if isinstance(self._rate, SteerableRate) else []

    def train_step(self, batch: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, list[tf.Tensor]]:
        """One optimiser step on batch number ``batch`` of the epoch: its loss, its accuracy, the kernels' gradients."""
        chosen = self._order[batch * self._batch_size : (batch + 1) * self._batch_size]
        count = tf.shape(chosen)[0]
        bounds = [count * share // self._shares for share in range(self._shares + 1)]
        shares = [self._share_of_step(chosen, start, stop) for start, stop in pairwise(bounds)]
        losses, correct, gradients_of_shares = zip(*shares, strict=True)
        gradients = [tf.add_n(each) for each in zip(*gradients_of_shares, strict=True)]
        variables = self.network.trainable_variables
        self.optimizer.apply(gradients, variables)
        of_kernels = [g for g, v in zip(gradients, variables, strict=True) if any(v is k for k in self._kernels)]
        return tf.add_n(losses), tf.add_n(correct) / tf.cast(count, tf.float32), of_kernels

    def _share_of_step(
        self, chosen: tf.Tensor, start: tf.Tensor, stop: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, list[tf.Tensor]]:
        """What images ``start`` to ``stop`` of a batch, those at ``chosen``, contribute to its mean loss: that, how
        many of them the network gets right, and the gradients of all that it learns.
        """
        # The last batch of an epoch can have fewer images than there are shares. TensorFlow convolves no empty batch,
        # so an empty share gets an image that counts as nothing.
        index = chosen[start : tf.maximum(stop, start + 1)]
        weight = tf.cast(tf.minimum(stop - start, 1), tf.float32)
        images, labels = tf.gather(self._images, index), tf.gather(self._labels, index)
        with tf.GradientTape() as tape:
            logits = self.network(images, training=True)
            loss = weight * cross_entropy(labels, logits) / tf.cast(tf.shape(chosen)[0], tf.float32)
        return loss, weight * hits(labels, logits), tape.gradient(loss, self.network.trainable_variables)

    def make_train_function(self, force: bool = False) -> Callable[[Any], dict[str, float]]:
        """The function that ``fit`` calls; each call trains the next piece of the epoch.

        ``fit`` counts as many calls for every epoch, while epochs differ by one in how many pieces they hold: a call
        for which no piece is left does nothing.
        """
        self.train_function = self._train_next_piece
        return self.train_function

    def warm_up(self) -> None:
        """Trace and optimise the compiled function without training, so that it doesn't count as training time."""
        self.optimizer.build(self.network.trainable_variables)
        self._compiled(tf.constant(0), tf.constant(0), tf.constant(False))

    @cached_property
    def _compiled(self) -> tf.types.experimental.ConcreteFunction:
        """:meth:`_run_piece`, compiled. To call a trace takes two thirds of what it takes to look for the right one."""
        number = tf.TensorSpec((), tf.int32)
        return tf.function(self._run_piece).get_concrete_function(number, number, tf.TensorSpec((), tf.bool))

    def learning_rate_at(self, step: int) -> float:
        """The learning rate that optimiser step ``step``, the last one or an earlier one, used."""
        return rate_at(self._rate, self.optimizer, step)

    def use_learning_rate(self, rate: float) -> None:
        """Train with ``rate`` from the next step on, whatever the schedule says."""
        if isinstance(self._rate, SteerableRate):
            self._rate.steer(rate)
        else:
            self.optimizer.learning_rate = rate

    def test(self, images: Array, labels: Array) -> tuple[float, Array]:
        """Mean loss (nats) and the logits of each image, float32 [n, classes]."""
        logits = self._evaluator.logits(tf.constant(images))
        return float(cross_entropy(tf.constant(labels), logits)) / len(labels), logits.numpy()

    def _train_next_piece(self, _calls: Any) -> dict[str, float]:
        piece = next(self._pieces, None)
        self.measurement = None
        if piece is None:
            return {}
        first = piece.start % self.timetable.steps_per_epoch
        values = self._compiled(tf.constant(first), tf.constant(piece.steps), tf.constant(piece.ends_with_record))
        loss, accuracy, *others = values.numpy().tolist()
        kernels = len(self._kernels)
        norms, ratios, validation = others[:kernels], others[kernels : 2 * kernels], others[2 * kernels :]
        found = self._evaluator.told(validation) if piece.ends_with_record else None
        self.measurement = Measurement(piece, loss, accuracy, tuple(norms), tuple(ratios), found)
        return {"batch_loss": loss / piece.steps, "batch_accuracy": accuracy / piece.steps}

    def _run_piece(self, first: tf.Tensor, steps: tf.Tensor, validates: tf.Tensor) -> tf.Tensor:
        """Run ``steps`` steps from batch ``first``, and validate then if that is asked for.

        [loss sum, accuracy sum, gradient norms..., update ratios..., validation...], the last being zeros otherwise.
        Only the last step is measured, so it stands apart from the loop; both call one traced step.
        """
        step = tf.function(self.train_step)
        loss_sum, accuracy_sum = tf.constant(0.0), tf.constant(0.0)
        for batch in tf.range(first, first + steps - 1):
            loss, accuracy, _ = step(batch)
            loss_sum += loss
            accuracy_sum += accuracy
        measured = tf.zeros(2 + 2 * len(self._kernels))
        if steps > 0:
            measured = self._measured_step(step, first + steps - 1)
        validation = tf.zeros(self._evaluator.count)
        if validates:
            validation = self._evaluator.evaluate(*self._validation)
        sums = tf.stack([loss_sum, accuracy_sum, *[0.0] * (2 * len(self._kernels))])
        return tf.concat([measured + sums, validation], axis=0)

    def _measured_step(self, step: Callable[[tf.Tensor], Any], batch: tf.Tensor) -> tf.Tensor:
        before = [tf.identity(kernel.value) for kernel in self._kernels]
        loss, accuracy, gradients = step(batch)
        norms = [tf.norm(gradient) for gradient in gradients]
        ratios = [
            tf.math.divide_no_nan(tf.norm(kernel.value - old), tf.norm(old))
            for kernel, old in zip(self._kernels, before, strict=True)
        ]
        return tf.stack([loss, accuracy, *norms, *ratios])

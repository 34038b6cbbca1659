"""The Keras model that trains a recording interval in one compiled call and measures its gradients.

No Keras hook receives gradients, so they are measured in ``MeasuredModel.train_step``. Python is entered once per
interval instead of once per step: images stay on the device, a batch is gathered by index, and
``MeasuredModel.make_train_function``, which Keras lets a model override, gives ``fit`` a function that runs all steps
up to the next record, and its validation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from itertools import pairwise
from operator import add
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras.optimizers.schedules import LearningRateSchedule

from engine.config.specs import TrainingSpec
from engine.datasets import PreparedData
from engine.training.augmentation.augmenter import Augmenter, Target
from engine.training.evaluation import PRECISIONS, Evaluation, Evaluator, count_correct, cross_entropy
from engine.training.forward import folding_for
from engine.training.images import as_tensor
from engine.training.layers.graph import layers_with_kernel
from engine.training.layers.training_pass import Shard, TrainingPass
from engine.training.objective import Objective
from engine.training.schedules import OverridableRate, rate_at
from engine.training.timetable import Segment, Timetable
from engine.utils.arrays import Array

MIN_SHARD_IMAGES = 12  # on one thread, five shards of ten images make a step of cnn_4 a sixth slower


@dataclass(frozen=True)
class Measurement:
    """Measurements of one segment.

    Attributes:
        segment: its steps.
        loss_sum: plain cross-entropy over its batches, whatever the objective.
        accuracy_sum: over its batches.
        gradient_norms: of the last step, for each layer's weights, before clipping.
        update_ratios: of the last step, for each layer's weights, with weight decay.
        validation: after the last step; None unless it is recorded.
    """

    segment: Segment
    loss_sum: float
    accuracy_sum: float
    gradient_norms: tuple[float, ...]
    update_ratios: tuple[float, ...]
    validation: Evaluation | None


class MeasuredModel(keras.Model):
    """Wraps a network for training.

    With several threads, the batch of a network with convolutions is split into shards whose gradients are computed
    concurrently; their sum differs from the gradient of the batch only by rounding, also with batch normalisation
    (``engine.training.layers.training_pass``). The steps of a dense network are too short for that.

    Args:
        network: images to logits.
        data: training and validation images.
        training: batch size, objective and precision of validation.
        timetable: the steps of the run.
        rate: the learning rate given to the optimiser.
        counts_dead_units: whether activation statistics cover all validation images.
        threads: number of threads of the processor; 1 on a GPU.
        library: that computes on the processor; empty on a GPU.
        augmenter: changes the training images; None to leave them as they are.
        seed: the run's seed, for dropout.
    """

    def __init__(
        self,
        network: keras.Model,
        data: PreparedData,
        training: TrainingSpec,
        timetable: Timetable,
        rate: float | LearningRateSchedule,
        counts_dead_units: bool = False,
        threads: int = 1,
        library: str = "",
        augmenter: Augmenter | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(name="measured")
        self.network = network
        self.timetable = timetable
        self.measurement: Measurement | None = None
        self.first_step = 0  # number of steps made before, in a resumed run
        self._rate, self._augmenter = rate, augmenter
        self._images, self._labels = as_tensor(data.x_train), tf.constant(data.y_train)
        self._order = tf.Variable(np.arange(len(data.y_train), dtype=np.int32), trainable=False)
        self._batch_size = training.batch_size
        self._objective = Objective(training, data.y_train, len(data.info.class_names))
        self._layer_weights = [layer.kernel for layer in layers_with_kernel(network)]
        numbers = {id(variable): number for number, variable in enumerate(network.trainable_variables)}
        self._measured = [numbers[id(kernel)] for kernel in self._layer_weights]
        self._segments: Iterator[Segment] = iter(())
        has_convolutions = any(len(kernel.shape) == 4 for kernel in self._layer_weights)
        self._shards = max(1, min(threads, training.batch_size // MIN_SHARD_IMAGES)) if has_convolutions else 1
        folding = folding_for(library)
        precision = training.validation_precision
        self._evaluator = Evaluator(network, data.info.shape, counts_dead_units, folding, precision, threads)
        self._pass = TrainingPass(network, folding, seed)
        # Rounded once instead of at each record: rounding takes as long as the whole validation of mlp_1.
        images = tf.cast(as_tensor(data.x_validation), PRECISIONS[precision])
        self._validation = images, tf.constant(data.y_validation)

    def call(self, images: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Return the logits [batch, classes]."""
        return self.network(images, training=training)

    @property
    def trainable_weights(self) -> list[keras.Variable]:
        """The network's, in the order of the optimiser's variables.

        When ``fit`` ends, Keras pairs both to overwrite the weights by their average.
        """
        weights: list[keras.Variable] = self.network.trainable_weights
        return weights

    def begin_epoch(self, epoch: int, order: Array) -> None:
        """Set the order of the images, a permutation int32 [n], for ``epoch`` (from 0)."""
        self._order.assign(order)
        if self._augmenter is not None:
            self._augmenter.begin_epoch(epoch)
        self._segments = (segment for segment in self.timetable.segments(epoch) if segment.start >= self.first_step)

    @property
    def rate_variables(self) -> list[tf.Variable]:
        """Variables of the learning rate besides those of the optimiser."""
        return [self._rate.manual_rate] if isinstance(self._rate, OverridableRate) else []

    def train_step(self, batch: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, list[tf.Tensor]]:
        """Make one optimiser step.

        Args:
            batch: number of the batch in the epoch, from 0.

        Returns:
            The batch's cross-entropy, its accuracy, and the gradients of the weights, without biases, before clipping.
        """
        chosen = self._order[batch * self._batch_size : (batch + 1) * self._batch_size]
        count = tf.shape(chosen)[0]
        bounds = [count * shard // self._shards for shard in range(self._shards + 1)]
        shards = [Shard.of(*each) for each in pairwise(bounds)]
        masks = self._pass.draw(count, tf.cast(self.optimizer.iterations.value, tf.int64))
        groups = [shards] if self._pass.is_joint else [[shard] for shard in shards]
        losses, correct, of_groups = zip(*(self._gradients(chosen, group, masks) for group in groups), strict=True)
        variables = self.network.trainable_variables
        gradients = [tf.add_n(each) for each in zip(*of_groups, strict=True)]
        gradients = [_with_l2(gradient, variable) for gradient, variable in zip(gradients, variables, strict=True)]
        self.optimizer.apply(gradients, variables)
        measured = [gradients[number] for number in self._measured]
        return tf.add_n(losses), tf.add_n(correct) / tf.cast(count, tf.float32), measured

    def _gradients(
        self, chosen: tf.Tensor, shards: Sequence[Shard], masks: dict[int, tf.Tensor]
    ) -> tuple[tf.Tensor, tf.Tensor, list[tf.Tensor]]:
        """Compute the contribution of some shards to their batch.

        Args:
            chosen: indices of the batch's images.
            shards: one, or all if their layers are computed together.
            masks: of dropout, for the whole batch.

        Returns:
            The contribution to the batch's mean cross-entropy, the number of correctly classified images, and the
            gradients of all trainable variables.
        """
        count = tf.cast(tf.shape(chosen)[0], tf.float32)
        batches = [self._chosen(shard.part(chosen)) for shard in shards]

        def total(measure: Callable[..., tf.Tensor]) -> tf.Tensor:
            """Return the sum of a measure over the images of the shards."""
            return tf.add_n(
                [
                    shard.weight * _over(targets, measure, each)
                    for shard, (_, targets), each in zip(shards, batches, logits, strict=True)
                ]
            )

        with tf.GradientTape() as tape:
            logits = self._pass([images for images, _ in batches], shards, masks)
            loss = total(self._objective) / count
        recorded = loss if self._objective.is_plain else total(cross_entropy) / count
        return recorded, total(count_correct), tape.gradient(loss, self.network.trainable_variables)

    def _chosen(self, index: tf.Tensor) -> tuple[tf.Tensor, list[Target]]:
        """Return the training images with these numbers as the network sees them, and their labels."""
        if self._augmenter is not None:
            return self._augmenter.batch(self._images, self._labels, index)
        return tf.gather(self._images, index), [(tf.gather(self._labels, index),)]

    def make_train_function(self, force: bool = False) -> Callable[[Any], dict[str, float]]:
        """Return the function that ``fit`` calls; each call trains the next segment of the epoch.

        ``fit`` makes the same number of calls in every epoch, while the number of segments varies by one: a call
        without a segment does nothing.
        """
        self.train_function = self._train_next_segment
        return self.train_function

    def warm_up(self) -> None:
        """Trace and optimise the compiled function by a call without steps, before training time is measured."""
        self.optimizer.build(self.network.trainable_variables)
        self._compiled(tf.constant(0), tf.constant(0), tf.constant(False))

    @cached_property
    def _compiled(self) -> tf.types.experimental.ConcreteFunction:
        """``_run_segment``, compiled. Calling a concrete function takes two thirds of the time of a ``tf.function``."""
        number = tf.TensorSpec((), tf.int32)
        return tf.function(self._run_segment).get_concrete_function(number, number, tf.TensorSpec((), tf.bool))

    def run_segment(self, first: int, steps: int, validates: bool) -> list[float]:
        """Make ``steps`` steps from batch ``first`` of the epoch on, then validate if requested, in one compiled call.

        Returns:
            The numbers that ``_run_segment`` describes.
        """
        values: list[float] = (
            self._compiled(tf.constant(first), tf.constant(steps), tf.constant(validates)).numpy().tolist()
        )
        return values

    def learning_rate_at(self, step: int) -> float:
        """Return the learning rate of ``step`` (from 1), the last one or an earlier one."""
        return rate_at(self._rate, self.optimizer, step)

    def set_learning_rate(self, rate: float) -> None:
        """Use ``rate`` from the next step on, overriding the schedule."""
        if isinstance(self._rate, OverridableRate):
            self._rate.override(rate)
        else:
            self.optimizer.learning_rate = rate

    @property
    def _averages(self) -> list[keras.Variable]:
        """The averages of the trainable weights; Keras has no public access to them."""
        averages: list[keras.Variable] = self.optimizer._model_variables_moving_average  # noqa: SLF001
        return averages

    def validated_weights(self) -> list[Array]:
        """Return the network's weights as they are validated: with the averages, if an average is kept."""
        weights: list[Array] = self.get_weights()
        if self.optimizer.use_ema:
            of = {id(variable): number for number, variable in enumerate(self.weights)}
            for variable, average in zip(self.network.trainable_variables, self._averages, strict=True):
                weights[of[id(variable)]] = average.numpy()
        return weights

    def test(self, images: Array, labels: Array) -> tuple[float, Array]:
        """Return the mean loss, in nats, and the logits, float32 [n, classes]."""
        logits = self._evaluator.logits(as_tensor(images))
        return float(cross_entropy(tf.constant(labels), logits)) / len(labels), logits.numpy()

    def _train_next_segment(self, _calls: Any) -> dict[str, float]:
        segment = next(self._segments, None)
        self.measurement = None
        if segment is None:
            return {}
        first = segment.start % self.timetable.steps_per_epoch
        loss, accuracy, *others = self.run_segment(first, segment.steps, segment.ends_with_record)
        layers = len(self._layer_weights)
        norms, ratios, validation = others[:layers], others[layers : 2 * layers], others[2 * layers :]
        found = self._evaluator.unpack(validation) if segment.ends_with_record else None
        self.measurement = Measurement(segment, loss, accuracy, tuple(norms), tuple(ratios), found)
        return {"batch_loss": loss / segment.steps, "batch_accuracy": accuracy / segment.steps}

    def _run_segment(self, first: tf.Tensor, steps: tf.Tensor, validates: tf.Tensor) -> tf.Tensor:
        """Train a segment. Only its last step is measured, outside the loop; both call the same traced step.

        Args:
            first: number of its first batch in the epoch, from 0.
            steps: number of steps.
            validates: whether to validate afterwards.

        Returns:
            Float32 [loss sum, accuracy sum, gradient norms..., update ratios..., validation...], where validation is 0
            unless requested.
        """
        step = tf.function(self.train_step)
        loss_sum, accuracy_sum = tf.constant(0.0), tf.constant(0.0)
        for batch in tf.range(first, first + steps - 1):
            loss, accuracy, _ = step(batch)
            loss_sum += loss
            accuracy_sum += accuracy
        measured = tf.zeros(2 + 2 * len(self._layer_weights))
        if steps > 0:
            measured = self._measured_step(step, first + steps - 1)
        validation = tf.zeros(self._evaluator.output_size)
        if validates:
            validation = self._validate()
        sums = tf.stack([loss_sum, accuracy_sum, *[0.0] * (2 * len(self._layer_weights))])
        return tf.concat([measured + sums, validation], axis=0)

    def _validate(self) -> tf.Tensor:
        """Evaluate the validation images with the averaged weights, if an average is kept.

        Keras overwrites the weights with their average when ``fit`` ends; here they take its place for the evaluation.
        """
        if not self.optimizer.use_ema:
            return self._evaluator.evaluate(*self._validation)
        variables = self.network.trainable_variables
        trained = [tf.identity(variable.value) for variable in variables]
        for variable, average in zip(variables, self._averages, strict=True):
            variable.assign(average)
        found = self._evaluator.evaluate(*self._validation)
        for variable, values in zip(variables, trained, strict=True):
            variable.assign(values)
        return found

    def _measured_step(self, step: Callable[[tf.Tensor], Any], batch: tf.Tensor) -> tf.Tensor:
        before = [tf.identity(weights.value) for weights in self._layer_weights]
        loss, accuracy, gradients = step(batch)
        norms = [tf.norm(gradient) for gradient in gradients]
        ratios = [
            tf.math.divide_no_nan(tf.norm(weights.value - old), tf.norm(old))
            for weights, old in zip(self._layer_weights, before, strict=True)
        ]
        return tf.stack([loss, accuracy, *norms, *ratios])


def _over(targets: Sequence[Target], measure: Callable[..., tf.Tensor], logits: tf.Tensor) -> tf.Tensor:
    """Return the sum of a measure over the labels of a batch, which has two of each image if images are mixed."""
    return reduce(add, (measure(labels, logits, *weights) for labels, *weights in targets))


def _with_l2(gradient: tf.Tensor, variable: keras.Variable) -> tf.Tensor:
    """Add the gradient of l2 * sum(weights²), once a batch, if the layer has that penalty."""
    penalty = variable.regularizer
    return gradient if penalty is None else gradient + 2 * penalty.l2 * variable.value

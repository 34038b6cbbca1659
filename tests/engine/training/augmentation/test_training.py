"""Training on augmented images: what the compiled function contains, and what is recorded."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from engine.config.augmentation import AugmentationSpec
from engine.datasets import PreparedData
from engine.events.runs import Record, RunFinished, Status
from engine.training.augmentation.augmenter import Augmenter
from engine.training.trainer import build_model
from tests.engine.support import of, small_run, train_here


def operations(data: PreparedData, **settings: Any) -> set[str]:
    """The types of all operations of a compiled training step."""
    model = build_model(small_run(**settings), data)
    model.optimizer.build(model.network.trainable_variables)
    step = tf.function(model.train_step).get_concrete_function(tf.TensorSpec((), tf.int32))
    return {operation.type for operation in step.graph.get_operations()}


def test_without_augmentation_nothing_of_it_is_compiled(few_digits: PreparedData) -> None:
    """A border alone augments nothing."""
    of_it = {"ImageProjectiveTransformV3", "ClipByValue", "SelectV2", "Split"}
    plain = operations(few_digits, border="black")
    assert not plain & of_it
    assert operations(few_digits, shift=1) - plain == {"ImageProjectiveTransformV3", "ResourceGather"}


def test_loss_and_accuracy_are_those_of_the_augmented_batch(few_digits: PreparedData) -> None:
    """Of mixed images, weighted by the mixture; a rate of almost 0 leaves the weights as they are."""
    settings = {"shift": 2, "mixup": 0.4, "contrast": 0.3}
    run = small_run(**settings, batch_size=130, record_every=1, learning_rate=1e-9)
    (record,) = of(Record, train_here(run, few_digits))
    info = few_digits.info
    augmenter = Augmenter(AugmentationSpec(**settings), run.seed, 130, info.shape, info.black, info.white)
    everything = tf.range(130)
    images, targets = augmenter.batch(tf.constant(few_digits.x_train), tf.constant(few_digits.y_train), everything)
    logits = build_model(run, few_digits).network(images).numpy()
    logarithms = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    loss = sum(-(logarithms[range(130), labels.numpy()] * weights.numpy()).mean() for labels, weights in targets)
    accuracy = sum(((logits.argmax(axis=1) == labels.numpy()) * weights.numpy()).mean() for labels, weights in targets)
    assert record.training_loss == pytest.approx(float(loss), rel=1e-5)
    assert record.training_accuracy == pytest.approx(float(accuracy), rel=1e-5)


@pytest.mark.long
def test_shares_of_a_batch_see_the_same_images(few_digits: PreparedData) -> None:
    run = small_run(architectures=["cnn_3"], shift=2, rotation=10, mixup=0.4, cutout=5, batch_size=60)
    losses = []
    for threads in (1, 2):
        model = build_model(run, few_digits, threads=threads)
        model.warm_up()
        model.begin_epoch(0, np.arange(130, dtype=np.int32))
        losses.append(model.run_segment(0, 3, validates=False)[0])
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


@pytest.mark.long
def test_digits_are_learned_from_augmented_images(digits: PreparedData) -> None:
    run = small_run(epochs=6, shift=2, rotation=10, zoom=0.1, brightness=0.1, contrast=0.2, cutout=6, mixup=0.2)
    events = train_here(run, digits)
    (end,) = of(RunFinished, events)
    assert end.status is Status.FINISHED
    assert (end.test_accuracy or 0) > 0.85

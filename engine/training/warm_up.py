"""A tiny training on noise that loads the libraries before the first real one."""

from __future__ import annotations

from collections.abc import Callable

from engine.config.specs import TrainingSpec
from engine.events.commands import Control
from engine.training.noise import noise, noise_run
from engine.training.trainer import train

# One of each kind of layer in the course's networks.
NETWORK = "warm_up[Conv-3x3x4, Act, MaxPool-2x2, FC-4, Act]"
SHAPE, IMAGES, CLASSES = (8, 8, 1), 20, 2


def train_on_noise(has_work: Callable[[], bool]) -> None:
    """Train a small network on noise for two steps, until ``has_work`` reports a real task.

    Much of TensorFlow and Keras is loaded on first use only, which takes longer than tracing a network.
    """
    if has_work():
        return
    train(
        0,
        noise_run(NETWORK, TrainingSpec(epochs=1, batch_size=IMAGES // 2, record_every=1)),
        noise(SHAPE, CLASSES, IMAGES, IMAGES),
        lambda _event: None,
        lambda **_wait: Control.CANCEL if has_work() else None,
        model_file=None,
    )

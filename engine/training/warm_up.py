"""A tiny training on noise that loads the libraries before the first real one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from engine.config.specs import DataSpec, NetworkSpec, RunSpec, TrainingSpec
from engine.datasets import PreparedData
from engine.events.commands import Control
from engine.events.datasets import DatasetInfo
from engine.training.trainer import train

# One of each kind of layer in the course's networks.
NETWORK = "warm_up[Conv-3x3x4, Act, MaxPool-2x2, FC-4, Act]"
SIDE, IMAGES, CLASSES = 8, 20, 2


def train_on_noise(has_work: Callable[[], bool]) -> None:
    """Train a small network on noise for two steps, until ``has_work`` reports a real task.

    Much of TensorFlow and Keras is loaded on first use only, which takes longer than tracing a network.
    """
    if has_work():
        return
    generator = np.random.default_rng(0)

    def part() -> tuple[np.ndarray, np.ndarray]:
        images = generator.normal(size=(IMAGES, SIDE, SIDE, 1)).astype(np.float32)
        return images, np.arange(IMAGES, dtype=np.int32) % CLASSES

    shape = (SIDE, SIDE, 1)
    info = DatasetInfo("noise", "Noise", tuple(map(str, range(CLASSES))), shape, IMAGES, IMAGES, IMAGES, "")
    run = RunSpec(
        variant=NETWORK,
        architecture=NETWORK,
        repeat=1,
        seed=0,
        data=DataSpec(),
        network=NetworkSpec(),
        training=TrainingSpec(epochs=1, batch_size=IMAGES // 2, record_every=1),
    )
    train(
        0,
        run,
        PreparedData(info, *part(), *part(), *part()),
        lambda _event: None,
        lambda **_wait: Control.CANCEL if has_work() else None,
        model_file=None,
    )

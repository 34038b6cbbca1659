"""A training of nothing, so that the first real one finds everything loaded."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from engine.config.specs import DataSpec, NetworkSpec, RunSpec, TrainingSpec
from engine.datasets import PreparedData
from engine.events.commands import Control
from engine.events.datasets import DatasetInfo
from engine.training.trainer import train

# A bit of everything that the course's networks have.
NETWORK = "rehearsal[Conv-3x3x4, Act, MaxPool-2x2, FC-4, Act]"
SIDE, IMAGES, CLASSES = 8, 20, 2


def rehearse(is_wanted: Callable[[], bool]) -> None:
    """Train a small network on noise for two steps, unless ``is_wanted`` says that real work has come.

    Much of TensorFlow and Keras is only loaded where it is first used: that takes longer than to trace a network.
    """
    if is_wanted():
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
        lambda **_wait: Control.CANCEL if is_wanted() else None,
        model_file=None,
    )

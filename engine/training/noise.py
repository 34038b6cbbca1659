"""Random images and their runs, for trainings that only take time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from engine.config.specs import DataSpec, NetworkSpec, RunSpec, TrainingSpec
from engine.datasets import PreparedData
from engine.events.datasets import DatasetInfo
from engine.utils.arrays import Array


def noise(shape: tuple[int, int, int], classes: int, training_images: int, other_images: int) -> PreparedData:
    """Return normally distributed images with labels in turn.

    Args:
        shape: height, width and channels of the images.
        classes: number of classes.
        training_images: their number.
        other_images: number of validation images, and of test images.
    """
    generator = np.random.default_rng(0)

    def part(count: int) -> tuple[Array, Array]:
        images = generator.standard_normal(size=(count, *shape), dtype=np.float32)
        return images, np.arange(count, dtype=np.int32) % classes

    names = tuple(map(str, range(classes)))
    info = DatasetInfo("noise", "Noise", names, shape, training_images, other_images, other_images, "")
    info = replace(info, black=(-1.0,) * shape[2], white=(1.0,) * shape[2])
    return PreparedData(info, *part(training_images), *part(other_images), *part(other_images))


def noise_run(architecture: str, training: TrainingSpec) -> RunSpec:
    """Return a run of ``architecture`` on noise, whose images are given with it."""
    return RunSpec(
        variant=architecture,
        architecture=architecture,
        repeat=1,
        seed=0,
        data=DataSpec(),
        network=NetworkSpec(),
        training=training,
    )

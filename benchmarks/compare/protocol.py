"""The workload of all sides: the course's protocol on synthetic, learnable images.

The same network, images and split, batches of 50, Adam with default settings, one epoch shuffled by the seed, and a
record every 10 steps: training loss and accuracy as the mean over these ten batches, validation loss and accuracy over
the whole set of 5,000. The engine also records gradient norms, update ratios and activation statistics; the others do
not.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.config.specs import DataSpec
from engine.datasets import PreparedData, prepare
from engine.networks.architectures import summarize
from engine.networks.operations import evaluation_operations, step_operations

BATCH = 50
RECORD_EVERY = 10
LEARNING_RATE = 0.001
VALIDATION_IMAGES = 5_000  # the course's
CLASSES = 10
SHAPE = (32, 32, 1)
SEED = 0

# Training images: enough steps for a stable figure, few enough for several rounds. A multiple of the interval.
TRAINING_IMAGES = {"mlp_1": 45_000, "cnn_4": 10_000}


@dataclass(frozen=True)
class Round:
    """Seconds per step and run, records included, and the validation accuracy of the last record."""

    seconds_per_step: float
    accuracy: float


@dataclass(frozen=True)
class Workload:
    """``architecture``, trained for one epoch on the images in ``file``."""

    architecture: str
    file: Path

    @property
    def images(self) -> int:
        return TRAINING_IMAGES[self.architecture]

    @property
    def steps(self) -> int:
        return self.images // BATCH

    @property
    def data(self) -> DataSpec:
        share = VALIDATION_IMAGES / (VALIDATION_IMAGES + self.images)
        return DataSpec(dataset=str(self.file), validation_fraction=share)

    def prepared(self) -> PreparedData:
        """Return the images as the engine prepares them, float32 [n, 32, 32, 1]."""
        return prepare(self.data, lambda *_told: None)

    @property
    def operations_per_step(self) -> float:
        """Return the floating-point operations per step: training plus its share of a record's validation."""
        layers = summarize(self.architecture, SHAPE, CLASSES)
        return step_operations(layers, BATCH) + evaluation_operations(layers, VALIDATION_IMAGES) / RECORD_EVERY


def make_images(architecture: str, folder: Path) -> Workload:
    """Write ten noisy patterns, uint8, so that accuracy shows whether a side learns."""
    generator = np.random.default_rng(SEED)
    coarse = generator.normal(size=(CLASSES, 8, 8))
    patterns = 14 * np.kron(coarse, np.ones((4, 4)))

    def part(count: int) -> tuple[np.ndarray, np.ndarray]:
        labels = np.arange(count) % CLASSES
        images = 128 + patterns[labels] + generator.normal(scale=60, size=(count, *SHAPE[:2]))
        return np.clip(images, 0, 255).astype(np.uint8), labels

    file = folder / f"{architecture}.npz"
    x_train, y_train = part(TRAINING_IMAGES[architecture] + VALIDATION_IMAGES)
    x_test, y_test = part(500)
    np.savez(file, x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
    return Workload(architecture, file)

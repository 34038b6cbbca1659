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
SIDE = 32  # of the images, in pixels
SEED = 0


@dataclass(frozen=True)
class Network:
    """A network of the comparison.

    Attributes:
        architecture: its name in the program.
        training_images: enough steps for a stable figure, few enough for several rounds; a multiple of the interval.
        channels: of its images; 3 for colour.
        sides: those that train it unless others are named.
    """

    architecture: str
    training_images: int
    channels: int = 1
    sides: str = "abcdefg"

    @property
    def shape(self) -> tuple[int, int, int]:
        return SIDE, SIDE, self.channels


NETWORKS = {
    "mlp_1": Network("mlp_1", 45_000),
    "cnn_4": Network("cnn_4", 5_000),
    "cnn_3": Network("cnn_3", 3_000, sides="abde"),
    "cnn_5": Network("cnn_5", 5_000, sides="abde"),
    "cnn_4_colour": Network("cnn_4", 3_000, channels=3, sides="abde"),
}


@dataclass(frozen=True)
class Round:
    """What a round took and gave.

    Attributes:
        seconds_per_step: and run, records included.
        accuracy: that of validation at the last record.
        library: with which this program computed; empty for the others.
    """

    seconds_per_step: float
    accuracy: float
    library: str = ""


@dataclass(frozen=True)
class Workload:
    """The network called ``name``, trained for one epoch on the images in ``file``."""

    name: str
    file: Path

    @property
    def network(self) -> Network:
        return NETWORKS[self.name]

    @property
    def architecture(self) -> str:
        return self.network.architecture

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.network.shape

    @property
    def images(self) -> int:
        return self.network.training_images

    @property
    def steps(self) -> int:
        return self.images // BATCH

    @property
    def data(self) -> DataSpec:
        share = VALIDATION_IMAGES / (VALIDATION_IMAGES + self.images)
        return DataSpec(dataset=str(self.file), validation_fraction=share, grayscale=self.network.channels == 1)

    def prepared(self) -> PreparedData:
        """Return the images as the engine prepares them, float32 [n, 32, 32, channels]."""
        return prepare(self.data, lambda *_told: None)

    @property
    def operations_per_step(self) -> float:
        """Return the floating-point operations per step: training plus its share of a record's validation."""
        layers = summarize(self.architecture, self.shape, CLASSES)
        return step_operations(layers, BATCH) + evaluation_operations(layers, VALIDATION_IMAGES) / RECORD_EVERY


def make_images(name: str, folder: Path) -> Workload:
    """Write ten noisy patterns, uint8, so that accuracy shows whether a side learns."""
    network = NETWORKS[name]
    generator = np.random.default_rng(SEED)
    coarse = generator.normal(size=(CLASSES, 8, 8, network.channels))
    patterns = 14 * np.kron(coarse, np.ones((4, 4, 1)))

    def part(count: int) -> tuple[np.ndarray, np.ndarray]:
        labels = np.arange(count) % CLASSES
        images = 128 + patterns[labels] + generator.normal(scale=60, size=(count, *network.shape))
        images = np.clip(images, 0, 255).astype(np.uint8)
        return images if network.channels > 1 else images[..., 0], labels

    file = folder / f"{name}.npz"
    x_train, y_train = part(network.training_images + VALIDATION_IMAGES)
    x_test, y_test = part(500)
    np.savez(file, x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
    return Workload(name, file)

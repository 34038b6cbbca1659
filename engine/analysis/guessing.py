"""What guessing achieves: the loss of answering the classes' shares, and the accuracy of always naming the largest."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from engine.events.datasets import DatasetInfo
from engine.utils.arrays import Array

BALANCED = 0.999  # of ln(classes): from here on the difference is far below what a curve tells


@dataclass(frozen=True)
class GuessingLoss:
    """Loss of a network whose output is the same for every image, at best the classes' shares.

    Attributes:
        nats: its mean; the entropy of the shares.
        deviation: the standard deviation over images, in nats; 0 where all classes are equally frequent.
        name: such as ``ln(10)``.
        text: the name and the loss, such as ``ln(10) = 2.303``.
    """

    nats: float
    deviation: float
    name: str
    text: str


def guessing_loss(class_count: int, training_counts: tuple[int, ...] = ()) -> GuessingLoss:
    """Return the loss of guessing.

    Args:
        class_count: number of classes, at least 1.
        training_counts: training images of each class; empty if unknown, then the classes count as equally frequent.
    """
    nats, name = math.log(class_count), f"ln({class_count})"
    uniform = GuessingLoss(nats, 0.0, name, f"{name} = {nats:.3f}")
    counts = np.array([count for count in training_counts if count > 0], float)
    if not len(counts):
        return uniform
    shares = counts / counts.sum()
    surprise = -np.log(shares)
    entropy = float(shares @ surprise)
    if entropy >= BALANCED * uniform.nats:
        return uniform
    deviation = math.sqrt(float(shares @ (surprise - entropy) ** 2))
    return GuessingLoss(entropy, deviation, "entropy of the classes", f"{entropy:.3f}, the entropy of the classes")


@dataclass(frozen=True)
class LargestClass:
    """The largest class of the test images, how many of them are of it, and whether another class is as large."""

    name: str
    count: int
    total: int
    is_shared: bool

    @property
    def share(self) -> float:
        """Test accuracy (fraction) of always answering it."""
        return self.count / self.total

    @property
    def answer(self) -> str:
        """Such as ``always answering 'cat', the largest class of the test images``."""
        which = "one of the largest classes" if self.is_shared else "the largest class"
        return f"always answering '{self.name}', {which} of the test images"

    @property
    def sentence(self) -> str:
        """What accuracy it reaches."""
        return f"A{self.answer[1:]}, reaches {100 * self.share:.1f} %."


def largest_class(info: DatasetInfo | None, confusions: Iterable[Array | None] = ()) -> LargestClass | None:
    """Return the largest class of the test images; None if their classes are not known.

    Args:
        info: the data set.
        confusions: confusion matrices of its tests, for an experiment of an earlier version, whose ``info`` lacks the
            counts.
    """
    if info is None:
        return None
    counts = info.test_class_counts
    if not sum(counts):
        found = next((each for each in confusions if each is not None and each.sum()), None)
        counts = () if found is None else tuple(found.sum(axis=1).tolist())
    if not sum(counts) or len(counts) > len(info.class_names):
        return None
    largest = max(range(len(counts)), key=counts.__getitem__)
    return LargestClass(info.class_names[largest], counts[largest], sum(counts), counts.count(counts[largest]) > 1)

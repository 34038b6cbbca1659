"""The misclassified test images with the highest confidence."""

from __future__ import annotations

import numpy as np

from engine.events.runs import Mistake
from engine.networks.inference import softmax
from engine.utils.arrays import Array

MAX_MISTAKES = 24


def most_confident_mistakes(
    images: Array, labels: Array, logits: Array, count: int = MAX_MISTAKES
) -> tuple[Mistake, ...]:
    """Return at most ``count`` misclassified images, in descending order of confidence.

    Args:
        images: float32 [n, height, width, channels].
        labels: int [n].
        logits: float [n, classes].
        count: maximum number of images.
    """
    probabilities = softmax(logits)
    predicted = probabilities.argmax(axis=1)
    confidence = probabilities.max(axis=1)
    wrong = np.flatnonzero(predicted != labels)
    most_confident = wrong[np.argsort(-confidence[wrong], kind="stable")][:count]
    low, high = float(images.min()), float(images.max())
    scale = 255 / (high - low) if high > low else 0.0
    pixels = np.rint((images[most_confident] - low) * scale).astype(np.uint8)
    return tuple(
        Mistake(int(image), int(labels[image]), int(predicted[image]), float(confidence[image]), picture)
        for image, picture in zip(most_confident, pixels, strict=True)
    )

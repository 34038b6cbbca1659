"""The test images that a network got wrong and was surest of."""

from __future__ import annotations

import numpy as np

from engine.events.runs import Mistake
from engine.networks.inference import softmax
from engine.utils.arrays import Array

MOST_MISTAKES = 24


def surest_mistakes(images: Array, labels: Array, logits: Array, count: int = MOST_MISTAKES) -> tuple[Mistake, ...]:
    """At most ``count`` wrong images, the one given the highest probability first.

    ``images`` is float32 [n, height, width, channels], ``labels`` int [n], ``logits`` float [n, classes].
    """
    probabilities = softmax(logits)
    predicted = probabilities.argmax(axis=1)
    confidence = probabilities.max(axis=1)
    wrong = np.flatnonzero(predicted != labels)
    surest = wrong[np.argsort(-confidence[wrong], kind="stable")][:count]
    low, high = float(images.min()), float(images.max())
    scale = 255 / (high - low) if high > low else 0.0
    pixels = np.rint((images[surest] - low) * scale).astype(np.uint8)
    return tuple(
        Mistake(int(image), int(labels[image]), int(predicted[image]), float(confidence[image]), picture)
        for image, picture in zip(surest, pixels, strict=True)
    )

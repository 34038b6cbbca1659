"""What every source of images has in common."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from engine.utils.arrays import Array
from engine.utils.errors import DatasetError

ProgressCallback = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, and the total (0 where unknown). It may raise
:class:`~engine.utils.errors.Cancelled` to abort; nothing half-made is left behind then."""

# float32 takes four times this much, which is what a training process then has to hold.
LARGEST_BYTES = 4 * 2**30


@dataclass(frozen=True)
class RawImages:
    """A data set as stored, before preparation.

    ``x_train`` and ``x_test`` are uint8 [n, height, width, channels] with 1 or 3 channels, and may be read-only memory
    maps; ``y_train`` and ``y_test`` are int64 [n]. A data set without a test part has None twice. ``fingerprint`` is a
    SHA-256 in hex over images and labels.
    """

    title: str
    class_names: tuple[str, ...]
    x_train: Array
    y_train: Array
    x_test: Array | None
    y_test: Array | None
    fingerprint: str


@dataclass(frozen=True)
class Part:
    """The training or test part on its way from its source: labels at hand, images in pieces.

    ``labels`` is int64 [n]; ``shape`` is height, width and channels; ``blocks`` gives uint8 [k, height, width,
    channels], together n images in the order of the labels, and can be gone through once.
    """

    labels: Array
    shape: tuple[int, int, int]
    blocks: Iterable[Array]

    @property
    def bytes(self) -> int:
        """Size of the images."""
        return len(self.labels) * self.shape[0] * self.shape[1] * self.shape[2]


@dataclass(frozen=True)
class Decoded:
    """A data set on its way from its source; see :class:`Part`."""

    title: str
    class_names: tuple[str, ...]
    train: Part
    test: Part | None

    @property
    def parts(self) -> dict[str, Part]:
        """The parts there are, by name."""
        return {"train": self.train} | ({"test": self.test} if self.test is not None else {})


class Hash(Protocol):
    """What :mod:`hashlib` makes."""

    def update(self, data: bytes, /) -> None:
        """Add bytes."""


def hashed(part: Part, digest: Hash) -> Iterator[Array]:
    """The blocks of ``part``; its shape, images and labels are added to ``digest`` on their way."""
    digest.update(repr((len(part.labels), *part.shape)).encode())
    for block in part.blocks:
        digest.update(block.tobytes())
        yield block
    digest.update(part.labels.astype("<i8").tobytes())


def check(decoded: Decoded) -> None:
    """Raises :class:`DatasetError` where a data set can't be learned from or would not fit into memory."""
    if len(decoded.class_names) < 2:
        raise DatasetError(f"{decoded.title} has fewer than two classes; a network needs at least two to tell apart.")
    counts = np.bincount(decoded.train.labels, minlength=len(decoded.class_names))
    if not counts.all():
        name = decoded.class_names[int(np.argmin(counts))]
        raise DatasetError(f"{decoded.title} has no training image of class '{name}'; add some or take the class out.")
    size = sum(part.bytes for part in decoded.parts.values())
    if size > LARGEST_BYTES:
        raise DatasetError(
            f"{decoded.title} would take {4 * size / 2**30:.0f} GiB of memory (at most {LARGEST_BYTES / 2**28:.0f} GiB "
            "are allowed); choose a smaller image side or fewer images."
        )


def collect(decoded: Decoded) -> RawImages:
    """The data set in memory; raises :class:`DatasetError` as :func:`check` does."""
    check(decoded)
    digest = hashlib.sha256()
    images = {name: np.concatenate(list(hashed(part, digest))) for name, part in decoded.parts.items()}
    return RawImages(
        title=decoded.title,
        class_names=decoded.class_names,
        x_train=images["train"],
        y_train=decoded.train.labels,
        x_test=images.get("test"),
        y_test=decoded.test.labels if decoded.test is not None else None,
        fingerprint=digest.hexdigest(),
    )

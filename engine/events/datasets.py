"""Events about data sets."""

from __future__ import annotations

import math
from dataclasses import dataclass

from engine.utils.arrays import Array

_FLOAT_BYTES = 4


@dataclass(frozen=True)
class DatasetInfo:
    """A prepared data set, described; small enough for every border.

    Attributes:
        name: what was asked for (``DataSpec.dataset``).
        shape: height, width and channels after preparation.
        fingerprint: SHA-256 in hex over stored images and labels.
        class_counts: training images of each class; empty in experiments of earlier versions, as what follows.
        test_class_counts: test images of each class.
        duplicates: test images that equal a training or validation image pixel by pixel.
        warnings: sentences on what was left out, changed or looks doubtful.
        own_validation: whether the data set has a validation part; otherwise it is held back from the training part.
        own_test: likewise.
        black: the value of black after normalisation, for each channel.
        white: likewise.
    """

    name: str
    title: str
    class_names: tuple[str, ...]
    shape: tuple[int, int, int]
    train_count: int
    validation_count: int
    test_count: int
    fingerprint: str
    class_counts: tuple[int, ...] = ()
    test_class_counts: tuple[int, ...] = ()
    duplicates: int = 0
    warnings: tuple[str, ...] = ()
    own_validation: bool = False
    own_test: bool = False
    black: tuple[float, ...] = ()
    white: tuple[float, ...] = ()

    @property
    def image_bytes(self) -> int:
        """Size of the images of all parts after preparation, as float32."""
        count = self.train_count + self.validation_count + self.test_count
        return _FLOAT_BYTES * count * math.prod(self.shape)


@dataclass(frozen=True)
class DatasetReady:
    """The data set is on disk, decoded and described."""

    info: DatasetInfo


@dataclass(frozen=True)
class DatasetVerified:
    """A data set is on disk, decoded and intact; ``intact`` is False if its images had to be decoded again."""

    dataset: str
    intact: bool


@dataclass(frozen=True)
class CacheRemoved:
    """Downloads and decoded images of a data set were deleted.

    ``freed`` is in bytes.
    """

    dataset: str
    freed: int


@dataclass(frozen=True)
class SamplesReady:
    """Sample images for the data set chooser.

    Attributes:
        counts: number of training images of each class.
        images: uint8 [count, height, width, channels].
        labels: class index of each image.
        test_counts: number of test images of each class; empty if the data set has no test part.
        validation_counts: likewise.
        warnings: sentences on what was left out, changed or looks doubtful.
        augmented: whether the images are augmented as in training.
    """

    dataset: str
    title: str
    class_names: tuple[str, ...]
    counts: tuple[int, ...]
    images: Array
    labels: tuple[int, ...]
    test_counts: tuple[int, ...] = ()
    validation_counts: tuple[int, ...] = ()
    warnings: tuple[str, ...] = ()
    augmented: bool = False

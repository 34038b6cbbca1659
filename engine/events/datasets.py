"""Events about data sets."""

from __future__ import annotations

from dataclasses import dataclass

from engine.utils.arrays import Array


@dataclass(frozen=True)
class DatasetInfo:
    """A prepared data set, described; small enough for every border.

    ``name`` is what was asked for (DataSpec.dataset), ``shape`` height, width and channels after preparation,
    ``fingerprint`` a SHA-256 in hex over stored images and labels.
    """

    name: str
    title: str
    class_names: tuple[str, ...]
    shape: tuple[int, int, int]
    train_count: int
    validation_count: int
    test_count: int
    fingerprint: str


@dataclass(frozen=True)
class DatasetReady:
    """The data set is on disk, decoded and described."""

    info: DatasetInfo


@dataclass(frozen=True)
class DatasetVerified:
    """A data set is on disk, decoded and whole; not ``sound`` where its images had changed and were decoded anew."""

    dataset: str
    sound: bool


@dataclass(frozen=True)
class CacheRemoved:
    """Downloads and decoded images of a data set were deleted; ``freed`` in bytes."""

    dataset: str
    freed: int


@dataclass(frozen=True)
class SamplesReady:
    """Images to show in the data set chooser.

    ``images`` is uint8 [count, height, width, channels]; ``labels`` holds a class index for each; ``counts`` the
    number of training images of each class, ``test_counts`` that of its test images where the set has a test part.
    """

    dataset: str
    title: str
    class_names: tuple[str, ...]
    counts: tuple[int, ...]
    images: Array
    labels: tuple[int, ...]
    test_counts: tuple[int, ...] = ()

"""Preparation of stored images for a network: split, scale, normalise, convert to gray."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from engine.config.specs import DataSpec, Normalization
from engine.datasets.base import ProgressCallback, RawImages
from engine.datasets.checks import find_duplicates, grayscale_warning
from engine.datasets.registry import load_raw
from engine.datasets.split import Split, chunks, split, stored_part
from engine.events.datasets import DatasetInfo
from engine.utils.arrays import Array, aligned_empty
from engine.utils.errors import SpecError

# Rec. 601 luma, as the course gives it.
LUMA = (0.2989, 0.587, 0.114)
# Channel means and deviations of CIFAR-10 for pixels in [0, 1], from the course handout.
_CIFAR10_MEANS = (0.4914, 0.4822, 0.4465)
_CIFAR10_DEVIATIONS = (0.247, 0.243, 0.261)
_CHUNK_BYTES = 2 * 2**20  # of uint8; in float32 it still fits the processor's cache


@dataclass(frozen=True)
class PreparedData:
    """Images float32 [n, height, width, channels], C-contiguous, and labels int32 [n], in the stored order."""

    info: DatasetInfo
    x_train: Array
    y_train: Array
    x_validation: Array
    y_validation: Array
    x_test: Array
    y_test: Array


@dataclass(frozen=True)
class PreparedPart:
    """The training, validation or test part while it is prepared.

    Attributes:
        shape: images, height, width, channels.
        blocks: float32 [k, height, width, channels] arrays, together of ``shape``; can be iterated once.
        labels: int32 [n].
    """

    shape: tuple[int, ...]
    blocks: Iterator[Array]
    labels: Array


@dataclass(frozen=True)
class Preparation:
    """The transformation applied to stored images, in the course's order.

    Attributes:
        means: float32 [stored channels], for pixels in [0, 1].
        deviations: likewise.
        grayscale: whether colour images are converted to luminance.
    """

    means: Array
    deviations: Array
    grayscale: bool

    @property
    def channels(self) -> int:
        """Number of channels of the stored images."""
        return len(self.means)

    def apply(self, images: Array) -> Array:
        """Scale to [0, 1], normalise, and convert to gray if requested.

        Args:
            images: uint8 [n, height, width, channels].

        Returns:
            float32 of the same shape, with one channel if converted.
        """
        floats = images.astype(np.float32)
        floats /= np.float32(255)
        floats -= self.means
        floats /= self.deviations
        to_gray = self.grayscale and self.channels == 3
        return floats @ np.array(LUMA, np.float32)[:, np.newaxis] if to_gray else floats

    def level(self, byte: int) -> tuple[float, ...]:
        """Return what becomes of a pixel with the value ``byte`` in all channels."""
        pixel = np.full((1, 1, 1, self.channels), byte, np.uint8)
        return tuple(self.apply(pixel).ravel().tolist())


def describe_dataset(spec: DataSpec, progress: ProgressCallback) -> DatasetInfo:
    """Describe the result of ``prepare``; downloads and decodes the data set if necessary.

    Only here, once for an experiment, are duplicates counted and is looked for colour that ``grayscale`` drops.

    Propagates ``DatasetError``, ``SpecError`` and errors of ``progress``.
    """
    return _describe(*_load(spec, progress), spec, progress)


def find_preparation(raw: RawImages, parts: Split, spec: DataSpec) -> Preparation:
    """Return the preparation that ``spec`` requests for ``raw``, split into ``parts``; propagates ``SpecError``."""
    _check_normalization(raw, spec)
    return Preparation(*_normalization(raw, parts, spec), spec.grayscale)


def prepare(spec: DataSpec, progress: ProgressCallback) -> PreparedData:
    """Load, split and prepare a data set; propagates errors as ``describe_dataset`` does."""
    raw, parts = _load(spec, progress)
    found = _prepared_parts(raw, parts, spec, progress)
    return collect_parts(_dataset_info(raw, parts, spec), found)


def describe_and_prepare(spec: DataSpec, progress: ProgressCallback) -> tuple[DatasetInfo, Iterator[PreparedPart]]:
    """Describe a data set as ``describe_dataset`` does, and prepare its parts as they are read."""
    raw, parts = _load(spec, progress)
    return _describe(raw, parts, spec, progress), _prepared_parts(raw, parts, spec, progress)


def collect_parts(info: DatasetInfo, parts: Iterable[PreparedPart]) -> PreparedData:
    """Prepare ``parts`` in memory."""
    arrays: list[Array] = []
    for part in parts:
        images = aligned_empty(part.shape)
        start = 0
        for block in part.blocks:
            images[start : start + len(block)] = block
            start += len(block)
        arrays += [images, part.labels]
    return PreparedData(info, *arrays)


def _load(spec: DataSpec, progress: ProgressCallback) -> tuple[RawImages, Split]:
    raw = load_raw(spec, progress)
    return raw, split(raw, spec)


def _describe(raw: RawImages, parts: Split, spec: DataSpec, progress: ProgressCallback) -> DatasetInfo:
    _check_normalization(raw, spec)
    duplicates = find_duplicates(raw, parts, progress)
    found = [duplicates.warning(len(parts.test))]
    if spec.grayscale and raw.x_train.shape[3] == 3:
        deviations = find_preparation(raw, parts, spec).deviations
        found.append(grayscale_warning(raw, parts, np.array(LUMA) / deviations))
    info = _dataset_info(raw, parts, spec)
    warnings = (*info.warnings, *(sentence for sentence in found if sentence))
    return replace(info, duplicates=duplicates.count, warnings=warnings)


def _prepared_parts(raw: RawImages, parts: Split, spec: DataSpec, progress: ProgressCallback) -> Iterator[PreparedPart]:
    """Yield the training, validation and test part, each to be read before the next one."""
    preparation = find_preparation(raw, parts, spec)
    channels = 1 if spec.grayscale else raw.x_train.shape[3]
    chosen = {"train": parts.train, "validation": parts.validation, "test": parts.test}
    total = sum(map(len, chosen.values()))
    done = 0
    for name, indices in chosen.items():
        images, labels = stored_part(raw, name)
        progress("Preparing images", done, total)
        shape = (len(indices), *images.shape[1:3], channels)
        yield PreparedPart(shape, _prepared_blocks(images, indices, preparation), labels[indices].astype(np.int32))
        done += len(indices)
    progress("Preparing images", total, total)


def _dataset_info(raw: RawImages, parts: Split, spec: DataSpec) -> DatasetInfo:
    height, width, channels = raw.x_train.shape[1:]
    preparation = find_preparation(raw, parts, spec)
    return DatasetInfo(
        name=spec.dataset,
        title=raw.title,
        class_names=raw.class_names,
        shape=(height, width, 1 if spec.grayscale else channels),
        train_count=len(parts.train),
        validation_count=len(parts.validation),
        test_count=len(parts.test),
        fingerprint=raw.fingerprint,
        class_counts=class_counts(raw, raw.y_train[parts.train]),
        test_class_counts=class_counts(raw, stored_part(raw, "test")[1][parts.test]),
        warnings=raw.warnings,
        own_validation=raw.y_validation is not None,
        own_test=raw.y_test is not None,
        black=preparation.level(0),
        white=preparation.level(255),
    )


def class_counts(raw: RawImages, labels: Array) -> tuple[int, ...]:
    """Return how many of ``labels`` there are of each class of ``raw``."""
    return tuple(np.bincount(labels, minlength=len(raw.class_names)).tolist())


def fixed_preparation(normalization: Normalization, channels: int) -> Preparation:
    """Return the preparation of images with ``channels`` that depends on no data set.

    Raises:
        SpecError: if there is none of that name.
    """
    if normalization == "per-dataset":
        raise SpecError("The normalisation per-dataset needs a data set; choose one, or another normalisation.")
    if normalization == "cifar10" and channels != 3:
        raise SpecError("The normalisation cifar10 needs three colour channels; choose half or none.")
    return Preparation(*_constants(normalization, channels), grayscale=False)


def _check_normalization(raw: RawImages, spec: DataSpec) -> None:
    if spec.normalization == "cifar10" and raw.x_train.shape[3] != 3:
        raise SpecError(
            f"The normalisation cifar10 needs three colour channels, and {raw.title} is gray; choose half or "
            "per-dataset."
        )


def _normalization(raw: RawImages, parts: Split, spec: DataSpec) -> tuple[Array, Array]:
    """Return means and deviations, float32 [channels]."""
    if spec.normalization != "per-dataset":
        return _constants(spec.normalization, raw.x_train.shape[3])
    means, deviations = _moments(raw.x_train, parts.train)
    return means.astype(np.float32), deviations.astype(np.float32)


def _constants(normalization: Normalization, channels: int) -> tuple[Array, Array]:
    """Return the means and deviations of a normalisation that depends on no data set, float32 [channels]."""
    values = {
        "half": (0.5, 0.5),
        "cifar10": (_CIFAR10_MEANS, _CIFAR10_DEVIATIONS),
        "none": (0.0, 1.0),
        "bytes": (0.0, 1 / 255),
    }
    means, deviations = values[normalization]
    return np.full(channels, means, np.float32), np.full(channels, deviations, np.float32)


def _moments(images: Array, indices: Array) -> tuple[Array, Array]:
    """Return mean and population standard deviation of each channel of the selected images, for pixels in [0, 1].

    Computed from histograms, which is exact for uint8. The deviation of a constant channel is set to 1, so it becomes
    0.

    Returns:
        Two arrays float64 [channels].
    """
    channels = images.shape[3]
    counts = np.zeros((channels, 256))
    for chunk in chunks(images, indices, _CHUNK_BYTES):
        counts += [np.bincount(images[chunk, ..., channel].ravel(), minlength=256) for channel in range(channels)]
    shares = counts / counts.sum(axis=1, keepdims=True)
    values = np.arange(256) / 255
    means = shares @ values
    deviations = np.sqrt((shares * (values - means[:, np.newaxis]) ** 2).sum(axis=1))
    return means, np.where(deviations > 1e-6, deviations, 1.0)


def _prepared_blocks(images: Array, indices: Array, preparation: Preparation) -> Iterator[Array]:
    for chunk in chunks(images, indices, _CHUNK_BYTES):
        yield preparation.apply(images[chunk])

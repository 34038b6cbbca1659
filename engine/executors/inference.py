"""Execution of the tasks for trying out a trained network: prediction, picking test images, reading an image file."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from engine.config.specs import DataSpec
from engine.datasets.base import ProgressCallback, RawImages
from engine.datasets.download import NotDownloadedError, without_downloads
from engine.datasets.formats.decode import ImageLayout
from engine.datasets.formats.image import read_image, read_stored
from engine.datasets.prepare import Preparation, find_preparation, fixed_preparation
from engine.datasets.registry import load_raw
from engine.datasets.split import Split, split, stored_part
from engine.events.inference import ImageRead, NetworkOpened, PickedTestImages, Probed
from engine.events.runs import Weights
from engine.executors.tasks import InferenceTask, OpenNetworkTask, PickTestImagesTask, ProbeTask, ReadImageTask
from engine.networks.inference import LoadedNetwork, Prober, prepare_image
from engine.networks.layers import DepthwiseConv
from engine.utils.arrays import Array
from engine.utils.errors import DatasetError

MAX_WEIGHT_IMAGES = 256  # of a layer's outputs; more are too small on a screen to be told apart
MAX_WEIGHTS = 4_000_000  # that are shown: a dense layer on large images has one per pixel in each of its images


@dataclass(frozen=True)
class _Source:
    """A loaded data set."""

    spec: DataSpec
    raw: RawImages
    parts: Split
    preparation: Preparation


@dataclass
class InferenceRunner:
    """Executes these tasks; keeps the last network, and the data set whose preparation was last used."""

    _prober: Prober = field(default_factory=Prober, init=False)
    _source: _Source | None = field(default=None, init=False)

    def answer(
        self, task: InferenceTask, progress: ProgressCallback
    ) -> Probed | PickedTestImages | ImageRead | NetworkOpened:
        """Return the result of ``task``; ``TrainscopeError`` is propagated."""
        match task:
            case ProbeTask():
                return self._probe(task, progress)
            case PickTestImagesTask(data, count, seed):
                return _pick(self._source_of(data, progress), count, seed)
            case ReadImageTask(path):
                return ImageRead(path, read_image(path))
            case OpenNetworkTask(file):
                return _describe(file, self._prober.load(file))

    def _probe(self, task: ProbeTask, progress: ProgressCallback) -> Probed:
        image, (height, width, channels) = task.image, task.shape
        if task.data is None:
            preparation = fixed_preparation(task.normalization, channels)
        else:
            preparation = self._source_of(task.data, progress).preparation
        if task.file is not None and height == width:
            image = read_stored(task.file, ImageLayout(height, preparation.channels))
        return self._prober.probe(task.model_file, prepare_image(image, preparation, task.shape))

    def _source_of(self, spec: DataSpec, progress: ProgressCallback) -> _Source:
        if self._source is None or self._source.spec != spec:
            self._source = None  # free the old images before loading the new ones
            raw = _load(spec, progress)
            parts = split(raw, spec)
            self._source = _Source(spec, raw, parts, find_preparation(raw, parts, spec))
        return self._source


def _load(spec: DataSpec, progress: ProgressCallback) -> RawImages:
    try:
        with without_downloads():
            return load_raw(spec, progress)
    except NotDownloadedError:
        raise DatasetError(
            f"The images of {spec.dataset} are not on this computer; run an experiment on them, which downloads them."
        ) from None


def _pick(source: _Source, count: int, seed: int) -> PickedTestImages:
    images, labels = stored_part(source.raw, "test")
    indices = source.parts.test
    chosen = np.random.default_rng(seed).choice(indices, min(count, len(indices)), replace=False)
    return PickedTestImages(
        source.spec, source.raw.class_names, np.array(images[chosen]), tuple(labels[chosen].tolist())
    )


def _describe(file: Path, loaded: LoadedNetwork) -> NetworkOpened:
    from engine.training.callbacks.weights import to_pytorch_layout

    label, summary, kernel = next(
        (label, summary, kernel)
        for label, summary in loaded.layers
        if (kernel := getattr(loaded.network.get_layer(summary.name), "kernel", None)) is not None
    )
    values = to_pytorch_layout(_first(kernel.numpy()), summary.input_shape, isinstance(summary.layer, DepthwiseConv))
    opened = NetworkOpened(
        file,
        loaded.shape,
        loaded.saved.classes,
        loaded.architecture,
        tuple(label for label, _ in loaded.layers),
        Weights(0, 0, 0, label, summary.input_shape, values),
        summary.output_shape[-1],
        loaded.saved.training_only,
    )
    if (images := loaded.images) is None:
        return opened
    return replace(
        opened,
        trained_on=images.title,
        normalization=images.normalization,
        class_names=images.class_names,
        black=images.black,
        white=images.white,
    )


def _first(kernel: Array) -> Array:
    """Return the weights, in Keras' layout, of as many outputs as are shown; those of a depthwise layer are all."""
    outputs = min(MAX_WEIGHT_IMAGES, max(1, MAX_WEIGHTS // (kernel.size // kernel.shape[-1])))
    return kernel[..., :outputs]

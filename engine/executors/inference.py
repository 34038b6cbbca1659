"""Execution of the tasks for trying out a trained network: prediction, picking test images, reading an image file."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from engine.config.specs import DataSpec
from engine.datasets.base import ProgressCallback, RawImages
from engine.datasets.download import NotDownloadedError, without_downloads
from engine.datasets.formats.decode import ImageLayout
from engine.datasets.formats.image import read_image, read_stored
from engine.datasets.prepare import Preparation, find_preparation
from engine.datasets.registry import load_raw
from engine.datasets.split import Split, split, stored_part
from engine.events.inference import ImageRead, PickedTestImages, Probed
from engine.executors.tasks import InferenceTask, PickTestImagesTask, ProbeTask, ReadImageTask
from engine.networks.inference import Prober, prepare_image
from engine.utils.errors import DatasetError


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

    def answer(self, task: InferenceTask, progress: ProgressCallback) -> Probed | PickedTestImages | ImageRead:
        """Return the result of ``task``; ``TrainscopeError`` is propagated."""
        match task:
            case ProbeTask(model_file, image, data, shape, file):
                preparation = self._source_of(data, progress).preparation
                if file is not None:
                    image = read_stored(file, ImageLayout(shape[0], preparation.channels))
                return self._prober.probe(model_file, prepare_image(image, preparation, shape))
            case PickTestImagesTask(data, count, seed):
                return _pick(self._source_of(data, progress), count, seed)
            case ReadImageTask(path):
                return ImageRead(path, read_image(path))

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
            f"The images of {spec.dataset} that the network was trained on are no longer on this computer; run an "
            "experiment on them, which downloads them again."
        ) from None


def _pick(source: _Source, count: int, seed: int) -> PickedTestImages:
    images, labels = stored_part(source.raw, "test")
    indices = source.parts.test
    chosen = np.random.default_rng(seed).choice(indices, min(count, len(indices)), replace=False)
    return PickedTestImages(
        source.spec, source.raw.class_names, np.array(images[chosen]), tuple(labels[chosen].tolist())
    )

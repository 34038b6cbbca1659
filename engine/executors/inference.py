"""How the tasks of trying a trained network are carried out: asking it, fetching test images, reading a file."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from engine.config.specs import DataSpec
from engine.datasets.base import ProgressCallback, RawImages
from engine.datasets.download import NotDownloadedError, without_downloads
from engine.datasets.formats.image import read_image
from engine.datasets.prepare import Preparation, find_preparation, stored_test_part
from engine.datasets.registry import load_raw
from engine.datasets.split import Split, split
from engine.events.inference import ImageRead, PickedTestImages, Probed
from engine.executors.tasks import PickTestImagesTask, ProbeTask, ReadImageTask, TryTask
from engine.networks.inference import Prober, prepare_image
from engine.utils.errors import DatasetError


@dataclass(frozen=True)
class _Source:
    """A data set at hand."""

    spec: DataSpec
    raw: RawImages
    parts: Split
    preparation: Preparation


@dataclass
class InferenceRunner:
    """Carries out these tasks; keeps the network asked last and the data set that images were last prepared like."""

    _prober: Prober = field(default_factory=Prober, init=False)
    _source: _Source | None = field(default=None, init=False)

    def answer(self, task: TryTask, progress: ProgressCallback) -> Probed | PickedTestImages | ImageRead:
        """The answer to ``task``; raises :class:`~engine.utils.errors.TrainscopeError`."""
        match task:
            case ProbeTask(model_file, image, data, shape):
                preparation = self._source_of(data, progress).preparation
                return self._prober.probe(model_file, prepare_image(image, preparation, shape))
            case PickTestImagesTask(data, count, seed):
                return _pick(self._source_of(data, progress), count, seed)
            case ReadImageTask(path):
                return ImageRead(path.name, read_image(path))

    def _source_of(self, spec: DataSpec, progress: ProgressCallback) -> _Source:
        if self._source is None or self._source.spec != spec:
            self._source = None  # let the old images go before the new ones come
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
    images, labels = stored_test_part(source.raw)
    indices = source.parts.test
    chosen = np.random.default_rng(seed).choice(indices, min(count, len(indices)), replace=False)
    return PickedTestImages(
        source.spec, source.raw.class_names, np.array(images[chosen]), tuple(labels[chosen].tolist())
    )

"""Data sets: named sets, folders and archives of images, loaded, split and prepared.

Importing this is fast: scikit-learn, Pillow and pooch are imported where they are used.
"""

from __future__ import annotations

from engine.datasets.base import NamedDataset, ProgressCallback, RawImages
from engine.datasets.prepare import PreparedData, describe_dataset, prepare
from engine.datasets.registry import DATASETS, load_raw
from engine.datasets.samples import SampleImages, sample_images
from engine.events.datasets import DatasetInfo

__all__ = [
    "DATASETS",
    "DatasetInfo",
    "NamedDataset",
    "PreparedData",
    "ProgressCallback",
    "RawImages",
    "SampleImages",
    "describe_dataset",
    "load_raw",
    "prepare",
    "sample_images",
]

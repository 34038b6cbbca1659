"""The record, inside the file of a trained network, of the images that it was trained on.

Keras ignores it when it loads the file.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self
from zipfile import ZipFile, ZipInfo

from pydantic import TypeAdapter, ValidationError

from engine.config.specs import DataSpec, Normalization
from engine.events.datasets import DatasetInfo


@dataclass(frozen=True)
class TrainingImages:
    """Which images a network was trained on, and how they were prepared.

    Attributes:
        title: of the data set.
        fingerprint: as in ``DatasetInfo``.
        normalization: as in ``DataSpec``, like the two shares.
        counts: of the images for training, validation and testing.
        class_names: in the order of the network's outputs.
        black: as in ``DatasetInfo``, like ``white``; empty in files of earlier versions.
    """

    MEMBER: ClassVar = "trainscope.json"

    title: str
    fingerprint: str
    normalization: Normalization
    validation_fraction: float
    test_fraction: float
    counts: tuple[int, int, int]
    class_names: tuple[str, ...]
    black: tuple[float, ...] = ()
    white: tuple[float, ...] = ()

    @classmethod
    def of(cls, data: DataSpec, info: DatasetInfo) -> Self:
        """Return the record of the data set ``info``, prepared as ``data`` says."""
        counts = (info.train_count, info.validation_count, info.test_count)
        shares = (data.validation_fraction, data.test_fraction)
        images = (info.title, info.fingerprint, data.normalization)
        return cls(*images, *shares, counts, info.class_names, info.black, info.white)

    @classmethod
    def read(cls, archive: ZipFile) -> Self | None:
        """Return the record in a .keras file; None if there is none, or none that can be read."""
        try:
            found: Self = TypeAdapter(cls).validate_json(archive.read(cls.MEMBER))
        except (KeyError, ValidationError):
            return None
        return found

    def append_to(self, file: Path) -> None:
        """Add the record to a .keras file; propagates ``OSError``."""
        with ZipFile(file, "a") as archive:
            archive.writestr(ZipInfo(self.MEMBER), TypeAdapter(type(self)).dump_json(self))

"""A network that can be tried, whether trained in this workspace or opened from a file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from engine.config.specs import DataSpec, Normalization
from engine.datasets.prepare import fixed_preparation
from engine.events.inference import NetworkOpened
from engine.utils.errors import SpecError
from engine.workspace.trained_networks import TrainedRun

MAX_IMAGE_SIDE = 512  # of DataSpec.image_size
OF_A_DATASET: Normalization = "per-dataset"  # the normalisation that needs one


@dataclass(frozen=True)
class Candidate:
    """A network that can be tried.

    Attributes:
        label: its text in a list.
        shape: height, width and channels of its images.
        data: the data set whose test images are offered, and how images are prepared; None if there is none.
        normalization: of the images.
        trained_on: title of the data set it was trained on; empty if that is not known.
        black: the value of black after normalisation, for each channel; empty if that is not known.
        white: likewise.
    """

    label: str
    model: Path
    shape: tuple[int, int, int]
    class_names: tuple[str, ...]
    data: DataSpec | None
    normalization: Normalization = "half"
    trained_on: str = ""
    black: tuple[float, ...] = ()
    white: tuple[float, ...] = ()

    @property
    def lacks_means(self) -> bool:
        """Whether images can't be prepared, as it is not known whose means are to be subtracted."""
        return self.data is None and self.normalization == OF_A_DATASET

    @classmethod
    def of_run(cls, run: TrainedRun) -> Self:
        """Return the network of a run of this workspace."""
        info, normalization = run.info, run.data.normalization
        known = (info.title, info.black, info.white)
        return cls(run.label, run.model, info.shape, info.class_names, run.data, normalization, *known)

    @classmethod
    def of_file(
        cls, opened: NetworkOpened, normalization: Normalization, dataset: str | None, class_names: tuple[str, ...]
    ) -> Self:
        """Return the network of a file, with what the user chose.

        Args:
            opened: what the file holds.
            normalization: of the images.
            dataset: whose test images are offered.
            class_names: those of ``dataset`` if they are known, else none.
        """
        data = _data_of(opened, normalization, dataset) if dataset is not None else None
        numbers = tuple(f"class {number}" for number in range(opened.classes))
        names = class_names or (opened.class_names if len(opened.class_names) == opened.classes else numbers)
        known = (opened.trained_on, *_levels(opened, normalization))
        return cls(f"{opened.file.name} · file", opened.file, opened.shape, names, data, normalization, *known)


def assumptions(opened: NetworkOpened, chosen: Candidate) -> Iterator[str]:
    """Yield sentences on how images are prepared for the network of a file, and what is only assumed."""
    height, width, channels = opened.shape
    size = f"Images are resized to {width}×{height} {'in gray' if channels == 1 else 'in colour'}"
    used, trained = chosen.normalization, opened.normalization
    if chosen.lacks_means:
        yield f"{size}. Choose the data set under Classes: '{used}' needs its means."
    elif trained is None:
        yield f"{size}. The file does not say how they were normalised: '{used}' is assumed."
    elif trained == used:
        whose = f" with the means of {chosen.data.dataset}" if used == OF_A_DATASET and chosen.data else ""
        yield f"{size} and normalised as '{used}'{whose}, as in training on {opened.trained_on}."
    else:
        yield f"{size} and normalised as '{used}'; in training on {opened.trained_on} it was '{trained}'."
    if chosen.data is not None:
        yield f"Its classes are taken for those of {chosen.data.dataset}, in this order."
    elif chosen.class_names == opened.class_names:
        yield "The names of its classes are those in the file."
    else:
        yield "The file does not name its classes: they are numbered."


def _levels(opened: NetworkOpened, normalization: Normalization) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return what black and white become for the network of a file; empty if only its data set would tell."""
    if opened.black and normalization == opened.normalization:
        return opened.black, opened.white
    try:
        preparation = fixed_preparation(normalization, opened.shape[2])
    except SpecError:
        return (), ()
    return preparation.level(0), preparation.level(255)


def _data_of(opened: NetworkOpened, normalization: Normalization, dataset: str) -> DataSpec:
    height, width, channels = opened.shape
    is_square = height == width and 4 <= height <= MAX_IMAGE_SIDE
    return DataSpec(
        dataset=dataset,
        grayscale=channels == 1,
        normalization=normalization,
        image_size=height if is_square else None,
    )

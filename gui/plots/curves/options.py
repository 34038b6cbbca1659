"""How curves are drawn: one set of options for all plots, remembered from one start of the program to the next."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from gui.utils.preferences import program_settings

MAX_SMOOTHING = 0.99
OPTIONS_KEY, LOGARITHMIC_KEY = "curves/options", "curves/logarithmic"


class Horizontal(StrEnum):
    """What the horizontal axis counts: optimiser steps, epochs, or seconds of training."""

    STEP = "step"
    EPOCH = "epoch"
    TIME = "time"


class Repeats(StrEnum):
    """How the runs of a variant are shown: the mean with a band, the mean alone, or each run."""

    DEVIATION = "deviation"
    ERROR = "error"
    RANGE = "range"
    MEAN = "mean"
    RUNS = "runs"


@dataclass(frozen=True)
class CurveOptions:
    """``smoothing`` is the share of the average so far in each smoothed value."""

    smoothing: Annotated[float, Field(ge=0, le=MAX_SMOOTHING)] = 0.0
    horizontal: Horizontal = Horizontal.STEP
    logarithmic: bool = False
    repeats: Repeats = Repeats.DEVIATION
    ignore_outliers: bool = False
    mark_best: bool = False


_OPTIONS = TypeAdapter(CurveOptions)


def remembered() -> CurveOptions:
    """The options last used; the usual ones where none were, or where the file holds something else."""
    try:
        return _OPTIONS.validate_json(str(program_settings().value(OPTIONS_KEY, "{}")))
    except ValidationError:
        return CurveOptions()


def remember(options: CurveOptions) -> None:
    """Keep the options for the next start."""
    program_settings().setValue(OPTIONS_KEY, _OPTIONS.dump_json(options).decode())


def remembered_logarithmic(plot: str, usual: bool) -> bool:
    """Whether the vertical axis of the plot called so was last logarithmic; ``usual`` where nobody chose."""
    value = program_settings().value(f"{LOGARITHMIC_KEY}/{plot}")
    return usual if value is None else str(value) == "true"


def remember_logarithmic(plot: str, logarithmic: bool) -> None:
    """Keep the choice for the next start."""
    program_settings().setValue(f"{LOGARITHMIC_KEY}/{plot}", "true" if logarithmic else "false")

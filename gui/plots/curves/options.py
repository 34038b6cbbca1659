"""Drawing options of curves, shared by all plots and stored in the program's settings."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from gui.utils.preferences import program_settings

MAX_SMOOTHING = 0.99
OPTIONS_KEY, LOGARITHMIC_KEY = "curves/options", "curves/logarithmic"


class Horizontal(StrEnum):
    """Quantity of the horizontal axis: optimiser steps, epochs, or seconds of training."""

    STEP = "step"
    EPOCH = "epoch"
    TIME = "time"


class Repeats(StrEnum):
    """How the runs of a variant are drawn: the mean with a band, the mean alone, or each run."""

    DEVIATION = "deviation"
    ERROR = "error"
    RANGE = "range"
    MEAN = "mean"
    RUNS = "runs"


@dataclass(frozen=True)
class CurveOptions:
    """Drawing options; ``smoothing`` is the weight of the running average in each smoothed value."""

    smoothing: Annotated[float, Field(ge=0, le=MAX_SMOOTHING)] = 0.0
    horizontal: Horizontal = Horizontal.STEP
    logarithmic: bool = False
    repeats: Repeats = Repeats.DEVIATION
    ignore_outliers: bool = False
    mark_best: bool = False


_OPTIONS = TypeAdapter(CurveOptions)


def load_options() -> CurveOptions:
    """Return the stored options; the defaults if there are none or they are invalid."""
    try:
        return _OPTIONS.validate_json(str(program_settings().value(OPTIONS_KEY, "{}")))
    except ValidationError:
        return CurveOptions()


def save_options(options: CurveOptions) -> None:
    """Store the options."""
    program_settings().setValue(OPTIONS_KEY, _OPTIONS.dump_json(options).decode())


def load_logarithmic(plot: str, default: bool) -> bool:
    """Return whether the vertical axis of a plot is stored as logarithmic; ``usual`` if nothing is stored."""
    value = program_settings().value(f"{LOGARITHMIC_KEY}/{plot}")
    return default if value is None else str(value) == "true"


def save_logarithmic(plot: str, logarithmic: bool) -> None:
    """Store whether the vertical axis of a plot is logarithmic."""
    program_settings().setValue(f"{LOGARITHMIC_KEY}/{plot}", "true" if logarithmic else "false")

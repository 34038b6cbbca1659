"""Specs of runs that another program trains and logs."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from engine.config.parsing import parse_json
from engine.config.specs import BaseRunSpec, RunSpec

LOGGED_EXPERIMENT = "own-code"  # name of the experiments whose runs are logged, on the command line and in the store
UNKNOWN_SEED = -1
_REPLACEMENT = "\ufffd"


def _encodable(settings: dict[str, str]) -> dict[str, str]:
    """Replace what can't be stored as UTF-8."""
    return {_clean(key): _clean(value) for key, value in settings.items()}


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", _REPLACEMENT)


class LoggedRunSpec(BaseRunSpec):
    """A run that another program trains and logs.

    Attributes:
        source: the file or folder that it is read from, relative to the watched folder, with ``/``; a part of a file
            is named after ``#``.
        format: what wrote it, such as ``Trainscope log``.
        settings: what the program says of its settings, as text.
        epochs: number of epochs; 0 if unknown.
        steps_per_epoch: optimiser steps an epoch; 0 if unknown.
        images_per_record: training images over which a training loss is averaged; 0 if unknown.
    """

    seed: int = UNKNOWN_SEED
    source: str
    format: str
    settings: Annotated[dict[str, str], AfterValidator(_encodable)] = Field(default_factory=dict)
    epochs: int = 0
    steps_per_epoch: int = 0
    images_per_record: int = 0

    @property
    def planned_epochs(self) -> int:
        """Epochs that the run is to take; 0 if unknown."""
        return self.epochs

    @property
    def look(self) -> tuple[str, str]:
        """The variant, as its network and activation are unknown."""
        return self.variant, ""


def parse_run_spec(text: str) -> RunSpec | LoggedRunSpec:
    """Parse the JSON of a run's spec of either kind; propagates ``SpecError``."""
    values = parse_json(text)
    if isinstance(values, dict) and "source" in values:
        return LoggedRunSpec.build(values)
    return RunSpec.from_json(text)

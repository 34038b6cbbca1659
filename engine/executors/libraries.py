"""Choice of the library for runs, by the reference times of this machine."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from engine.config.specs import RunSpec
from engine.devices.calibration import BFLOAT16, CONVOLUTIONAL, DENSE, Calibration
from engine.executors.tasks import Task, TrainTask
from engine.networks.architectures import all_layers
from engine.networks.layers import Conv, DepthwiseConv


def kind_of(run: RunSpec) -> str:
    """Return the kind of work of a run, on which depends which library is faster."""
    kind = (
        CONVOLUTIONAL
        if any(isinstance(layer, Conv | DepthwiseConv) for layer in all_layers(run.architecture))
        else DENSE
    )
    return kind + BFLOAT16 if run.training.validation_precision == "bfloat16" else kind


def deciding_kind(runs: Iterable[RunSpec]) -> str:
    """Return the kind of work that decides with which library ``runs`` are trained; empty without runs.

    All runs of an experiment use the same library, so that they differ only in what the experiment varies.
    Convolutions take most of the time of an experiment that has some.
    """
    kinds = {kind_of(run) for run in runs}
    return min(kinds, key=lambda kind: not kind.startswith(CONVOLUTIONAL), default="")


def stored_library(tasks: Sequence[Task]) -> str:
    """Return the library with which the experiment of ``tasks`` was trained so far; empty if there is none."""
    return next((task.library for task in tasks if isinstance(task, TrainTask) and task.library), "")


def library_for(tasks: Sequence[Task], calibration: Calibration) -> str:
    """Return the library for ``tasks``: that of their experiment, else the faster one; empty if it is not known."""
    if calibration.requested:
        return calibration.requested
    runs = [task.spec for task in tasks if isinstance(task, TrainTask)]
    return stored_library(tasks) or calibration.library(deciding_kind(runs))

"""The work of a run: all that determines the time of a step on a given machine."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from engine.config.specs import RunSpec
from engine.datasets.sizes import DataSizes
from engine.events.runs import record_interval
from engine.networks.architectures import LayerSummary, summarize
from engine.networks.operations import evaluation_operations, has_convolution, step_operations
from engine.training.timetable import Timetable


@dataclass(frozen=True)
class Work:
    """What is computed in a step, records included.

    Attributes:
        batch: images per step.
        interval: steps between records.
        validation: images evaluated for a record.
        options: activation, optimiser and its settings, how validation is computed, and how images are augmented.
    """

    layers: tuple[LayerSummary, ...]
    batch: int
    interval: int
    validation: int
    options: tuple[str, ...]

    @classmethod
    def of(cls, run: RunSpec, sizes: DataSizes, total_steps: int) -> Work:
        """Return the work of a run of ``total_steps``; propagates ``NetworkError`` if it doesn't fit the images."""
        training = run.training
        return cls(
            summarize(run.architecture, sizes.shape, sizes.classes),
            min(training.batch_size, sizes.train_count),
            record_interval(total_steps, training.record_every),
            sizes.validation_count,
            (
                run.network.activation,
                ", ".join(training.step_settings),
                training.validation_precision,
                "dead units" if run.counts_dead_units else "",
                *run.augmentation.operations,
            ),
        )

    @cached_property
    def operations(self) -> float:
        """Floating-point operations per step, with its share of a record's validation."""
        validation = evaluation_operations(self.layers, self.validation)
        return step_operations(self.layers, self.batch) + validation / self.interval

    @cached_property
    def is_convolutional(self) -> bool:
        """Whether the network has convolutions."""
        return has_convolution(self.layers)


def step_count(run: RunSpec, sizes: DataSizes) -> int:
    """Return the number of optimiser steps of a run."""
    return Timetable.of(sizes.train_count, run.training, run.max_steps).total_steps

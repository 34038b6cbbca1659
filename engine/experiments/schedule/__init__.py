"""Part 5 of the homework, second half: learning rate schedules compared."""

from __future__ import annotations

from engine.experiments.schedule.experiment import SCHEDULE_EXPERIMENT

__all__ = ["SCHEDULE_EXPERIMENT"]

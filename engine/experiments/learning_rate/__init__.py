"""Part 5 of the homework, first half: learning rates compared, and a range test."""

from __future__ import annotations

from engine.experiments.learning_rate.experiment import LEARNING_RATE_EXPERIMENT

__all__ = ["LEARNING_RATE_EXPERIMENT"]

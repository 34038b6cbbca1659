"""Part 3 of the homework: architectures compared."""

from __future__ import annotations

from engine.experiments.architectures.experiment import ARCHITECTURES_EXPERIMENT

__all__ = ["ARCHITECTURES_EXPERIMENT"]

"""Part 4 of the homework: activations compared."""

from __future__ import annotations

from engine.experiments.activations.experiment import ACTIVATIONS_EXPERIMENT

__all__ = ["ACTIVATIONS_EXPERIMENT"]

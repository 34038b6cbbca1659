"""Part 1 of the homework: cross-entropy, gradients, batches and parameters."""

from __future__ import annotations

from engine.experiments.basics.experiment import BASICS_EXPERIMENT

__all__ = ["BASICS_EXPERIMENT"]

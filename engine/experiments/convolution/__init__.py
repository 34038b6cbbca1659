"""Part 2 of the homework: a convolution computed by several methods."""

from __future__ import annotations

from engine.experiments.convolution.experiment import CONVOLUTION_EXPERIMENT

__all__ = ["CONVOLUTION_EXPERIMENT"]

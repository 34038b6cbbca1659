"""Continued training of a trained network."""

from __future__ import annotations

from engine.experiments.continuation.experiment import CONTINUATION_EXPERIMENT

__all__ = ["CONTINUATION_EXPERIMENT"]

"""Runs of the user's own code, logged by it and watched by this program."""

from __future__ import annotations

from engine.experiments.own_code.experiment import OWN_CODE_EXPERIMENT, OwnCodeSpec

__all__ = ["OWN_CODE_EXPERIMENT", "OwnCodeSpec"]

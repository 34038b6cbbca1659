"""Names and titles of the variants of the schedule experiment."""

from __future__ import annotations

from typing import Literal

Baseline = Literal["adam", "constant", "exponential", "cosine", "cosine-restarts", "one-cycle", "plateau"]

STEPS = "steps"  # the step schedule itself: a lower rate after each plateau
BASELINES: dict[str, str] = {
    "adam": "Adam",
    "constant": "the constant rate",
    "exponential": "the exponential schedule",
    "cosine": "the cosine schedule",
    "cosine-restarts": "the cosine schedule with restarts",
    "one-cycle": "the one-cycle schedule",
    "plateau": "Keras' ReduceLROnPlateau",
}


def search_name(number: int) -> str:
    """Return the name of the variant that searches for plateau ``number`` (from 0)."""
    return f"search_{number + 1}"

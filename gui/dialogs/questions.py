"""Questions with one answer that several tabs ask."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from PySide6.QtWidgets import QInputDialog, QWidget

USUAL_REPEATS, MOST_REPEATS = 3, 1000  # proposed, and the most


class Network(Protocol):
    """A trained network to choose."""

    @property
    def run(self) -> int:
        """The number of the run that trained it."""

    @property
    def label(self) -> str:
        """What it is called in a list."""


def ask_for_repeats(experiment: int, parent: QWidget) -> int | None:
    """How many further runs every variant of a stored experiment is to have; None where it was cancelled."""
    question = f"Further runs of every variant of experiment {experiment}, with the seeds that follow:"
    count, agreed = QInputDialog.getInt(parent, "Add repeats", question, USUAL_REPEATS, 1, MOST_REPEATS)
    return count if agreed else None


def choose_network(networks: Sequence[Network], parent: QWidget) -> int | None:
    """The run whose network goes on learning, of ``networks``; None where it was cancelled."""
    labels = [network.label for network in networks]
    label, agreed = QInputDialog.getItem(
        parent, "Continue training", "Start from the weights of this trained network:", labels, 0, False
    )
    return networks[labels.index(label)].run if agreed else None

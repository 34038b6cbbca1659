"""Questions that the window asks on behalf of its tabs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from PySide6.QtWidgets import QInputDialog, QMessageBox, QWidget

from engine.workspace.catalogue import CatalogueEntry

DEFAULT_REPEATS, MAX_REPEATS = 3, 1000


class Network(Protocol):
    """A trained network that can be chosen."""

    @property
    def run(self) -> int:
        """The number of the run that trained it."""

    @property
    def label(self) -> str:
        """Its text in a list."""


def ask_for_repeats(experiment: int, parent: QWidget) -> int | None:
    """Ask for the number of further runs per variant of a stored experiment; None if cancelled."""
    question = f"Further runs of every variant of experiment {experiment}, with the seeds that follow:"
    count, agreed = QInputDialog.getInt(parent, "Add repeats", question, DEFAULT_REPEATS, 1, MAX_REPEATS)
    return count if agreed else None


def ask_to_close(parent: QWidget) -> bool:
    """Ask whether to close the window while an experiment is running."""
    box = QMessageBox(
        QMessageBox.Icon.Question,
        "Close Trainscope?",
        "A training is under way. Closing interrupts it: everything recorded so far is kept, and it can go on when "
        "Trainscope is started again.",
        QMessageBox.StandardButton.Close | QMessageBox.StandardButton.Cancel,
        parent,
    )
    box.setObjectName("ask_to_close")
    return box.exec() == QMessageBox.StandardButton.Close


def choose_network(networks: Sequence[Network], parent: QWidget) -> int | None:
    """Ask for one of ``networks`` to continue training from; return its run, None if cancelled."""
    labels = [network.label for network in networks]
    label, agreed = QInputDialog.getItem(
        parent, "Continue training", "Start from the weights of this trained network:", labels, 0, False
    )
    return networks[labels.index(label)].run if agreed else None


def choose_experiment(entries: Sequence[CatalogueEntry], preferred: int | None, parent: QWidget) -> int | None:
    """Ask for one of ``entries`` to compare with; return its number, None if cancelled."""
    labels = [_experiment_label(entry) for entry in entries]
    at = next((position for position, entry in enumerate(entries) if entry.number == preferred), 0)
    label, agreed = QInputDialog.getItem(parent, "Compare with", "Lay the curves over those of:", labels, at, False)
    return entries[labels.index(label)].number if agreed else None


def _experiment_label(entry: CatalogueEntry) -> str:
    begun = datetime.fromtimestamp(entry.stored.created)
    parts = (f"#{entry.number} {entry.name}", entry.dataset, f"{begun:%d %b %Y %H:%M}", entry.stored.status.value)
    return " · ".join(part for part in parts if part)

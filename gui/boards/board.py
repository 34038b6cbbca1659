"""What stands beside an experiment's form: a board of views."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from engine.config.specs import ExperimentSpec
from gui.observations.experiment import Observations
from gui.observations.run import RunObservation
from gui.observations.weight_history import WeightSource


class View(Protocol):
    """What a board asks of each of its views, which are widgets."""

    def begin(self, observations: Observations) -> None:
        """Make room for a new plan."""

    def refresh(self, observations: Observations) -> None:
        """Draw what has changed."""


class VariantView(View, Protocol):
    """A view that can leave out a variant."""

    def show_variant(self, name: str, visible: bool) -> None:
        """Show or hide one variant."""


class Board(QWidget):
    """The right side of a tab.

    Emits ``settings_chosen({key: value})`` where the user chose settings on the board, for the form to show, and
    ``failed(sentence)``.
    """

    settings_chosen = Signal(dict)
    failed = Signal(str)

    def views(self) -> Sequence[View]:
        """The views that a timer draws, one a tick, while the experiment is under way."""
        raise NotImplementedError

    def chosen_runs(self) -> list[RunObservation]:
        """The runs that the user chose and that are not over; none on a board without runs."""
        return []

    def use_weight_source(self, source: WeightSource) -> None:
        """Read kernels of the past from ``source``; most boards show none."""

    def show_settings(self, spec: ExperimentSpec) -> None:
        """Show what the form says; most boards show nothing of it."""

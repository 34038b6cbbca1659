"""Base class and view interfaces of boards."""

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
    """Interface of a board's views, which are widgets."""

    def begin(self, observations: Observations) -> None:
        """Set up for a new plan."""

    def refresh(self, observations: Observations) -> None:
        """Draw what has changed."""


class VariantView(View, Protocol):
    """A view that can hide a variant."""

    def show_variant(self, name: str, visible: bool) -> None:
        """Show or hide one variant."""


class Board(QWidget):
    """The right side of a tab.

    Emits ``settings_chosen({key: value})`` when the user changes settings on the board, for the form to show, and
    ``failed(message)``.
    """

    settings_chosen = Signal(dict)
    failed = Signal(str)

    def views(self) -> Sequence[View]:
        """Return the views that a timer draws, one per tick, while the experiment is running."""
        raise NotImplementedError

    def chosen_runs(self) -> list[RunObservation]:
        """Return the runs that are selected and not ended; none on a board without runs."""
        return []

    def use_weight_source(self, source: WeightSource) -> None:
        """Set the source of weights of earlier steps; does nothing by default."""

    def show_settings(self, spec: ExperimentSpec) -> None:
        """Show settings of the form; does nothing by default."""

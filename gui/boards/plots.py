"""Plots shared by several boards."""

from __future__ import annotations

from collections.abc import Callable

from gui.observations.variant import VariantObservation
from gui.plots.curves.curve_plot import CurvePlot, Series, all_variants

PERCENT = 100.0

Shown = Callable[[VariantObservation], bool]


def training_loss_plot(shown: Shown = all_variants) -> CurvePlot:
    """Create the plot of the training loss in nats."""
    return CurvePlot("training_loss", "Training loss", "loss (nats)", (Series("training_loss"),), shown=shown)


def gradient_plot(shown: Shown = all_variants) -> CurvePlot:
    """Create the plot of the L2 norm of the first layer's gradient (its weights), on a logarithmic axis."""
    return CurvePlot(
        "gradient_norm",
        "Gradient of the first layer's kernel",
        "L2 norm",
        (Series("gradient_norm"),),
        logarithmic=True,
        shown=shown,
    )

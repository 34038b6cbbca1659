"""The figure of the range test."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from engine.analysis.figures import label_axes
from engine.analysis.styles import colour_of
from engine.experiments.learning_rate.range_test import MAX_RELATIVE_LOSS, losses_in_view
from engine.utils.arrays import Array


def range_test_panel(rates: Sequence[float], losses: Sequence[float], smooth: Array, suggested: float | None) -> Figure:
    """Draw training loss against learning rate, raw and smoothed, with the suggested rate marked."""
    figure = Figure(figsize=(7, 5), layout="constrained")
    axes = figure.subplots()
    axes.plot(rates, losses, color=colour_of(0), alpha=0.3, linewidth=1, label="each step")
    axes.plot(rates[: len(smooth)], smooth, color=colour_of(0), label="smoothed")
    if suggested is not None:
        axes.axvline(suggested, color=colour_of(3), linestyle="--", label=f"suggested: {suggested:.2g}")
    axes.set_xscale("log")
    visible = losses_in_view(losses)
    if len(visible):
        axes.set_ylim(visible.min() - 0.05 * losses[0], MAX_RELATIVE_LOSS * losses[0])
    label_axes(axes, "Learning rate range test", "learning rate", "training loss (nats)")
    return figure

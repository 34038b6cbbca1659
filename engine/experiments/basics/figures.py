"""The figures of the basic concepts, drawn with matplotlib."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

import engine.analysis.figures  # noqa: F401  sets the rcParams that make SVG files reproducible
from engine.analysis.styles import colour_of
from engine.experiments.basics.formulas import cross_entropy
from engine.utils.arrays import Array

__all__ = ["cross_entropy_figure", "gradient_recovery_figure"]


def cross_entropy_figure(probabilities: Sequence[float]) -> Figure:
    """Draw -ln p and its gradient at the true logit, p - 1, over the true class's probability, with examples marked."""
    p = np.linspace(0.001, 1, 1000)
    figure = Figure(figsize=(10, 4.5), layout="constrained")
    loss, gradient = figure.subplots(1, 2)
    loss.plot(p, -np.log(p), color=colour_of(0))
    gradient.plot(p, p - 1, color=colour_of(0))
    for number, probability in enumerate(probabilities, start=1):
        value = cross_entropy(probability)
        name, colour = f"p = {probability:g}", colour_of(number)
        loss.plot(probability, value, "o", color=colour, label=f"{name}: {value:.4f} nats")
        gradient.plot(probability, probability - 1, "o", color=colour, label=f"{name}: {probability - 1:+.2f}")
    for axes, title, label in (
        (loss, "Cross-entropy, -ln p", "loss (nats)"),
        (gradient, "Gradient at the true class's logit, p - 1", "gradient"),
    ):
        axes.set_title(title)
        axes.set_xlabel("probability p of the true class")
        axes.set_ylabel(label)
        axes.grid(alpha=0.25)
        axes.legend()
    return figure


def gradient_recovery_figure(curves: Mapping[str, Array], optimizers: Mapping[str, str]) -> Figure:
    """Draw the largest difference between recovered and computed gradient over the steps, with the rounding bound.

    Args:
        curves: ``step`` and ``<optimizer>_<measure>`` of the experiment, float64 [steps].
        optimizers: titles by optimiser name, plain SGD first.
    """
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    plain = next(iter(optimizers))
    axes.plot(curves["step"], curves[f"{plain}_gradient"], ":", color="gray", label="largest gradient under SGD")
    for position, (name, title) in enumerate(optimizers.items()):
        axes.plot(curves["step"], curves[f"{name}_difference"], color=colour_of(position), label=title, linewidth=1.2)
    axes.plot(curves["step"], curves[f"{plain}_bound"], "--", color="gray", label="float32 rounding, at most")
    axes.set_yscale("log")
    axes.set_title("Gradient recovered from two successive weights")
    axes.set_xlabel("step")
    axes.set_ylabel("largest difference from the computed gradient")
    axes.grid(alpha=0.25)
    axes.legend(fontsize="small")
    return figure

"""Matplotlib figures shared by several experiments, drawn without a display."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from engine.analysis.blocks import NamedFigure
from engine.analysis.results import ExperimentResult, VariantResult
from engine.events.runs import Weights
from engine.networks.weight_images import common_scale, tile, to_bytes, weight_images

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# A fixed salt makes the identifiers in an SVG file, and so the file, reproducible.
mpl.rcParams["svg.hashsalt"] = "trainscope"
mpl.rcParams["svg.fonttype"] = "none"

# Names of data sets may contain characters missing from every font; a placeholder box needs no warning.
_NO_GLYPH = "Glyph .* missing from"

LineStyle = str | tuple[int, tuple[float, ...]]

WHITE = 255
PERCENT = 100.0


def save_figure(figure: Figure, target: Path | BytesIO, **options: Any) -> None:
    """Write a figure with the ``options`` of matplotlib's ``savefig``."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", _NO_GLYPH, UserWarning)
        figure.savefig(target, **options)


def four_panels(result: ExperimentResult) -> Figure:
    """Draw the course's figure of part 3.

    Training loss; validation (solid) and training (dashed) accuracy; test against training accuracy, one point per
    run; validation against training accuracy. Lines are means over the repeats, bands ± one standard deviation.
    """
    figure = Figure(figsize=(12, 9), layout="constrained")
    loss, accuracy, test, validation = figure.subplots(2, 2).flat
    for variant in result.variants:
        if not variant.runs:
            continue
        colour = variant.style.hex
        _draw_mean(loss, variant, "training_loss", colour, scale=1.0, style="-", label=variant.name)
        _draw_mean(accuracy, variant, "validation_accuracy", colour, scale=PERCENT, style="-", label=variant.name)
        _draw_mean(accuracy, variant, "training_accuracy", colour, scale=PERCENT, style="--", label=None)
        _draw_test(test, variant, colour)
        _draw_validation(validation, variant, colour)
    _finish_panels(loss, accuracy, test, validation)
    figure.suptitle(_title(result))
    return figure


def loss_and_gradient(result: ExperimentResult) -> Figure:
    """Draw the course's figure of part 4: training loss, and on a log axis the first layer's gradient norm.

    Colour encodes the architecture, line pattern the activation: the first solid, the second dashed.
    """
    figure = Figure(figsize=(13, 5.5), layout="constrained")
    loss, gradient = figure.subplots(1, 2)
    for variant in result.variants:
        if variant.runs:
            pattern = (0, variant.style.dashes) if variant.style.dashes else "-"
            for axes, quantity in ((loss, "training_loss"), (gradient, "gradient_norm")):
                _draw_mean(axes, variant, quantity, variant.style.hex, 1.0, pattern, variant.name)
    if any(variant.runs and (variant.mean("gradient_norm") > 0).any() for variant in result.variants):
        gradient.set_yscale("log")
    label_axes(loss, "Training loss", "step", "loss (nats)", legend=False)
    label_axes(gradient, "Gradient of the first layer's kernel", "step", "L2 norm", legend=False)
    _share_legend(figure, loss)
    figure.suptitle(_title(result))
    return figure


def gradient_heat_maps(title: str, variants: Sequence[VariantResult]) -> Figure:
    """Draw the gradient norm of every layer over the steps: one panel per variant, one row per layer, first on top."""
    figure = Figure(figsize=(6 * len(variants), 4), layout="constrained")
    maps = [variant.layer_gradients() for variant in variants]
    values = np.concatenate([np.ravel(norms) for _, norms in maps])
    positive = values[np.isfinite(values) & (values > 0)]
    low, high = (positive.min(), positive.max()) if len(positive) else (1e-3, 1.0)
    panels = figure.subplots(1, len(variants), squeeze=False)[0]
    for axes, variant, (layers, norms) in zip(panels, variants, maps, strict=True):
        edges = np.concatenate([[0], variant.steps])
        scale = LogNorm(low, max(high, low * 1.01))
        image = axes.pcolormesh(edges, np.arange(len(layers) + 1), norms, norm=scale, cmap="magma")
        axes.set_yticks(np.arange(len(layers)) + 0.5, layers)
        axes.invert_yaxis()
        axes.set_title(variant.name)
        axes.set_xlabel("step")
    figure.colorbar(image, ax=panels, label="gradient norm (L2)")
    figure.suptitle(f"{title}: gradient norm of every layer's kernel")
    return figure


def loss_and_validation(
    result: ExperimentResult, variants: Sequence[VariantResult], marks: Sequence[float] = ()
) -> Figure:
    """Draw the course's figure of part 5: training loss and validation accuracy, with lines at ``marks`` (steps)."""
    figure = Figure(figsize=(13, 5.5), layout="constrained")
    loss, accuracy = figure.subplots(1, 2)
    for variant in variants:
        if variant.runs:
            _draw_mean(loss, variant, "training_loss", variant.style.hex, 1.0, "-", variant.name)
            _draw_mean(accuracy, variant, "validation_accuracy", variant.style.hex, PERCENT, "-", variant.name)
    for axes in (loss, accuracy):
        for mark in marks:
            axes.axvline(mark, linestyle=":", color="gray", linewidth=1)
    label_axes(loss, "Training loss", "step", "loss (nats)", legend=False)
    label_axes(accuracy, "Validation accuracy", "step", "accuracy (%)", legend=False)
    _share_legend(figure, loss)
    figure.suptitle(_title(result))
    return figure


def logged_curves(result: ExperimentResult) -> Figure:
    """Draw the losses and accuracies of logged runs, training and validation, through the points that were logged."""
    figure = Figure(figsize=(13, 5.5), layout="constrained")
    loss, accuracy = figure.subplots(1, 2)
    for variant in result.variants:
        if variant.runs:
            colour = variant.style.hex
            _draw_mean(loss, variant, "training_loss", colour, 1.0, "-", variant.name)
            _draw_mean(loss, variant, "validation_loss", colour, 1.0, "--", None)
            _draw_mean(accuracy, variant, "validation_accuracy", colour, PERCENT, "-", None)
            _draw_mean(accuracy, variant, "training_accuracy", colour, PERCENT, "--", None)
    label_axes(loss, "Loss: training (solid) and validation (dashed)", "step", "loss (nats)", legend=False)
    title = "Accuracy: validation (solid) and training (dashed)"
    label_axes(accuracy, title, "step", "accuracy (%)", legend=False)
    _share_legend(figure, loss)
    figure.suptitle(_title(result))
    return figure


def best_weights(result: ExperimentResult) -> Iterator[NamedFigure]:
    """Draw for each variant the first-layer weights of its best run."""
    for variant in result.variants:
        if variant.best is not None and variant.best.first_weights is not None:
            yield NamedFigure(
                f"weights_{variant.name}",
                weight_grid(variant.name, variant.best.first_weights),
                f"First-layer weights of {variant.name}, of its run with the best test accuracy, on one common grey "
                "scale.",
            )


def weight_grid(title: str, weights: Weights) -> Figure:
    """Draw all weights of a layer as images on one common grey scale."""
    tiles = weight_images(weights)
    scale = common_scale(tiles.images)
    grid = tile(to_bytes(tiles.images, scale), WHITE, tiles.columns)
    figure = Figure(figsize=(6, 6.6), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(grid.squeeze(), cmap="gray", vmin=0, vmax=WHITE, interpolation="nearest")
    axes.set_axis_off()
    axes.set_title(f"{title}: {weights.layer} after step {weights.step}")
    if grid.shape[2] == 1:
        bar = figure.colorbar(
            image, ax=axes, orientation="horizontal", shrink=0.6, label="weight", ticks=[0, 127.5, WHITE]
        )
        bar.ax.set_xticklabels([f"{-scale:.2g}", "0", f"{scale:.2g}"])
    return figure


def _draw_mean(
    axes: Axes, variant: VariantResult, quantity: str, colour: str, scale: float, style: LineStyle, label: str | None
) -> None:
    steps, mean, deviation = variant.mean_curve(quantity)
    mean, deviation = mean * scale, deviation * scale
    marker = "o" if len(steps) == 1 else None  # no line is drawn through a single record; dashed: hollow
    face = colour if style == "-" else "none"
    axes.plot(steps, mean, ls=style, color=colour, label=label, lw=1.3, marker=marker, mfc=face)
    if len(variant.runs) > 1:
        axes.fill_between(steps, mean - deviation, mean + deviation, color=colour, alpha=0.15, linewidth=0)


def _draw_test(axes: Axes, variant: VariantResult, colour: str) -> None:
    training = [PERCENT * result.tested_record.training_accuracy for result in variant.counted_runs]
    test = [PERCENT * accuracy for accuracy in variant.test_accuracies]
    axes.scatter(training, test, color=colour, label=variant.name, s=36, alpha=0.85)


def _draw_validation(axes: Axes, variant: VariantResult, colour: str) -> None:
    training, validation = variant.mean("training_accuracy"), variant.mean("validation_accuracy")
    size = 3 if len(training) > 1 else 8
    axes.plot(PERCENT * training, PERCENT * validation, ".", color=colour, label=variant.name, markersize=size)


def _finish_panels(loss: Axes, accuracy: Axes, test: Axes, validation: Axes) -> None:
    label_axes(loss, "Training loss", "step", "loss (nats)")
    label_axes(accuracy, "Accuracy: validation (solid) and training (dashed)", "step", "accuracy (%)")
    label_axes(test, "Test against training accuracy, one point a run", "training accuracy (%)", "test accuracy (%)")
    label_axes(validation, "Validation against training accuracy", "training accuracy (%)", "validation accuracy (%)")
    for axes in (test, validation):
        _draw_diagonal(axes)


def _share_legend(figure: Figure, axes: Axes) -> None:
    """Place one legend for all panels beside them, where it hides no curve."""
    lines, names = axes.get_legend_handles_labels()
    if lines:
        figure.legend(lines, names, loc="outside right upper", fontsize="small")


def label_axes(axes: Axes, title: str, x: str, y: str, legend: bool = True) -> None:
    """Set title, axis labels and grid; add a legend if ``legend`` and any artist has a label."""
    axes.set_title(title)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(alpha=0.25)
    if legend and axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize="small", markerscale=1.5)


def _draw_diagonal(axes: Axes) -> None:
    """Draw the line of equal accuracies; points below it show overfitting."""
    low = max(min(axes.get_xlim()[0], axes.get_ylim()[0]), 0.0)
    high = min(max(axes.get_xlim()[1], axes.get_ylim()[1]), PERCENT)
    axes.plot(np.array([low, high]), np.array([low, high]), ":", color="gray", linewidth=1, zorder=0)


def _title(result: ExperimentResult) -> str:
    """Name the data set and the number of runs averaged."""
    title = result.dataset.title.replace("$", r"\$")  # matplotlib reads text between two dollar signs as a formula
    counts = {len(variant.runs) for variant in result.compared}
    runs = f"{min(counts)} to {max(counts)}" if len(counts) > 1 else f"{max(counts, default=0)}"
    what = f"mean ± one standard deviation over {runs} runs a variant"
    if counts <= {0, 1}:
        what = "one run a variant"
    kept = [run.run.kept for variant in result.compared for run in variant.runs]
    if any(each is not None and each.stopped_early for each in kept):
        what += "; runs end where early stopping ended them"
    return f"{title}; {what}" if title else what[0].upper() + what[1:]

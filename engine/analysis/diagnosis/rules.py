"""Diagnosis rules, one per kind of finding, with their thresholds.

Each threshold is a pair with hysteresis: the value at which a finding is made, and the weaker one down to which it is
kept. A number from the literature is the first of the pair, or the pair lies well beyond it, so that a run that learns
triggers no false alarm.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from engine.analysis.diagnosis.curves import RunCurves
from engine.analysis.diagnosis.findings import FindingKind
from engine.utils.arrays import Array

Texts = tuple[str, str]  # what was measured, what to try

# Records per average. With a record every ten steps that is a hundred steps, over which a mean of batches of fifty is
# stable to a few percent.
WINDOW = 10
# Two windows: one to start from and one to compare with it.
MIN_RECORDS = 2 * WINDOW


@dataclass(frozen=True)
class Threshold:
    """Threshold with hysteresis: ``make`` for a new finding, the weaker ``keep`` for one that is active."""

    make: float
    keep: float

    def at(self, is_active: bool) -> float:
        """Return the value that applies."""
        return self.keep if is_active else self.make


# Loss relative to its start. The averaged loss of a run that learns never exceeds its initial value.
DIVERGING = Threshold(1.2, 1.05)
# Loss relative to ln(classes), that of guessing. With pixels from 0 to 255, networks start at some tens of it, no
# healthy one at a thousand. The rule needs no comparison, so a single record suffices.
FAR_OVER_GUESSING = Threshold(1000, 100)
# Distance from ln(classes), the loss of a network that gives all classes the same probability (A. Karpathy, "A Recipe
# for Training Neural Networks", 2019), and change within the window, both relative to ln(classes).
CHANCE_DISTANCE = Threshold(0.02, 0.04)
CHANCE_MOVEMENT = Threshold(0.005, 0.01)
# Rise of validation loss above its minimum: the generalisation loss of L. Prechelt, "Early Stopping - But When?", 1998,
# who stops at 1 to 5 %; twice that here, as small validation sets are noisy.
OVERFITTING = Threshold(0.10, 0.05)
MIN_RISE = 0.02  # nats; a relative rise of a negligible loss is harmless
# Fraction of an activation's units that are dead. Stanford's CS231n notes ("Neural Networks Part 1") name 40 % as an
# effect of too high a learning rate; mlp_1 learns the digits well with as many, so the threshold is half.
DEAD_UNITS = Threshold(0.50, 0.40)
# Gradient norm of the first layer relative to that of the last. X. Glorot and Y. Bengio, "Understanding the difficulty
# of training deep feedforward neural networks", 2010, see it shrink layer by layer in sigmoid networks; in the
# homework's networks with ReLU it stays above 0.01.
VANISHING = Threshold(1e-3, 3e-3)
# Norm of an update relative to that of the weights: CS231n ("Neural Networks Part 3") gives 1e-3 as a rule of thumb,
# "if it is lower than this then the learning rate might be too low". A deviation of one and a half decades is a finding
# if the run does not learn.
USUAL_RATIO = 1e-3
RATIO_TOO_LARGE = Threshold(3e-2, 2e-2)
RATIO_TOO_SMALL = Threshold(3e-5, 5e-5)
# Fraction of its initial loss below which a run counts as learning, whatever the size of its updates.
LEARNS = 0.7


@dataclass(frozen=True)
class RuleContext:
    """Input of a rule: a run's curves, the number of classes, and whether the rule's finding is already active."""

    curves: RunCurves
    classes: int
    is_active: bool

    @property
    def is_long_enough(self) -> bool:
        """Whether there are enough records for a comparison of two windows."""
        return len(self.curves.steps) >= MIN_RECORDS

    @property
    def start(self) -> float:
        """Initial training loss: mean of the first three records, nats."""
        return float(np.mean(self.curves.training_loss[:3]))


def diverging(context: RuleContext) -> Texts | None:
    """Detect a loss that is not finite, far above that of guessing, or higher than at the start."""
    curves = context.curves
    if not len(curves.steps):
        return None
    advice = f"Try a smaller learning rate than {curves.learning_rate[-1]:g}."
    if not _is_finite(curves):
        return f"loss or gradient is no longer a finite number at step {curves.steps[-1]:,.0f}.", advice
    latest, classes = float(curves.training_loss[-1]), max(context.classes, 2)
    if latest > FAR_OVER_GUESSING.at(context.is_active) * math.log(classes):
        return f"the training loss is {latest:.3g}, where guessing has ln({classes}) = {math.log(classes):.3f}.", advice
    if not context.is_long_enough:
        return None
    now = float(np.mean(curves.training_loss[-WINDOW:]))
    if not now > DIVERGING.at(context.is_active) * context.start:
        return None
    return f"the training loss has risen from {context.start:.3g} to {now:.3g}, over its start.", advice


def chance_plateau(context: RuleContext) -> Texts | None:
    """Detect a loss that stays at that of guessing."""
    losses, guessing = context.curves.training_loss, math.log(context.classes)
    if not context.is_long_enough or context.classes < 2:
        return None
    distance = CHANCE_DISTANCE.at(context.is_active) * guessing
    last = losses[-MIN_RECORDS:]
    older, newer = float(np.mean(last[:WINDOW])), float(np.mean(last[WINDOW:]))
    is_flat = abs(newer - older) < CHANCE_MOVEMENT.at(context.is_active) * guessing
    if not (is_flat and abs(newer - guessing) < distance and abs(older - guessing) < distance):
        return None
    # Single records are noisier than means.
    away = np.flatnonzero(~(np.abs(losses - guessing) < 2 * distance))
    since = "from the start"
    if len(away) and away[-1] + 1 < len(losses):
        since = f"since step {context.curves.steps[away[-1] + 1]:,.0f}"
    advice = "Wait longer, or try a larger learning rate, ReLU in place of sigmoid, Adam, or fewer layers."
    if _is_blocked(context.curves):
        advice = "All units of an activation are dead and nothing gets past them: try a smaller learning rate."
    return (
        f"the training loss has stood at {newer:.3f} {since}, within "
        f"{100 * abs(newer / guessing - 1):.1f} % of ln({context.classes}) = {guessing:.3f}: it guesses.",
        advice,
    )


def vanishing_gradient(context: RuleContext) -> Texts | None:
    """Detect a first layer whose gradient is far smaller than the last layer's."""
    curves = context.curves
    if not context.is_long_enough or len(curves.layers) < 2:
        return None
    norms = np.median(curves.gradient_norms[-WINDOW:], axis=0)
    first, last = float(norms[0]), float(norms[-1])
    if not (last > 0 and first < VANISHING.at(context.is_active) * last):
        return None
    factor = f"{float(f'{last / first:.2g}'):,.0f} times smaller than" if first > 0 else "beside"
    return (
        f"the gradient of {curves.layers[0]} is {first:.2g}, {factor} the {last:.2g} of {curves.layers[-1]}.",
        "Try ReLU in place of sigmoid or tanh, fewer layers, or Adam, which evens out the size of updates.",
    )


def dead_units(context: RuleContext) -> Texts | None:
    """Detect an activation with many units that output 0 for every image."""
    curves = context.curves
    if not context.is_long_enough or not curves.dead_units.size:
        return None
    dead = np.median(curves.dead_units[-WINDOW:], axis=0)
    worst = int(np.argmax(dead / np.array(curves.units)))
    count, units = int(dead[worst]), curves.units[worst]
    if not count >= DEAD_UNITS.at(context.is_active) * units:
        return None
    return (
        f"{count} of the {units} units of {curves.activations[worst]} ({100 * count / units:.0f} %) give 0 for every "
        "validation image looked at.",
        "Try a smaller learning rate, LeakyReLU or ELU, or other initial values.",
    )


def overfitting(context: RuleContext) -> Texts | None:
    """Detect a validation loss that rises from its minimum while training loss still falls."""
    curves = context.curves
    if not context.is_long_enough:
        return None
    validation, training = _moving_mean(curves.validation_loss), _moving_mean(curves.training_loss)
    if not np.isfinite(validation).any():
        return None
    best = int(np.nanargmin(validation))
    least, now = float(validation[best]), float(validation[-1])
    lasts = len(validation) - 1 - best >= WINDOW
    rises = now - least > max(OVERFITTING.at(context.is_active) * least, MIN_RISE)
    if not (lasts and rises and training[-1] < training[best]):
        return None
    gap = 100 * float(np.mean(curves.training_accuracy[-WINDOW:]) - np.mean(curves.validation_accuracy[-WINDOW:]))
    return (
        f"the validation loss has risen from {least:.3g} at step {curves.steps[best + WINDOW - 1]:,.0f} to {now:.3g} "
        f"while the training loss fell to {training[-1]:.3g}; training accuracy is {gap:.1f} points higher.",
        "Train for fewer epochs, or try a smaller network or more images.",
    )


def updates_too_large(context: RuleContext) -> Texts | None:
    """Detect updates far larger than usual while the loss hardly falls."""
    ratio = _typical_ratio(context)
    if ratio is None or _learns(context) or not ratio > RATIO_TOO_LARGE.at(context.is_active):
        return None
    return (
        _size_of_updates(ratio),
        f"Try a smaller learning rate than {context.curves.learning_rate[-1]:g}.",
    )


def updates_too_small(context: RuleContext) -> Texts | None:
    """Detect updates far smaller than usual while the loss hardly falls."""
    ratio = _typical_ratio(context)
    # Where the gradient is 0, a larger rate does not help.
    if not ratio or _learns(context) or not ratio < RATIO_TOO_SMALL.at(context.is_active):
        return None
    return (
        _size_of_updates(ratio),
        f"Try a larger learning rate than {context.curves.learning_rate[-1]:g}, or Adam.",
    )


RULES: dict[FindingKind, Callable[[RuleContext], Texts | None]] = {
    FindingKind.DIVERGING: diverging,
    FindingKind.CHANCE_PLATEAU: chance_plateau,
    FindingKind.VANISHING_GRADIENT: vanishing_gradient,
    FindingKind.DEAD_UNITS: dead_units,
    FindingKind.OVERFITTING: overfitting,
    FindingKind.UPDATES_TOO_LARGE: updates_too_large,
    FindingKind.UPDATES_TOO_SMALL: updates_too_small,
}


def _is_finite(curves: RunCurves) -> bool:
    last = [curves.training_loss[-1], curves.validation_loss[-1], *curves.gradient_norms[-1:].ravel()]
    return bool(np.isfinite(last).all())


def _is_blocked(curves: RunCurves) -> bool:
    """Whether all units of an activation are dead, so that it passes no gradient."""
    return bool(curves.dead_units.size and (np.median(curves.dead_units[-WINDOW:], axis=0) >= curves.units).any())


def _typical_ratio(context: RuleContext) -> float | None:
    """Return the median update ratio over the layers and the last records; None if there are too few."""
    ratios = context.curves.update_ratios[-WINDOW:]
    if not context.is_long_enough or not ratios.size:
        return None
    return float(np.median(ratios))


def _size_of_updates(ratio: float) -> str:
    usual = f"about {100 * USUAL_RATIO:g} % is usual"
    return f"a step changes the weights by {100 * ratio:.2g} % of their size, where {usual}."


def _learns(context: RuleContext) -> bool:
    return float(np.mean(context.curves.training_loss[-WINDOW:])) < LEARNS * context.start


def _moving_mean(values: Array) -> Array:
    """Average each ``WINDOW`` successive values; NaN where one of them is not finite."""
    return np.convolve(values, np.full(WINDOW, 1 / WINDOW), mode="valid")

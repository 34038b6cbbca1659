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
from engine.analysis.guessing import GuessingLoss, guessing_loss
from engine.events.datasets import DatasetInfo
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
# Distance from the loss of a network that gives every image the classes' shares, ln(classes) where they are equally
# frequent (A. Karpathy, "A Recipe for Training Neural Networks", 2019), and change within the window, both relative to
# that loss.
CHANCE_DISTANCE = Threshold(0.02, 0.04)
CHANCE_MOVEMENT = Threshold(0.005, 0.01)
SAMPLING_DEVIATIONS = 2  # where classes differ in frequency, a mean also varies with the images in its batches
# Rise of validation loss above its minimum: the generalisation loss of L. Prechelt, "Early Stopping - But When?", 1998,
# who stops at 1 to 5 %; twice that here, as small validation sets are noisy.
OVERFITTING = Threshold(0.10, 0.05)
MIN_RISE = 0.02  # nats; a relative rise of a negligible loss is harmless
MIN_GAP = 0.001  # of training over validation accuracy; without one nothing was learned by heart
LARGE_CLASS = 1.5  # times the mean size of a class; balancing such a class may help
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
    """Input of a rule: a run's curves, the data set if known, and whether the rule's finding is already active."""

    curves: RunCurves
    info: DatasetInfo | None
    is_active: bool

    @property
    def classes(self) -> int:
        """Number of classes; at least 1."""
        return max(len(self.info.class_names) if self.info else 0, 1)

    @property
    def has_guessing(self) -> bool:
        """Whether the loss may be compared to that of guessing: not without classes, as of a logged regression."""
        return self.info is None or bool(self.info.class_names)

    @property
    def guessing(self) -> GuessingLoss:
        """The loss of guessing."""
        return guessing_loss(self.classes, self.info.class_counts if self.info else ())

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
    advice = _raised_by_hand(context) or f"Try a smaller learning rate{_than_rate(context)}."
    if not _is_finite(curves):
        return f"loss or gradient is no longer a finite number at step {curves.steps[-1]:,.0f}.", advice
    latest = float(curves.training_loss[-1])
    far_over = FAR_OVER_GUESSING.at(context.is_active) * math.log(max(context.classes, 2))
    if latest > far_over and context.has_guessing:
        return f"the training loss is {latest:.3g}, where guessing has {context.guessing.text}.", advice
    if not context.is_long_enough:
        return None
    now = float(np.mean(curves.training_loss[-WINDOW:]))
    if not now > DIVERGING.at(context.is_active) * context.start:
        return None
    return f"the training loss has risen from {context.start:.3g} to {now:.3g}, over its start.", advice


def chance_plateau(context: RuleContext) -> Texts | None:
    """Detect a loss that stays at that of guessing."""
    curves, guessing = context.curves, context.guessing
    if not context.is_long_enough or not guessing.nats > 0:
        return None
    sampling = SAMPLING_DEVIATIONS * _sampling_error(curves, guessing)
    distance = CHANCE_DISTANCE.at(context.is_active) * guessing.nats + sampling
    movement = CHANCE_MOVEMENT.at(context.is_active) * guessing.nats + math.sqrt(2) * sampling
    last = curves.training_loss[-MIN_RECORDS:]
    older, newer = float(np.mean(last[:WINDOW])), float(np.mean(last[WINDOW:]))
    is_near = abs(newer - guessing.nats) < distance and abs(older - guessing.nats) < distance
    if not (is_near and abs(newer - older) < movement):
        return None
    # Single records are noisier than means; the same threshold whether active or not, so that a text doesn't change.
    near = 2 * (CHANCE_DISTANCE.make * guessing.nats + sampling)
    away = np.flatnonzero(~(np.abs(curves.training_loss - guessing.nats) < near))
    since = "from the start"
    if len(away) and away[-1] + 1 < len(curves.steps):
        since = f"since step {curves.steps[away[-1] + 1]:,.0f}"
    advice = "Wait longer, or try a larger learning rate, ReLU in place of sigmoid, Adam, or fewer layers."
    if (least := _least_loss(context)) < LEARNS * guessing.nats:
        advice = f"It had learned before, down to a loss of {least:.3g}: try a smaller learning rate."
    elif _is_blocked(curves):
        advice = "All units of an activation are dead and nothing gets past them: try a smaller learning rate."
    return (
        f"the training loss has stood at {newer:.3f} {since}, within "
        f"{100 * abs(newer / guessing.nats - 1):.1f} % of {guessing.text}: it guesses.",
        advice,
    )


def one_class(context: RuleContext) -> Texts | None:
    """Detect a test in which every image was taken for the same class, though their classes differ."""
    confusion = context.curves.confusion
    if confusion is None or np.count_nonzero(confusion.sum(axis=1)) < 2 or np.count_nonzero(confusion.sum(axis=0)) != 1:
        return None
    number, total = int(np.argmax(confusion.sum(axis=0))), int(confusion.sum())
    names = context.info.class_names if context.info else ()
    name = names[number] if number < len(names) else str(number)
    right = int(confusion[number, number])
    balance = ", or balance the classes (class weights)" if right > LARGE_CLASS * total / len(confusion) else ""
    return (
        f"every one of the {total:,} test images was taken for '{name}', which {right:,} of them are "
        f"({100 * right / total:.1f} %).",
        f"It tells no classes apart: train longer, try another learning rate or another network{balance}.",
    )


def vanishing_gradient(context: RuleContext) -> Texts | None:
    """Detect a first layer whose gradient is far smaller than the last layer's."""
    curves = context.curves
    if not context.is_long_enough or len(curves.layers) < 2 or not curves.gradient_norms.size:
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


def rate_by_hand(context: RuleContext) -> Texts | None:
    """Detect a validation loss that has risen since the learning rate was set by hand."""
    change = _change_for_the_worse(context)
    if change is None:
        return None
    step, rate = change
    validation, ends = _moving_mean(context.curves.validation_loss), context.curves.steps[WINDOW - 1 :]
    before = float(np.nanmin(validation[: _last_before(ends, step) + 1]))
    return (
        f"the validation loss has risen from {before:.3g} to {validation[-1]:.3g} since the learning rate was set to "
        f"{rate:g} by hand after step {step:,}.",
        "That change is the likely cause: set the rate back, or train again without it, before suspecting overfitting.",
    )


def overfitting(context: RuleContext) -> Texts | None:
    """Detect a validation loss that rises from its minimum while training loss falls, with accuracies apart."""
    curves = context.curves
    if not context.is_long_enough or _change_for_the_worse(context) is not None:
        return None
    validation, training = _moving_mean(curves.validation_loss), _moving_mean(curves.training_loss)
    if not np.isfinite(validation).any():
        return None
    best = int(np.nanargmin(validation))
    least, now = float(validation[best]), float(validation[-1])
    lasts = len(validation) - 1 - best >= WINDOW
    gap = float(np.mean(curves.training_accuracy[-WINDOW:]) - np.mean(curves.validation_accuracy[-WINDOW:]))
    if not (lasts and _rises(context, least, now) and training[-1] < training[best] and gap >= MIN_GAP):
        return None
    return (
        f"the validation loss has risen from {least:.3g} at step {curves.steps[best + WINDOW - 1]:,.0f} to {now:.3g} "
        f"while the training loss fell to {training[-1]:.3g}; training accuracy is {100 * gap:.1f} points higher.",
        f"{_fewer_epochs(curves)}, or try a smaller network or more images.",
    )


def _fewer_epochs(curves: RunCurves) -> str:
    if curves.kept_epoch:
        return f"Early stopping kept the weights of epoch {curves.kept_epoch}; stop sooner"
    return "Train for fewer epochs"


def updates_too_large(context: RuleContext) -> Texts | None:
    """Detect updates far larger than usual while the loss hardly falls."""
    ratio = _typical_ratio(context)
    if ratio is None or _learns(context) or not ratio > RATIO_TOO_LARGE.at(context.is_active):
        return None
    return (
        _size_of_updates(ratio),
        f"Try a smaller learning rate{_than_rate(context)}.",
    )


def updates_too_small(context: RuleContext) -> Texts | None:
    """Detect updates far smaller than usual while the loss hardly falls."""
    ratio = _typical_ratio(context)
    # Where the gradient is 0, or the network has learned and lost it again, a larger rate does not help.
    if not ratio or not ratio < RATIO_TOO_SMALL.at(context.is_active):
        return None
    if _learns(context) or _least_loss(context) < LEARNS * context.start:
        return None
    return (
        _size_of_updates(ratio),
        f"Try a larger learning rate{_than_rate(context)}, or Adam.",
    )


RULES: dict[FindingKind, Callable[[RuleContext], Texts | None]] = {
    FindingKind.DIVERGING: diverging,
    FindingKind.CHANCE_PLATEAU: chance_plateau,
    FindingKind.ONE_CLASS: one_class,
    FindingKind.VANISHING_GRADIENT: vanishing_gradient,
    FindingKind.DEAD_UNITS: dead_units,
    FindingKind.RATE_BY_HAND: rate_by_hand,
    FindingKind.OVERFITTING: overfitting,
    FindingKind.UPDATES_TOO_LARGE: updates_too_large,
    FindingKind.UPDATES_TOO_SMALL: updates_too_small,
}


def _than_rate(context: RuleContext) -> str:
    rate = context.curves.learning_rate[-1]
    return "" if math.isnan(rate) else f" than {rate:g}"


def _is_finite(curves: RunCurves) -> bool:
    if curves.ended_finite is not None:
        return curves.ended_finite
    last = [curves.training_loss[-1], curves.validation_loss[-1], *curves.gradient_norms[-1:].ravel()]
    return bool(np.isfinite(last).all())


def _is_blocked(curves: RunCurves) -> bool:
    """Whether all units of an activation are dead, so that it passes no gradient."""
    return bool(curves.dead_units.size and (np.median(curves.dead_units[-WINDOW:], axis=0) >= curves.units).any())


def _sampling_error(curves: RunCurves, guessing: GuessingLoss) -> float:
    """Return the standard error of a window's mean loss under guessing, from the classes that happen to be in it."""
    images = WINDOW * curves.images_per_record
    return guessing.deviation / math.sqrt(images) if images else 0.0


def _rises(context: RuleContext, least: float, now: float) -> bool:
    """Whether a validation loss of ``now`` counts as a rise above ``least``."""
    return now - least > max(OVERFITTING.at(context.is_active) * least, MIN_RISE)


def _last_before(ends: Array, step: int) -> int:
    """Return the last of the windows that end at or before ``step``; the first if none does."""
    return max(int(np.searchsorted(ends, step, side="right")) - 1, 0)


def _change_for_the_worse(context: RuleContext) -> tuple[int, float] | None:
    """Return the first rate set by hand after which the validation loss rose, though it had not risen before.

    A change that first lowered the loss is none.
    """
    curves = context.curves
    if not context.is_long_enough or not curves.manual_rates:
        return None
    validation, ends = _moving_mean(curves.validation_loss), curves.steps[WINDOW - 1 :]
    for step, rate in curves.manual_rates:
        at = _last_before(ends, step)
        before, since = validation[: at + 1], validation[at + WINDOW :]  # windows without and with only what followed
        if not (np.isfinite(before).any() and np.isfinite(since).any()):
            continue
        least = float(np.nanmin(before))
        if _rises(context, least, float(validation[-1])) and not (
            _rises(context, least, float(before[-1])) or np.nanmin(since) < least
        ):
            return step, rate
    return None


def _raised_by_hand(context: RuleContext) -> str:
    """Name the rate last raised by hand as a sentence; empty if there is none, or the loss had risen before."""
    curves = context.curves
    for step, rate in reversed(curves.manual_rates):
        known = int(np.searchsorted(curves.steps, step, side="right"))
        before = float(np.mean(curves.training_loss[max(known - WINDOW, 0) : known])) if known else context.start
        if (not known or rate > curves.learning_rate[known - 1]) and before <= DIVERGING.make * context.start:
            return (
                f"The learning rate set to {rate:g} by hand after step {step:,} is the likely cause: try a smaller one."
            )
    return ""


def _typical_ratio(context: RuleContext) -> float | None:
    """Return the median update ratio over the layers and the last records; None if there are too few."""
    ratios = context.curves.update_ratios[-WINDOW:]
    if not context.is_long_enough or not ratios.size or not np.isfinite(context.curves.training_loss).any():
        return None
    return float(np.median(ratios))


def _size_of_updates(ratio: float) -> str:
    usual = f"about {100 * USUAL_RATIO:g} % is usual"
    return f"a step changes the weights by {100 * ratio:.2g} % of their size, where {usual}."


def _learns(context: RuleContext) -> bool:
    return float(np.mean(context.curves.training_loss[-WINDOW:])) < LEARNS * context.start


def _least_loss(context: RuleContext) -> float:
    """Return the least training loss so far, means over a window; infinite if there is none that is finite."""
    means = _moving_mean(context.curves.training_loss)
    return float(np.min(means[np.isfinite(means)], initial=math.inf))


def _moving_mean(values: Array) -> Array:
    """Average each ``WINDOW`` successive values; NaN where one of them is not finite."""
    return np.convolve(values, np.full(WINDOW, 1 / WINDOW), mode="valid")

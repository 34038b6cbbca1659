"""What is known of how long something takes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Span:
    """A range of seconds; ``high`` is infinite if nothing limits it."""

    low: float
    high: float

    def __add__(self, other: Span) -> Span:
        """Return the range of the sum."""
        return Span(self.low + other.low, self.high + other.high)

    def times(self, low: float, high: float | None = None) -> Span:
        """Return the range of the product with a factor, or with one in the range ``low`` to ``high``."""
        most = low if high is None else high
        return Span(self.low * low, self.high * most if most else 0.0)

    def widened(self, factor: float) -> Span:
        """Return the range that allows for an error by ``factor`` in both directions."""
        return Span(self.low / factor, self.high * factor)


@dataclass(frozen=True)
class ExpectedRun:
    """How long a run is expected to take before it has begun.

    Attributes:
        operations: floating-point operations per step, records included.
        is_convolutional: whether the network has convolutions.
        step: seconds per step, records included; None if nothing similar was measured on this machine.
        overhead: seconds besides the steps, mainly compilation, test and saving; None likewise.
    """

    operations: float
    is_convolutional: bool
    step: Span | None = None
    overhead: Span | None = None

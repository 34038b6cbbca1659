"""An axis whose labels do not overlap, on a logarithmic scale either."""

from __future__ import annotations

import math

import pyqtgraph as pg
from PySide6.QtGui import QFontMetricsF

WIDEST_LABEL = "5·10⁻⁴"
MIN_SPACING = 1.3  # between the centres of two labels, in widths or heights of a label
LABELLED_DIGITS = (
    (1, 2, 3, 4, 5, 6, 7, 8, 9),
    (1, 2, 5),
    (1,),
)  # labelled per decade; the first set that fits is used


class PlotAxis(pg.AxisItem):
    """On a logarithmic scale labels decades, also 2 and 5 if they fit, or all digits.

    pyqtgraph labels nine numbers per decade if fewer than three decades are visible, and they overlap.
    """

    def logTickValues(  # noqa: N802
        self, low: float, high: float, size: float, _linear: object, /
    ) -> list[tuple[float | None, list[float]]]:
        """Return the logarithms of the labelled ticks, then of those between them, which get a grid line only."""
        decade = size / max(high - low, 1e-9)
        spacing_needed = MIN_SPACING * self._label_size()
        labelled = next((digits for digits in LABELLED_DIGITS if _min_gap(digits) * decade >= spacing_needed), (1,))
        every = 1 if len(labelled) > 1 else math.ceil(spacing_needed / decade)
        powers = range(math.floor(low), math.ceil(high) + 1)
        ticks = {(power, digit): power + math.log10(digit) for power in powers for digit in LABELLED_DIGITS[0]}
        seen = {key: tick for key, tick in ticks.items() if low <= tick <= high}
        major = [tick for (power, digit), tick in seen.items() if digit in labelled and power % every == 0]
        minor = [tick for tick in seen.values() if tick not in major] if every == 1 else []
        return [(1.0, major), (None, minor)]

    def logTickStrings(self, values: list[float], scale: float, spacing: float | None) -> list[str]:  # noqa: N802
        """Return the labels; ticks between the labelled ones have none."""
        if spacing is None:
            return [""] * len(values)
        labels: list[str] = super().logTickStrings(values, scale, spacing)
        return labels

    def _label_size(self) -> float:
        """Return the size of a label along the axis in pixels."""
        metrics = QFontMetricsF(self.font())
        return metrics.height() if self.orientation in ("left", "right") else metrics.horizontalAdvance(WIDEST_LABEL)


def _min_gap(digits: tuple[int, ...]) -> float:
    """Return the smallest distance of two neighbours in decades."""
    return min(math.log10(after / before) for before, after in zip(digits, (*digits[1:], 10), strict=True))

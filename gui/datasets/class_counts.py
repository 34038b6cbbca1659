"""Bar chart of the number of images of each class."""

from __future__ import annotations

import pyqtgraph as pg
from PySide6.QtCore import QEvent
from PySide6.QtGui import QColor, QPalette

from engine.analysis.styles import COLOURS
from engine.events.datasets import SamplesReady
from gui.plots.plot import Plot

THICKNESS = 0.76  # of the bars of a class together, in units of the distance between classes
PARTS = ("training", "test", "validation")  # in the order of the colours
MAX_NAMES = 40  # more would overlap
NAME_LENGTH = 16  # characters
NAME_PADDING = 16  # pixels beside the longest name


class ClassCounts(Plot):
    """One bar per class and part, first class on top."""

    def __init__(self) -> None:
        super().__init__("class_counts", "Images of each class", "images", "")
        item = self.getPlotItem()
        item.setMouseEnabled(x=False, y=False)
        item.showGrid(x=True, y=False, alpha=0.15)
        item.invertY(True)
        self._legend = item.addLegend(offset=(-8, 8), labelTextColor=self.palette().color(QPalette.ColorRole.Text))
        self._samples: SamplesReady | None = None
        self._shown: SamplesReady | None = None
        self.bars: dict[str, pg.BarGraphItem] = {}

    def show_counts(self, samples: SamplesReady | None) -> None:
        """Draw the counts of a data set; None clears the plot."""
        self._samples = samples
        for bars in self.bars.values():
            self.removeItem(bars)
        self.bars = {}
        self._legend.clear()
        self.setVisible(samples is not None)
        self.show_values(samples is not None)
        if samples is not None:
            self._draw(samples)

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        """Redraw with the colours of a changed palette."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and hasattr(self, "_legend"):
            self._legend.setLabelTextColor(self.palette().color(QPalette.ColorRole.Text))
            self.show_counts(self._samples)

    def _draw(self, samples: SamplesReady) -> None:
        all_parts = {"training": samples.counts, "validation": samples.validation_counts, "test": samples.test_counts}
        parts = {name: counts for name, counts in all_parts.items() if counts}
        height = THICKNESS / len(parts)
        for position, (name, counts) in enumerate(parts.items()):
            offset = (position - (len(parts) - 1) / 2) * height
            self.bars[name] = bars = pg.BarGraphItem(
                x0=0,
                y=[place + offset for place in range(len(counts))],
                width=list(counts),
                height=height,
                pen=None,
                brush=QColor(COLOURS[PARTS.index(name)]),
            )
            self.addItem(bars)
            self._legend.addItem(bars, f"{name} ({sum(counts):,})")
        self._name_classes(samples.class_names)
        most = max(max(counts) for counts in parts.values())
        self.setXRange(0, 1.25 * most, padding=0)  # leaves room for the legend at the right
        self.setYRange(-0.6, len(samples.class_names) - 0.4, padding=0)

    def _name_classes(self, names: tuple[str, ...]) -> None:
        axis = self.getPlotItem().getAxis("left")
        shown = [name if len(name) <= NAME_LENGTH else f"{name[: NAME_LENGTH - 1]}…" for name in names]
        few = len(names) <= MAX_NAMES
        axis.setTicks([list(enumerate(shown))] if few else None)
        metrics = self.fontMetrics()
        axis.setWidth(max(metrics.horizontalAdvance(name) for name in shown) + NAME_PADDING if few else None)

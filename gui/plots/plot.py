"""The plot widget that all plots share: colours from the palette, quiet axes, no surprises under the mouse."""

from __future__ import annotations

import pyqtgraph as pg
from PySide6.QtCore import QEvent
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QGraphicsItem

from gui.observations.experiment import Observations
from gui.plots.axis import PlotAxis
from gui.utils.theme import muted

AXIS_WIDTH = 52  # the same in all, so that plots under one another line up


class Plot(pg.PlotWidget):
    """A titled plot with named axes, light or dark as the window is.

    Args:
        name: the widget's objectName.
        title: shown above.
        x: label of the horizontal axis, with its unit.
        y: label of the vertical axis, with its unit.
    """

    def __init__(self, name: str, title: str, x: str, y: str) -> None:
        super().__init__(axisItems={side: PlotAxis(side) for side in ("bottom", "left")})
        self.setObjectName(name)
        self.setAccessibleName(title)
        self._title, self._labels = title, {"bottom": x, "left": y}
        item = self.getPlotItem()
        item.showGrid(x=True, y=True, alpha=0.15)
        item.hideButtons()
        item.setMenuEnabled(False, enableViewBoxMenu=True)  # its transforms would be undone by the next record
        item.setDownsampling(auto=True, mode="peak")
        item.setClipToView(True)
        for side in self._labels:
            item.getAxis(side).enableAutoSIPrefix(False)
            # The third level's many faint lines are hardly seen, and take half the time of a frame.
            item.getAxis(side).setStyle(maxTickLevel=1)
            # Drawing an axis costs more than drawing its curves, and it changes seldom: kept as a picture.
            item.getAxis(side).setCacheMode(QGraphicsItem.CacheMode.DeviceCoordinateCache)
        item.getAxis("left").setWidth(AXIS_WIDTH)
        self.show_values(False)
        self._restyle()

    def begin(self, observations: Observations) -> None:
        """Make room for a new plan."""
        raise NotImplementedError

    def refresh(self, observations: Observations) -> None:
        """Draw what has changed since the last call."""
        raise NotImplementedError

    def show_variant(self, name: str, visible: bool) -> None:
        """Show or hide one variant."""
        raise NotImplementedError

    def highlight_variant(self, name: str | None) -> None:
        """Let all other variants step back; None brings them all forward. Not every plot does."""

    def show_values(self, visible: bool) -> None:
        """Show or hide the numbers on the axes; an empty plot has none worth reading."""
        for side in self._labels:
            self.getPlotItem().getAxis(side).setStyle(showValues=visible)

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        """Follow the palette."""
        super().changeEvent(event)
        # The base class already changes its palette while it is being made, before it has a plot item.
        if event.type() == QEvent.Type.PaletteChange and self.getPlotItem() is not None:
            self._restyle()

    def _restyle(self) -> None:
        palette = self.palette()
        self.setBackground(palette.color(QPalette.ColorRole.Base))
        text, quiet = palette.color(QPalette.ColorRole.Text), muted(palette)
        self.getPlotItem().setTitle(self._title, color=text.name(), size="10pt")
        for side, label in self._labels.items():
            axis = self.getPlotItem().getAxis(side)
            axis.setPen(quiet)
            axis.setTextPen(text)
            axis.setLabel(label, color=quiet.name())

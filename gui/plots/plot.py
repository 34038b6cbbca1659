"""Base class of all plots: colours of the palette, muted axes, restricted mouse interaction."""

from __future__ import annotations

import pyqtgraph as pg
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QMouseEvent, QPalette
from PySide6.QtWidgets import QGraphicsItem

from gui.observations.experiment import Observations
from gui.plots.axis import PlotAxis
from gui.utils.theme import muted

AXIS_WIDTH = 52  # pixels, the same in all plots so that stacked ones are aligned


class Plot(pg.PlotWidget):
    """A titled plot with labelled axes that follows a light or dark palette.

    Args:
        name: the widget's objectName.
        title: title and accessible name.
        x: label of the horizontal axis, with its unit.
        y: label of the vertical axis, with its unit.

    Attributes:
        has_range_menu: whether a right click offers pyqtgraph's menu of ranges; that of transforms never appears, as
            the next record would undo them.
    """

    has_range_menu = True

    def __init__(self, name: str, title: str, x: str, y: str) -> None:
        super().__init__(axisItems={side: PlotAxis(side) for side in ("bottom", "left")}, enableMenu=False)
        self.setObjectName(name)
        self.setAccessibleName(title)
        self._title, self._labels = title, {"bottom": x, "left": y}
        item = self.getPlotItem()
        item.showGrid(x=True, y=True, alpha=0.15)
        item.hideButtons()
        item.setDownsampling(auto=True, mode="peak")
        item.setClipToView(True)
        for side in self._labels:
            item.getAxis(side).enableAutoSIPrefix(False)
            # The many faint lines of the third tick level are hardly visible and take half the time of a frame.
            item.getAxis(side).setStyle(maxTickLevel=1)
            # Drawing an axis costs more than drawing the curves, and it seldom changes: cached as a pixmap.
            item.getAxis(side).setCacheMode(QGraphicsItem.CacheMode.DeviceCoordinateCache)
        item.getAxis("left").setWidth(AXIS_WIDTH)
        self.show_values(False)
        self._restyle()

    def begin(self, observations: Observations) -> None:
        """Set up for a new plan."""
        raise NotImplementedError

    def refresh(self, observations: Observations) -> None:
        """Draw what has changed since the last call."""
        raise NotImplementedError

    def show_variant(self, name: str, visible: bool) -> None:
        """Show or hide one variant."""
        raise NotImplementedError

    def highlight_variant(self, name: str | None) -> None:
        """Fade all other variants; None fades none. Does nothing by default."""

    def show_values(self, visible: bool) -> None:
        """Show or hide the tick labels, which mean nothing in an empty plot."""
        for side in self._labels:
            self.getPlotItem().getAxis(side).setStyle(showValues=visible)

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Make the context menu when it is first asked for, as making it takes a sixth of a plot's time."""
        view = self.getViewBox()
        if self.has_range_menu and event.button() is Qt.MouseButton.RightButton and not view.menuEnabled():
            view.setMenuEnabled(True)
        super().mousePressEvent(event)

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        """Restyle when the palette changes."""
        super().changeEvent(event)
        # The base class changes its palette in its constructor, before it has a plot item.
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

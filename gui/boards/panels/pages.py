"""Stacked pages, of which only the visible one is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QTabBar, QVBoxLayout, QWidget

from gui.observations.experiment import Observations

if TYPE_CHECKING:
    from gui.boards.board import View


PAGE_STRETCH = 3  # relative to the widget above it, which has stretch 1


@dataclass(frozen=True)
class Page:
    """A page with its name, tool tip and the views on it that a timer draws."""

    name: str
    tip: str
    widget: QWidget
    views: Sequence[View]


class Pages(QWidget):
    """A tab bar above ``pages``.

    Args:
        pages: the pages.
        beside: widget to the right of the bar.
        beneath: widget between bar and page; it gets at most a third of the page's height.
    """

    def __init__(self, pages: Sequence[Page], beside: QWidget, beneath: QWidget) -> None:
        super().__init__()
        self._pages = pages
        self._observations = Observations()
        self.bar = QTabBar()
        self.bar.setObjectName("pages")
        self.bar.setAccessibleName("Pages")
        self.bar.setDrawBase(False)
        self.bar.setExpanding(False)
        self._stack = QStackedWidget()
        for position, page in enumerate(pages):
            self.bar.addTab(page.name)
            self.bar.setTabToolTip(position, page.tip)
            self._stack.addWidget(page.widget)
        self.bar.currentChanged.connect(self._show_page)
        top = QHBoxLayout()
        top.setSpacing(8)
        top.addWidget(self.bar)
        top.addWidget(beside, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(top)
        layout.addWidget(beneath, 1)
        layout.addWidget(self._stack, PAGE_STRETCH)

    def views(self) -> list[View]:
        """Return as many views as the fullest page has; each draws the view at its position on the visible page."""
        return [_PageSlot(self, views) for views in zip_longest(*(page.views for page in self._pages))]

    @property
    def current(self) -> int:
        """Index of the visible page."""
        return self.bar.currentIndex()

    def begin(self, observations: Observations) -> None:
        """Store the observations to draw when the page changes."""
        self._observations = observations

    def _show_page(self, position: int) -> None:
        self._stack.setCurrentIndex(position)
        if self._observations.experiment is not None:
            for view in self._pages[position].views:
                view.refresh(self._observations)


class _PageSlot:
    """One view of each page, None if a page has fewer; the one of the visible page is drawn."""

    def __init__(self, pages: Pages, views: tuple[View | None, ...]) -> None:
        self._pages, self._views = pages, views

    def begin(self, observations: Observations) -> None:
        """Begin the view of every page."""
        self._pages.begin(observations)
        for view in self._views:
            if view is not None:
                view.begin(observations)

    def refresh(self, observations: Observations) -> None:
        """Draw the view of the visible page."""
        view = self._views[self._pages.current]
        if view is not None:
            view.refresh(observations)

"""Pages in one place; only the one in sight is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QTabBar, QVBoxLayout, QWidget

from gui.observations.experiment import Observations

if TYPE_CHECKING:
    from gui.boards.board import View


PAGE_STRETCH = 3  # how many times higher than what stands above it a page is at least


@dataclass(frozen=True)
class Page:
    """A page by its name, and the views on it that a timer draws."""

    name: str
    tip: str
    widget: QWidget
    views: Sequence[View]


class Pages(QWidget):
    """A slim bar of tabs over ``pages``; ``beside`` stands right of it, ``beneath`` between it and the page.

    Where ``beneath`` wants room it gets a third of the page's at most.
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
        """As many as the fullest page has: each stands for the view at its place on the page in sight."""
        return [_PageSlot(self, views) for views in zip_longest(*(page.views for page in self._pages))]

    @property
    def current(self) -> int:
        """The position of the page in sight."""
        return self.bar.currentIndex()

    def begin(self, observations: Observations) -> None:
        """Note what there is to draw when another page is turned to."""
        self._observations = observations

    def _show_page(self, position: int) -> None:
        self._stack.setCurrentIndex(position)
        if self._observations.experiment is not None:
            for view in self._pages[position].views:
                view.refresh(self._observations)


class _PageSlot:
    """One view of each page, None where a page has fewer; that of the page in sight is drawn."""

    def __init__(self, pages: Pages, views: tuple[View | None, ...]) -> None:
        self._pages, self._views = pages, views

    def begin(self, observations: Observations) -> None:
        """Make room on every page."""
        self._pages.begin(observations)
        for view in self._views:
            if view is not None:
                view.begin(observations)

    def refresh(self, observations: Observations) -> None:
        """Draw the page in sight."""
        view = self._views[self._pages.current]
        if view is not None:
            view.refresh(observations)

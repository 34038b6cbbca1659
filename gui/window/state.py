"""Persistent state of a window: geometry, current tab, splitters and forms."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from PySide6.QtCore import QByteArray, QSettings, Qt
from PySide6.QtWidgets import QMainWindow, QSplitter, QTabWidget, QWidget

from engine.utils.errors import SpecError
from gui.experiment.experiment_tab import ExperimentTab
from gui.widgets.deferred_page import DeferredPage

# The frame is known only after the window manager has added it; these are upper bounds, in pixels.
TITLE_BAR, EDGE = 40, 4


def save_state(window: QMainWindow, tabs: QTabWidget, settings: QSettings) -> None:
    """Store the state of ``window``; of a tab that was not built, what is stored stays."""
    settings.setValue("geometry", window.saveGeometry())
    front = tabs.currentWidget()
    settings.setValue("tab", front.objectName() if front is not None else "")
    for page in tabs.findChildren(DeferredPage):
        for key, splitter in _splitters(page):
            settings.setValue(key, splitter.saveState())
    for tab in tabs.findChildren(ExperimentTab):
        with suppress(SpecError):  # an invalid form is not stored
            if tab.is_built:
                settings.setValue(f"forms/{tab.experiment.name}", tab.form.spec().to_json())


def restore_state(window: QMainWindow, tabs: QTabWidget, settings: QSettings) -> None:
    """Restore the state of ``window`` but for its tabs' content; invalid parts are skipped."""
    geometry = settings.value("geometry")
    if isinstance(geometry, QByteArray):
        window.restoreGeometry(geometry)
    front = tabs.findChild(QWidget, str(settings.value("tab") or "none"))
    if front is not None and tabs.indexOf(front) >= 0:
        tabs.setCurrentWidget(front)


def restore_page(page: DeferredPage, settings: QSettings) -> None:
    """Restore splitters and form of ``page``, which has just been built; invalid parts are skipped."""
    for key, splitter in _splitters(page):
        if isinstance(state := settings.value(key), QByteArray):
            splitter.restoreState(state)
    if isinstance(page, ExperimentTab):
        _restore_form(page, settings)


def _restore_form(tab: ExperimentTab, settings: QSettings) -> None:
    with suppress(SpecError):  # written by another version
        if isinstance(text := settings.value(f"forms/{tab.experiment.name}"), str):
            tab.show_spec(tab.experiment.spec.from_json(text))


def fit_to_screen(window: QMainWindow) -> None:
    """Fit ``window``, not yet shown, with its future frame into the available area of the screen."""
    if window.isMaximized() or window.isFullScreen():
        return
    free = window.screen().availableGeometry().adjusted(EDGE, TITLE_BAR, -EDGE, -EDGE)
    window.resize(window.size().boundedTo(free.size()))
    if window.testAttribute(Qt.WidgetAttribute.WA_Moved):  # else the window manager places it
        place = window.geometry()
        place.moveLeft(max(min(place.left(), free.right() + 1 - place.width()), free.left()))
        place.moveTop(max(min(place.top(), free.bottom() + 1 - place.height()), free.top()))
        window.setGeometry(place)  # unlike move(), excludes the frame


def _splitters(page: DeferredPage) -> Iterator[tuple[str, QSplitter]]:
    """Yield the splitters of ``page`` with their settings keys."""
    for splitter in page.findChildren(QSplitter):
        if splitter.objectName():
            # With the number of panes: a state for another number would hide some.
            yield f"splitters/{page.objectName()}/{splitter.objectName()}-{splitter.count()}", splitter

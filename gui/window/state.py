"""How a window was left: its place, the tab in front, where its splitters stood, what its forms said."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from PySide6.QtCore import QByteArray, QSettings, Qt
from PySide6.QtWidgets import QMainWindow, QSplitter, QTabWidget, QWidget

from engine.utils.errors import SpecError
from gui.experiment.experiment_tab import ExperimentTab

# The frame is known only once the window manager has put it around the window: as much as any of them takes.
TITLE_BAR, EDGE = 40, 4


def remember_state(window: QMainWindow, tabs: QTabWidget, settings: QSettings) -> None:
    """Write down how ``window`` is left."""
    settings.setValue("geometry", window.saveGeometry())
    front = tabs.currentWidget()
    settings.setValue("tab", front.objectName() if front is not None else "")
    for key, splitter in _splitters(tabs):
        settings.setValue(key, splitter.saveState())
    for tab in tabs.findChildren(ExperimentTab):
        with suppress(SpecError):  # a form that makes no sense is not worth remembering
            settings.setValue(f"forms/{tab.experiment.name}", tab.form.spec().to_json())


def restore_state(window: QMainWindow, tabs: QTabWidget, settings: QSettings) -> None:
    """Make ``window`` as it was left; what does not fit any more is passed over."""
    geometry = settings.value("geometry")
    if isinstance(geometry, QByteArray):
        window.restoreGeometry(geometry)
    front = tabs.findChild(QWidget, str(settings.value("tab") or "none"))
    if front is not None and tabs.indexOf(front) >= 0:
        tabs.setCurrentWidget(front)
    for key, splitter in _splitters(tabs):
        state = settings.value(key)
        if isinstance(state, QByteArray):
            splitter.restoreState(state)
    for tab in tabs.findChildren(ExperimentTab):
        with suppress(SpecError):  # of another version of the program
            if isinstance(text := settings.value(f"forms/{tab.experiment.name}"), str):
                tab.show_spec(tab.experiment.spec.from_json(text))


def fit_to_screen(window: QMainWindow) -> None:
    """Keep ``window``, not yet shown, and the frame that it will get within what its screen has free."""
    if window.isMaximized() or window.isFullScreen():
        return
    free = window.screen().availableGeometry().adjusted(EDGE, TITLE_BAR, -EDGE, -EDGE)
    window.resize(window.size().boundedTo(free.size()))
    if window.testAttribute(Qt.WidgetAttribute.WA_Moved):  # else the window manager finds a place
        place = window.geometry()
        place.moveLeft(max(min(place.left(), free.right() + 1 - place.width()), free.left()))
        place.moveTop(max(min(place.top(), free.bottom() + 1 - place.height()), free.top()))
        window.setGeometry(place)  # unlike move, means the window without its frame


def _splitters(tabs: QTabWidget) -> Iterator[tuple[str, QSplitter]]:
    """The splitters of each tab, each with a key of its own."""
    for position in range(tabs.count()):
        tab = tabs.widget(position)
        if tab is None:
            continue
        for splitter in tab.findChildren(QSplitter):
            if splitter.objectName():
                # How many panes: a state of another number of them would hide some.
                yield f"splitters/{tab.objectName()}/{splitter.objectName()}-{splitter.count()}", splitter

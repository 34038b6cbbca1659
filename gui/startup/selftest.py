"""Self-test checks of plots and display.

Qt is imported inside the checks, as it may be what is missing.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from engine.selftest.check import Check, CheckContext, CheckResult, failed, ok, warning
from engine.selftest.registry import CHECKS
from gui.startup.platform_check import explain_missing_display, missing_libraries, packages_for

if TYPE_CHECKING:
    from gui.plots.plot import Plot

SIZE = (400, 300)
FEWEST_DRAWN = 100  # pixels; the test curve changes three times as many
REPAINTS = 100


def check_plots(_context: CheckContext) -> CheckResult:
    """Check that plots are drawn, and that repainting leaks no reference to None, which would crash the program."""
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    try:
        from PySide6.QtWidgets import QApplication

        from gui.plots.plot import Plot
    except ImportError as error:
        return failed(_what_is_missing(error))
    app = QApplication.instance() or QApplication([])
    plot = Plot("selftest_plot", "Self-test", "step", "loss (nats)")
    plot.resize(*SIZE)
    plot.setXRange(0, 1)
    plot.setYRange(0, 1)
    before = plot.grab().toImage()
    plot.plot([0, 0.5, 1], [0.1, 0.9, 0.2])
    after = plot.grab().toImage()
    drawn = sum(before.pixel(x, y) != after.pixel(x, y) for x in range(after.width()) for y in range(after.height()))
    lost = lost_references(plot, REPAINTS)
    plot.close()
    del app
    if drawn < FEWEST_DRAWN:
        return failed(f"Only {drawn} pixels of a curve were drawn; install PySide6-Essentials and pyqtgraph again.")
    if lost > REPAINTS // 4:
        return failed(
            f"{lost} references were lost in {REPAINTS} repaints, which ends the window after minutes; install the "
            "PySide6-Essentials that requirements.txt names."
        )
    return ok(f"A curve of {drawn:,} pixels drawn, {REPAINTS} repaints without a reference lost.")


def lost_references(plot: Plot, repaints: int) -> int:
    """Return how many references to None are lost in ``repaints`` repaints: one each with a faulty PySide6, else none.

    Other activity of the interpreter changes the number by a few.
    """
    before = sys.getrefcount(None)
    for repaint in range(repaints):
        plot.setYRange(0, repaint + 1)
        plot.grab()
    return before - sys.getrefcount(None)


def check_display(_context: CheckContext) -> CheckResult:
    """Check that a window can be opened."""
    if (problem := explain_missing_display(sys.platform, os.environ)) is not None:
        return warning(problem)
    try:
        from PySide6.QtGui import QGuiApplication
    except ImportError as error:
        return failed(_what_is_missing(error))
    app = QGuiApplication([])
    screen = app.primaryScreen()
    size, scale, platform = screen.size(), screen.devicePixelRatio(), app.platformName()
    app.quit()
    return ok(f"{size.width()}x{size.height()} at scale {scale:g} ({platform}).")


def _what_is_missing(error: ImportError) -> str:
    missing = missing_libraries()
    if not missing:
        return f"Qt can't be loaded ({error}); install the packages in requirements.txt again."
    return (
        f"Qt lacks {', '.join(missing)}; install what holds them (Debian, Ubuntu: {' '.join(packages_for(missing))})."
    )


ALL_CHECKS = (
    *CHECKS,
    Check("plots", "curves can be drawn", check_plots, 120, isolated=True),
    Check("display", "the window can be opened", check_display, 120, isolated=True),
)

"""Check of figure export."""

from __future__ import annotations

import numpy as np

from engine.selftest.check import CheckContext, CheckResult, failed, ok

DPI = 100
MIN_INKED_PIXELS = 1000  # a curve alone has more


def check_figures(context: CheckContext) -> CheckResult:
    """Draw a figure with matplotlib, write it as PNG, and check size and content when read back."""
    from PIL import Image

    from engine.experiments.learning_rate.figures import range_test_panel

    rates = np.logspace(-6, 0, 200)
    losses = 2.3 - 2 * np.exp(-((np.log10(rates) + 2) ** 2))
    figure = range_test_panel(rates.tolist(), losses.tolist(), losses, 0.01)
    path = context.scratch / "figure.png"
    figure.savefig(path, dpi=DPI)
    width, height = (round(DPI * inches) for inches in figure.get_size_inches())
    with Image.open(path) as image:
        size, pixels = image.size, np.asarray(image.convert("L"))
    inked = int((pixels != pixels[0, 0]).sum())
    cure = "install matplotlib and pillow again: python -m pip install --force-reinstall matplotlib pillow"
    if size != (width, height):
        return failed(f"A figure of {width}x{height} pixels was read as {size[0]}x{size[1]}; {cure}")
    if inked < MIN_INKED_PIXELS:
        return failed(f"Only {inked} pixels of a figure were drawn; {cure}")
    return ok(f"A figure of {width}x{height} pixels, {inked:,} of them drawn, written as PNG and read again.")

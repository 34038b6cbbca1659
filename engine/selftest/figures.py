"""Figures as they are exported."""

from __future__ import annotations

import numpy as np

from engine.selftest.check import Result, Surroundings, failed, ok

PIXELS_AN_INCH = 100
FEWEST_INKED = 1000  # a curve alone is longer


def check_figures(surroundings: Surroundings) -> Result:
    """A figure is drawn with matplotlib, written as PNG, and is neither of another size nor empty when read again."""
    from PIL import Image

    from engine.experiments.learning_rate.figures import range_test_panel

    rates = np.logspace(-6, 0, 200)
    losses = 2.3 - 2 * np.exp(-((np.log10(rates) + 2) ** 2))
    figure = range_test_panel(rates.tolist(), losses.tolist(), losses, 0.01)
    path = surroundings.scratch / "figure.png"
    figure.savefig(path, dpi=PIXELS_AN_INCH)
    width, height = (round(PIXELS_AN_INCH * inches) for inches in figure.get_size_inches())
    with Image.open(path) as image:
        size, pixels = image.size, np.asarray(image.convert("L"))
    inked = int((pixels != pixels[0, 0]).sum())
    cure = "install matplotlib and pillow again: python -m pip install --force-reinstall matplotlib pillow"
    if size != (width, height):
        return failed(f"A figure of {width}x{height} pixels was read as {size[0]}x{size[1]}; {cure}")
    if inked < FEWEST_INKED:
        return failed(f"Only {inked} pixels of a figure were drawn; {cure}")
    return ok(f"A figure of {width}x{height} pixels, {inked:,} of them drawn, written as PNG and read again.")

"""Conversion of arrays to images."""

from __future__ import annotations

import numpy as np

from gui.utils.painting import to_qimage


def test_pixels_of_an_image_are_those_of_the_array() -> None:
    pixels = np.arange(5 * 3 * 3, dtype=np.uint8).reshape(5, 3, 3)
    image = to_qimage(pixels)
    assert (image.width(), image.height()) == (3, 5)
    assert image.pixelColor(2, 4).getRgb()[:3] == tuple(pixels[4, 2])
    gray = to_qimage(pixels[:, :, :1])
    assert gray.pixelColor(1, 2).red() == pixels[2, 1, 0]

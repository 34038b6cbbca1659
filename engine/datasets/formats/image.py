"""Reading of a single image file of the user."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from engine.datasets.formats.decode import FORMATS, ImageLayout, pixels, unsupported_kind, upright
from engine.datasets.resize import LARGEST_SIDE
from engine.utils.arrays import Array
from engine.utils.errors import DatasetError
from engine.utils.files import check_file
from engine.utils.text import reason

if TYPE_CHECKING:
    from PIL.Image import Image


def read_image(path: Path) -> Array:
    """Read an image file for display: uint8 [height, width, 3], its longer side at most 512 pixels.

    Propagates ``DatasetError`` if it can't be read as an image, and ``MemoryError``.
    """
    with _opened(path) as image:
        found = upright(image, "RGB", LARGEST_SIDE)
        found.thumbnail((LARGEST_SIDE, LARGEST_SIDE))
        return np.array(found)


def read_stored(path: Path, layout: ImageLayout) -> Array:
    """Read an image file as the images of a folder are stored: uint8 [side, side, channels].

    Propagates errors as ``read_image`` does.
    """
    with _opened(path) as image:
        return pixels(image, layout)


@contextmanager
def _opened(path: Path) -> Iterator[Image]:
    """Open an image file.

    Raises:
        DatasetError: if it can't be read as an image, also in the body.
        MemoryError: if memory is exhausted.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        check_file(path)
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=FORMATS) as image:
                yield image
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise DatasetError(
            f"{path} has more than {(Image.MAX_IMAGE_PIXELS or 0) / 1e6:.0f} million pixels; open a smaller copy of it."
        ) from None
    except FileNotFoundError:
        raise DatasetError(f"There is no file {path}; choose one that exists.") from None
    except UnidentifiedImageError:
        if kind := unsupported_kind(str(path)):
            raise DatasetError(f"{path} is a photo in {kind}, which can't be read; save it as JPEG.") from None
        raise DatasetError(f"{path} is not an image that can be read; open a PNG or JPEG file.") from None
    except MemoryError:
        raise
    except Exception as error:  # damaged files make Pillow's readers raise almost anything
        raise DatasetError(
            f"{path} can't be read as an image ({reason(error)}); save it again as PNG or JPEG."
        ) from None

"""Reading of a single image file of the user."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from engine.datasets.formats.decode import FORMATS, opaque
from engine.datasets.resize import LARGEST_SIDE
from engine.utils.arrays import Array
from engine.utils.errors import DatasetError
from engine.utils.files import check_file
from engine.utils.text import reason

if TYPE_CHECKING:
    from PIL.Image import Image

_SINGLE_IMAGE_FORMATS = (*FORMATS, "TIFF", "PPM", "ICO", "TGA")


def read_image(path: Path) -> Array:
    """Read an image file as uint8 [height, width, 3], its longer side at most 512 pixels.

    EXIF orientation is applied, and transparent parts become white.

    Raises:
        DatasetError: if it can't be read as an image.
        MemoryError: if memory is exhausted.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        check_file(path)
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=_SINGLE_IMAGE_FORMATS) as image:
                return np.array(_upright(image))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise DatasetError(
            f"{path} has more than {(Image.MAX_IMAGE_PIXELS or 0) / 1e6:.0f} million pixels; open a smaller copy of it."
        ) from None
    except FileNotFoundError:
        raise DatasetError(f"There is no file {path}; choose one that exists.") from None
    except UnidentifiedImageError:
        raise DatasetError(f"{path} is not an image that can be read; open a PNG or JPEG file.") from None
    except MemoryError:
        raise
    except Exception as error:  # damaged files make Pillow's readers raise almost anything
        raise DatasetError(
            f"{path} can't be read as an image ({reason(error)}); save it again as PNG or JPEG."
        ) from None


def _upright(image: Image) -> Image:
    from PIL import ImageOps

    if image.format == "JPEG":
        image.draft(None, (LARGEST_SIDE, LARGEST_SIDE))  # decodes large photos at reduced resolution
    found = opaque(ImageOps.exif_transpose(image), "RGB")
    found.thumbnail((LARGEST_SIDE, LARGEST_SIDE))
    return found

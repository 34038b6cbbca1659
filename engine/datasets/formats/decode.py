"""Parallel decoding of image files to arrays."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from engine.datasets.resize import resize_image, usual_side
from engine.utils.arrays import Array
from engine.utils.errors import DatasetError
from engine.utils.text import reason

if TYPE_CHECKING:
    from PIL.Image import Image

# Pillow goes by content, not by ending, and would pass an EPS file to Ghostscript.
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP")

_CHUNK = 64  # images per unit of work of a thread; cancelling waits for a chunk
_SAMPLE = 300  # images from which size and colour are derived
_MAX_PIXELS = 89_478_485  # Pillow's MAX_IMAGE_PIXELS, its limit for decompression bombs
_GRAY_MODES = ("1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L")


@dataclass(frozen=True)
class ImageLayout:
    """The side and number of channels to which the images of a folder are decoded."""

    side: int
    channels: int

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width, channels."""
        return self.side, self.side, self.channels


class ColourFoundError(Exception):
    """A colour image was found although the sampled headers had only gray ones."""


def choose_layout(paths: Sequence[str], side: int | None) -> ImageLayout:
    """Choose the layout for image files from the headers of up to 300 of them, spread evenly.

    The side is ``side``, else the most common longer side; three channels if any image has colour. Propagates
    ``DatasetError`` naming a file that can't be read.
    """
    headers = [_header(path) for path in paths[:: -(-len(paths) // _SAMPLE)]]
    usual = Counter(usual_side(height, width) for height, width, _ in headers).most_common(1)[0][0]
    return ImageLayout(side or usual, 1 if all(gray for _, _, gray in headers) else 3)


def decode_files(paths: Sequence[str], layout: ImageLayout, decoded: Callable[[int], None]) -> Iterator[Array]:
    """Decode image files in order.

    Propagates ``DatasetError`` naming a file that can't be read, and ``ColourFoundError``.

    Args:
        paths: the files.
        layout: side and channels to convert to.
        decoded: called with the number of images decoded so far.

    Yields:
        Blocks uint8 [k, side, side, channels].
    """
    chunks = [paths[start : start + _CHUNK] for start in range(0, len(paths), _CHUNK)]
    threads = min(8, os.cpu_count() or 1)  # Pillow releases the GIL while decoding and resizing
    done = 0
    with ThreadPoolExecutor(threads) as pool:
        # Few chunks at a time, to limit memory and the wait when cancelled.
        for start in range(0, len(chunks), 2 * threads):
            for block in pool.map(partial(_decode_chunk, layout=layout), chunks[start : start + 2 * threads]):
                yield block
                done += len(block)
                decoded(done)


def _decode_chunk(paths: Sequence[str], layout: ImageLayout) -> Array:
    return np.stack([_decode(path, layout) for path in paths])


def _header(path: str) -> tuple[int, int, bool]:
    """Return height and width in pixels, and whether the image is gray.

    Raises:
        DatasetError: if it can't be read.
    """
    from PIL import Image

    try:
        with Image.open(path, formats=FORMATS) as image:
            return image.height, image.width, image.mode in _GRAY_MODES
    except Exception as error:
        raise DatasetError(_unreadable_message(path, error)) from None


def _decode(path: str, layout: ImageLayout) -> Array:
    from PIL import Image

    try:
        with Image.open(path, formats=FORMATS) as image:
            return np.asarray(_converted(image, layout)).reshape(layout.shape)
    except ColourFoundError:
        raise
    except Exception as error:  # damaged files make Pillow's readers raise almost anything
        raise DatasetError(_unreadable_message(path, error)) from None


def _converted(image: Image, layout: ImageLayout) -> Image:
    if image.width * image.height > _MAX_PIXELS:
        raise ValueError(f"it has more than {_MAX_PIXELS / 1e6:.0f} million pixels")
    if layout.channels == 1 and image.mode not in _GRAY_MODES:
        raise ColourFoundError
    if image.format == "JPEG":
        image.draft(None, (layout.side, layout.side))  # decodes large photos at reduced resolution
    return resize_image(opaque(image, "L" if layout.channels == 1 else "RGB"), layout.side)


def opaque(image: Image, mode: str) -> Image:
    """Convert the image to ``mode``, with transparent parts on white."""
    from PIL import Image

    if image.mode.startswith("I"):  # 16 bits, which convert() would clip at 255
        image = Image.fromarray((np.asarray(image).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8))
    if not image.has_transparency_data:
        return image.convert(mode)
    layer = image.convert("RGBA")
    white = Image.new("RGBA", layer.size, "white")
    return Image.alpha_composite(white, layer).convert(mode)


def _unreadable_message(path: str, error: Exception) -> str:
    problem = "it is empty" if _is_empty(path) else reason(error)
    return f"{path} can't be read as an image ({problem}); repair it or take it out of the folder."


def _is_empty(path: str) -> bool:
    try:
        return os.stat(path).st_size == 0  # noqa: PTH116  (paths are kept as text, as there may be 60,000)
    except OSError:
        return False

"""Image files to arrays, several at a time."""

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

_CHUNK = 64  # images a thread decodes before it takes the next ones; cancelling waits for a chunk
_SAMPLE = 300  # images that size and colour are guessed from
_LARGEST_PIXELS = 89_478_485  # Pillow's own MAX_IMAGE_PIXELS, beyond which it suspects a decompression bomb
_GRAY_MODES = ("1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L")


@dataclass(frozen=True)
class Look:
    """What the images of a folder are decoded to."""

    side: int
    channels: int

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width, channels."""
        return self.side, self.side, self.channels


class ColourFoundError(Exception):
    """A coloured image turned up where the sample had only gray ones."""


def survey(paths: Sequence[str], side: int | None) -> Look:
    """The look that suits the files, from the headers of up to 300 of them spread evenly.

    The side is ``side``, else the most common longer side; three channels where any of them is coloured. Raises
    :class:`DatasetError` that names a file which can't be read.
    """
    headers = [_header(path) for path in paths[:: -(-len(paths) // _SAMPLE)]]
    usual = Counter(usual_side(height, width) for height, width, _ in headers).most_common(1)[0][0]
    return Look(side or usual, 1 if all(gray for _, _, gray in headers) else 3)


def decode_files(paths: Sequence[str], look: Look, decoded: Callable[[int], None]) -> Iterator[Array]:
    """The images as uint8 [k, side, side, channels] blocks, in order; ``decoded`` is told how many are done.

    Raises :class:`DatasetError` that names a file which can't be read, and :class:`ColourFoundError`.
    """
    chunks = [paths[start : start + _CHUNK] for start in range(0, len(paths), _CHUNK)]
    threads = min(8, os.cpu_count() or 1)  # Pillow decodes and resizes without holding the interpreter lock
    done = 0
    with ThreadPoolExecutor(threads) as pool:
        # Few chunks at a time: no more than these are in memory, or to be waited for when someone cancels.
        for start in range(0, len(chunks), 2 * threads):
            for block in pool.map(partial(_decode_chunk, look=look), chunks[start : start + 2 * threads]):
                yield block
                done += len(block)
                decoded(done)


def _decode_chunk(paths: Sequence[str], look: Look) -> Array:
    return np.stack([_decode(path, look) for path in paths])


def _header(path: str) -> tuple[int, int, bool]:
    """Height and width in pixels, and whether the image is gray."""
    from PIL import Image

    try:
        with Image.open(path, formats=_FORMATS) as image:
            return image.height, image.width, image.mode in _GRAY_MODES
    except Exception as error:
        raise _unreadable(path, error) from None


# Pillow looks at the content, not the ending, and would hand an EPS file to an interpreter of the system's.
_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP")


def _decode(path: str, look: Look) -> Array:
    from PIL import Image

    try:
        with Image.open(path, formats=_FORMATS) as image:
            return np.asarray(_converted(image, look)).reshape(look.shape)
    except ColourFoundError:
        raise
    except Exception as error:  # damaged files make Pillow's readers raise almost anything
        raise _unreadable(path, error) from None


def _converted(image: Image, look: Look) -> Image:
    if image.width * image.height > _LARGEST_PIXELS:
        raise ValueError(f"it has more than {_LARGEST_PIXELS / 1e6:.0f} million pixels")
    if look.channels == 1 and image.mode not in _GRAY_MODES:
        raise ColourFoundError
    if image.format == "JPEG":
        image.draft(None, (look.side, look.side))  # decodes large photos at a fraction
    return resize_image(opaque(image, "L" if look.channels == 1 else "RGB"), look.side)


def opaque(image: Image, mode: str) -> Image:
    """The image in ``mode``, on white where it is transparent."""
    from PIL import Image

    if image.mode.startswith("I"):  # 16 bits, which convert() would clip at 255
        image = Image.fromarray((np.asarray(image).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8))
    if not image.has_transparency_data:
        return image.convert(mode)
    layer = image.convert("RGBA")
    white = Image.new("RGBA", layer.size, "white")
    return Image.alpha_composite(white, layer).convert(mode)


def _unreadable(path: str, error: Exception) -> DatasetError:
    problem = "it is empty" if _is_empty(path) else reason(error)
    return DatasetError(f"{path} can't be read as an image ({problem}); repair it or take it out of the folder.")


def _is_empty(path: str) -> bool:
    try:
        return os.stat(path).st_size == 0  # noqa: PTH116  (the paths are kept as text, 60,000 of them)
    except OSError:
        return False

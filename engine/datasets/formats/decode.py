"""Decoding of image files: in parallel for data sets, and the steps shared with images that a network is tried on."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from engine.datasets.base import TOO_DARK
from engine.datasets.resize import SMALLEST_SIDE, resize_image, usual_side
from engine.utils.arrays import Array
from engine.utils.text import pluralise, reason

if TYPE_CHECKING:
    from PIL.Image import Image

# By ending, in any case, and by what Pillow calls them: Pillow goes by content, and would pass an EPS file to
# Ghostscript. Of animations and several pages the first image is taken.
ENDINGS = (
    *(".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".gif", ".webp", ".tif", ".tiff"),
    *(".ppm", ".pgm", ".pbm", ".pnm"),
)
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM")

_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1")

_CHUNK = 64  # images per unit of work of a thread; cancelling waits for a chunk
_SAMPLE = 300  # images from which size and colour are derived
_MAX_PIXELS = 89_478_485  # Pillow's MAX_IMAGE_PIXELS, its limit for decompression bombs
_GRAY_MODES = ("1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "F")
_VISIBLE = 16  # of 255: less contrast can't be seen
_MANY_DIM = 0.1  # share of images
_TWELVE_BITS = 4095  # the highest value of 12 bits, as scanners and microscopes store them in 16


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


@dataclass
class Observed:
    """What is noticed while files are decoded.

    Attributes:
        broken: files that can't be read, and why; their pixels are 0.
        levels: of each image of 16 bits, the value that all but a thousandth of its pixels stay below.
        hidden: number of images that lost all contrast when their transparent ground became white.
    """

    broken: dict[str, str] = field(default_factory=dict)
    levels: list[int] = field(default_factory=list)
    hidden: int = 0

    def add(self, other: Observed) -> None:
        """Add what was noticed in other files."""
        self.broken |= other.broken
        self.levels += other.levels
        self.hidden += other.hidden

    def warnings(self) -> Iterator[str]:
        """Yield sentences on what looks doubtful."""
        highest, count = max(self.levels, default=0), len(self.levels)
        dim = [level for level in self.levels if level <= _TWELVE_BITS]
        if count and highest < 2**15:
            yield (
                f"{pluralise(count, 'image')} of 16 bits hold only values of {highest.bit_length()} bits (up to "
                f"{highest:,} of 65,535), {TOO_DARK}; multiply their pixels by {2 ** (16 - highest.bit_length())} and "
                "save them again."
            )
        elif len(dim) > _MANY_DIM * count:
            yield (
                f"{len(dim):,} of {pluralise(count, 'image')} of 16 bits hold only values up to {max(dim):,}, "
                f"{TOO_DARK}, and others up to {highest:,}; bring all to the same range and save them again."
            )
        if self.hidden:
            yield (
                f"{pluralise(self.hidden, 'image')} with bright shapes on a transparent ground show nothing, as the "
                "ground becomes white; save them on a dark ground."
            )


def choose_layout(paths: Sequence[str], side: int | None) -> ImageLayout:
    """Choose the layout for image files from the headers of up to 300 of them, spread evenly.

    The side is ``side``, else the most common longer side; three channels if any image has colour. Files that can't be
    read are passed over: decoding names them.
    """
    sampled = paths[:: -(-len(paths) // _SAMPLE)]
    headers = [header for path in sampled if (header := _header(path)) is not None]
    if not headers:
        return ImageLayout(side or SMALLEST_SIDE, 3)
    usual = Counter(usual_side(height, width) for height, width, _ in headers).most_common(1)[0][0]
    return ImageLayout(side or usual, 1 if all(gray for _, _, gray in headers) else 3)


def decode_files(
    paths: Sequence[str], layout: ImageLayout, observed: Observed, decoded: Callable[[int], None]
) -> Iterator[Array]:
    """Decode image files in order.

    Propagates ``ColourFoundError``.

    Args:
        paths: the files.
        layout: side and channels to convert to.
        observed: what is noticed is added to it, files that can't be read among it.
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
            for block, found in pool.map(partial(_decode_chunk, layout=layout), chunks[start : start + 2 * threads]):
                yield block
                observed.add(found)
                done += len(block)
                decoded(done)


def _decode_chunk(paths: Sequence[str], layout: ImageLayout) -> tuple[Array, Observed]:
    observed = Observed()
    return np.stack([_decode(path, layout, observed) for path in paths]), observed


def _header(path: str) -> tuple[int, int, bool] | None:
    """Return height and width in pixels, and whether the image is gray; None if it can't be read."""
    from PIL import Image

    try:
        with Image.open(path, formats=FORMATS) as image:
            return image.height, image.width, image.mode in _GRAY_MODES
    except Exception:  # damaged files make Pillow's readers raise almost anything
        return None


def _decode(path: str, layout: ImageLayout, observed: Observed) -> Array:
    from PIL import Image

    try:
        with Image.open(path, formats=FORMATS) as image:
            if layout.channels == 1 and image.mode not in _GRAY_MODES:
                raise ColourFoundError
            return pixels(image, layout, observed)
    except ColourFoundError:
        raise
    except Exception as error:
        observed.broken[path] = _problem(path, error)
        return np.zeros(layout.shape, np.uint8)


def pixels(image: Image, layout: ImageLayout, observed: Observed | None = None) -> Array:
    """Return an opened image as it is stored, uint8 [side, side, channels]; propagates the errors of ``upright``."""
    converted = upright(image, "L" if layout.channels == 1 else "RGB", layout.side, observed)
    return np.array(resize_image(converted, layout.side)).reshape(layout.shape)


def upright(image: Image, mode: str, side: int, observed: Observed | None = None) -> Image:
    """Convert an opened image as a viewer shows it: turned by its EXIF orientation, transparent parts on white.

    Args:
        image: the opened file; it is changed.
        mode: ``L`` or ``RGB``.
        side: a large JPEG may be decoded at reduced resolution, its sides no shorter than this.
        observed: what is noticed is added to it.

    Raises:
        ValueError: if it has too many pixels, or values that are no 8 or 16 bits.
    """
    from PIL import ImageOps

    if image.width * image.height > _MAX_PIXELS:
        raise ValueError(f"it has more than {_MAX_PIXELS / 1e6:.0f} million pixels")
    if image.format in ("JPEG", "MPO"):
        image.draft(None, (side, side))
    ImageOps.exif_transpose(image, in_place=True)
    if image.mode == "F" or image.mode.startswith("I"):
        image = _eight_bits(image, observed)
    if not image.has_transparency_data:
        return image.convert(mode)
    return _on_white(image, mode, observed)


def _eight_bits(image: Image, observed: Observed | None) -> Image:
    """Convert 16 bits, which ``convert`` would clip at 255.

    Raises:
        ValueError: if the values are others.
    """
    from PIL.Image import fromarray

    values = np.asarray(image)
    if image.mode == "F" or values.min() < 0 or values.max() > 0xFFFF:
        raise ValueError("its pixels are no whole numbers of 8 or 16 bits: save it so")
    if observed is not None:
        observed.levels.append(int(np.quantile(values, 0.999, method="inverted_cdf")))
    return fromarray((values.astype(np.int64) >> 8).astype(np.uint8))


def _on_white(image: Image, mode: str, observed: Observed | None) -> Image:
    from PIL.Image import alpha_composite, new

    layer = image.convert("RGBA")
    found = alpha_composite(new("RGBA", layer.size, "white"), layer).convert(mode)
    if observed is not None and _contrast(found) < _VISIBLE <= _contrast(layer.getchannel("A")):
        observed.hidden += 1
    return found


def _contrast(image: Image) -> int:
    """Return the largest difference between pixels in a channel."""
    extrema = image.getextrema()
    bands = extrema if isinstance(extrema[0], tuple) else (extrema,)
    return max(int(high - low) for low, high in bands)


def _problem(path: str, error: Exception) -> str:
    """Say in a few words why a file can't be read."""
    from PIL import UnidentifiedImageError

    if kind := unsupported_kind(path):
        return f"it is in {kind}, whatever its name says"
    with suppress(OSError):
        if os.stat(path).st_size == 0:  # noqa: PTH116  (paths are kept as text, as there may be 60,000)
            return "it is empty"
    if isinstance(error, UnidentifiedImageError):
        return "it is no image"
    return "it is truncated" if "truncated" in str(error) else reason(error)


def unsupported_kind(path: str) -> str:
    """Return HEIC or AVIF if a file begins like one (ISO/IEC 14496-12: box size, ``ftyp``, brand), else nothing."""
    with suppress(OSError), open(path, "rb") as file:  # noqa: PTH123  (likewise)
        start = file.read(12)
        if start[4:8] == b"ftyp":
            return "AVIF" if start[8:11] == b"avi" else "HEIC" if start[8:12] in _HEIC_BRANDS else ""
    return ""

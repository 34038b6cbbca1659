"""Images in arrays: order of the axes, and the range of values that stands for black to white."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import isqrt
from pathlib import Path

import numpy as np

from engine.datasets.formats.arrays.errors import refusal
from engine.datasets.formats.arrays.names import variable
from engine.utils.arrays import Array
from engine.utils.errors import DatasetError

_TOLERANCE = 1e-3  # of the range: float16 rounds to within half of that
_BLOCK_BYTES = 8 * 2**20
_CHANNELS = (1, 3, 4)
_DARK, _BRIGHT = 32, 128  # no part of photographs is as dark where another is as bright


@dataclass(frozen=True)
class _Range:
    """Values that stand for black and white.

    Attributes:
        fits: whether values of this minimum and maximum can be nothing else.
        is_said: whether it is no documented form, and so worth a warning.
    """

    black: float
    white: float
    fits: Callable[[float, float], bool]
    is_said: bool = True

    def __str__(self) -> str:
        return f"{self.black:g} to {self.white:g}"


_UNIT = _Range(0, 1, lambda low, high: low >= -_TOLERANCE and high <= 1 + _TOLERANCE, is_said=False)
# A network's input, (x - 0.5) / 0.5, reaches both ends; standardised images don't fit.
_SYMMETRIC = _Range(-1, 1, lambda low, high: -1 - _TOLERANCE <= low <= -0.9 and 0.5 <= high <= 1 + _TOLERANCE)
# Floats up to 16 or 100 may have another white.
_FLOAT_BYTES = _Range(0, 255, lambda low, high: low >= -255 * _TOLERANCE and 128 <= high <= 255 * (1 + _TOLERANCE))
_BYTES = _Range(0, 255, lambda low, high: low >= 0 and high <= 255, is_said=False)
# 10 and 12 bits in 16 don't reach the upper half.
_WORDS = _Range(0, 65535, lambda low, high: low >= 0 and 2**15 <= high < 2**16)
_RANGES = {"f": (_UNIT, _SYMMETRIC, _FLOAT_BYTES), "i": (_BYTES, _WORDS), "b": (_UNIT,)}
_ADVICE = {
    "f": "save uint8, or floats scaled to 0 to 1 (undo a standardisation first)",
    "i": "scale them to 0 to 255 and save uint8",
}


def images_as_bytes(path: Path, arrays: dict[str, Array]) -> tuple[dict[str, Array], list[str]]:
    """Return the images of all parts, by the names of their arrays, as uint8 [n, height, width, 1 or 3].

    The range of values is found from all parts of the same kind together, so that they stay comparable.

    Returns:
        The images, and sentences on what was changed.

    Raises:
        DatasetError: if shape, type or values are unsuitable or can be read in two ways.
    """
    warnings = [*_ambiguous_axes(arrays)]
    arrays = {name: _channels_last(path, name, images) for name, images in arrays.items()}
    for kind in _RANGES:
        alike = {name: images for name, images in arrays.items() if _kind(images) == kind}
        if not alike:
            continue
        found = _range(path, kind, alike)
        if found.is_said:
            warnings.append(f"The values of {', '.join(alike)} are taken as {found}, black to white.")
        elif found is _BYTES and _DARK <= (high := max(int(images.max()) for images in alike.values())) < _BRIGHT:
            warnings.append(
                f"The brightest value of {', '.join(alike)} is {high}, taken as {high} of 255; scale the values to 0 "
                "to 255 if it stands for white."
            )
        arrays |= {name: _scaled(images, found) for name, images in alike.items()}
    for name, images in arrays.items():
        if images.shape[3] == 4:
            arrays[name], is_transparent = _opaque(images)
            if is_transparent:
                warnings.append(
                    f"The fourth channel of {name} is taken as opacity, and transparent parts are laid on white."
                )
    return arrays, [*warnings, *_dark_parts(arrays)]


def _dark_parts(arrays: dict[str, Array]) -> Iterator[str]:
    """Yield sentences on parts that seem to have another range than the others, as if scaled to 0 to 1 alone."""
    highest = {name: int(images.max()) for name, images in arrays.items()}
    brightest = max(highest, key=lambda name: highest[name])
    for name, value in highest.items():
        if value < _DARK and highest[brightest] >= _BRIGHT:
            yield (
                f"The images of {name} are almost black, their brightest pixel is {value} of 255, and that of "
                f"{brightest} {highest[brightest]}; save all parts with the same range."
            )


def _ambiguous_axes(arrays: dict[str, Array]) -> Iterator[str]:
    """Yield sentences on arrays whose channels may come first or last."""
    for name, images in arrays.items():
        if images.ndim == 4 and images.shape[1] in _CHANNELS and images.shape[3] in _CHANNELS:
            order, (height, width) = (
                ("last", images.shape[1:3]) if images.shape[3] in (1, 3) else ("first", images.shape[2:])
            )
            yield (
                f"The shape {list(images.shape)} of {name} is taken as images of {width}x{height} with channels "
                f"{order}; save it as images x height x width x channels if that is wrong."
            )


def _channels_last(path: Path, name: str, images: Array) -> Array:
    """Return [n, height, width, channels], from that or [n, height, width] or [n, channels, height, width].

    Raises:
        DatasetError: if the shape or type is another.
    """
    if images.dtype != np.uint8 and _kind(images) not in _RANGES:
        advice = "save it as uint8 or as floats from 0 to 1"
        raise DatasetError(refusal(path, f"has {name} as {images.dtype}", advice))
    shape = list(images.shape)
    if shape[:1] == [0]:
        raise DatasetError(refusal(path, f"has no images in {name}, whose shape is {shape}", "save some in it"))
    if images.ndim == 3:
        images = images[..., np.newaxis]
    if images.ndim == 4 and 0 not in images.shape:
        last, second = images.shape[3], images.shape[1]
        if last in (1, 3) or (last == 4 and second not in (1, 3, 4)):
            return images
        if second in (1, 3) or (second == 4 and last != 4):
            return np.moveaxis(images, 1, 3)
    advice = "save it as images x height x width, or x channels (1 or 3) after that"
    raise DatasetError(refusal(path, f"has {name} of shape {shape}", _reshaping(name, shape) or advice))


def _reshaping(name: str, shape: list[int]) -> str:
    """Return how flat rows may be reshaped, if they can be; whether channels come first can't be seen."""
    if len(shape) != 2:
        return ""
    name = variable(name)
    for channels in (1, 3):
        side = isqrt(shape[1] // channels)
        if side > 1 and side * side * channels == shape[1]:
            if channels == 1:
                return f"give the images their height and width, such as {name}.reshape(-1, {side}, {side})"
            return (
                f"give the images height, width and channels, such as {name}.reshape(-1, {side}, {side}, 3), or "
                f"{name}.reshape(-1, 3, {side}, {side}) if red, green and blue lie apart, as in CIFAR-10"
            )
    return ""


def _kind(images: Array) -> str:
    """Return the key of ``_RANGES``; that of uint8 is "", as it needs no range."""
    return "" if images.dtype == np.uint8 else images.dtype.kind.replace("u", "i")


def _range(path: Path, kind: str, arrays: dict[str, Array]) -> _Range:
    """Return the range of values of arrays of one kind.

    Raises:
        DatasetError: if there is none that fits without doubt, or the arrays seem to have different ones.
    """
    extremes = {name: _extremes(path, name, images) for name, images in arrays.items()}
    low, high = min(low for low, _ in extremes.values()), max(high for _, high in extremes.values())
    found = next((each for each in _RANGES[kind] if each.fits(low, high)), None)
    if found is None:
        wanted = " or ".join(map(str, _RANGES[kind]))
        problem = f"has values from {low:g} to {high:g} in {', '.join(arrays)}, which are not clearly {wanted}"
        raise DatasetError(refusal(path, problem, _ADVICE[kind]))
    for name, own in extremes.items():
        other = next((each for each in _RANGES[kind] if each.fits(*own)), found)
        if other is not found:
            problem = f"has values from {own[0]:g} to {own[1]:g} in {name} but from {low:g} to {high:g} in all parts"
            raise DatasetError(refusal(path, problem, "save all parts with the same range"))
    return found


def _extremes(path: Path, name: str, images: Array) -> tuple[float, float]:
    """Return minimum and maximum.

    Raises:
        DatasetError: if there are values that are no numbers.
    """
    low, high = float(images.min()), float(images.max())
    if np.isfinite(low) and np.isfinite(high):
        return low, high
    bad = [np.flatnonzero(~np.isfinite(image)).size for image in images]
    first = next(number for number, count in enumerate(bad) if count)
    problem = f"has NaN or infinite values in {name} ({sum(bad):,}, the first in image {first})"
    raise DatasetError(refusal(path, problem, "repair these images or take them out"))


def _scaled(images: Array, found: _Range) -> Array:
    scaled = np.empty(images.shape, np.uint8)
    factor = 255 / (found.white - found.black)
    for block in _blocks(images):
        values = (images[block].astype(np.float64) - found.black) * factor
        scaled[block] = np.rint(values).clip(0, 255)
    return scaled


def _opaque(images: Array) -> tuple[Array, bool]:
    """Lay images with an opacity channel on white; also return whether there is anything transparent."""
    if images[..., 3].min() == 255:
        return images[..., :3], False
    laid = np.empty((*images.shape[:3], 3), np.uint8)
    for block in _blocks(images):
        colours, opacity = images[block][..., :3].astype(np.float64), images[block][..., 3:] / 255
        laid[block] = np.rint(colours * opacity + 255 * (1 - opacity))
    return laid, True


def _blocks(images: Array) -> Iterator[slice]:
    step = max(1, _BLOCK_BYTES // max(1, images[:1].size * 8))
    return (slice(start, start + step) for start in range(0, len(images), step))

"""Inputs and kernels: built-in ones, or arrays from the user's ``.npy`` files."""

from __future__ import annotations

import numpy as np

from engine.datasets.base import ProgressCallback
from engine.datasets.formats import digits
from engine.experiments.convolution.numpy_convolution import MAX_MULTIPLICATIONS
from engine.utils.arrays import Array
from engine.utils.errors import SpecError
from engine.utils.files import open_file

SIDE = 28  # pixels, that of the homework's images
READERS = {
    np.lib.format.magic(1, 0): np.lib.format.read_array_header_1_0,
    np.lib.format.magic(2, 0): np.lib.format.read_array_header_2_0,
}

# Row and column coordinates of a 4x4 kernel's values, from -1.5 to 1.5.
_Y, _X = np.mgrid[-1.5:2, -1.5:2]
_BINOMIAL = np.array([1.0, 3.0, 3.0, 1.0])
_MEAN = np.ones((4, 4)) / 16
_CENTRE = np.pad(np.ones((2, 2)), 1) / 4


def _edge(values: Array) -> Array:
    """Scale values so that the positive ones sum to 1; the output then spans as many grey levels as the input."""
    scaled: Array = values / values[values > 0].sum()
    return scaled


KERNELS: dict[str, Array] = {
    "horizontal edges": _edge(np.sign(_Y) * _BINOMIAL),
    "vertical edges": _edge(np.sign(_X) * _BINOMIAL[:, np.newaxis]),
    "rising edges": _edge(np.sign(_X + _Y)),
    "falling edges": _edge(np.sign(_Y - _X)),
    "outline": _edge(_CENTRE - _MEAN),
    "box blur": _MEAN,
    "Gaussian blur": np.outer(_BINOMIAL, _BINOMIAL) / 64,
    "sharpen": 2 * _CENTRE - _MEAN,
}


def sample_input(count: int, channels: int, progress: ProgressCallback) -> Array:
    """Return the first ``count`` of scikit-learn's digits, enlarged: uint8 [count, channels, 28, 28], grey."""
    images = digits.load(SIDE, progress).x_train[:count]
    return np.repeat(images.transpose(0, 3, 1, 2), channels, axis=1)


def sample_kernel(channels: int) -> Array:
    """Return the kernels of ``KERNELS``, applied to the mean of the channels: float64 [8, channels, 4, 4]."""
    kernels = np.stack(list(KERNELS.values()))[:, np.newaxis]
    return np.repeat(kernels / channels, channels, axis=1)


def load_array(path: str) -> Array:
    """Load the array of an ``.npy`` file and extend it to four dimensions.

    [height, width] becomes [1, 1, height, width], and [count, height, width] becomes [count, 1, height, width]: one
    channel.

    Raises:
        SpecError: if the file can't be read, or holds anything but finite real numbers, or more than can be convolved.
    """
    try:
        _check_header(path)
        array = np.load(path, allow_pickle=False)
        if array.dtype.itemsize > np.dtype(float).itemsize:
            array = array.astype(float)  # no method computes in extended precision
    except OSError as error:
        raise SpecError(f"{path} can't be read ({error.strerror or error}); name an .npy file that exists.") from None
    except SpecError:
        raise
    except Exception:  # a truncated file or a damaged header, on which NumPy raises almost anything
        raise SpecError(f"{path} is damaged or not an .npy file; write it with numpy.save.") from None
    if not np.isfinite(array).all():
        raise SpecError(f"{path} has values that are infinite or not a number; replace them first.")
    shape = array.shape
    full: Array = array.reshape({2: (1, 1, *shape), 3: (shape[0], 1, *shape[1:])}.get(len(shape), shape))
    return full


def _check_header(path: str) -> None:
    """Check type, dimensions and size by the header, before any value is read.

    Raises:
        SpecError: if any of them is unsuitable.
    """
    with open_file(path) as file:
        read = READERS.get(file.read(np.lib.format.MAGIC_LEN))
        if read is None:
            raise SpecError(f"{path} is not an .npy file; write it with numpy.save.")
        shape, _, dtype = read(file)
    if dtype.kind not in "biuf":
        raise SpecError(f"{path} holds {dtype.name} values; it must hold whole or real numbers.")
    if len(shape) not in (2, 3, 4):
        raise SpecError(
            f"{path} has {len(shape)} dimensions; it needs 4 ([batch, channels, height, width] for input, [out "
            "channels, in channels, height, width] for kernel), 3 without the channels, or 2 for a single one."
        )
    if not 0 < (size := np.prod(shape, dtype=object)) <= MAX_MULTIPLICATIONS:
        raise SpecError(f"{path} holds {size:,} values; it must hold from 1 to {MAX_MULTIPLICATIONS:,}.")

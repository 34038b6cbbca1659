"""engine.training.images: tensors of images take no memory of their own where that is possible."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
import tensorflow as tf

from engine.training.images import as_tensor
from engine.utils.arrays import ALIGNMENT, Array, aligned_empty


def address(tensor: tf.Tensor) -> int:
    return np.asarray(memoryview(tensor)).ctypes.data


def images(count: int = 5) -> Array:
    array = aligned_empty((count, 8, 8, 1))
    array[:] = np.random.default_rng(0).normal(size=array.shape)
    return array


def test_aligned_images_are_not_copied_and_live_as_long_as_their_tensor() -> None:
    array = images()
    assert array.ctypes.data % ALIGNMENT == 0
    tensor, expected = as_tensor(array), array.copy()
    assert address(tensor) == array.ctypes.data
    owner = weakref.ref(array)
    del array
    gc.collect()
    assert owner() is not None
    assert np.array_equal(tensor.numpy(), expected)
    del tensor
    gc.collect()
    assert owner() is None


@pytest.mark.parametrize("kind", ["misaligned", "read-only", "transposed"])
def test_others_are_copied_to_where_tensorflow_may_compute(kind: str) -> None:
    array = images()
    if kind == "misaligned":
        array = array.reshape(-1)[1:]
    elif kind == "read-only":
        array.flags.writeable = False
    else:
        array = array.transpose(1, 2, 0, 3)
    tensor = as_tensor(array)
    assert address(tensor) % ALIGNMENT == 0
    assert np.array_equal(tensor.numpy(), array)

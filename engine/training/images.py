"""Images as tensors that share the memory of NumPy's arrays."""

from __future__ import annotations

import tensorflow as tf

from engine.utils.arrays import ALIGNMENT, Array


def as_tensor(images: Array) -> tf.Tensor:
    """Return float32 ``images`` as a tensor on the current device; on the processor without a copy if possible.

    ``tf.constant`` copies them, and again if the copy is not aligned. The images must not be changed any more;
    TensorFlow only overwrites tensors that nothing else refers to.
    """
    if images.ctypes.data % ALIGNMENT or not (images.flags.c_contiguous and images.flags.writeable):
        return tf.constant(images)
    shared = tf.experimental.dlpack.from_dlpack(images.__dlpack__())  # on the processor
    return tf.identity(shared)  # a copy only if the current device is another one

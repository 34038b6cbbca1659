"""TensorFlow in the process that exports, which often has not loaded it yet."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from engine.devices.hardware import load_tensorflow, on_device, silence_stderr, use_device
from engine.devices.names import CPU


@contextmanager
def tensorflow_on_cpu() -> Iterator[None]:
    """Load TensorFlow and Keras, and compute on the processor, so that no GPU memory is taken from trainings."""
    if "tensorflow" not in sys.modules:
        with silence_stderr():
            load_tensorflow(hide_optional=False)  # the figures of the same export use matplotlib
            use_device(CPU)
    with on_device(CPU):
        yield

"""The program with a fake GPU: TensorFlow's second logical CPU, reported as gpu:0.

``python -m tests.fake_gpu sound|wrong|deadly OPTIONS`` is ``main.py OPTIONS`` with that GPU. A ``wrong``
one omits the bias of a dense layer outside of training, as a faulty fused operation would; a ``deadly`` one ends the
process that computes on it. This module is the main module of training processes too, so they have the same GPU.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from typing import Any

from engine.devices import hardware
from engine.devices import verification as check
from engine.devices.hardware import Gpu
from engine.devices.names import CPU

KEY, NAME, PLACE = "gpu:0", "A card that is none", "/CPU:1"
MEMORY = 4 * 2**30
DEADLY_CODE = 66
MODE = "TRAINSCOPE_FAKE_GPU"  # environment variable, inherited by training processes
visible = [True]


def find_gpus() -> list[Gpu]:
    return [Gpu(KEY, NAME, PLACE if visible[-1] else None, uses_tf32=False)]


def use_device(device: str) -> None:
    import tensorflow as tf

    visible.append(device != CPU)
    (processor,) = tf.config.list_physical_devices("CPU")
    if visible[-1] and not tf.config.get_logical_device_configuration(processor):
        two = [tf.config.LogicalDeviceConfiguration(), tf.config.LogicalDeviceConfiguration()]
        tf.config.set_logical_device_configuration(processor, two)


def on_tensorflow(pattern: check.Pattern) -> Any:
    import numpy as np
    import tensorflow as tf

    found = dict(truly_on_tensorflow(pattern))
    if not tf.constant(0).device.endswith(PLACE[1:]):
        return found
    if os.environ[MODE] == "deadly":
        os._exit(DEADLY_CODE)
    if os.environ[MODE] == "wrong" and pattern.kind is check.PatternKind.DENSE:
        found["output"] = np.maximum(pattern.inputs["x"] @ pattern.inputs["kernel"], 0)
    return found


truly_on_tensorflow = check.on_tensorflow
truly_memory_of = hardware.device_memory


def install() -> None:
    """Make this process find the fake GPU."""
    hardware.find_gpus = find_gpus
    hardware.use_device = use_device
    hardware.device_memory = lambda device: MEMORY if device == KEY else truly_memory_of(device)
    check.on_tensorflow = on_tensorflow


if __name__ != "tests.fake_gpu":  # the program, or one of its child processes
    install()

if __name__ == "__main__":
    from main import main

    multiprocessing.freeze_support()
    os.environ[MODE] = sys.argv.pop(1)
    sys.exit(main())

"""What a process computes on."""

from __future__ import annotations

import os
import platform
from pathlib import Path

from engine.events import Device


def cpu_count() -> int:
    """CPU cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cpu_name() -> str:
    """The processor's own name, as far as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def quiet_tensorflow() -> None:
    """Let TensorFlow's C++ side print warnings and errors only; it looks when it is imported."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")


def configure(threads: int) -> None:
    """Set TensorFlow's thread pools and GPU memory growth; must come before the first operation of the process.

    One operation at a time with ``threads`` threads: the networks here are chains, and bits then depend on
    ``threads`` alone.
    """
    quiet_tensorflow()
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    for gpu in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(gpu, True)


def current_device() -> Device:
    """The device that TensorFlow places training on in this process."""
    import tensorflow as tf

    threads = tf.config.threading.get_intra_op_parallelism_threads() or cpu_count()
    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        return Device("CPU", cpu_name(), threads)
    details = tf.config.experimental.get_device_details(gpus[0])
    return Device("GPU", details.get("device_name", gpus[0].name), threads)

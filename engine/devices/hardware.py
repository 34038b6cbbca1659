"""What a process computes on."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from engine.errors import DeviceError, SpecError
from engine.events import Device

Gpu = TypeVar("Gpu")

AUTO, CPU = "auto", "cpu"
STDERR = 2  # its file descriptor


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


def parse_device(text: str) -> str:
    """``auto``, ``cpu`` or ``gpu:N`` from what a person wrote (``GPU`` is the first one); raises :class:`SpecError`."""
    name = text.strip().lower()
    if name in (AUTO, CPU):
        return name
    if name == "gpu":
        return gpu_key(0)
    if (found := re.fullmatch(r"gpu:(\d{1,3})", name, re.ASCII)) is not None:
        return gpu_key(int(found[1]))
    raise SpecError(f"'{text}' is no device; write auto, cpu or gpu:N, such as gpu:0 for the first GPU.")


def gpu_key(position: int) -> str:
    """How a GPU is called here, by its place in TensorFlow's list."""
    return f"gpu:{position}"


def visible_gpus(device: str, gpus: Sequence[Gpu]) -> list[Gpu]:
    """Those of a machine's ``gpus`` that a process on ``device`` may see.

    Where the one asked for isn't there: all of them, as for ``auto``; who asked learns of it by :func:`check_device`.
    """
    if device == CPU:
        return []
    return [gpu for position, gpu in enumerate(gpus) if gpu_key(position) == device] or list(gpus)


def check_device(device: str, there: Collection[str]) -> None:
    """Raises :class:`DeviceError` unless ``device`` can be had where there are ``there``, such as {cpu, gpu:0}."""
    if device != AUTO and device not in there:
        raise DeviceError(f"There is no {device} on this machine; choose {', '.join([AUTO, *sorted(there)])}.")


@contextmanager
def silenced() -> Iterator[None]:
    """Within, what is printed as an error goes nowhere: TensorFlow speaks past Python as it loads."""
    try:
        kept = os.dup(STDERR)
    except OSError:  # a program without a console
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, STDERR)
        yield
    finally:
        os.dup2(kept, STDERR)
        os.close(kept)
        os.close(nowhere)


def quiet_tensorflow() -> None:
    """Let TensorFlow's C++ side print warnings and errors only; it looks when it is imported."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")


def configure(threads: int, device: str = AUTO) -> None:
    """Set TensorFlow's thread pools, what it sees and GPU memory growth, before the first operation of the process.

    One operation at a time with ``threads`` threads: the networks here are chains, and bits then depend on
    ``threads`` alone.
    """
    quiet_tensorflow()
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    use_device(device)
    for gpu in tf.config.get_visible_devices("GPU"):
        tf.config.experimental.set_memory_growth(gpu, True)


def use_device(device: str) -> None:
    """Hide the GPUs that ``device`` leaves out; must come before the first operation of the process."""
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    visible = visible_gpus(device, gpus)
    if visible != gpus:
        tf.config.set_visible_devices(visible, "GPU")


def available_devices() -> dict[str, str]:
    """Name of each device that can be asked for, by its key, hidden from this process or not."""
    import tensorflow as tf

    return {CPU: cpu_name()} | {
        gpu_key(position): _gpu_name(gpu) for position, gpu in enumerate(tf.config.list_physical_devices("GPU"))
    }


def current_device() -> Device:
    """The device that TensorFlow places training on in this process."""
    import tensorflow as tf

    threads = tf.config.threading.get_intra_op_parallelism_threads() or cpu_count()
    gpus = tf.config.get_visible_devices("GPU")
    return Device("GPU", _gpu_name(gpus[0]), threads) if gpus else Device("CPU", cpu_name(), threads)


def tensorflow_name(device: str) -> str:
    """What TensorFlow calls ``device``, cpu or gpu:N, in this process, which may see only some of the GPUs there are.

    Raises :class:`DeviceError` where it doesn't see this one.
    """
    import tensorflow as tf

    if device == CPU:
        return "/CPU:0"
    visible = tf.config.get_visible_devices("GPU")
    for position, gpu in enumerate(tf.config.list_physical_devices("GPU")):
        if gpu_key(position) == device and gpu in visible:
            return f"/GPU:{visible.index(gpu)}"
    raise DeviceError(f"There is no {device} for this process; choose another device, see --list.")


def rounds_products(device: str) -> bool:
    """Whether products of matrices and convolutions round their factors to TensorFloat-32 on ``device``."""
    import tensorflow as tf

    if device == CPU or not tf.config.experimental.tensor_float_32_execution_enabled():
        return False
    gpus = {gpu_key(position): gpu for position, gpu in enumerate(tf.config.list_physical_devices("GPU"))}
    details = tf.config.experimental.get_device_details(gpus[device]) if device in gpus else {}
    # NVIDIA alone tells a compute capability; from 8 on there is such arithmetic, and TensorFlow uses it.
    return bool(details.get("compute_capability", (0, 0))[0] >= 8)


def _gpu_name(gpu: Any) -> str:
    import tensorflow as tf

    details = tf.config.experimental.get_device_details(gpu)
    return str(details.get("device_name", gpu.name))

"""What TensorFlow finds to compute on, and how a process is set up for it."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from engine.devices.names import AUTO, CPU, Place, gpu_key
from engine.events.devices import Device
from engine.utils.errors import DeviceError
from engine.utils.paths import cache_folder

STDERR = 2  # its file descriptor


@dataclass(frozen=True)
class Gpu:
    """A GPU as TensorFlow lists it.

    ``place`` is TensorFlow's name for it in this process, None where it is hidden from it. ``coarse`` says whether its
    products of matrices and convolutions round their factors to TensorFloat-32. ``physical`` is TensorFlow's object.
    """

    key: str
    name: str
    place: str | None
    coarse: bool
    physical: Any = None


def cpu_count() -> int:
    """CPU cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def thread_count() -> int:
    """Operations that this process computes at once."""
    import tensorflow as tf

    return tf.config.threading.get_inter_op_parallelism_threads() or cpu_count()


def cpu_name() -> str:
    """The processor's own name, as far as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


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
    """Let TensorFlow's C++ side print warnings and errors only; it looks when it is imported.

    Keras writes a file as it is imported: into the cache folder rather than into the user's home.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
    os.environ.setdefault("KERAS_HOME", str(cache_folder() / "keras"))


def configure(threads: int, device: str = AUTO) -> None:
    """Set TensorFlow's thread pools and what it sees, before the first operation of the process.

    Each operation has one thread, and up to ``threads`` operations go on at once. The other way round, an operation is
    shared out among the threads, and all wait for its slowest part before the next can begin: the operations here are
    too short for that (docs/performance.md). So what is to be done side by side has to be independent: chunks of
    images, shares of a batch.
    """
    quiet_tensorflow()
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    use_device(device)


def use_device(device: str) -> None:
    """Hide the GPUs that ``device`` leaves out, and let the memory of the others be taken as it is needed.

    Must come before the first operation of the process. Without the growth, TensorFlow takes a whole card at once, and
    the second process on it gets nothing.
    """
    import tensorflow as tf

    there = find_gpus()
    visible = [gpu.physical for gpu in visible_gpus(device, there)]
    if len(visible) < len(there):
        tf.config.set_visible_devices(visible, "GPU")
    for gpu in visible:
        tf.config.experimental.set_memory_growth(gpu, True)


def visible_gpus(device: str, gpus: Sequence[Gpu]) -> list[Gpu]:
    """Those of a machine's ``gpus`` that a process on ``device`` may see.

    Where the one asked for isn't there: all of them, as for ``auto``; who asked learns of it by
    :func:`~engine.devices.names.check_device`.
    """
    if device == CPU:
        return []
    return [gpu for gpu in gpus if gpu.key == device] or list(gpus)


def find_gpus() -> list[Gpu]:
    """The GPUs of this machine that TensorFlow can use, hidden from this process or not."""
    import tensorflow as tf

    visible = tf.config.get_visible_devices("GPU")
    return [
        Gpu(
            gpu_key(position),
            str(_details(physical).get("device_name") or physical.name),
            f"/GPU:{visible.index(physical)}" if physical in visible else None,
            _rounds_products(physical),
            physical,
        )
        for position, physical in enumerate(tf.config.list_physical_devices("GPU"))
    ]


def available_devices() -> dict[str, str]:
    """Name of each device that can be asked for, by its key, hidden from this process or not."""
    return {CPU: cpu_name()} | {gpu.key: gpu.name for gpu in find_gpus()}


def hidden_devices() -> set[str]:
    """Those that this process was told to leave out: nothing can be computed on them here."""
    return {gpu.key for gpu in find_gpus() if gpu.place is None}


def described(place: Place) -> Device:
    """``place`` as it is stored with what is computed there."""
    threads = thread_count()
    if (gpu := _find(place.device)) is None:
        return Device("CPU", cpu_name(), threads, CPU, place.refusal)
    return Device("GPU", gpu.name, threads, gpu.key, place.refusal)


def placed(device: str) -> AbstractContextManager[None]:
    """Within, TensorFlow makes tensors and variables on ``device`` and computes there.

    Raises :class:`DeviceError` where this process doesn't see it.
    """
    import tensorflow as tf

    place: AbstractContextManager[None] = tf.device(tensorflow_name(device))
    return place


def tensorflow_name(device: str) -> str:
    """What TensorFlow calls ``device`` in this process, which may see only some of the GPUs there are.

    Raises :class:`DeviceError` where it doesn't see this one.
    """
    if device == CPU:
        return "/CPU:0"
    gpu = _find(device)
    if gpu is None or gpu.place is None:
        raise DeviceError(f"There is no {device} for this process; choose another device, see --list.")
    return gpu.place


def rounds_products(device: str) -> bool:
    """Whether products of matrices and convolutions round their factors to TensorFloat-32 on ``device``."""
    gpu = _find(device)
    return gpu is not None and gpu.coarse


def memory_of(device: str) -> int | None:
    """Bytes of memory that ``device`` has, of a GPU what TensorFlow may take of it; None where it doesn't say.

    Sets the GPUs up that this process sees, which takes seconds and some of their memory.
    """
    if device == CPU:
        return int(psutil.virtual_memory().total)
    import tensorflow as tf
    from tensorflow.python.client import device_lib

    # Who sets a GPU up first decides for the process whether it takes all of its memory at once.
    growing = tf.compat.v1.ConfigProto(gpu_options=tf.compat.v1.GPUOptions(allow_growth=True))
    wanted = f"/device:{tensorflow_name(device).lstrip('/')}"
    found = device_lib.list_local_devices(session_config=growing)
    return next((each.memory_limit or None for each in found if each.name == wanted), None)


def driver() -> str:
    """What stands between TensorFlow and a GPU, as far as the system tells: an update may mend or break it."""
    try:
        return Path("/proc/driver/nvidia/version").read_text(encoding="utf-8").splitlines()[0].strip()
    except (OSError, IndexError):
        return platform.platform()


def _find(device: str) -> Gpu | None:
    return next((gpu for gpu in find_gpus() if gpu.key == device), None)


def _details(physical: Any) -> dict[str, Any]:
    import tensorflow as tf

    found: dict[str, Any] = tf.config.experimental.get_device_details(physical)
    return found


def _rounds_products(physical: Any) -> bool:
    import tensorflow as tf

    # NVIDIA alone tells a compute capability; from 8 on there is such arithmetic, and TensorFlow uses it.
    capability = _details(physical).get("compute_capability") or (0, 0)
    return bool(tf.config.experimental.tensor_float_32_execution_enabled()) and bool(capability[0] >= 8)

"""Devices that TensorFlow finds, and the configuration of a process for them."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

import engine
from engine.devices.libraries import used_library
from engine.devices.names import AUTO, CPU, METAL, AssignedDevice, gpu_key
from engine.events.devices import Device
from engine.utils.errors import DeviceError
from engine.utils.paths import cache_folder
from engine.utils.versions import NOT_INSTALLED, installed_version

STDERR = 2  # its file descriptor
NVIDIA_DRIVER, WSL_GPU = Path("/proc/driver/nvidia/version"), Path("/dev/dxg")
METAL_PLUGIN = "tensorflow-metal"
_OPTIONAL = ("matplotlib", "mpl_toolkits", "pandas", "scipy", "sklearn")  # libraries that Keras can do without

# Instructions for which libraries have kernels of their own, and how Linux and NumPy, old or new, call them. NumPy's
# names are of groups, and it has none for bfloat16 and AMX.
INSTRUCTIONS = {
    "NEON": {"asimd", "neon"},
    "SVE": {"sve"},
    "AVX": {"avx", "x86_v3"},
    "AVX2": {"avx2", "x86_v3"},
    "AVX-512": {"avx512f", "avx512_skx", "x86_v4"},
    "VNNI": {"avx512_vnni", "avx_vnni", "avx512_clx", "avx512_icl"},
    "bfloat16": {"avx512_bf16", "bf16"},
    "AMX": {"amx_tile"},
}


@dataclass(frozen=True)
class Gpu:
    """A GPU as listed by TensorFlow.

    Attributes:
        tensorflow_name: TensorFlow's name for it in this process; None if it is hidden.
        uses_tf32: whether matrix products and convolutions round their factors to TensorFloat-32.
        physical: TensorFlow's physical device.
    """

    key: str
    name: str
    tensorflow_name: str | None
    uses_tf32: bool
    physical: Any = None


def cpu_count() -> int:
    """Return the number of CPU cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def thread_count() -> int:
    """Return the number of operations that this process computes at once."""
    import tensorflow as tf

    return tf.config.threading.get_inter_op_parallelism_threads() or cpu_count()


def cpu_name() -> str:
    """Return the processor's name, as far as the system provides it."""
    return next(_cpuinfo("model name"), "") or platform.processor() or platform.machine()


def _cpuinfo(*keys: str) -> Iterator[str]:
    """Yield the values of ``keys`` in Linux's description of the processors, in order."""
    with suppress(OSError), Path("/proc/cpuinfo").open(encoding="utf-8") as lines:
        for line in lines:
            key, _, value = line.partition(":")
            if key.strip() in keys:
                yield value.strip()


def instruction_set() -> str:
    """Return which of ``INSTRUCTIONS`` the processor has, such as ``AVX, AVX2``, as far as system or NumPy know."""
    flags = set(next(_cpuinfo("flags", "Features"), "").split())
    if not flags:
        import numpy as np

        known: Any = np.show_config(mode="dicts").get("SIMD Extensions", {})  # without those that are empty
        flags = {name.lower() for part in ("baseline", "found") for name in known.get(part, [])}
    return ", ".join(name for name, flagged in INSTRUCTIONS.items() if flagged & flags)


def used_instructions() -> str:
    """Return ``instruction_set``, and to which of them the user has limited oneDNN, if so."""
    limit = _onednn_limit()
    return f"{instruction_set()}; oneDNN up to {limit}" if limit else instruction_set()


def uses_avx512() -> bool:
    """Return whether oneDNN may compute with AVX-512: if the processor has it and oneDNN's own variable allows it."""
    limit = _onednn_limit()
    return "AVX-512" in instruction_set() and limit != "AVX" and not limit.startswith(("SSE", "AVX2"))


def _onednn_limit() -> str:
    return os.environ.get("ONEDNN_MAX_CPU_ISA", "").upper()


@contextmanager
def silence_stderr() -> Iterator[None]:
    """Discard what is written to file descriptor 2, where TensorFlow writes while loading, bypassing Python."""
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


def load_tensorflow(hide_optional: bool = True) -> None:
    """Load TensorFlow and Keras.

    Args:
        hide_optional: whether they are loaded without the libraries that they use where installed, and that are not
            needed here: plots, and wrappers for scikit-learn. They would take 70 MiB of every training process, and two
            fifths of the time to load. They can be imported afterwards, but not by another thread meanwhile: only for a
            process in which no other thread imports.
    """
    quiet_tensorflow()
    hidden = [name for name in _OPTIONAL if name not in sys.modules] if hide_optional else []
    # Python raises an ImportError for a module that is None here.
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    try:
        import keras  # noqa: F401
        import tensorflow as tf  # noqa: F401
    finally:
        for name in hidden:
            del sys.modules[name]


def quiet_tensorflow() -> None:
    """Let TensorFlow's C++ part log warnings and errors only; call before importing it.

    Keras writes a file when it is imported: let it use the cache folder rather than the user's home.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
    os.environ.setdefault("KERAS_HOME", str(cache_folder() / "keras"))


def configure(threads: int, device: str = AUTO, hide_optional: bool = True) -> None:
    """Set TensorFlow's thread pools and visible devices; call before the first operation of the process.

    Each operation has one thread, and up to ``threads`` operations run concurrently. The alternative, splitting each
    operation among threads, makes all threads wait for its slowest part; the operations here are too short for that
    (docs/performance.md). Parallel work must therefore be independent operations: chunks of images, parts of a batch.

    Args:
        threads: how many operations run concurrently.
        device: what the process computes on; GPUs that it excludes are hidden.
        hide_optional: as for ``load_tensorflow``.
    """
    load_tensorflow(hide_optional)
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    use_device(device)


def use_device(device: str) -> None:
    """Hide the GPUs that ``device`` excludes, and let memory of the others grow as needed.

    Call before the first operation of the process. Without growth, TensorFlow takes a GPU's whole memory at once, and a
    second process on it gets none.
    """
    import tensorflow as tf

    there = find_gpus()
    visible = [gpu.physical for gpu in visible_gpus(device, there)]
    if len(visible) < len(there):
        tf.config.set_visible_devices(visible, "GPU")
    for gpu in visible:
        tf.config.experimental.set_memory_growth(gpu, True)


def visible_gpus(device: str, gpus: Sequence[Gpu]) -> list[Gpu]:
    """Return those of ``gpus`` that a process on ``device`` may see.

    If the requested GPU does not exist, all are visible, as for ``auto``; ``names.check_device`` reports the error.
    """
    if device == CPU:
        return []
    return [gpu for gpu in gpus if gpu.key == device] or list(gpus)


def find_gpus() -> list[Gpu]:
    """Return the GPUs of this machine that TensorFlow can use, including those hidden from this process."""
    import tensorflow as tf

    visible = tf.config.get_visible_devices("GPU")
    return [
        Gpu(
            gpu_key(position),
            str(_details(physical).get("device_name") or physical.name),
            f"/GPU:{visible.index(physical)}" if physical in visible else None,
            _uses_tf32(physical),
            physical,
        )
        for position, physical in enumerate(tf.config.list_physical_devices("GPU"))
    ]


def available_devices() -> dict[str, str]:
    """Return the name of each device that can be requested, by its key, including hidden ones."""
    return {CPU: cpu_name()} | {gpu.key: gpu.name for gpu in find_gpus()}


def hidden_devices() -> set[str]:
    """Return the keys of the GPUs that this process can't use, because it was configured without them."""
    return {gpu.key for gpu in find_gpus() if gpu.tensorflow_name is None}


def describe_device(place: AssignedDevice) -> Device:
    """Describe an assigned device, as it is stored with the results."""
    threads = thread_count()
    if (gpu := _find(place.device)) is None:
        return Device("CPU", cpu_name(), threads, CPU, place.refusal, used_library(), used_instructions())
    return Device("GPU", gpu.name, threads, gpu.key, place.refusal)


def on_device(device: str) -> AbstractContextManager[None]:
    """Return a context in which TensorFlow computes on ``device``; propagates ``DeviceError`` if it is not visible."""
    import tensorflow as tf

    place: AbstractContextManager[None] = tf.device(tensorflow_name(device))
    return place


def tensorflow_name(device: str) -> str:
    """Return TensorFlow's name for ``device`` in this process, which may see only some of the GPUs.

    Raises:
        DeviceError: if this process doesn't see it.
    """
    if device == CPU:
        return "/CPU:0"
    gpu = _find(device)
    if gpu is None or gpu.tensorflow_name is None:
        raise DeviceError(f"There is no {device} for this process; choose another device, see --list.")
    return gpu.tensorflow_name


def uses_tf32(device: str) -> bool:
    """Return whether matrix products and convolutions on ``device`` round their factors to TensorFloat-32."""
    gpu = _find(device)
    return gpu is not None and gpu.uses_tf32


def device_memory(device: str) -> int | None:
    """Return the memory of ``device`` in bytes, for a GPU what TensorFlow may take; None if unknown.

    Initialises the GPUs that this process sees, which takes seconds and some of their memory.
    """
    if device == CPU:
        return int(psutil.virtual_memory().total)
    import tensorflow as tf
    from tensorflow.python.client import device_lib

    # The first initialisation of a GPU decides whether the process takes all of its memory at once.
    growing = tf.compat.v1.ConfigProto(gpu_options=tf.compat.v1.GPUOptions(allow_growth=True))
    wanted = f"/device:{tensorflow_name(device).lstrip('/')}"
    found = device_lib.list_local_devices(session_config=growing)
    return next((each.memory_limit or None for each in found if each.name == wanted), None)


def driver_version() -> str:
    """Return the GPU driver's version, or the platform if unknown: an update may repair or break a device."""
    try:
        return NVIDIA_DRIVER.read_text(encoding="utf-8").splitlines()[0].strip()
    except (OSError, IndexError):
        return platform.platform()


def gpu_software(device: str) -> str:
    """Return the versions of the software on which results and speed of a GPU depend: driver, libraries, program."""
    metal = f", Metal {installed_version(METAL_PLUGIN)}" if device == METAL else ""
    return f"{driver_version()}, TensorFlow {version('tensorflow')}{metal}, Trainscope {engine.__version__}"


def may_have_gpu() -> bool:
    """Return whether TensorFlow may find a GPU, judging by drivers and plugins, without loading it."""
    if sys.platform == "darwin":
        return platform.machine() == "arm64" and installed_version(METAL_PLUGIN) != NOT_INSTALLED
    return NVIDIA_DRIVER.exists() or WSL_GPU.exists()


def _find(device: str) -> Gpu | None:
    return next((gpu for gpu in find_gpus() if gpu.key == device), None)


def _details(physical: Any) -> dict[str, Any]:
    import tensorflow as tf

    found: dict[str, Any] = tf.config.experimental.get_device_details(physical)
    return found


def _uses_tf32(physical: Any) -> bool:
    import tensorflow as tf

    # Only NVIDIA GPUs report a compute capability; TensorFlow uses TF32 from 8.0 on.
    capability = _details(physical).get("compute_capability") or (0, 0)
    return bool(tf.config.experimental.tensor_float_32_execution_enabled()) and bool(capability[0] >= 8)

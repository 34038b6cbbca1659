"""Environment variables of the compared processes: TensorFlow's library, and the imitation of an older processor."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

ONEDNN = "TF_ENABLE_ONEDNN_OPTS"  # read when TensorFlow starts; the program's own choice yields to it
ONEDNN_VALUES = {"on": "1", "off": "0", "chosen": None}

# What lets each library compute as on a processor without newer instructions. Not limited are MKL where the processor
# isn't Intel's, kernels that TensorFlow compiles ahead, for AVX, and the C library's copying of memory.
LIMITS = {
    "avx2": {
        "ONEDNN_MAX_CPU_ISA": "AVX2",  # oneDNN in TensorFlow and PyTorch; TensorFlow's matrix products without it too
        "ATEN_CPU_CAPABILITY": "avx2",  # PyTorch's own kernels
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",  # MKL: PyTorch's matrix products
        "OPENBLAS_CORETYPE": "Haswell",  # NumPy's matrix products
    }
}


def restart_limited(instructions: str | None) -> None:
    """Start this program anew with the variables of ``LIMITS``, unless they are set: libraries read them at start."""
    limits = LIMITS.get(instructions or "", {})
    if not limits.items() <= os.environ.items():
        os.environ.update(limits)
        os.execv(sys.executable, sys.orig_argv)  # noqa: S606 # the same program and arguments


def environment_of(module: str, onednn: str, instructions: str | None, cache: str) -> Mapping[str, str]:
    """Return the environment variables of a side.

    Args:
        module: its module in ``benchmarks.compare.sides``.
        onednn: whether this program's sides compute with oneDNN: ``on``, ``off``, or as the program chooses. Plain
            Keras does what TensorFlow does by itself on such a processor.
        instructions: a key of ``LIMITS``.
        cache: an empty folder for the program's caches, so that what the program measures is measured in this run.
    """
    ours = {name: value for name, value in os.environ.items() if name != ONEDNN} | {"TRAINSCOPE_CACHE": cache}
    value = ONEDNN_VALUES[onednn]
    if module == "keras_fit":
        # TensorFlow asks the processor itself, and uses oneDNN from VNNI or bfloat16 on.
        value = "0" if instructions else None
    return ours if value is None else ours | {ONEDNN: value}

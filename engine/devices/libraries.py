"""The library that computes on the processor: oneDNN, or Eigen, which TensorFlow uses without it.

TensorFlow decides when it starts, by an environment variable. By default it uses oneDNN only on processors with
instructions for neural networks (AVX-512 VNNI and later), although oneDNN's convolutions are faster on others, too. So
both are measured on each machine (``engine.devices.calibration``) and the faster one is used. Bits of results depend
on it: it is stored with every run.
"""

from __future__ import annotations

import os
import sys

ONEDNN, EIGEN = "oneDNN", "Eigen"
LIBRARIES = (ONEDNN, EIGEN)
VARIABLE = "TF_ENABLE_ONEDNN_OPTS"
_FROM_USER = os.environ.get(VARIABLE, "")  # before ``use_library`` sets it


def requested_library() -> str:
    """Return the library that the user asks for by TensorFlow's environment variable; empty if it is not set."""
    value = _FROM_USER.strip().lower()
    if not value:
        return ""
    return ONEDNN if value in ("1", "true") else EIGEN


def use_library(library: str) -> None:
    """Let TensorFlow compute with ``library``; without effect once TensorFlow is loaded, or if ``library`` is empty."""
    if library and "tensorflow" not in sys.modules:
        os.environ[VARIABLE] = "1" if library == ONEDNN else "0"


def used_library() -> str:
    """Return the library with which this process computes; loads TensorFlow.

    Some builds of TensorFlow, such as that for Macs, have no oneDNN.
    """
    from tensorflow.python.util import _pywrap_util_port  # used by TensorFlow's own tests; there is no public function

    return ONEDNN if _pywrap_util_port.IsMklEnabled() else EIGEN

"""Convolution by plain loops, vectorised and by TensorFlow, on the homework's shapes: ratios of their times.

Input uint8 5x1x28x28, kernels float64 8x1x4x4, computed in float64 in this process, in turns: A B C D, A B C D.

Usage: python -m benchmarks.convolution [rounds]
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from statistics import median

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from engine.devices.hardware import configure
from engine.experiments.convolution.inputs import sample_input, sample_kernel
from engine.experiments.convolution.numpy_convolution import (
    conv2d_framework,
    conv2d_im2col,
    conv2d_loops,
    conv2d_windows,
)
from engine.utils.arrays import Array

METHODS: dict[str, Callable[[Array, Array], Array]] = {
    "loops": conv2d_loops,
    "windows": conv2d_windows,
    "im2col": conv2d_im2col,
    "framework": conv2d_framework,
}
FAST_CALLS = 20  # per turn, since a single call is too short for the clock


def main(rounds: int) -> None:
    configure(threads=1)
    input, kernel = sample_input(5, 1, lambda _message, _done, _total: None), sample_kernel(1)
    times: dict[str, list[float]] = {name: [] for name in METHODS}
    for _ in range(rounds + 1):
        for name, convolve in METHODS.items():
            calls = 1 if name == "loops" else FAST_CALLS
            begin = time.perf_counter()
            for _ in range(calls):
                convolve(input, kernel)
            times[name].append(1000 * (time.perf_counter() - begin) / calls)
    print(f"One thread, {rounds} rounds after one to settle, medians (least to most)")
    for name, measured in times.items():
        ratios = [loops / own for loops, own in zip(times["loops"][1:], measured[1:], strict=True)]
        print(
            f"{name}: {median(measured[1:]):.3f} ms; times as fast as loops: "
            f"{median(ratios):.1f} ({min(ratios):.1f} to {max(ratios):.1f})"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 15)

"""Part 2 of the homework: a convolution implemented in three ways, compared with the framework's."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import field_validator

from engine.analysis.blocks import NamedFigure
from engine.config.fields import FieldKind, field
from engine.config.specs import ExperimentSpec
from engine.datasets.base import ProgressCallback
from engine.events.experiments import Computation, ComputedPart
from engine.experiments.base import ComputedExperiment
from engine.experiments.convolution.claims import convolution_claims
from engine.experiments.convolution.inputs import KERNELS, load_array, sample_input, sample_kernel
from engine.experiments.convolution.numpy_convolution import (
    METHODS,
    check_shapes,
    conv2d_framework,
    conv2d_im2col,
    conv2d_loops,
    conv2d_windows,
    count_multiplications,
    output_shape,
)
from engine.experiments.convolution.report import batch_lines, report_blocks
from engine.utils.arrays import Array
from engine.utils.errors import SpecError

VECTORISED: dict[str, Callable[[Array, Array], Array]] = {
    "windows": conv2d_windows,
    "im2col": conv2d_im2col,
    "framework": conv2d_framework,
}
# Timing of a method ends after this total: its time is known well enough, and the user waits for it.
MAX_TIMED_SECONDS = 2.0
PROGRESS_SECONDS = 0.05


class ConvolutionSpec(ExperimentSpec):
    """Input, kernel, and the number of timed calls."""

    input: str | None = field(
        None,
        label="Input",
        group="Convolution",
        kind=FieldKind.FILE,
        help="An .npy file of numbers [batch, channels, height, width]; with three dimensions images of one channel, "
        "with two a single image. Empty takes digits of scikit-learn, enlarged to 28x28.",
    )
    kernel: str | None = field(
        None,
        label="Kernel",
        group="Convolution",
        kind=FieldKind.FILE,
        help="An .npy file of numbers [out channels, in channels, height, width]; with three dimensions kernels for "
        "one channel, with two a single kernel. Empty takes eight 4x4 kernels that find edges, blur and sharpen.",
    )
    images: int = field(
        5,
        label="Images",
        group="Convolution",
        ge=1,
        le=100,
        help="How many of the built-in digits are convolved; a file of your own is taken whole.",
    )
    precision: Literal["float64", "float32"] = field(
        "float64",
        label="Precision",
        group="Convolution",
        help="Type of number that all but the loops compute with; the loops, which the others are compared with, "
        "always use float64. Networks are trained in float32.",
    )
    repeats: int = field(
        5,
        label="Timed calls",
        group="Convolution",
        ge=1,
        le=1000,
        help="Calls of each method, of which the fastest counts; fewer where they take longer than two seconds.",
    )

    @field_validator("input", "kernel")
    @classmethod
    def _make_absolute(cls, path: str | None) -> str | None:
        """Make a path absolute, so that a stored spec does not depend on the working directory.

        Raises:
            ValueError: if the path names the home folder of an unknown user.
        """
        if not path or not path.strip():
            return None
        try:
            return str(Path(path.strip()).expanduser().absolute())
        except RuntimeError:
            raise ValueError(f"'{path}' names the folder of a user there is not.") from None


def compute(spec: ConvolutionSpec, emit: Callable[[ComputedPart], None], progress: ProgressCallback) -> Computation:
    """Convolve by every method, the loops first; emit a part "shapes", then a part "method" after each."""
    input, kernel, names = load(spec, progress)
    shapes = _shapes(input, kernel)
    emit(ComputedPart("shapes", shapes))
    outputs: dict[str, Array] = {}
    methods: dict[str, dict[str, Any]] = {}
    with np.errstate(over="ignore", invalid="ignore"):  # _max_difference reports overflow as an error
        for method, convolve in _calls(spec.precision, input, kernel, progress).items():
            progress(METHODS[method], 0, 0)
            outputs[method], seconds, calls = _measure(convolve, spec.repeats, method in VECTORISED)
            methods[method] = {
                "seconds": seconds,
                "calls": calls,
                "speedup": methods["loops"]["seconds"] / seconds if methods else 1.0,
                "largest_difference": _max_difference(METHODS[method], outputs[method], outputs["loops"]),
                "dtype": outputs[method].dtype.name,
            }
            emit(ComputedPart("method", {"method": method, **methods[method]}))
    findings = {**shapes, "kernel_names": names, "timing": "fastest call", "methods": methods}
    return Computation(findings, {**outputs, "input": input, "kernel": kernel})


def replay(computation: Computation) -> Iterator[ComputedPart]:
    """Yield the parts that ``compute`` emitted."""
    shapes = ("input_shape", "kernel_shape", "output_shape", "input_dtype", "kernel_dtype", "multiplications")
    yield ComputedPart("shapes", {name: computation.findings[name] for name in shapes})
    for method, values in computation.findings["methods"].items():
        yield ComputedPart("method", {"method": method, **values})


def load(spec: ConvolutionSpec, progress: ProgressCallback) -> tuple[Array, Array, list[str]]:
    """Load input and kernel; a built-in one takes its number of channels from the user's file.

    Returns:
        Input [batch, channels, height, width], kernel [out channels, in channels, height, width], and kernel names.

    Raises:
        SpecError: if a file can't be used, or input and kernel don't fit together.
    """
    input = load_array(spec.input) if spec.input else None
    kernel = load_array(spec.kernel) if spec.kernel else None
    names = list(KERNELS) if kernel is None else [f"kernel {number}" for number in range(1, len(kernel) + 1)]
    if kernel is None:
        kernel = sample_kernel(1 if input is None else input.shape[1])
    if input is None:
        input = sample_input(spec.images, kernel.shape[1], progress)
    check_shapes(input, kernel)
    return input, kernel, names


def _shapes(input: Array, kernel: Array) -> dict[str, Any]:
    return {
        "input_shape": list(input.shape),
        "kernel_shape": list(kernel.shape),
        "output_shape": list(output_shape(input, kernel)),
        "input_dtype": input.dtype.name,
        "kernel_dtype": kernel.dtype.name,
        "multiplications": count_multiplications(input, kernel),
    }


def _calls(precision: str, input: Array, kernel: Array, progress: ProgressCallback) -> dict[str, Callable[[], Array]]:
    """Return the call to time for each method; arrays of vectorised methods are converted beforehand."""
    batch, out, height, _ = output_shape(input, kernel)
    row_done = _throttled(lambda row: progress(METHODS["loops"], row, batch * out * height))
    x, k = input.astype(precision), kernel.astype(precision)
    vectorised = {method: partial(convolve, x, k) for method, convolve in VECTORISED.items()}
    return {"loops": lambda: conv2d_loops(input, kernel, row_done), **vectorised}


def _throttled(report: Callable[[int], None]) -> Callable[[int], None]:
    """Limit calls of ``report`` to one per ``PROGRESS_SECONDS``, so that progress does not distort the timing."""
    last = time.perf_counter()

    def row_done(row: int) -> None:
        nonlocal last
        if (now := time.perf_counter()) - last >= PROGRESS_SECONDS:
            last = now
            report(row)

    return row_done


def _measure(convolve: Callable[[], Array], repeats: int, warms_up: bool) -> tuple[Array, float, int]:
    """Time a method, after an untimed call if it ``warms_up``.

    Returns:
        The output, the time of the fastest call in seconds, and the number of timed calls.
    """
    if warms_up:
        convolve()
    times: list[float] = []
    while len(times) < repeats and sum(times) < MAX_TIMED_SECONDS:
        begin = time.perf_counter()
        output = convolve()
        times.append(time.perf_counter() - begin)
    return output, min(times), len(times)


def _max_difference(title: str, output: Array, reference: Array) -> float:
    """Return the largest absolute difference, which is finite.

    Raises:
        SpecError: if the output overflows.
    """
    if not np.isfinite(output).all():
        raise SpecError(f"{title}: the sums are too large for {output.dtype}; divide input or kernel by a constant.")
    return float(np.abs(output - reference).max())


def figures(_spec: ConvolutionSpec, computation: Computation) -> Iterator[NamedFigure]:
    """Draw the grid of outputs, raw and normalised."""
    from engine.experiments.convolution.figures import output_grid

    arrays, names = computation.arrays, computation.findings["kernel_names"]
    shown = arrays["input"], arrays["kernel"], arrays["loops"], names
    yield NamedFigure(
        "convolution_raw",
        output_grid(*shown, stretched=False),
        "Outputs on one grey scale, 0 in its middle: one row an input image, one column a kernel.",
    )
    yield NamedFigure(
        "convolution_normalised",
        output_grid(*shown, stretched=True),
        "The same outputs, each normalised to [0, 1].",
    )


CONVOLUTION_EXPERIMENT = ComputedExperiment(
    name="convolution",
    title="Convolution",
    summary="A small window slides over images: the same sums computed by plain loops, twice without, and by "
    "TensorFlow.",
    lesson="Move the window: each output pixel is the sum of the products of the pixels under it and the kernel. Where "
    "a kernel's values add up to 0, flat areas answer 0 and only edges are left; where they add up to 1, brightness "
    "stays. All four methods compute the same sums, but loops in Python take hundreds of times as long.",
    spec=ConvolutionSpec,
    homework_part=2,
    presets={
        "quick": {"images": 5, "repeats": 3},
        "course": {"images": 5, "repeats": 10},
    },
    compute=compute,
    claims=convolution_claims,
    batch_lines=batch_lines,
    report_blocks=report_blocks,
    figures=figures,
    archives={"convolution": tuple(METHODS)},
    replay=replay,
)

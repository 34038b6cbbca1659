"""Claims: whether all methods compute the same convolution, and their speedup over plain loops."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from engine.analysis.claims import Claim, ComputedResult, Number
from engine.experiments.convolution.numpy_convolution import METHODS
from engine.utils.text import scientific

LOOPS = "loops"


def convolution_claims(result: ComputedResult) -> Iterator[Claim]:
    """Compare the methods in accuracy and speed."""
    methods = {name: values for name, values in result.findings["methods"].items() if name != LOOPS}
    yield _agreement(result, methods)
    yield _speed(result, methods)


def _agreement(result: ComputedResult, methods: dict[str, dict[str, float]]) -> Claim:
    largest = float(np.abs(result.computation.arrays[LOOPS]).max())
    name, values = max(methods.items(), key=lambda item: item[1]["largest_difference"])
    difference = values["largest_difference"]
    share = f" ({scientific(difference / largest, 2)} of it)" if largest > 0 else ""
    sentence = (
        f"No method differs from the plain loops by more than {scientific(difference)}, where the largest output is "
        f"{largest:.4g}{share}: {METHODS[name]}, in {values['dtype']}."
    )
    numbers: dict[str, Number] = {f"{METHODS[n]}: difference": v["largest_difference"] for n, v in methods.items()}
    return Claim(sentence, {**numbers, "largest output": largest}, (result.experiment,), headline=True)


def _speed(result: ComputedResult, methods: dict[str, dict[str, float]]) -> Claim:
    loops = result.findings["methods"][LOOPS]
    speedups = "; ".join(f"{METHODS[name]} {_times(values['speedup'])}" for name, values in methods.items())
    calls = sorted({values["calls"] for values in (loops, *methods.values())})
    of = f"{calls[0]:g}" if len(calls) == 1 else f"{calls[0]:g} to {calls[-1]:g}"
    sentence = (
        f"Plain loops take {1000 * loops['seconds']:,.0f} ms; so many times faster are the others: {speedups} (the "
        f"fastest of {of} calls each)."
    )
    numbers: dict[str, Number] = {
        f"{METHODS[name]}: times faster": values["speedup"] for name, values in methods.items()
    }
    return Claim(sentence, {**numbers, "loops: seconds": loops["seconds"]}, (result.experiment,), headline=True)


def _times(speedup: float) -> str:
    return f"{speedup:,.0f}" if speedup >= 10 else f"{speedup:.1f}"

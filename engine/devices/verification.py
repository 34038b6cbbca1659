"""Verification that a device computes correctly: the operations used in training, compared with NumPy in float64.

Each value is a sum of products. Whatever the order in which float32 adds ``n`` terms, the error is at most
``n·u/(1 - n·u)`` times the sum of their magnitudes, where ``u`` is 2⁻²⁴ (Higham, Accuracy and Stability of Numerical
Algorithms, chapter 3). This bound is the tolerance, so no empirical constant is needed: a device that exceeds it
computes something else. Real errors, such as a missing bias or a permuted batch, exceed it by factors of thousands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from engine.devices.hardware import on_device, uses_tf32
from engine.devices.names import CPU
from engine.utils.arrays import Array
from engine.utils.text import pluralise, scientific

UNIT_ROUNDOFF = 2.0**-24  # largest relative rounding error of float32
TF32_UNIT_ROUNDOFF = 2.0**-11  # and of TensorFloat-32, to which both factors of a product are rounded
# Libraries may convolve by Winograd or Fourier transforms, which also round sums that cancel out later.
TRANSFORM_FACTOR = 16
FUNCTION_ROUNDINGS = 8  # exp and log of any mathematical library are accurate to a few units in the last place
SEED = 20240229


class PatternKind(StrEnum):
    """The operation that a pattern tests."""

    DENSE = "dense"
    CONVOLUTION = "convolution"
    POOLING = "pooling"
    LOSS = "loss"
    GATHER = "gather"


@dataclass(frozen=True)
class Expected:
    """The exact output.

    Attributes:
        values: the output in float64.
        magnitudes: sum of the magnitudes of the terms of each value.
        terms: number of terms per value; 0 means that nothing is rounded and the output must be equal.
    """

    values: Array
    magnitudes: Array | float = 0.0
    terms: int = 0


Outputs = Mapping[str, Array]
Compute = Callable[["Pattern"], Outputs]


@dataclass(frozen=True)
class Pattern:
    """A computation with known result.

    Attributes:
        inputs: arrays by name.
        expect: gives the exact outputs from the inputs and the device's outputs, which decide where a ReLU is open.
        multiplies: whether its products may be rounded to TensorFloat-32.
    """

    name: str
    kind: PatternKind
    inputs: Mapping[str, Array]
    expect: Callable[[Mapping[str, Array], Outputs], Mapping[str, Expected]]
    multiplies: bool = False


@dataclass(frozen=True)
class Deviation:
    """The largest deviation among the outputs of a pattern.

    ``largest`` and ``tolerance`` are relative to the summed magnitudes; ``largest`` is infinite if a number is missing
    or not finite.
    """

    pattern: str
    output: str
    largest: float
    tolerance: float

    @property
    def is_wrong(self) -> bool:
        """Whether rounding can't explain it."""
        return self.largest > self.tolerance

    @property
    def share(self) -> float:
        """The deviation as a multiple of the tolerance."""
        return self.largest / self.tolerance if self.tolerance else (0.0 if self.largest == 0 else float("inf"))

    @property
    def figures(self) -> str:
        """Such as ``convolution, kernel gradient, by 0.25 (rounding explains 1.4·10⁻⁶)``."""
        how = f"by {scientific(self.largest, 2)}" if np.isfinite(self.largest) else "missing or not finite"
        allowed = f"rounding explains {scientific(self.tolerance, 2)}" if self.tolerance else "nothing is rounded"
        return f"{self.pattern}, {self.output}, {how} ({allowed})"


def deviations(device: str) -> list[Deviation]:
    """Return the deviation of every pattern on ``device`` (cpu or gpu:N); loads TensorFlow into this process.

    Propagates ``DeviceError`` if this process doesn't see the device.
    """
    with on_device(device):
        return compare_patterns(on_tensorflow, tf32=uses_tf32(device))


def describe_failure(device: str, found: Sequence[Deviation]) -> str | None:
    """Describe what ``device`` computes wrongly, with figures, without a full stop; None if nothing."""
    wrong = [each for each in found if each.is_wrong]
    if not wrong:
        return None
    worst = max(wrong, key=lambda each: each.share)
    patterns_wrong = f"{len(wrong)} of {pluralise(len(found), 'pattern')} wrongly"
    return f"{device} computes {patterns_wrong}, furthest off: {worst.figures}"


def refusal_message(device: str, found: Sequence[Deviation]) -> str | None:
    """Say why ``device`` must not be used and what to do; None if it computes correctly."""
    if (wrong := describe_failure(device, found)) is None:
        return None
    cure = "install TensorFlow again" if device == CPU else f"train on another device ({CPU}), and update its driver"
    return f"{wrong}; {cure}."


def describe_agreement(device: str, found: Sequence[Deviation]) -> str:
    """Describe how well a correct ``device`` agrees with NumPy, with figures."""
    worst = max(found, key=lambda each: each.share)
    return f"{device}: {pluralise(len(found), 'pattern')} as in NumPy; furthest off: {worst.figures}"


def compare_patterns(compute: Compute, *, tf32: bool = False) -> list[Deviation]:
    """Return the deviation of every pattern as computed by ``compute``, whose products may be rounded to TF32."""
    return [_worst(pattern, compute(pattern), tf32 and pattern.multiplies) for pattern in patterns()]


def patterns() -> tuple[Pattern, ...]:
    """Return the test patterns: the operations of the networks here, with inputs that are always the same."""
    random = np.random.default_rng(SEED)

    def numbers(*shape: int) -> Array:
        return random.standard_normal(shape).astype(np.float32)

    def convolution(name: str, batch: int, side: int, channels: int, kernel: int, filters: int) -> Pattern:
        inputs = {
            "x": numbers(batch, side, side, channels),
            "kernel": numbers(kernel, kernel, channels, filters),
            "bias": numbers(filters),
            "upstream": numbers(batch, side - kernel + 1, side - kernel + 1, filters),
        }
        return Pattern(name, PatternKind.CONVOLUTION, inputs, _expected_convolution, multiplies=True)

    dense = {"x": numbers(50, 1024), "kernel": numbers(1024, 32), "bias": numbers(32), "upstream": numbers(50, 32)}
    # Distinct values, so that the maximum of each window is unique.
    pooled = {
        "x": random.permutation(8 * 13 * 13 * 16).reshape(8, 13, 13, 16).astype(np.float32),
        "upstream": numbers(8, 6, 6, 16),
    }
    loss = {"logits": 4 * numbers(50, 10), "labels": random.integers(0, 10, 50).astype(np.int32)}
    gathered = {"images": numbers(200, 32, 32, 1), "chosen": random.permutation(200)[:50].astype(np.int32)}
    return (
        Pattern("dense layer with bias and ReLU", PatternKind.DENSE, dense, _expected_dense, multiplies=True),
        convolution("convolution 3x3 of one channel", 16, 16, 1, 3, 16),
        convolution("convolution 5x5 of 16 channels", 8, 12, 16, 5, 16),
        Pattern("max-pooling", PatternKind.POOLING, pooled, _expected_pooling),
        Pattern("softmax and cross-entropy", PatternKind.LOSS, loss, _expected_loss),
        Pattern("batch by index", PatternKind.GATHER, gathered, _expected_gather),
    )


def _worst(pattern: Pattern, outputs: Outputs, tf32: bool) -> Deviation:
    found = [
        Deviation(
            pattern.name,
            name,
            _largest_deviation(outputs.get(name), expected),
            _tolerance(pattern, expected.terms, tf32),
        )
        for name, expected in pattern.expect(pattern.inputs, outputs).items()
    ]
    return max(found, key=lambda each: each.share)


def _tolerance(pattern: Pattern, terms: int, tf32: bool) -> float:
    exact = (
        terms
        * UNIT_ROUNDOFF
        / (1 - terms * UNIT_ROUNDOFF)
        * (TRANSFORM_FACTOR if pattern.kind is PatternKind.CONVOLUTION else 1)
    )
    return exact + (2 * TF32_UNIT_ROUNDOFF + TF32_UNIT_ROUNDOFF**2 if tf32 and terms else 0.0)


def _largest_deviation(output: Array | None, expected: Expected) -> float:
    if output is None or output.shape != expected.values.shape or not np.isfinite(output).all():
        return float("inf")
    off = np.abs(output.astype(np.float64) - expected.values)
    if not expected.terms:
        return float(off.max())
    magnitudes = np.broadcast_to(expected.magnitudes, off.shape)
    return float(np.max(np.where(off > 0, off / np.where(magnitudes > 0, magnitudes, UNIT_ROUNDOFF), 0.0)))


# Exact outputs in float64. Gradients pass a ReLU where the device's own output is positive: otherwise a value so near
# to 0 that rounding decides its sign would count as an error.


def _expected_dense(inputs: Mapping[str, Array], outputs: Outputs) -> Mapping[str, Expected]:
    x, kernel, bias, upstream = (inputs[name].astype(np.float64) for name in ("x", "kernel", "bias", "upstream"))
    values = np.maximum(x @ kernel + bias, 0)
    magnitudes = np.abs(x) @ np.abs(kernel) + np.abs(bias)
    passed = _backprop_relu(upstream, outputs)
    given = np.abs(passed)
    return {
        "output": Expected(values, magnitudes, len(kernel) + 1),
        "output while training": Expected(values, magnitudes, len(kernel) + 1),
        "kernel gradient": Expected(x.T @ passed, np.abs(x).T @ given, len(x)),
        "bias gradient": Expected(passed.sum(axis=0), given.sum(axis=0), len(x)),
        "input gradient": Expected(passed @ kernel.T, given @ np.abs(kernel).T, kernel.shape[1]),
    }


def _expected_convolution(inputs: Mapping[str, Array], outputs: Outputs) -> Mapping[str, Expected]:
    x, kernel, bias, upstream = (inputs[name].astype(np.float64) for name in ("x", "kernel", "bias", "upstream"))
    side = len(kernel)
    values = np.maximum(_cross_correlate(x, kernel) + bias, 0)
    magnitudes = _cross_correlate(np.abs(x), np.abs(kernel)) + np.abs(bias)
    passed = _backprop_relu(upstream, outputs)
    given = np.abs(passed)
    positions = given[..., 0].size
    flipped = kernel[::-1, ::-1].transpose(0, 1, 3, 2)
    padding = ((0, 0), (side - 1, side - 1), (side - 1, side - 1), (0, 0))
    back = _cross_correlate(np.pad(passed, padding), flipped)
    return {
        "output": Expected(values, magnitudes, kernel[..., 0].size + 1),
        "output while training": Expected(values, magnitudes, kernel[..., 0].size + 1),
        "kernel gradient": Expected(
            _kernel_gradient(x, passed, side), _kernel_gradient(np.abs(x), given, side), positions
        ),
        "bias gradient": Expected(passed.sum(axis=(0, 1, 2)), given.sum(axis=(0, 1, 2)), positions),
        "input gradient": Expected(
            back, _cross_correlate(np.pad(given, padding), np.abs(flipped)), flipped[..., 0].size
        ),
    }


def _cross_correlate(x: Array, kernel: Array) -> Array:
    """Cross-correlate ``x`` [n, h, w, c] with ``kernel`` [k, k, c, o] without padding: [n, h-k+1, w-k+1, o]."""
    return np.asarray(sum(part @ kernel[row, column] for row, column, part in _shifted_views(x, len(kernel))))


def _kernel_gradient(x: Array, passed: Array, side: int) -> Array:
    """Return the kernel's gradient [k, k, c, o] from its input ``x`` [n, h, w, c] and the upstream gradient."""
    flat = passed.reshape(-1, passed.shape[-1])
    found = np.empty((side, side, x.shape[-1], passed.shape[-1]))
    for row, column, part in _shifted_views(x, side):
        found[row, column] = part.reshape(len(flat), -1).T @ flat
    return found


def _shifted_views(x: Array, side: int) -> Iterator[tuple[int, int, Array]]:
    """Yield row, column and the part of ``x`` [n, h-k+1, w-k+1, c] that each element of a kernel multiplies."""
    height, width = x.shape[1] - side + 1, x.shape[2] - side + 1
    for row in range(side):
        for column in range(side):
            yield row, column, x[:, row : row + height, column : column + width]


def _backprop_relu(upstream: Array, outputs: Outputs) -> Array:
    found = outputs.get("output while training")
    return upstream * (found > 0) if found is not None and found.shape == upstream.shape else upstream


def _expected_pooling(inputs: Mapping[str, Array], _outputs: Outputs) -> Mapping[str, Expected]:
    x, upstream = inputs["x"], inputs["upstream"]
    batch, side, _, channels = x.shape
    half = side // 2
    windows = x[:, : 2 * half, : 2 * half].reshape(batch, half, 2, half, 2, channels)
    greatest = windows.max(axis=(2, 4))
    gradient = np.zeros_like(x)
    chosen = windows == greatest[:, :, np.newaxis, :, np.newaxis]
    gradient[:, : 2 * half, : 2 * half] = (chosen * upstream[:, :, np.newaxis, :, np.newaxis]).reshape(
        batch, 2 * half, 2 * half, channels
    )
    return {"output": Expected(greatest), "input gradient": Expected(gradient)}


def _expected_loss(inputs: Mapping[str, Array], _outputs: Outputs) -> Mapping[str, Expected]:
    logits, labels = inputs["logits"].astype(np.float64), inputs["labels"]
    batch, classes = logits.shape
    from_top = logits - logits.max(axis=1, keepdims=True)
    sums = np.exp(from_top).sum(axis=1, keepdims=True)
    shares, truth = np.exp(from_top) / sums, np.eye(classes)[labels]
    losses = (np.log(sums) - from_top)[np.arange(batch), labels]
    spread = 1 + np.abs(from_top)  # an error of the exponent becomes one of the probability
    return {
        "loss": Expected(losses.mean(), np.mean(np.log(sums) + spread.max(axis=1, keepdims=True)), batch + classes),
        "logits gradient": Expected(
            (shares - truth) / batch, (shares * spread + truth) / batch, classes + FUNCTION_ROUNDINGS
        ),
    }


def _expected_gather(inputs: Mapping[str, Array], _outputs: Outputs) -> Mapping[str, Expected]:
    return {"output": Expected(inputs["images"][inputs["chosen"]])}


# The same with TensorFlow, compiled to graphs as in training, because operations are fused in graphs.


def on_tensorflow(pattern: Pattern) -> Outputs:
    """What TensorFlow computes of a pattern, on the device that is in use."""
    import tensorflow as tf

    given = {name: tf.constant(values) for name, values in pattern.inputs.items()}
    match pattern.kind:
        case PatternKind.LOSS:
            outputs = tf.function(_loss_on_tensorflow)(given["logits"], given["labels"])
        case PatternKind.GATHER:
            outputs = {"output": tf.function(tf.gather)(given["images"], given["chosen"])}
        case _:
            outputs = _network_on_tensorflow(_network(pattern), given["x"], given["upstream"])
    return {name: values.numpy() for name, values in outputs.items()}


def _network(pattern: Pattern) -> Any:
    import keras

    x = pattern.inputs["x"]
    layers: list[Any] = [keras.Input(x.shape[1:])]
    if pattern.kind is PatternKind.POOLING:
        return keras.Sequential([*layers, keras.layers.MaxPooling2D(2)])
    kernel, bias = pattern.inputs["kernel"], pattern.inputs["bias"]
    learns = (
        keras.layers.Dense(len(bias))
        if pattern.kind is PatternKind.DENSE
        else keras.layers.Conv2D(len(bias), len(kernel))
    )
    network = keras.Sequential([*layers, learns, keras.layers.Activation("relu")])
    network.set_weights([kernel, bias])
    return network


def _network_on_tensorflow(network: Any, x: Any, upstream: Any) -> dict[str, Any]:
    import tensorflow as tf

    def step(x: Any, upstream: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            output = network(x, training=True)
        return output, tape.gradient(output, [x, *network.trainable_variables], output_gradients=upstream)

    output, (of_input, *of_variables) = tf.function(step)(x, upstream)
    found = {"output": tf.function(network)(x), "input gradient": of_input}
    if of_variables:
        found["output while training"] = output
    return found | dict(zip(("kernel gradient", "bias gradient"), of_variables, strict=False))


def _loss_on_tensorflow(logits: Any, labels: Any) -> dict[str, Any]:
    import keras
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(labels, logits)
    return {"loss": loss, "logits gradient": tape.gradient(loss, logits)}

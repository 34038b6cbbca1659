"""Reference times of this process: how long it takes for a network of each kind of work."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache

from engine.config.specs import TrainingSpec
from engine.devices.calibration import BFLOAT16, REFERENCES, STEPS
from engine.devices.hardware import on_device
from engine.devices.libraries import used_library
from engine.devices.names import CPU
from engine.training.model import MeasuredModel
from engine.training.noise import noise, noise_run
from engine.training.trainer import build_model

# Those of the course's protocol.
SHAPE, CLASSES, BATCH_SIZE, VALIDATION_IMAGES = (32, 32, 1), 10, 50, 5_000
MEASURED_IMAGES = 2_000  # of the validation images; all of them would take several seconds on a slow machine
CALLS = 2  # the fastest counts, as disturbances only slow them down
MIN_CALL_SECONDS = 0.02  # shorter ones are repeated


def reference_seconds(kind: str, check_cancelled: Callable[[], None]) -> tuple[float, float, float]:
    """Measure the reference network of a kind of work on one thread of the processor.

    The first measurement in a process includes one-time costs.

    Args:
        kind: as ``engine.devices.calibration`` names it.
        check_cancelled: called between the calls of the network; may raise to end the measurement.

    Returns:
        The seconds of a step of 50 images, of validating 5,000 images, and of building and compiling the network.
    """
    with on_device(CPU):
        model, compilation = _reference_model(kind)
        steps = _seconds(lambda: model.run_segment(0, STEPS, validates=False), check_cancelled)
        validation = _seconds(lambda: model.run_segment(0, 0, validates=True), check_cancelled)
    return steps / STEPS, validation * VALIDATION_IMAGES / MEASURED_IMAGES, compilation


@cache
def _reference_model(kind: str) -> tuple[MeasuredModel, float]:
    """Return the compiled network, and the seconds that took.

    It is kept, as a process that calibrates does nothing else and is asked several times.
    """
    begin = time.perf_counter()
    network = REFERENCES[kind.removesuffix(BFLOAT16)]
    training = TrainingSpec(
        batch_size=BATCH_SIZE,
        record_every=STEPS,
        validation_precision="bfloat16" if kind.endswith(BFLOAT16) else "float32",
    )
    data = noise(SHAPE, CLASSES, STEPS * BATCH_SIZE, MEASURED_IMAGES)
    model = build_model(noise_run(network, training), data, library=used_library())
    model.warm_up()
    return model, time.perf_counter() - begin


def _seconds(call: Callable[[], object], check_cancelled: Callable[[], None]) -> float:
    spans = []
    for _ in range(CALLS):
        check_cancelled()
        begin, calls = time.perf_counter(), 0
        while calls == 0 or time.perf_counter() - begin < MIN_CALL_SECONDS:
            call()
            calls += 1
        spans.append((time.perf_counter() - begin) / calls)
    return min(spans)

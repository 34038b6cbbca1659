"""A step of resnet_20 on colour images of 32x32 pixels in batches of 128, here and by Keras' fit of the same network.

Each candidate has its own process, with the same number of cores; they alternate: A B A B.

Usage: python -m benchmarks.resnet [rounds]
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from statistics import median

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from engine.devices.hardware import configure, cpu_count

ARCHITECTURE, SHAPE, CLASSES, BATCH, STEPS = "resnet_20", (32, 32, 3), 10, 128, 6
OURS, KERAS = "this engine", "Keras fit"
READY = "ready"
CANDIDATES = ((OURS, 1), (KERAS, 1), (OURS, cpu_count()), (KERAS, cpu_count()))


def main(rounds: int) -> None:
    """Start the candidates, let them train in turns, and print."""
    children = {each: start(*each) for each in dict.fromkeys(CANDIDATES)}
    times: dict[tuple[str, int], list[float]] = {each: [] for each in children}
    for _ in range(rounds):
        for each, child in children.items():
            assert child.stdin is not None
            assert child.stdout is not None
            child.stdin.write("\n")
            child.stdin.flush()
            times[each].append(float(child.stdout.readline()))
    for child in children.values():
        child.terminate()
    for (name, threads), seconds in times.items():
        ratios = [keras / ours for keras, ours in zip(times[KERAS, threads], seconds, strict=True)]
        step = f"{1000 * median(seconds):7.0f} ms a step ({1000 * min(seconds):.0f} to {1000 * max(seconds):.0f})"
        print(
            f"{name:18} {threads} core{'s' if threads > 1 else ' '} {step}, {median(ratios):.2f} times as fast as Keras"
        )


def start(name: str, threads: int) -> subprocess.Popen[str]:
    """Return a candidate's process once it is ready."""
    command = [sys.executable, "-m", "benchmarks.resnet", name, str(threads)]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: S603 # itself
    assert child.stdout is not None
    assert child.stdout.readline().strip() == READY
    return child


def compete(name: str, threads: int) -> None:
    """Train an epoch for each line on standard input, and print the seconds of a step."""
    epoch = (ours if name == OURS else keras_fit)(threads)
    epoch()  # warms up
    print(READY, flush=True)
    for _ in sys.stdin:
        begin = time.perf_counter()
        epoch()
        print((time.perf_counter() - begin) / STEPS, flush=True)


def ours(threads: int) -> Callable[[], object]:
    """Return an epoch of this engine."""
    configure(threads)
    from engine.config.specs import TrainingSpec
    from engine.devices.libraries import used_library
    from engine.training.noise import noise, noise_run
    from engine.training.trainer import build_model

    run = noise_run(ARCHITECTURE, TrainingSpec(batch_size=BATCH))
    data = noise(SHAPE, CLASSES, STEPS * BATCH, 10)
    model = build_model(run, data, threads=threads, library=used_library())
    model.warm_up()
    return lambda: model.run_segment(0, STEPS, validates=False)


def keras_fit(threads: int) -> Callable[[], object]:
    """Return an epoch of Keras' fit, without XLA, which is slower on a processor."""
    import keras
    import tensorflow as tf

    from engine.config.specs import NetworkSpec
    from engine.networks.architectures import build_network
    from engine.training.noise import noise

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    data = noise(SHAPE, CLASSES, STEPS * BATCH, 10)
    network = build_network(ARCHITECTURE, SHAPE, CLASSES, NetworkSpec(), seed=0)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    network.compile("adam", loss, metrics=["accuracy"], jit_compile=False)
    return lambda: network.fit(data.x_train, data.y_train, batch_size=BATCH, verbose=0)


if __name__ == "__main__":
    if len(sys.argv) > 2:
        compete(sys.argv[1], int(sys.argv[2]))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)

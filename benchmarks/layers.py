"""What each kind of layer costs a step, as a ratio to the same network without it or with what it replaces.

All alternate in one process, without records: A B C ... A B C.

Usage: python -m benchmarks.layers [rounds] [threads]
"""

from __future__ import annotations

import os
import sys
import time
from statistics import median

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from engine.config.specs import TrainingSpec
from engine.devices.hardware import configure
from engine.devices.libraries import used_library
from engine.training.model import MeasuredModel
from engine.training.noise import noise, noise_run
from engine.training.trainer import build_model

SHAPE, CLASSES, BATCH, STEPS = (32, 32, 3), 10, 50, 10


def network(after: str = "", activated: str = "", second: str = "{}", conv: str = "Conv-3x3x16(same)") -> str:
    """Return four convolutions in two stages.

    Args:
        after: layers after each convolution.
        activated: layers after each activation.
        second: what is made of the second convolution of a stage and its layers, which take the place of the braces.
        conv: a convolution of the first stage.
    """
    stages = []
    for filters in (16, 32):
        own = conv.replace("x16", f"x{filters}")
        following = second.format(f"{own}{after}, Act{activated}")
        stages.append(f"Conv-3x3x{filters}(same){after}, Act{activated}, {following}")
    return f"small[{', MaxPool-2x2, '.join(stages)}, GlobalAvgPool]"


NETWORKS = {
    "plain": network(),
    "BatchNorm after each convolution": network(after=", BatchNorm"),
    "LayerNorm after each convolution": network(after=", LayerNorm"),
    "Dropout after each activation": network(activated=", Dropout-0.2"),
    "SpatialDropout after each activation": network(activated=", SpatialDropout-0.2"),
    "L2 of two convolutions": network(conv="Conv-3x3x16(same, L2 0.0005)"),
    "Skip over two convolutions": network(second="Skip[{}]"),
    "depthwise and 1x1 for two convolutions": network(conv="DepthwiseConv-3x3(same), Conv-1x1x16"),
    "AvgPool for MaxPool": network().replace("MaxPool", "AvgPool"),
    "stride 2 for MaxPool": network().replace("MaxPool-2x2", "Conv-3x3x16(same, stride 2), Act"),
}


def main(rounds: int, threads: int) -> None:
    """Measure and print."""
    configure(threads)
    models = {name: compiled(architecture, threads) for name, architecture in NETWORKS.items()}
    times: dict[str, list[float]] = {name: [] for name in models}
    for number in range(rounds + 1):
        for name, model in models.items():
            begin = time.perf_counter()
            model.run_segment(0, STEPS, validates=False)
            if number:  # the first round warms up
                times[name].append((time.perf_counter() - begin) / STEPS)
    print(f"{threads} thread{'s' if threads > 1 else ''}, {used_library()}, {rounds} rounds, batch {BATCH}")
    for name, seconds in times.items():
        ratios = sorted(one / other for one, other in zip(seconds, times["plain"], strict=True))
        print(f"  {name:40} {1000 * median(seconds):7.1f} ms a step {median(ratios):6.2f} times", flush=True)


def compiled(architecture: str, threads: int) -> MeasuredModel:
    """Return the compiled model of a network."""
    run = noise_run(architecture, TrainingSpec(batch_size=BATCH))
    model = build_model(run, noise(SHAPE, CLASSES, STEPS * BATCH, 10), threads=threads, library=used_library())
    model.warm_up()
    return model


if __name__ == "__main__":
    main(*(int(given) for given in (sys.argv[1:] + ["9", "1"][len(sys.argv) - 1 :])))

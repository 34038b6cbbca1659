"""Cost of logging: of a call within a training loop, relative to its step, and by itself with each Python installed.

    python -m benchmarks.logger [--blocks N]

A network is trained in blocks of ten steps, in turns with and without five numbers logged after every step; where
PyTorch is installed then in turns with a watched copy, measured at every tenth step, at the width of mlp_1, too.
Networks in NumPy and in PyTorch are the widest whose step takes at most 2 ms.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from statistics import median

import numpy as np

ROOT = Path(__file__).parents[1]
LOGGER, EXAMPLES = ROOT / "resources" / "logger", ROOT / "resources" / "examples"
sys.path[:0] = [str(LOGGER), str(EXAMPLES)]

import numpy_mlp  # noqa: E402
import trainscope_log  # noqa: E402

STEP_SECONDS = 0.002
BLOCK = 10
BATCH = 50
WIDTHS = (32, 64, 128, 256, 512, 1024, 2048)
VERSIONS = ("3.8", "3.9", "3.10", "3.11", "3.12", "3.13")
CALLS = """
import sys, tempfile, time, trainscope_log
run = trainscope_log.start("calls", folder=tempfile.mkdtemp(dir=sys.argv[1]))
begin = time.perf_counter()
for step in range(1, 20_001):
    run.log(step, training_loss=2.3 + step * 1e-7, training_accuracy=0.1234567891, validation_loss=2.29876543,
            validation_accuracy=0.2345678, learning_rate=0.001)
print((time.perf_counter() - begin) / 20_000 * 1e6)
run.finish()
"""

Step = Callable[[], float]  # trains on a batch and returns the loss


class NumpyNetwork:
    """The example's network and optimiser."""

    def __init__(self, width: int) -> None:
        generator = np.random.default_rng(0)
        self.images, self.labels = generator.normal(size=(BATCH, 1024)), generator.integers(0, 10, BATCH)
        shapes = {"W1": (1024, width), "b1": (width,), "W2": (width, 10), "b2": (10,)}
        self.weights = {name: generator.normal(size=shape) / 100 for name, shape in shapes.items()}
        self.adam = numpy_mlp.Adam(self.weights)

    def step(self) -> float:
        loss, _, gradients = numpy_mlp.backward(self.weights, self.images, self.labels)
        self.adam.update(self.weights, gradients)
        return float(loss)


class TorchNetwork:
    """Two dense layers with Adam."""

    def __init__(self, width: int) -> None:
        import torch

        torch.manual_seed(0)
        self.images, self.labels = torch.randn(BATCH, 1024), torch.randint(0, 10, (BATCH,))
        self.model = torch.nn.Sequential(torch.nn.Linear(1024, width), torch.nn.ReLU(), torch.nn.Linear(width, 10))
        self.optimizer = torch.optim.Adam(self.model.parameters())
        self.loss = torch.nn.CrossEntropyLoss()

    def step(self) -> float:
        self.optimizer.zero_grad()
        loss = self.loss(self.model(self.images), self.labels)
        loss.backward()
        self.optimizer.step()
        return loss.item()


def seconds_of(step: Step, count: int = BLOCK) -> float:
    begin = time.perf_counter()
    for _ in range(count):
        step()
    return (time.perf_counter() - begin) / count


def widest(network: type[NumpyNetwork] | type[TorchNetwork]) -> int:
    """Return the largest width whose step takes at most ``STEP_SECONDS``."""
    found = WIDTHS[0]
    for width in WIDTHS:
        step = network(width).step
        seconds_of(step)
        if min(seconds_of(step) for _ in range(10)) > STEP_SECONDS:
            break
        found = width
    return found


def compare(plain: Step, logged: Step, blocks: int) -> tuple[float, float]:
    """Return the seconds of a step, and by how much the logged one takes longer: medians over pairs of blocks."""
    seconds_of(plain), seconds_of(logged)
    pairs = []
    for number in range(blocks):
        order = (plain, logged) if number % 2 else (logged, plain)
        taken = {step: seconds_of(step) for step in order}
        pairs.append((taken[plain], taken[logged] - taken[plain]))
    return median(plain for plain, _ in pairs), median(more for _, more in pairs)


def logging(network: NumpyNetwork | TorchNetwork, run: trainscope_log.Run) -> Step:
    """Return the step of ``network`` followed by a call with five numbers."""
    steps = iter(range(1, 10**9))

    def step() -> float:
        loss = network.step()
        run.log(
            next(steps), training_loss=loss, training_accuracy=0.1234567891, validation_loss=2.29876543,
            validation_accuracy=0.2345678, learning_rate=0.001,
        )  # fmt: skip
        return loss

    return step


def tell(what: str, step: float, more: float) -> None:
    print(f"{what:<58}{step * 1e3:6.2f} ms{more * 1e6:8.1f} µs{more / step:8.2%}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.logger")
    parser.add_argument("--blocks", type=int, default=300)
    options = parser.parse_args()
    networks: list[type[NumpyNetwork] | type[TorchNetwork]] = [NumpyNetwork]
    if find_spec("torch") is not None:
        import torch

        torch.set_num_threads(1)
        networks.append(TorchNetwork)
    with tempfile.TemporaryDirectory() as folder:
        run = trainscope_log.start("overhead", folder=folder)
        print(f"{'':<58}{'step':>9}{'longer by':>11}{'ratio':>8}")
        for network in networks:
            width = widest(network)
            trained = network(width)
            times = compare(trained.step, logging(trained, run), options.blocks)
            tell(f"{network.__name__} {width}, log() with five numbers after each step", *times)
        if TorchNetwork in networks:
            for units in (WIDTHS[0], width):
                watched = TorchNetwork(units)
                run.watch(watched.model, watched.optimizer)
                times = compare(TorchNetwork(units).step, watched.step, options.blocks)
                tell(f"TorchNetwork {units}, watch()", *times)
        run.finish()
        for version in VERSIONS:
            python = shutil.which(f"python{version}")
            command = [python or "", "-c", CALLS, folder]
            if python is not None:
                variables = {"PYTHONPATH": str(LOGGER)}
                ended = subprocess.run(command, capture_output=True, text=True, env=variables, check=False)  # noqa: S603
                if ended.returncode == 0:
                    print(f"Python {version}, 20,000 calls in a row: {float(ended.stdout):.1f} µs each")


if __name__ == "__main__":
    main()

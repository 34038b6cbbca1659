"""Training speed of this program compared with PyTorch and plain Keras on the same work.

    python -m benchmarks.compare [--rounds N] [--networks mlp_1,cnn_4] [--sides a,b,c,d,e,f]

Each side has its own process and they train in turns: A B C … A B C …. One-time costs, mainly compilation, are excluded
for all sides. Prints milliseconds per step, ratios and targets, saves them as JSON in benchmarks/results, and compares
with the last saved results. Needs PyTorch (requirements-bench.txt), and for (f) an X display; if there is none,
Debian's xvfb is started.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.metadata import version
from pathlib import Path

from benchmarks.compare import memory
from benchmarks.compare.child import SIDES
from benchmarks.compare.machine import NOISY, Yardstick
from benchmarks.compare.protocol import TRAINING_IMAGES, Workload, make_images
from benchmarks.compare.results import AT_LEAST, AT_MOST, GOALS, Found, Measured, last_saved
from benchmarks.display import display
from engine.devices.hardware import cpu_count, cpu_name

ROOT = Path(__file__).resolve().parents[2]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compare")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--networks", type=_several, default=list(TRAINING_IMAGES))
    parser.add_argument("--sides", type=_several, default=list(SIDES))
    options = parser.parse_args()
    before = last_saved()
    found = Found(described(), {})
    with tempfile.TemporaryDirectory() as folder, display():
        for network in options.networks:
            workload, yardstick = make_images(network, Path(folder)), Yardstick()
            found.sides[network] = measure(workload, options.sides, options.rounds, yardstick)
            print_table(found, workload, yardstick)
    print_targets(found)
    if before is not None:
        print_changes(found, *before)
    print(f"\nSaved as {found.save().relative_to(ROOT)}.")


def measure(workload: Workload, sides: list[str], rounds: int, yardstick: Yardstick) -> dict[str, Measured]:
    measured = {side: Measured(peak_bytes=peak_bytes(side, workload)) for side in sides}
    with ExitStack() as stack:
        children = {side: stack.enter_context(child(side, workload)) for side in sides}
        for each in children.values():
            take_turn(each)  # warm-up
        for _ in range(rounds):
            for side, each in children.items():
                yardstick.look()
                answer = take_turn(each)
                measured[side].seconds.append(answer["seconds_per_step"])
                measured[side].accuracies.append(answer["accuracy"])
    return measured


def peak_bytes(side: str, workload: Workload) -> int:
    """Return the peak memory of ``side`` from its start to the end of two rounds, which are not timed."""
    with child(side, workload) as process, memory.PeakMemory(process.pid) as peak:
        for _ in range(2):
            take_turn(process)
    return peak.bytes


@contextmanager
def child(side: str, workload: Workload) -> Iterator[subprocess.Popen[str]]:
    """Start a process for ``side`` that waits for its turns."""
    command = [sys.executable, "-m", "benchmarks.compare.child", side, workload.architecture, str(workload.file)]
    with (
        tempfile.TemporaryFile("w+") as errors,
        subprocess.Popen(  # noqa: S603
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True
        ) as process,
    ):
        try:
            yield process
        except EOFError:
            process.kill()
            errors.seek(0)
            raise SystemExit(f"compare: side {side} has ended:\n{errors.read()[-3000:]}") from None
        finally:
            process.stdin.close()


def take_turn(process: subprocess.Popen[str]) -> dict[str, float]:
    process.stdin.write("\n")
    process.stdin.flush()
    line = process.stdout.readline()
    if not line:
        raise EOFError
    return json.loads(line)


def described() -> dict[str, object]:
    packages = ("tensorflow", "keras", "torch", "numpy", "PySide6-Essentials")
    return {
        "processor": cpu_name(),
        "cores": cpu_count(),
        "system": platform.platform(),
        "versions": {name: version(name) for name in packages},
    }


def print_table(found: Found, workload: Workload, yardstick: Yardstick) -> None:
    network, sides = workload.architecture, found.sides[workload.architecture]
    found.machine[f"{network}_peak"], found.machine[f"{network}_spread"] = yardstick.peak, yardstick.spread
    print(
        f"\n{network}: {workload.steps} steps a round, {len(next(iter(sides.values())).seconds)} rounds, "
        f"{workload.operations_per_step / 1e9:.2f} GFLOP a step; matrix product {yardstick.peak / 1e9:.0f} GFLOP/s"
    )
    print(f"{'':42}{'ms a step':>10}{'(from  to)':>18}{'(a)/it':>8}{'of peak':>9}{'memory':>10}{'accuracy':>10}")
    for side, each in sides.items():
        rate = workload.operations_per_step / (each.milliseconds / 1000)
        ratio = found.ratio(network, "a", side)
        print(
            f"({side}) {SIDES[side][0]:38}{each.milliseconds:>10.3f}"
            f"{f'({1000 * min(each.seconds):.3f} {1000 * max(each.seconds):.3f})':>18}"
            f"{'' if ratio is None else f'{ratio:.2f}':>8}{rate / yardstick.peak:>9.0%}"
            f"{f'{each.peak_bytes / 2**20:,.0f} MiB':>10}{each.accuracies[-1]:>10.1%}"
        )
    if yardstick.spread > NOISY:
        print(f"The machine was noisy: the matrix product's rate varied by {yardstick.spread:.0%}.")


def print_targets(found: Found) -> None:
    print("\nTargets (ratios of medians; in brackets the smallest and the largest of a single round):")
    wanted = [(AT_LEAST, "at least"), (AT_MOST, "at most"), (GOALS, "goal")]
    for targets, words in wanted:
        for (network, above, below), target in targets.items():
            ratio = found.ratio(network, above, below)
            if ratio is None:
                continue
            least, most = found.spread(network, above, below)
            reached = ratio <= target if targets is AT_MOST else ratio >= target
            print(
                f"  {network} ({above})/({below}) {words} {target:g}: {ratio:.2f} ({least:.2f} to {most:.2f})"
                f"{'' if reached else '  MISSED'}"
            )
    memory.print_targets(found)


def print_changes(found: Found, name: str, before: Found) -> None:
    """Print changes relative to (b), which is independent of this program, to reduce the effect of machine speed."""
    print(f"\nSince {name}, as a share of (b):")
    for network, sides in found.sides.items():
        for side in sides:
            now, then = found.ratio(network, side, "b"), before.ratio(network, side, "b")
            if now is not None and then is not None and side != "b":
                print(f"  {network} ({side}): {then:.3f} -> {now:.3f} ({now / then - 1:+.1%})")


def _several(text: str) -> list[str]:
    return [each.strip() for each in text.split(",")]


if __name__ == "__main__":
    main()

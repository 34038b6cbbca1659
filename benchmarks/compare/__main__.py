"""Training speed of this program compared with PyTorch and plain Keras on the same work.

    python -m benchmarks.compare [--rounds N] [--networks mlp_1,cnn_4] [--sides a,b,d] [--onednn on|off|chosen]
                                 [--instructions avx2]

Each side has its own process and they train in turns: A B C … A B C …. One-time costs, mainly compilation, are excluded
for all sides. Prints milliseconds per step, ratios and targets, saves them as JSON in benchmarks/results, and compares
with the last results saved in the same setting. Needs PyTorch (requirements-bench.txt), and for (f) an X display; if
there is none, Debian's xvfb is started. All networks take about twenty minutes.

This program's sides compute with the library that the program chooses, unless ``--onednn`` says otherwise.
``--instructions avx2`` lets every library compute as on a processor without newer instructions.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from importlib.metadata import version
from pathlib import Path

from benchmarks.compare import memory
from benchmarks.compare.child import SIDES
from benchmarks.compare.environment import LIMITS, ONEDNN_VALUES, environment_of, restart_limited
from benchmarks.compare.machine import NOISY, Yardstick
from benchmarks.compare.protocol import NETWORKS, Workload, make_images
from benchmarks.compare.results import AT_LEAST, AT_MOST, GOALS, Found, Measured, last_saved
from benchmarks.display import display
from engine.devices.hardware import cpu_count, cpu_name, instruction_set

ROOT = Path(__file__).resolve().parents[2]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compare")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--networks", type=_several, default=list(NETWORKS))
    parser.add_argument("--sides", type=_several, help="for all networks (default: those of the network's table)")
    parser.add_argument("--onednn", choices=ONEDNN_VALUES, default="chosen")
    parser.add_argument("--instructions", choices=LIMITS)
    options = parser.parse_args()
    restart_limited(options.instructions)
    found = Found(described(options), {})
    before = last_saved(found.machine)
    print_machine(found.machine)
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as cache, display():
        variables = environment_of("engine", options.onednn, options.instructions, cache)
        subprocess.run([sys.executable, "-m", "benchmarks.compare.calibrate"], cwd=ROOT, env=variables, check=True)
        for network in options.networks:
            workload, yardstick = make_images(network, Path(folder)), Yardstick()
            sides = options.sides or list(workload.network.sides)
            environments = {
                side: environment_of(SIDES[side][1], options.onednn, options.instructions, cache) for side in sides
            }
            found.sides[network] = measure(workload, environments, options.rounds, yardstick)
            print_table(found, workload, yardstick)
    print_targets(found)
    if before is not None:
        print_changes(found, *before)
    print(f"\nSaved as {found.save().relative_to(ROOT)}.")


def measure(
    workload: Workload, environments: Mapping[str, Mapping[str, str]], rounds: int, yardstick: Yardstick
) -> dict[str, Measured]:
    """Let the sides, which are given with their environment variables, train in turns."""
    measured = {side: Measured(peak_bytes=peak_bytes(side, workload, each)) for side, each in environments.items()}
    with ExitStack() as stack:
        children = {side: stack.enter_context(child(side, workload, each)) for side, each in environments.items()}
        for each in children.values():
            take_turn(each)  # warm-up
        for _ in range(rounds):
            for side, each in children.items():
                yardstick.look()
                answer = take_turn(each)
                measured[side].seconds.append(answer["seconds_per_step"])
                measured[side].accuracies.append(answer["accuracy"])
                measured[side].library = answer["library"]
    return measured


def peak_bytes(side: str, workload: Workload, environment: Mapping[str, str]) -> int:
    """Return the peak memory of ``side`` from its start to the end of two rounds, which are not timed."""
    with child(side, workload, environment) as process, memory.PeakMemory(process.pid) as peak:
        for _ in range(2):
            take_turn(process)
    return peak.bytes


@contextmanager
def child(side: str, workload: Workload, environment: Mapping[str, str]) -> Iterator[subprocess.Popen[str]]:
    """Start a process for ``side`` that waits for its turns."""
    command = [sys.executable, "-m", "benchmarks.compare.child", side, workload.name, str(workload.file)]
    with (
        tempfile.TemporaryFile("w+") as errors,
        subprocess.Popen(  # noqa: S603
            command,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
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


def described(options: argparse.Namespace) -> dict[str, object]:
    packages = ("tensorflow", "keras", "torch", "numpy", "PySide6-Essentials")
    return {
        "processor": cpu_name(),
        "instructions": instruction_set(),
        "limited_to": options.instructions,
        "onednn": options.onednn,
        "cores": cpu_count(),
        "system": platform.platform(),
        "versions": {name: version(name) for name in packages},
    }


def print_machine(machine: Mapping[str, object]) -> None:
    limit = f", limited to {machine['limited_to']}" if machine["limited_to"] else ""
    print(f"{machine['processor']}, {machine['cores']} cores: {machine['instructions']}{limit}")
    onednn = "as the program chooses" if machine["onednn"] == "chosen" else machine["onednn"]
    print(f"oneDNN {onednn}; " + ", ".join(f"{name} {number}" for name, number in machine["versions"].items()))


def print_table(found: Found, workload: Workload, yardstick: Yardstick) -> None:
    network, sides = workload.name, found.sides[workload.name]
    found.machine[f"{network}_peak"], found.machine[f"{network}_spread"] = yardstick.peak, yardstick.spread
    print(
        f"\n{network}: {workload.steps} steps a round, {len(next(iter(sides.values())).seconds)} rounds, "
        f"{workload.operations_per_step / 1e9:.2f} GFLOP a step; matrix product {yardstick.peak / 1e9:.0f} GFLOP/s"
    )
    print(
        f"{'':42}{'ms a step':>10}{'(from  to)':>18}{'(a)/it':>8}{'of peak':>9}{'memory':>10}{'accuracy':>10}  library"
    )
    for side, each in sides.items():
        rate = workload.operations_per_step / (each.milliseconds / 1000)
        ratio = found.ratio(network, "a", side)
        print(
            f"({side}) {SIDES[side][0]:38}{each.milliseconds:>10.3f}"
            f"{f'({1000 * min(each.seconds):.3f} {1000 * max(each.seconds):.3f})':>18}"
            f"{'' if ratio is None else f'{ratio:.2f}':>8}{rate / yardstick.peak:>9.0%}"
            f"{f'{each.peak_bytes / 2**20:,.0f} MiB':>10}{each.accuracies[-1]:>10.1%}"
            f"{f'  {each.library}' if each.library else ''}"
        )
    if yardstick.spread > NOISY:
        print(f"The machine was noisy: the matrix product's rate varied by {yardstick.spread:.0%}.")


def print_targets(found: Found) -> None:
    print("\nTargets (ratios of medians; in brackets the smallest and the largest of a single round):")
    for targets, words in ((AT_LEAST, "at least"), (AT_MOST, "at most"), (GOALS, "goal")):
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

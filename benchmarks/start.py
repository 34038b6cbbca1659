"""Time to open the window, and to show the first record.

    python -m benchmarks.start [--rounds N] [--frozen dist/Trainscope/Trainscope]

(a) From launch to a painted window, against a bare window of PySide6 and pyqtgraph, A B A B. Both are measured by the
same event filter on the native window, installed when the event loop begins.
(b) From Run to the first record of mlp_1 on the digits, with warm and with cold training processes.
(c) With ``--frozen``, from launch to a visible window, and from a key press to the first record in the store, of the
frozen program and of the source, both measured from outside.

Needs an X display; if there is none, Debian's xvfb is started. (c) also needs xdotool and openbox.
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.display import display

ROOT = Path(__file__).resolve().parents[1]
PATIENCE_SECONDS = 60
LOOK_SECONDS = 0.005
PROGRAM, BARE = "program", "bare"


# --- (a)


def seconds_to_paint(kind: str, home: Path) -> float:
    """Return the seconds from launch to the first painted window."""
    begin = time.monotonic()
    ended = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "benchmarks.start_child", kind],
        cwd=ROOT,
        env=fresh(home) | {"WORKSPACE": str(home / "workspace")},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=True,
    )
    return float(ended.stdout.splitlines()[-1]) - begin


# --- (b)


def seconds_to_record(warm: bool) -> float:
    """Return the seconds from Run to the first record, with processes started before or not."""
    from engine.events.channel import ControlChannel
    from engine.events.commands import Control
    from engine.events.runs import Record
    from engine.events.tasks import Event
    from engine.executors.processes.pool import ProcessExecutor
    from engine.executors.processes.worker import IDLE_SECONDS
    from engine.executors.tasks import DeviceTask
    from engine.experiments.architectures import ARCHITECTURES_EXPERIMENT
    from engine.session import Session
    from engine.storage.store import Store

    spec = ARCHITECTURES_EXPERIMENT.preset("quick", architectures=["mlp_1"], repeats=1)
    with tempfile.TemporaryDirectory() as folder, closing(Store(Path(folder))) as store:
        executor, control = ProcessExecutor(1, Path(folder) / "logs"), ControlChannel()
        first: list[float] = []

        def take(event: Event) -> None:
            if isinstance(event, Record) and not first:
                first.append(time.monotonic())
                control.send(Control.CANCEL)

        try:
            if warm:
                executor.start(1)
                executor.run([DeviceTask()], lambda _event: None, control)
                time.sleep(2 * IDLE_SECONDS)
                wait_for(lambda: is_warm(os.getpid()))
            begin = time.monotonic()
            Session(store, executor, take, control).run(ARCHITECTURES_EXPERIMENT, spec)
        finally:
            executor.close()
            control.close()
        return first[0] - begin


# --- (c)


def seconds_from_outside(command: list[str], home: Path) -> tuple[float, float]:
    """Return the seconds from launch to a visible window, and from the start key to the first record."""
    workspace = home / "workspace"
    begin = time.monotonic()
    program = subprocess.Popen(  # noqa: S603
        [*command, "--workspace", str(workspace)], env=fresh(home), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        window = wait_for(
            lambda: run_tool("xdotool", "search", "--onlyvisible", "--name", "^Trainscope$").split("\n")[0]
        )
        appeared = time.monotonic() - begin
        wait_for(lambda: is_warm(program.pid))
        run_tool("xdotool", "windowactivate", "--sync", window)
        begin = time.monotonic()
        run_tool("xdotool", "key", "alt+n")
        wait_for(lambda: has_record(workspace / "trainscope.sqlite3"))
        return appeared, time.monotonic() - begin
    finally:
        program.kill()
        program.wait()


def is_warm(process: int) -> bool:
    """Return whether the children of a process are idle, so that they have loaded their libraries."""
    import psutil

    children = psutil.Process(process).children(recursive=True)
    for each in children:
        each.cpu_percent()
    time.sleep(0.5)
    return len(children) > 1 and sum(each.cpu_percent() for each in children) < 1


def has_record(file: Path) -> bool:
    with suppress(sqlite3.Error), closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as store:
        return bool(store.execute("SELECT 1 FROM points LIMIT 1").fetchone())
    return False


def run_tool(*words: str) -> str:
    return subprocess.run(words, capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603


def wait_for(look: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (seen := look()):
        if time.monotonic() > deadline:
            raise SystemExit("start: the window or the record did not come.")
        time.sleep(LOOK_SECONDS)
    return seen


# --- all


def fresh(home: Path) -> dict[str, str]:
    """Return an environment with its own settings folder, in which compiled modules are kept as they are for a user."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    folders = {"XDG_CONFIG_HOME": "config", "TRAINSCOPE_CACHE": "cache", "PYTHONPYCACHEPREFIX": "bytecode"}
    return kept | {name: str(home / folder) for name, folder in folders.items()}


def print_times(name: str, times: list[float]) -> float:
    """Print times in milliseconds and return their median."""
    found = median(times)
    print(f"  {name:<44}{1000 * found:7.0f} ms  ({1000 * min(times):.0f} to {1000 * max(times):.0f})", flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="How soon the window is there.")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--frozen", type=Path)
    options = parser.parse_args()
    with display(), tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        for kind in (BARE, PROGRAM):
            seconds_to_paint(kind, home)  # now its files are in the system's cache
        painted: dict[str, list[float]] = {BARE: [], PROGRAM: []}
        for _ in range(options.rounds):
            for kind, times in painted.items():
                times.append(seconds_to_paint(kind, home))
        print(f"(a) launch to painted window, median of {options.rounds}")
        bare = print_times("bare PySide6 and pyqtgraph", painted[BARE])
        program = print_times("Trainscope", painted[PROGRAM])
        print(f"  ratio {program / bare:.2f}")
        print("(b) Run to first record, mlp_1 on the digits, median of 3")
        cold = print_times("processes not yet started", [seconds_to_record(warm=False) for _ in range(3)])
        warm = print_times("warm processes", [seconds_to_record(warm=True) for _ in range(3)])
        print(f"  ratio {warm / cold:.2f}")
        if options.frozen is not None:
            frozen, source = [str(options.frozen.resolve())], [sys.executable, str(ROOT / "main.py")]
            seen: dict[str, list[tuple[float, float]]] = {"frozen": [], "from source": []}
            for number in range(3):
                for name, command in zip(seen, (frozen, source), strict=True):
                    seen[name].append(seconds_from_outside(command, home / f"{name}-{number}"))
            print("(c) seen from outside, median of 3")
            for position, what in enumerate(("launch to window in sight", "key to first record in the store, warm")):
                medians = [print_times(f"{what}, {name}", [each[position] for each in seen[name]]) for name in seen]
                print(f"  ratio {medians[0] / medians[1]:.2f}")


if __name__ == "__main__":
    main()

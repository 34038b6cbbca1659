"""One side in its own process: trains a round for each line it reads, and answers with JSON.

Usage: python -m benchmarks.compare.child SIDE NETWORK IMAGES.npz
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable
from contextlib import redirect_stdout, suppress
from dataclasses import asdict
from importlib import import_module
from pathlib import Path

import psutil

from benchmarks.compare.protocol import Round, Workload

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

HERE = "benchmarks.compare.sides"
SIDES = {
    "a": ("PyTorch, the course's way", "pytorch_course", {}),
    "b": ("PyTorch, tuned", "pytorch_tuned", {}),
    "c": ("Keras fit and evaluate", "keras_fit", {}),
    "d": ("this engine, one worker", "engine", {"workers": 1, "runs": 1}),
    "e": ("this engine, its default workers", "engine", {"workers": None, "runs": os.cpu_count()}),
    "f": ("this engine under its window", "window", {}),
    "g": ("(d), validation in bfloat16", "engine", {"workers": 1, "runs": 1, "validation_precision": "bfloat16"}),
}


def main(side: str, network: str, file: str) -> None:
    answers = sys.stdout
    with redirect_stdout(sys.stderr):  # keep library output out of the answers
        _, module, settings = SIDES[side]
        train: Callable[[], Round] = import_module(f"{HERE}.{module}").make(Workload(network, Path(file)), **settings)
        for _line in sys.stdin:
            found = asdict(train()) | {"peak_bytes": peak_bytes()}
            answers.write(json.dumps(found) + "\n")
            answers.flush()
    os._exit(0)  # closes windows and training processes


def peak_bytes() -> int:
    """Return the peak memory of this process and its children, each at its own time.

    Files that several of them map, above all libraries, are in memory once and count once; what processes of other
    sides share with these counts in full.
    """
    me = psutil.Process()
    total, mapped = 0, {}
    for process in (me, *me.children(recursive=True)):
        with suppress(psutil.Error):  # it has ended
            files = _mapped_files(process)
            total += _peak(process) - sum(files.values())
            mapped |= {path: max(size, mapped.get(path, 0)) for path, size in files.items()}
    return total + sum(mapped.values())


def _mapped_files(process: psutil.Process) -> dict[str, int]:
    """Return the bytes of each mapped file that are in memory; empty where the system doesn't tell."""
    if not hasattr(process, "memory_maps"):
        return {}
    return {each.path: each.rss for each in process.memory_maps() if Path(each.path).is_absolute()}


def _peak(process: psutil.Process) -> int:
    status = Path(f"/proc/{process.pid}/status")
    if not status.exists():
        memory = process.memory_info()
        return getattr(memory, "peak_wset", memory.rss)
    # A zombie process has no such line, and no files mapped.
    lines = [line for line in status.read_text().splitlines() if line.startswith("VmHWM")]
    return sum(1024 * int(line.split()[1]) for line in lines)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except BaseException:
        traceback.print_exc()
        os._exit(1)  # do not wait for a window's processes

"""One side in its own process: trains a round for each line it reads, and answers with JSON.

Usage: python -m benchmarks.compare.child SIDE NETWORK IMAGES.npz
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import asdict
from importlib import import_module
from pathlib import Path

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
            answers.write(json.dumps(asdict(train())) + "\n")
            answers.flush()
    os._exit(0)  # closes windows and training processes


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except BaseException:
        traceback.print_exc()
        os._exit(1)  # do not wait for a window's processes

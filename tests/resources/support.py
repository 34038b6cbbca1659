"""Runs logged by scripts, as the tests of the logger read them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
LOGGER = ROOT / "resources" / "logger"
EXAMPLES = ROOT / "resources" / "examples"


def entries(path: Path, but: tuple[str, ...] = ("alive",)) -> list[dict[str, Any]]:
    """The whole lines of a file, without those that have a key in ``but``."""
    found = [json.loads(line) for line in path.read_bytes().split(b"\n")[:-1] if line]
    return [entry for entry in found if not set(but) & set(entry)]


def of(key: str, path: Path) -> list[Any]:
    """The values of ``key`` in the lines that have it."""
    return [entry[key] for entry in entries(path) if key in entry]


def environment(**changes: str) -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(LOGGER), "PYTHONDONTWRITEBYTECODE": "1"} | changes


def run_script(code: str, *arguments: str, python: str = sys.executable) -> subprocess.CompletedProcess[str]:
    """Run ``code`` with the logger in a process of its own."""
    command = [shutil.which(python) or python, "-c", f"import os, sys, trainscope_log\n{code}", *arguments]
    return subprocess.run(  # noqa: S603
        command, capture_output=True, text=True, env=environment(), timeout=60, check=False
    )


def wait_until(condition: Callable[[], object], seconds: float = 20) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it has not happened"
        time.sleep(0.005)

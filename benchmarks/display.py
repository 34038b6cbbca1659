"""An X display for benchmarks of the window."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from pyvirtualdisplay import Display


@contextmanager
def display() -> Iterator[None]:
    """Provide an X display, a virtual one if there is none."""
    if os.environ.get("DISPLAY"):
        yield
        return
    with Display(visible=False, size=(1280, 800)):
        manager = subprocess.Popen(["openbox"], stderr=subprocess.DEVNULL) if shutil.which("openbox") else None  # noqa: S607
        try:
            yield
        finally:
            if manager is not None:
                manager.terminate()
                manager.wait()

"""Measures the libraries on this machine as the program does once, so that no side does while it is measured itself.

Usage: python -m benchmarks.compare.calibrate
"""

from __future__ import annotations

import tempfile
from contextlib import closing
from pathlib import Path

from engine.events.channel import ControlChannel
from engine.executors.processes.pool import ProcessExecutor
from engine.executors.tasks import CalibrateMachineTask


def main() -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(ControlChannel()) as control,
        closing(ProcessExecutor(1, Path(folder))) as executor,
    ):
        executor.run([CalibrateMachineTask()], lambda _event: None, control)


if __name__ == "__main__":
    main()

"""A scheduler and workers as processes of their own, and the program that trains on them."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.engine.support import ROOT

PLAN = ("--batch", "architectures", "--set", "architectures=mlp_1,cnn_3", "epochs=8", "repeats=1")
READY_SECONDS = 60


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
    return port


@dataclass
class RealCluster:
    """A scheduler and two workers, each a process with a log."""

    folder: Path
    host: str = "127.0.0.1"
    port: int = field(default_factory=free_port)
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    protocol: str = "tcp"

    def __post_init__(self) -> None:
        self.start_scheduler()

    @property
    def address(self) -> str:
        return f"{self.protocol}://{self.host}:{self.port}"

    def start_scheduler(self) -> None:
        self.scheduler = self._dask(
            *("scheduler", "--host", self.host, "--port", str(self.port), "--protocol", self.protocol),
            folder=self.folder,  # where nothing of the program can be imported
        )

    def start_worker(self, *more: str, before: tuple[str, ...] = ()) -> None:
        options = ("--nthreads", "1", "--memory-limit", "0", "--local-directory", str(self.folder), *more)
        self.workers.append(self._dask("worker", self.address, *options, before=before))

    def _dask(
        self, kind: str, *options: str, before: tuple[str, ...] = (), folder: Path = ROOT
    ) -> subprocess.Popen[bytes]:
        """``dask scheduler`` or ``dask worker``; run as a module, it can import what lies in its folder."""
        command = [*before, sys.executable, "-m", f"distributed.cli.dask_{kind}", *options, "--no-dashboard"]
        with (self.folder / f"{kind}.log").open("ab") as log:
            return subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)  # noqa: S603

    def end(self) -> None:
        for process in (*self.workers, self.scheduler):
            for each in [*psutil.Process(process.pid).children(recursive=True)] if process.poll() is None else []:
                each.kill()
            process.kill()
            process.wait()


def start_program(workspace: Path, cluster: RealCluster, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "main.py", *arguments, "--workspace", str(workspace), "--cluster", cluster.address]
    return subprocess.Popen(  # noqa: S603
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def read_until(program: subprocess.Popen[str], enough: Callable[[str], bool]) -> None:
    assert program.stderr is not None
    lines = []
    for line in program.stderr:
        lines.append(line)
        if enough(line):
            return
    raise AssertionError(f"the program ended before: {lines}")


def at_epoch(number: int) -> Callable[[str], bool]:
    return lambda line: line.startswith(f"cnn_3 #1: epoch {number},")

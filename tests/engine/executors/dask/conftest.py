"""A real cluster, and the results of a plan without one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from tests.engine.executors.dask.real_cluster import PLAN, RealCluster
from tests.engine.executors.processes.kill_support import results
from tests.engine.support import ROOT


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[RealCluster]:
    made = RealCluster(tmp_path)
    made.start_worker()
    made.start_worker()
    try:
        yield made
    finally:
        made.end()


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> list[object]:
    """The results of an undisturbed program with two single-threaded processes on this machine.

    It is run once for all processes of pytest-xdist, whose folders are in a common one.
    """
    folder = tmp_path_factory.getbasetemp()
    workspace = (folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) / "whole"
    command = [sys.executable, "main.py", *PLAN, "--workspace", str(workspace), "--workers", "2"]
    with FileLock(f"{workspace}.lock"):
        if not workspace.exists():
            subprocess.run(command, cwd=ROOT, check=True, capture_output=True)  # noqa: S603
    return results(workspace)

"""The way to the executor of a cluster, for those who must not load Dask unless one is asked for."""

from __future__ import annotations

import hashlib
import platform
from pathlib import Path

from engine.cluster import ClusterChoice
from engine.devices.names import AUTO
from engine.executors.base import Executor


def on_cluster(choice: ClusterChoice, local: Executor, workspace: Path, device: str = AUTO) -> Executor:
    """An executor that trains on the cluster, and has ``local`` do all else.

    Whether Dask is installed, and the cluster there, shows when it is started.
    """
    from engine.executors.dask import DaskExecutor

    return DaskExecutor(choice, local, owner_of(workspace), device)


def owner_of(workspace: Path) -> str:
    """What the runs of a workspace are known by in a cluster: the same whenever it is opened on this machine."""
    return hashlib.sha256(f"{platform.node()}:{workspace}".encode("utf-8", "surrogateescape")).hexdigest()[:16]

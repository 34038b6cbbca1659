"""How a Dask cluster is opened: one that runs, one on this machine, or jobs of a batch system."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.cluster import BATCH_SYSTEMS, ClusterChoice
from engine.devices.hardware import cpu_count
from engine.errors import SpecError, WorkerError
from engine.spec import read_toml

if TYPE_CHECKING:
    from distributed.deploy.cluster import Cluster as DaskCluster
    from distributed.security import Security

MISSING = "A cluster needs packages that are not installed; install them with: pip install -r requirements-cluster.txt."
MISSING_IN_BUNDLE = (
    "This bundle trains on this machine only; for a cluster start Trainscope from source, as docs/cluster.md shows."
)


def check_packages(choice: ClusterChoice) -> None:
    """Raises :class:`WorkerError` that says what to install."""
    try:
        import distributed  # noqa: F401

        if choice.kind in BATCH_SYSTEMS:
            import dask_jobqueue  # noqa: F401
    except ImportError:
        raise WorkerError(MISSING_IN_BUNDLE if getattr(sys, "frozen", False) else MISSING) from None


async def open_cluster(choice: ClusterChoice) -> tuple[DaskCluster | None, Any, Security | None]:
    """The cluster if it is this program's own, what a client connects to, and with which credentials.

    Raises :class:`WorkerError` and :class:`SpecError`.
    """
    from distributed import LocalCluster
    from distributed.security import Security

    if choice.kind == "address":
        security = Security(require_encryption=True) if choice.tls else None
        if security is not None and security.get_connection_args("client").get("ssl_context") is None:
            raise WorkerError(
                "TLS needs a certificate: name ca-file, and cert and key of client, under distributed.comm.tls in "
                "Dask's configuration, as docs/cluster.md shows."
            )
        return None, choice.place, security
    if choice.kind == "local":
        security = Security.temporary() if choice.tls else None
        count = int(choice.place)
        try:
            cluster = await LocalCluster(
                n_workers=count,
                threads_per_worker=max(1, cpu_count() // count),
                processes=True,
                memory_limit=0,  # what a run takes is no data of Dask's that could be moved elsewhere
                env={"TF_CPP_MIN_LOG_LEVEL": "3"},  # there is no log but the terminal
                asynchronous=True,
                dashboard_address="127.0.0.1:0",
                security=security,
                protocol="tls://" if choice.tls else None,
            )
        except (OSError, RuntimeError) as error:
            raise WorkerError(
                f"The processes of {choice} can't be started ({error}); ask for fewer, or train without --cluster."
            ) from None
        return cluster, cluster, security
    return await _jobs(choice)


async def _jobs(choice: ClusterChoice) -> tuple[DaskCluster, Any, Security | None]:
    import dask_jobqueue

    file = Path(choice.place).expanduser()
    settings = read_toml(file)
    jobs = settings.pop("jobs", 1)
    if not isinstance(jobs, int) or isinstance(jobs, bool) or jobs < 1:
        raise SpecError(f"{file}: jobs must be a whole number from 1 on.")
    if choice.tls:  # certificates for this one time, which the jobs read from a folder that they share
        settings = {"shared_temp_directory": str(Path.home())} | settings | {"security": True}
    try:
        cluster = await getattr(dask_jobqueue, BATCH_SYSTEMS[choice.kind])(asynchronous=True, **settings)
    except (TypeError, ValueError, OSError) as error:
        raise WorkerError(f"{file} describes no {choice.kind} cluster ({error}); see docs/cluster.md.") from None
    cluster.scale(jobs=jobs)
    return cluster, cluster, cluster.security

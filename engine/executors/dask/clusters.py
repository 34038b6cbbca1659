"""How a Dask cluster is opened: one that runs, one on this machine, or jobs of a batch system."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.config.cluster import BATCH_SYSTEMS, ClusterChoice
from engine.config.parsing import read_toml
from engine.devices.hardware import cpu_count
from engine.utils.errors import SpecError, WorkerError
from engine.utils.text import one_line

if TYPE_CHECKING:
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
            with signals_left_alone():
                import dask_jobqueue  # noqa: F401
    except ImportError:
        raise WorkerError(MISSING_IN_BUNDLE if getattr(sys, "frozen", False) else MISSING) from None


@dataclass(frozen=True)
class Opened:
    """The cluster if it is this program's own, what a client connects to, and with which credentials.

    ``jobs`` is how many may be asked for of a batch system; none was yet.
    """

    cluster: Any
    address: Any
    security: Security | None
    jobs: int = 0


@contextmanager
def signals_left_alone() -> Iterator[None]:
    """Within, nobody takes a signal.

    dask-jobqueue 0.9 takes Ctrl-C as it is imported, for a part that is not used here, and so would end this program at
    once; in a thread other than the main one it could not even be imported.
    """
    kept = signal.signal
    signal.signal = lambda *_arguments: None
    try:
        yield
    finally:
        signal.signal = kept


async def ask_for_jobs(cluster: Any, jobs: int) -> None:
    """Ask a batch system for as many jobs as are lacking; one that was lost is asked for again.

    Raises :class:`WorkerError` with what the batch system says.
    """
    from distributed.core import Status

    # As the cluster's own scale() does, which leaves what goes wrong to a log.
    while len(cluster.worker_spec) < jobs:
        cluster.worker_spec.update(cluster.new_worker_spec())
    try:
        await cluster
    except (RuntimeError, ValueError, OSError) as error:
        for name, job in list(cluster.workers.items()):
            if job.status is Status.created:  # it was refused, and would never be asked for again
                del cluster.workers[name]
                cluster.worker_spec.pop(name, None)
        said = one_line(" ".join(str(error).rpartition("stderr:")[2].split()))[:300]
        raise WorkerError(f"The batch system takes no jobs ({said}); check the file that describes them.") from None


async def open_cluster(choice: ClusterChoice) -> Opened:
    """Open what was chosen.

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
        return Opened(None, choice.place, security)
    if choice.kind == "local":
        security = Security.temporary() if choice.tls else None
        count = int(choice.place)
        try:
            cluster = LocalCluster(
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
            await _opened(cluster)
        except (OSError, RuntimeError) as error:
            raise WorkerError(
                f"The processes of {choice} can't be started ({error}); ask for fewer, or train without --cluster."
            ) from None
        return Opened(cluster, cluster, security)
    return await _jobs(choice)


async def _opened(cluster: Any) -> None:
    """Wait until it is there; where that fails or is given up, what has begun of it is ended."""
    try:
        await cluster
    except BaseException:
        await cluster.close()
        raise


async def _jobs(choice: ClusterChoice) -> Opened:
    import dask_jobqueue

    file = Path(choice.place).expanduser()
    settings = read_toml(file)
    jobs = settings.pop("jobs", 1)
    if not isinstance(jobs, int) or isinstance(jobs, bool) or jobs < 1:
        raise SpecError(f"{file}: jobs must be a whole number from 1 on.")
    if choice.tls:  # certificates for this one time, which the jobs read from a folder that they share
        settings = {"shared_temp_directory": str(Path.home())} | settings | {"security": True}
    try:
        cluster = getattr(dask_jobqueue, BATCH_SYSTEMS[choice.kind])(asynchronous=True, **settings)
        await _opened(cluster)
    except (TypeError, ValueError, OSError, RuntimeError) as error:
        said = one_line(str(error))
        raise WorkerError(f"{file} describes no {choice.kind} cluster ({said}); see docs/cluster.md.") from None
    return Opened(cluster, cluster, cluster.security, jobs)

"""Opening of Dask clusters: an existing one, one on this machine, or jobs of a batch system."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.config.cluster import BATCH_SYSTEMS, ClusterChoice
from engine.config.parsing import read_toml
from engine.devices.hardware import cpu_count
from engine.executors.dask.notifications import Notification, Warned
from engine.utils.errors import SpecError, WorkerError
from engine.utils.text import one_line

if TYPE_CHECKING:
    from distributed.security import Security

MISSING = "A cluster needs packages that are not installed; install them with: pip install -r requirements-cluster.txt."
MISSING_IN_BUNDLE = (
    "This bundle trains on this machine only; for a cluster start Trainscope from source, as docs/cluster.md shows."
)

REFUSED_SECONDS = 30.0  # delay of the next request after a batch system has refused a job
IDLE_SECONDS = 120.0  # jobs of a batch system are released this long after the last run


def check_packages(choice: ClusterChoice) -> None:
    """Import the packages that a connection to ``choice`` requires.

    Raises:
        WorkerError: if a package is missing; the message says what to install.
    """
    try:
        import distributed  # noqa: F401

        if choice.kind in BATCH_SYSTEMS:
            with _no_signal_handlers():
                import dask_jobqueue  # noqa: F401
    except ImportError:
        raise WorkerError(MISSING_IN_BUNDLE if getattr(sys, "frozen", False) else MISSING) from None


@dataclass(frozen=True)
class OpenCluster:
    """A cluster that accepts connections.

    Attributes:
        cluster: Dask's cluster object if this program owns the cluster, else None.
        address: address or cluster object that a client connects to.
        security: credentials of the connection.
        jobs: number of jobs that may be requested from a batch system; none has been requested yet.
    """

    cluster: Any
    address: Any
    security: Security | None
    jobs: int = 0


@contextmanager
def _no_signal_handlers() -> Iterator[None]:
    """Ignore calls of ``signal.signal``.

    On import, dask-jobqueue 0.9 installs a Ctrl-C handler for a feature that is not used here. The handler would
    terminate this program immediately, and outside the main thread installing it would make the import fail.
    """
    kept = signal.signal
    signal.signal = lambda *_arguments: None
    try:
        yield
    finally:
        signal.signal = kept


class JobPool:
    """Jobs of a batch system: held while runs are trained, released after an idle period.

    Attributes:
        count: number of jobs to hold.
    """

    def __init__(self, cluster: OpenCluster, notify: Callable[[Notification], None]) -> None:
        self._cluster, self.count, self._notify = cluster.cluster, cluster.jobs, notify
        self._has_jobs = False
        self._idle_since: float | None = None
        self._refused_until = 0.0

    async def request(self) -> None:
        """Request the missing jobs before runs are trained.

        Raises:
            WorkerError: if the batch system refuses a job; others may have been granted.
        """
        self._idle_since, self._has_jobs = None, True
        await _request_jobs(self._cluster, self.count)

    def release(self) -> None:
        """Start the idle period after which the jobs are released."""
        self._idle_since = time.monotonic()

    async def maintain(self) -> None:
        """Replace jobs that failed or reached their time limit; release all after the idle period."""
        if not self._has_jobs:
            return
        now = time.monotonic()
        if self._idle_since is not None:
            if now - self._idle_since > IDLE_SECONDS:
                self._cluster.scale(0)
                self._has_jobs = False
        elif now > self._refused_until:
            try:
                await _request_jobs(self._cluster, self.count)
            except WorkerError as error:  # the other jobs are unaffected
                self._refused_until = time.monotonic() + REFUSED_SECONDS
                self._notify(Warned(str(error)))


async def _request_jobs(cluster: Any, count: int) -> None:
    """Request the missing jobs.

    Raises:
        WorkerError: if the batch system refuses; the message quotes its output.
    """
    from distributed.core import Status

    # As the cluster's own scale() does, which only logs failures.
    while len(cluster.worker_spec) < count:
        cluster.worker_spec.update(cluster.new_worker_spec())
    try:
        await cluster
    except (RuntimeError, ValueError, OSError) as error:
        for name, job in list(cluster.workers.items()):
            if job.status is Status.created:  # it was refused, and Dask would never request it again
                del cluster.workers[name]
                cluster.worker_spec.pop(name, None)
        said = one_line(" ".join(str(error).rpartition("stderr:")[2].split()))[:300]
        raise WorkerError(f"The batch system takes no jobs ({said}); check the file that describes them.") from None


async def open_cluster(choice: ClusterChoice) -> OpenCluster:
    """Open the chosen cluster.

    Raises:
        WorkerError: if it can't be started, or there is no certificate for TLS.
        SpecError: if the file that describes the jobs of a batch system is invalid.
    """
    match choice.kind:
        case "address":
            return _running_cluster(choice)
        case "local":
            return await _local_cluster(choice)
    return await _batch_cluster(choice)


def _running_cluster(choice: ClusterChoice) -> OpenCluster:
    from distributed.security import Security

    security = Security(require_encryption=True) if choice.tls else None
    if security is not None and security.get_connection_args("client").get("ssl_context") is None:
        raise WorkerError(
            "TLS needs a certificate: name ca-file, and cert and key of client, under distributed.comm.tls in "
            "Dask's configuration, as docs/cluster.md shows."
        )
    return OpenCluster(None, choice.place, security)


async def _local_cluster(choice: ClusterChoice) -> OpenCluster:
    from distributed import LocalCluster
    from distributed.security import Security

    security = Security.temporary() if choice.tls else None
    count = int(choice.place)
    try:
        cluster = LocalCluster(
            n_workers=count,
            threads_per_worker=max(1, cpu_count() // count),
            processes=True,
            memory_limit=0,  # no limit: a run's memory is not Dask data that could be spilled or moved
            env={"TF_CPP_MIN_LOG_LEVEL": "3"},  # the terminal is the only log
            asynchronous=True,
            dashboard_address="127.0.0.1:0",
            security=security,
            protocol="tls://" if choice.tls else None,
        )
        await _wait_until_started(cluster)
    except (OSError, RuntimeError) as error:
        raise WorkerError(
            f"The processes of {choice} can't be started ({error}); ask for fewer, or train without --cluster."
        ) from None
    return OpenCluster(cluster, cluster, security)


async def _batch_cluster(choice: ClusterChoice) -> OpenCluster:
    import dask
    import dask_jobqueue

    file = Path(choice.place).expanduser()
    settings = read_toml(file)
    jobs = settings.pop("jobs", 1)
    if not isinstance(jobs, int) or isinstance(jobs, bool) or jobs < 1:
        raise SpecError(f"{file}: jobs must be a whole number from 1 on.")
    if choice.tls:  # temporary certificates, which the jobs read from a shared folder
        settings = {"shared_temp_directory": str(Path.home())} | settings | {"security": True}
    try:
        of_dask = dask.config.get(f"jobqueue.{choice.kind}.scheduler-options", {})
        # Dask's own port for its dashboard, 8787, is open to the whole network, and taken if another user of the login
        # node has a cluster.
        settings["scheduler_options"] = {"dashboard_address": "127.0.0.1:0"} | settings.get(
            "scheduler_options", of_dask
        )
        cluster = getattr(dask_jobqueue, BATCH_SYSTEMS[choice.kind])(asynchronous=True, **settings)
        await _wait_until_started(cluster)
    except (TypeError, ValueError, OSError, RuntimeError) as error:
        said = one_line(str(error))
        raise WorkerError(f"{file} describes no {choice.kind} cluster ({said}); see docs/cluster.md.") from None
    return OpenCluster(cluster, cluster, cluster.security, jobs)


async def _wait_until_started(cluster: Any) -> None:
    """Wait for the start of a cluster; close it on failure or cancellation."""
    try:
        await cluster
    except BaseException:
        await cluster.close()
        raise

"""Opens a Dask cluster: one that runs already, one on this machine, or jobs of a batch system."""

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

REFUSED_SECONDS = 30.0  # until a batch system that has refused a job is asked again
IDLE_SECONDS = 120.0  # after the last run, until jobs of a batch system are given back


def check_packages(choice: ClusterChoice) -> None:
    """Import what a connection to ``choice`` needs.

    Raises:
        WorkerError: a package is missing; says what to install.
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
    """A cluster that can be connected to.

    Attributes:
        cluster: Dask's object, if the cluster is this program's own.
        address: what a client connects to.
        security: with which credentials.
        jobs: how many may be requested of a batch system; none was yet.
    """

    cluster: Any
    address: Any
    security: Security | None
    jobs: int = 0


@contextmanager
def _no_signal_handlers() -> Iterator[None]:
    """Ignore calls of signal.signal().

    dask-jobqueue 0.9 sets a handler for Ctrl-C as it is imported, for a part that is not used here. It would end this
    program at once; and in a thread other than the main one it could not even be imported.
    """
    kept = signal.signal
    signal.signal = lambda *_arguments: None
    try:
        yield
    finally:
        signal.signal = kept


class JobPool:
    """Keeps the jobs of a batch system while runs are trained, and gives them back when none were for a while.

    Attributes:
        count: the number of jobs.
    """

    def __init__(self, cluster: OpenCluster, notify: Callable[[Notification], None]) -> None:
        self._cluster, self.count, self._notify = cluster.cluster, cluster.jobs, notify
        self._has_jobs = False
        self._idle_since: float | None = None
        self._refused_until = 0.0

    async def request(self) -> None:
        """Runs are to be trained: request all jobs, unless they are there.

        Raises:
            WorkerError: the batch system refuses one; others may have been granted.
        """
        self._idle_since, self._has_jobs = None, True
        await _request_jobs(self._cluster, self.count)

    def release(self) -> None:
        """No runs are to be trained for now."""
        self._idle_since = time.monotonic()

    async def maintain(self) -> None:
        """Request jobs again that failed or reached their time limit; give back those that have been idle for long."""
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
            except WorkerError as error:  # the other jobs go on
                self._refused_until = time.monotonic() + REFUSED_SECONDS
                self._notify(Warned(str(error)))


async def _request_jobs(cluster: Any, count: int) -> None:
    """Request as many jobs as are lacking.

    Raises:
        WorkerError: with what the batch system says.
    """
    from distributed.core import Status

    # As the cluster's own scale() does, which leaves what goes wrong to a log.
    while len(cluster.worker_spec) < count:
        cluster.worker_spec.update(cluster.new_worker_spec())
    try:
        await cluster
    except (RuntimeError, ValueError, OSError) as error:
        for name, job in list(cluster.workers.items()):
            if job.status is Status.created:  # it was refused, and would never be requested again
                del cluster.workers[name]
                cluster.worker_spec.pop(name, None)
        said = one_line(" ".join(str(error).rpartition("stderr:")[2].split()))[:300]
        raise WorkerError(f"The batch system takes no jobs ({said}); check the file that describes them.") from None


async def open_cluster(choice: ClusterChoice) -> OpenCluster:
    """Open what was chosen.

    Raises:
        WorkerError: it can't be started, or there is no certificate for TLS.
        SpecError: the file of a batch system's jobs is wrong.
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
            memory_limit=0,  # what a run takes is no data of Dask's that could be moved elsewhere
            env={"TF_CPP_MIN_LOG_LEVEL": "3"},  # there is no log but the terminal
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
        await _wait_until_started(cluster)
    except (TypeError, ValueError, OSError, RuntimeError) as error:
        said = one_line(str(error))
        raise WorkerError(f"{file} describes no {choice.kind} cluster ({said}); see docs/cluster.md.") from None
    return OpenCluster(cluster, cluster, cluster.security, jobs)


async def _wait_until_started(cluster: Any) -> None:
    """Where that fails or is cancelled, what has been started is ended."""
    try:
        await cluster
    except BaseException:
        await cluster.close()
        raise

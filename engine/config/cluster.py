"""The choice of a Dask cluster; independent of Dask itself."""

from __future__ import annotations

from dataclasses import dataclass

from engine.utils.errors import SpecError

# Name in --cluster -> class of dask-jobqueue.
BATCH_SYSTEMS = {
    "slurm": "SLURMCluster",
    "pbs": "PBSCluster",
    "sge": "SGECluster",
    "lsf": "LSFCluster",
    "htcondor": "HTCondorCluster",
    "oar": "OARCluster",
    "moab": "MoabCluster",
}
CLUSTER_SYNTAX = f"local:N, tcp://HOST:PORT, tls://HOST:PORT, or {', '.join(BATCH_SYSTEMS)} with :FILE.toml"
MAX_LOCAL_PROCESSES = 256


@dataclass(frozen=True)
class ClusterChoice:
    """A cluster to compute on.

    Attributes:
        kind: ``local``, ``address`` or one of ``BATCH_SYSTEMS``.
        place: the number of processes, the scheduler's address, or the settings file of the batch system.
        tls: whether connections are encrypted.
        gpu_share: how much of Dask's resource ``GPU`` a run on a GPU takes.
    """

    kind: str
    place: str
    tls: bool = False
    gpu_share: float = 1.0

    @property
    def outlives_program(self) -> bool:
        """Whether the cluster keeps running when this program ends."""
        return self.kind == "address"

    def __str__(self) -> str:
        return self.place if self.kind == "address" else f"{self.kind}:{self.place}"


def parse_cluster(text: str, tls: bool = False, gpu_share: float = 1.0) -> ClusterChoice:
    """Parse a cluster as written for ``--cluster``.

    Raises:
        SpecError: if ``text`` names no cluster, contradicts ``tls``, or ``gpu_share`` is not in (0, 1].
    """
    if not 0 < gpu_share <= 1:  # also catches NaN
        raise SpecError(f"A run takes a share of a GPU that is above 0 and at most 1, not {gpu_share}.")
    kind, colon, place = text.partition(":")
    if kind in ("tcp", "tls") and place.startswith("//") and place.rpartition(":")[2].isdigit():
        if tls and kind == "tcp":
            raise SpecError(f"With TLS the scheduler's address begins with tls://, not as in {text}.")
        return ClusterChoice("address", text, tls or kind == "tls", gpu_share)
    if kind == "local" and place.isascii() and place.isdigit() and 1 <= int(place[:9]) <= MAX_LOCAL_PROCESSES:
        return ClusterChoice("local", str(int(place)), tls, gpu_share)
    if kind in BATCH_SYSTEMS and colon and place:
        return ClusterChoice(kind, place, tls, gpu_share)
    raise SpecError(f"'{text[:80]}' names no cluster; write {CLUSTER_SYNTAX}.")

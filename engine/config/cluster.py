"""Which Dask cluster is meant; nothing of Dask is needed to say so."""

from __future__ import annotations

from dataclasses import dataclass

from engine.utils.errors import SpecError

# Name in --cluster, and the class of dask-jobqueue.
BATCH_SYSTEMS = {
    "slurm": "SLURMCluster",
    "pbs": "PBSCluster",
    "sge": "SGECluster",
    "lsf": "LSFCluster",
    "htcondor": "HTCondorCluster",
    "oar": "OARCluster",
    "moab": "MoabCluster",
}
FORMS = f"local:N, tcp://HOST:PORT, tls://HOST:PORT, or {', '.join(BATCH_SYSTEMS)} with :FILE.toml"
MOST_LOCAL = 256


@dataclass(frozen=True)
class ClusterChoice:
    """A cluster by its name: ``kind`` is local, address or one of :data:`BATCH_SYSTEMS`.

    ``place`` is the number of processes, the address, or the file of settings. ``tls`` asks for encryption. A run that
    wants a GPU takes ``gpu_share`` of Dask's resource ``GPU``.
    """

    kind: str
    place: str
    tls: bool = False
    gpu_share: float = 1.0

    @property
    def is_lasting(self) -> bool:
        """Whether it goes on without this program."""
        return self.kind == "address"

    def __str__(self) -> str:
        return self.place if self.kind == "address" else f"{self.kind}:{self.place}"


def parse_cluster(text: str, tls: bool = False, gpu_share: float = 1.0) -> ClusterChoice:
    """The cluster that ``text`` names; raises :class:`SpecError` in one sentence."""
    if not 0 < gpu_share <= 1:  # NaN is neither
        raise SpecError(f"A run takes a share of a GPU that is above 0 and at most 1, not {gpu_share}.")
    kind, colon, place = text.partition(":")
    if kind in ("tcp", "tls") and place.startswith("//") and place.rpartition(":")[2].isdigit():
        if tls and kind == "tcp":
            raise SpecError(f"With TLS the scheduler's address begins with tls://, not as in {text}.")
        return ClusterChoice("address", text, tls or kind == "tls", gpu_share)
    if kind == "local" and place.isascii() and place.isdigit() and 1 <= int(place[:9]) <= MOST_LOCAL:
        return ClusterChoice("local", str(int(place)), tls, gpu_share)
    if kind in BATCH_SYSTEMS and colon and place:
        return ClusterChoice(kind, place, tls, gpu_share)
    raise SpecError(f"'{text[:80]}' names no cluster; write {FORMS}.")

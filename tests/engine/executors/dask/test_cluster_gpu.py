"""Runs that request a GPU are placed on workers that offer one."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from distributed import Client

from engine.config.cluster import parse_cluster
from engine.events.runs import RunFinished, RunStarted, Status
from engine.events.tasks import Event
from engine.executors.dask.executor import DaskExecutor
from engine.executors.inline import InlineExecutor
from engine.storage.store import Store
from tests.engine.executors.dask.real_cluster import RealCluster
from tests.engine.support import of, run_session, small_spec

pytestmark = pytest.mark.long


@pytest.mark.parametrize("share", [1.0, 0.5])
def test_a_run_that_wants_a_gpu_is_placed_where_one_is_offered(
    share: float, tmp_path: Path, cluster: RealCluster
) -> None:
    """There is none, so runs train on the processor, but on the one of three workers that claims to have one."""
    cluster.start_worker("--resources", f"GPU={share}", "--name", "with-a-gpu")
    names: set[str] = set()

    def note(event: Event) -> None:
        if isinstance(event, RunStarted):
            (worker,) = (
                worker for worker, keys in client.processing().items() if f"trainscope-tests-{event.run}" in keys
            )
            names.add(client.scheduler_info(n_workers=-1)["workers"][worker]["name"])

    executor = DaskExecutor(parse_cluster(cluster.address, gpu_share=share), InlineExecutor(), "tests", "gpu:0")
    try:
        with Client(cluster.address) as client, closing(Store(tmp_path / "w")) as store:
            finished, events = run_session(store, executor, small_spec(repeats=4), note)
    finally:
        executor.close()
    assert finished.status is Status.FINISHED, finished.reason
    assert len(of(RunFinished, events)) == 4
    assert names == {"with-a-gpu"}

"""Runs trained by the workers of a Dask cluster on this machine: real processes, killed for real."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, ClassVar

import distributed
import numpy as np
import pytest
from distributed import LocalCluster

from engine.config.cluster import parse_cluster
from engine.config.specs import DataSpec
from engine.events.channel import ControlChannel
from engine.events.commands import Control, SetLearningRate, SkipRun
from engine.events.runs import (
    Checkpoint,
    Intervention,
    InterventionKind,
    Record,
    RunFinished,
    RunStarted,
    Status,
    Weights,
)
from engine.events.tasks import Event, Progress
from engine.executors.dask import cluster_run, connection, data_transfer, membership
from engine.executors.dask.executor import DaskExecutor
from engine.executors.inline import InlineExecutor
from engine.executors.processes.pool import ProcessExecutor
from engine.storage.store import Store
from engine.utils.errors import WorkerError
from tests.engine.support import ROOT, of, run_session, small_spec, timeless

pytestmark = pytest.mark.long


class RecordedCluster(LocalCluster):
    """Dask's local cluster, recorded when it is opened."""

    opened: ClassVar[list[RecordedCluster]] = []

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.opened.append(self)

    def worker_of(self, run: int) -> str:
        """The address of the worker that trains a run of the fixture's executor."""
        return next(
            worker.address
            for worker in list(self.scheduler.workers.values())
            for task in list(worker.processing)
            if task.key == f"trainscope-tests-{run}"
        )

    def kill(self, worker: str) -> None:
        """Kill the process of a worker, by its address."""
        pids = [nanny.process.pid for nanny in self.workers.values() if nanny.worker_address == worker]
        os.kill(pids[0], signal.SIGKILL)


@pytest.fixture(autouse=True)
def clusters(monkeypatch: pytest.MonkeyPatch) -> list[RecordedCluster]:
    """Every local cluster that a test opens."""
    opened: list[RecordedCluster] = []
    monkeypatch.setattr(RecordedCluster, "opened", opened)
    monkeypatch.setattr(distributed, "LocalCluster", RecordedCluster)
    return opened


@pytest.fixture(scope="module")
def shared() -> Iterator[DaskExecutor]:
    """Two workers of one thread, for tests that leave them as they were; data sets are prepared in this process."""
    made = DaskExecutor(parse_cluster("local:2"), InlineExecutor(), "tests")
    made.start(2)  # its processes must not be the first test's
    yield made
    made.close()


@pytest.fixture
def executor() -> Iterator[DaskExecutor]:
    """The same for one test, which may kill or refuse workers."""
    made = DaskExecutor(parse_cluster("local:2"), InlineExecutor(), "tests")
    yield made
    made.close()


def by_run(events: list[Event]) -> dict[int, list[Any]]:
    """The events of each run, in order, without times and without checkpoints, which the session doesn't forward."""
    kinds = (RunStarted, Record, Weights, RunFinished)
    runs = {event.run for event in events if isinstance(event, RunStarted)}
    return {run: timeless(event for event in events if isinstance(event, kinds) and event.run == run) for run in runs}


def run_experiment(workspace: Path, executor: Any, emit: Callable[[Event], None] | None = None, **changes: Any) -> Any:
    spec = small_spec(**changes)
    with closing(Store(workspace)) as store:
        finished, events = run_session(store, executor, spec, emit)
        return finished, events, [store.run(run.id) for run in store.runs(finished.experiment or 0)]


PLAN: dict[str, Any] = {"architectures": ["mlp_1", "cnn_3"], "epochs": 3, "repeats": 2}


def test_its_results_are_those_of_processes_of_this_program(tmp_path: Path, shared: DaskExecutor) -> None:
    local = ProcessExecutor(2, tmp_path / "logs")
    try:
        _, expected, _ = run_experiment(tmp_path / "local", local, **PLAN)
    finally:
        local.close()
    finished, events, runs = run_experiment(tmp_path / "cluster", shared, **PLAN)
    assert finished.status is Status.FINISHED, finished.reason
    assert by_run(events) == by_run(expected)
    assert len(by_run(events)) == 4
    # Here it has all threads, which don't affect the bits of a dense network.
    _, here, _ = run_experiment(
        tmp_path / "inline", InlineExecutor(), **PLAN | {"architectures": ["mlp_1"], "repeats": 1}
    )
    assert by_run(here)[1][1:] == by_run(events)[1][1:], "all but the device"
    for run in runs:
        assert run.model is not None
        assert Path(run.model).is_relative_to(tmp_path / "cluster"), "the network came back"
        assert Path(run.model).stat().st_size > 10_000


def test_records_come_while_it_trains_and_commands_reach_it(tmp_path: Path, shared: DaskExecutor) -> None:
    control = ControlChannel()
    seen: list[Event] = []

    def watch(event: Event) -> None:
        seen.append(event)
        records = of(Record, seen)
        if isinstance(event, Record) and len(records) == 1:
            control.send(SetLearningRate(0.0625, event.run))
            control.send(Control.PAUSE)
        if isinstance(event, Intervention) and event.kind is InterventionKind.PAUSED:
            control.send(Control.RESUME)
        if isinstance(event, Record) and event.learning_rate == 0.0625:
            control.send(Control.STOP)

    with closing(control), closing(Store(tmp_path)) as store:
        finished, events = run_session(store, shared, small_spec(epochs=400), watch, control)
    assert finished.status is Status.STOPPED
    kinds = [event.kind for event in of(Intervention, events)]
    assert kinds[:3] == [InterventionKind.LEARNING_RATE, InterventionKind.PAUSED, InterventionKind.RESUMED]
    (ended,) = of(RunFinished, events)
    assert ended.test_accuracy is not None, "stopped by hand it is tested all the same"
    assert (ended.steps or 0) < 400 * 26


def test_a_run_can_be_skipped_and_all_be_cancelled(tmp_path: Path, shared: DaskExecutor) -> None:
    control = ControlChannel()

    def watch(event: Event) -> None:
        if isinstance(event, Record) and event.run == 1 and event.step == 10:
            control.send(SkipRun(1))
            control.send(SkipRun(5))
        if isinstance(event, RunFinished) and event.run == 1:
            control.send(Control.CANCEL)

    with closing(control), closing(Store(tmp_path)) as store:
        finished, events = run_session(store, shared, small_spec(epochs=200, repeats=5), watch, control)
    ends = {event.run: event.status for event in of(RunFinished, events)}
    assert finished.status is Status.CANCELLED
    assert ends == {1: Status.SKIPPED, 5: Status.SKIPPED} | dict.fromkeys((2, 3, 4), Status.CANCELLED)


def test_a_run_whose_worker_is_killed_goes_on_elsewhere_to_the_same_end(
    tmp_path: Path, executor: DaskExecutor, clusters: list[RecordedCluster]
) -> None:
    plan = {"architectures": ["cnn_3"], "epochs": 5, "repeats": 1}
    _, expected, _ = run_experiment(tmp_path / "undisturbed", executor, **plan)
    workers: list[str] = []

    def strike(event: Event) -> None:
        if isinstance(event, RunStarted):
            workers.append(clusters[0].worker_of(1))
        if isinstance(event, Record) and event.epoch == 3 and len(workers) == 1:
            clusters[0].kill(workers[0])
            workers.append("killed")

    finished, events, _ = run_experiment(tmp_path / "disturbed", executor, strike, **plan)
    first_worker, _, second_worker = workers
    assert second_worker != first_worker
    assert finished.status is Status.FINISHED, finished.reason
    first, second = of(RunStarted, events)
    assert (first.after, second.after > 0) == (0, True), "from a checkpoint, not from the beginning"
    last = {event.step: event for event in of(Record, events)}
    assert timeless(last.values()) == timeless(of(Record, expected))
    assert timeless(of(RunFinished, events)) == timeless(of(RunFinished, expected))
    with closing(Store(tmp_path / "disturbed")) as store:
        steps = [record.step for record in store.records(1)]
    assert steps == [record.step for record in of(Record, expected)], "nothing is doubled, nothing is missing"


def test_a_rate_set_by_hand_before_the_first_checkpoint_is_set_again(
    tmp_path: Path, executor: DaskExecutor, clusters: list[RecordedCluster]
) -> None:
    """The run starts from its beginning, as there is no checkpoint."""
    control = ControlChannel()
    killed: list[int] = []

    def strike(event: Event) -> None:
        match event:
            case Record(run, 10) if not killed:
                control.send(SetLearningRate(0.0625, run))
            case Intervention(_, step, _, InterventionKind.LEARNING_RATE) if not killed:
                killed.append(step)
                clusters[0].kill(clusters[0].worker_of(1))

    with closing(control), closing(Store(tmp_path)) as store:
        spec = small_spec(architectures=["cnn_4"], batch_size=10)
        finished, events = run_session(store, executor, spec, strike, control)
        rates = dict(zip(*store.columns(1, ("step", "learning_rate"), ())[0], strict=True))
    assert finished.status is Status.FINISHED, finished.reason
    assert [event.after for event in of(RunStarted, events)] == [0, 0]
    assert killed
    usual = rates[10]
    assert usual != 0.0625
    assert {step: rate for step, rate in rates.items() if rate == usual}.keys() == {
        step for step in rates if step <= killed[0]
    }
    assert set(rates.values()) == {usual, 0.0625}


def test_where_a_worker_is_refused_runs_go_to_the_others_and_on_when_one_of_those_is_lost(
    tmp_path: Path, executor: DaskExecutor, clusters: list[RecordedCluster], monkeypatch: pytest.MonkeyPatch
) -> None:
    reason = membership.rejection_reason
    rejected: list[str] = []

    async def reject_the_first(client: Any, worker: str, *rest: Any) -> str | None:
        if not rejected:
            rejected.append(worker)
        return "it is odd." if worker in rejected else await reason(client, worker, *rest)

    monkeypatch.setattr(membership, "rejection_reason", reject_the_first)
    workers: dict[int, str] = {}
    killed: list[str] = []

    def strike(event: Event) -> None:
        if isinstance(event, RunStarted):
            workers[event.run] = clusters[0].worker_of(event.run)
        if isinstance(event, RunFinished) and event.run == 1:
            killed.append(workers[1])
            clusters[0].kill(workers[1])

    finished, events, _ = run_experiment(tmp_path, executor, strike, architectures=["mlp_1"], epochs=2, repeats=4)
    assert killed
    assert finished.status is Status.FINISHED, finished.reason
    assert sorted(event.run for event in of(RunFinished, events)) == [1, 2, 3, 4]
    assert not set(rejected) & set(workers.values())


def test_a_run_that_kills_three_workers_is_set_aside_and_the_others_go_on(
    tmp_path: Path, executor: DaskExecutor, clusters: list[RecordedCluster]
) -> None:
    kills: list[int] = []

    def strike(event: Event) -> None:
        if isinstance(event, RunStarted) and event.run == 1:
            kills.append(event.after)
            clusters[0].kill(clusters[0].worker_of(1))

    finished, events, _ = run_experiment(tmp_path, executor, strike, architectures=["mlp_1"], epochs=2, repeats=3)
    ends = {event.run: event for event in of(RunFinished, events)}
    assert len(kills) == cluster_run.MAX_WORKER_LOSSES
    assert ends[1].status is Status.CRASHED
    assert "3 workers were lost" in ends[1].reason
    assert {ends[2].status, ends[3].status} == {Status.FINISHED}
    assert finished.status is Status.FINISHED


def test_images_that_a_worker_does_not_have_are_sent_to_it_once(
    tmp_path: Path, shared: DaskExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A relative path refers to other images there: the workers run in the folder of the tests."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    monkeypatch.chdir(folder)
    generator = np.random.default_rng(0)
    x, y = generator.integers(0, 256, (300, 12, 12), dtype=np.uint8), np.arange(300) % 3
    np.savez("own.npz", x_train=x, y_train=y)
    sent: list[str] = []
    send = data_transfer.send_data

    async def note(call: Any, data: DataSpec, fingerprint: str) -> None:
        sent.append(data.dataset)
        await send(call, data, fingerprint)

    monkeypatch.setattr(data_transfer, "send_data", note)
    finished, events, _ = run_experiment(
        tmp_path / "w", shared, dataset="own.npz", architectures=["mlp_1"], repeats=4, epochs=1
    )
    assert finished.status is Status.FINISHED, finished.reason
    assert len(of(RunFinished, events)) == 4
    assert sent == ["own.npz"], "the two workers share a machine, and its cache"


def test_a_worker_with_other_versions_is_not_used(executor: DaskExecutor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(membership, "versions", lambda: dict.fromkeys(membership.COMPARED_VERSIONS, "0.0"))
    with pytest.raises(WorkerError, match=r"No worker of local:2 can be used: it has Trainscope .*, here 0\.0"):
        executor.start(1)


def test_checkpoints_are_for_the_store_alone(tmp_path: Path, shared: DaskExecutor) -> None:
    _, events, _ = run_experiment(tmp_path, shared, architectures=["mlp_1"], epochs=2)
    assert not of(Checkpoint, events)
    assert not [event for event in of(Progress, events) if "worker" in event.message]


def test_no_scheduler_at_an_address_is_said_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "CONNECT_SECONDS", 0.5)
    made = DaskExecutor(parse_cluster("tcp://127.0.0.1:9"), InlineExecutor(), "tests")
    with pytest.raises(WorkerError, match=r"No Dask scheduler answers at tcp://127\.0\.0\.1:9 .*check the address"):
        made.start(1)
    made.close()


def test_it_speaks_tls(tmp_path: Path, clusters: list[RecordedCluster]) -> None:
    made = DaskExecutor(parse_cluster("local:1", tls=True), InlineExecutor(), "tests")
    try:
        made.start(1)
        assert clusters[0].scheduler_address.startswith("tls://")
        finished, _, _ = run_experiment(tmp_path, made, architectures=["mlp_1"], epochs=1)
        assert finished.status is Status.FINISHED, finished.reason
    finally:
        made.close()


def test_ctrl_c_ends_it_as_it_ends_processes_of_this_program(tmp_path: Path) -> None:
    """It reaches the workers as well; the run is stopped, tested and kept."""
    plan = ("--set", "architectures=cnn_3", "epochs=100", "repeats=1", "--workspace", str(tmp_path))
    program = subprocess.Popen(  # noqa: S603
        [sys.executable, "main.py", "--batch", "architectures", *plan, "--cluster", "local:1"],
        **{"cwd": ROOT, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True},
        start_new_session=True,
    )
    assert program.stderr is not None
    next(line for line in program.stderr if ": epoch 2," in line)
    os.killpg(program.pid, signal.SIGINT)
    _, said = program.communicate(timeout=300)
    assert program.returncode == 130, said
    with closing(Store(tmp_path)) as store:
        (run,) = store.runs(1)
    assert run.status is Status.STOPPED
    assert run.test_accuracy is not None

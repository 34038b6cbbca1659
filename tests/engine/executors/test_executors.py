"""engine.executors: runs in this process and in child processes, which die, are stopped or are abandoned."""

from __future__ import annotations

import multiprocessing
import os
import re
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
from tensorflow.errors import ResourceExhaustedError

from engine.config.augmentation import AugmentationSpec
from engine.config.specs import DataSpec
from engine.datasets import PreparedData
from engine.events.channel import ControlChannel
from engine.events.commands import Control
from engine.events.datasets import DatasetReady, SamplesReady
from engine.events.devices import WorkerReady
from engine.events.runs import Record, RunFinished, RunStarted, Status, Weights
from engine.events.tasks import Event, Exported, Progress, TaskFailed
from engine.executors.base import Executor
from engine.executors.inline import InlineExecutor
from engine.executors.processes.pool import ProcessExecutor, default_workers
from engine.executors.runner import TaskRunner
from engine.executors.tasks import (
    AugmentedSampleTask,
    DeviceTask,
    ExportTask,
    PrepareTask,
    ReportTask,
    SampleTask,
    Task,
)
from engine.storage.store import Store
from tests.engine.support import ScriptedExecutor, of, run_session, small_spec, timeless, train_tasks


@pytest.fixture(scope="module")
def processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProcessExecutor]:
    """One warm child with one thread, as this process has."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("engine.executors.processes.pool.cpu_count", lambda: 1)
        executor = ProcessExecutor(1, tmp_path_factory.mktemp("logs"))
        executor.start(1)
        yield executor
        executor.close()


def run_tasks(
    executor: Executor, tasks: list[Task], control: ControlChannel, emit: Callable[[Event], None] | None = None
) -> list[Event]:
    """All events of ``tasks``, each shown to ``emit`` too."""
    events: list[Event] = []

    def take(event: Event) -> None:
        events.append(event)
        if emit is not None:
            emit(event)

    executor.run(tasks, take, control)
    return events


def ends(events: list[Event]) -> list[tuple[int, Status]]:
    return [(event.run, event.status) for event in of(RunFinished, events)]


def children() -> set[psutil.Process]:
    return {psutil.Process(child.pid) for child in multiprocessing.active_children()}


# In this process


def test_tasks_beside_the_runs_are_answered(control: ControlChannel, store: Store, tmp_path: Path) -> None:
    run_session(store, ScriptedExecutor(), small_spec())
    folder = tmp_path / "export"
    tasks = [PrepareTask(DataSpec()), SampleTask(DataSpec(), 20), DeviceTask(), ExportTask(store.workspace, 1, folder)]
    events = [event for event in run_tasks(InlineExecutor(), tasks, control) if not isinstance(event, Progress)]
    assert [type(event) for event in events] == [DatasetReady, SamplesReady, WorkerReady, Exported]
    assert of(SamplesReady, events)[0].images.shape == (20, 32, 32, 1)
    task = AugmentedSampleTask(DataSpec(), 20, AugmentationSpec(shift=3), 0)
    (changed,) = of(SamplesReady, run_tasks(InlineExecutor(), [task], control))
    assert changed.augmented
    assert changed.images.shape == (20, 32, 32, 1)
    assert not np.array_equal(changed.images, of(SamplesReady, events)[0].images)
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != "export-files.json"]
    assert of(Exported, events)[0].files == len(files)


def test_a_report_is_written_or_its_reason_told(control: ControlChannel, store: Store, tmp_path: Path) -> None:
    run_session(store, ScriptedExecutor(), small_spec())
    files = [tmp_path / "report.html", tmp_path / "report.doc"]
    tasks = [ReportTask(store.workspace, (1,), file) for file in files]
    written, refused = run_tasks(InlineExecutor(), tasks, control)
    assert written == Exported(str(files[0]), 1)
    assert "mlp_1" in files[0].read_text(encoding="utf-8")
    assert isinstance(refused, TaskFailed)
    assert "must end in .html or .pdf" in refused.reason


def test_a_task_that_fails_ends_with_a_sentence(control: ControlChannel, tmp_path: Path) -> None:
    missing = DataSpec(dataset=str(tmp_path / "nowhere"))
    tasks = [PrepareTask(missing), *train_tasks(small_spec(dataset=missing.dataset))]
    prepared, trained = run_tasks(InlineExecutor(), tasks, control)
    assert isinstance(prepared, TaskFailed)
    assert not prepared.cancelled
    assert "nowhere" in prepared.reason
    assert isinstance(trained, RunFinished)
    assert (trained.status, trained.reason) == (Status.FAILED, prepared.reason)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (MemoryError(), "not enough memory"),
        (ResourceExhaustedError(None, None, "OOM when allocating tensor"), "not enough memory"),
        (ValueError("first line\nsecond line"), r"unexpected ValueError ended it \(first line\)"),
    ],
)
def test_an_unexpected_error_ends_a_run_with_a_sentence(
    monkeypatch: pytest.MonkeyPatch, control: ControlChannel, error: Exception, reason: str
) -> None:
    def fail(*_arguments: object) -> None:
        raise error

    monkeypatch.setattr("engine.executors.images.prepare", fail)
    (event,) = run_tasks(InlineExecutor(), list(train_tasks(small_spec())), control)
    assert isinstance(event, RunFinished)
    assert event.status is Status.FAILED
    assert re.search(reason, event.reason)
    assert "\n" not in event.reason


def test_the_runs_of_a_plan_share_their_data(monkeypatch: pytest.MonkeyPatch, control: ControlChannel) -> None:
    import engine.executors.images as module

    prepared: list[DataSpec] = []
    trained_on: list[PreparedData] = []
    prepare = module.prepare
    monkeypatch.setattr(module, "prepare", lambda spec, progress: prepared.append(spec) or prepare(spec, progress))
    monkeypatch.setattr("engine.training.trainer.train", lambda _run, _spec, data, *_more: trained_on.append(data))
    run_tasks(InlineExecutor(), list(train_tasks(small_spec(repeats=2))), control)
    assert len(prepared) == 1
    first, second = trained_on
    assert first.x_train is second.x_train


def test_a_control_during_preparation_ends_it_as_cancelled() -> None:
    events: list[Event] = []
    TaskRunner().execute(PrepareTask(DataSpec()), events.append, lambda: Control.STOP)
    assert isinstance(events[-1], TaskFailed)
    assert events[-1].cancelled


# In child processes


@pytest.mark.parametrize(("runs", "cores", "expected"), [(10, 2, 2), (1, 2, 1), (3, 16, 3), (5, 1, 1), (0, 4, 1)])
def test_by_default_each_core_has_a_process_as_far_as_there_are_runs(runs: int, cores: int, expected: int) -> None:
    assert default_workers(runs, cores) == expected


@pytest.mark.long
def test_a_child_gives_the_same_numbers_as_this_process_to_the_bit(
    processes: ProcessExecutor, control: ControlChannel
) -> None:
    tasks = list(train_tasks(small_spec(architectures=["mlp_1", "cnn_3"], epochs=2)))
    there, here = (run_tasks(executor, tasks, control) for executor in (processes, InlineExecutor()))
    kinds = (Record, Weights, RunFinished)
    for kind in kinds:
        assert timeless(of(kind, there)) == timeless(of(kind, here))
    assert [event.device.threads for event in of(RunStarted, there)] == [1, 1]
    assert ends(there) == [(1, Status.FINISHED), (2, Status.FINISHED)]


@pytest.mark.long
def test_a_session_stores_the_same_whether_it_trains_here_or_in_a_child(
    processes: ProcessExecutor, tmp_path: Path
) -> None:
    stored = []
    for folder, executor in (("here", InlineExecutor()), ("there", processes)):
        store = Store(tmp_path / folder)
        outcome, _ = run_session(store, executor, small_spec(repeats=2, seed=3))
        assert outcome.status is Status.FINISHED
        stored.append([timeless([*store.records(run.id), store.last_weights(run.id)]) for run in store.runs(1)])
        store.close()
    assert stored[0] == stored[1]


@pytest.mark.long
def test_arrays_from_a_child_are_copies_that_can_be_written(
    processes: ProcessExecutor, control: ControlChannel
) -> None:
    first, second = of(Weights, run_tasks(processes, list(train_tasks(small_spec())), control))[::2]
    assert first.layer == second.layer
    before = second.values.copy()
    first.values[:] = 0
    assert np.array_equal(second.values, before)


@pytest.mark.long
@pytest.mark.parametrize(
    ("asked", "status", "tested"),
    [(Control.STOP, Status.STOPPED, True), (Control.CANCEL, Status.CANCELLED, False)],
)
def test_a_control_reaches_the_child_and_what_was_not_started_ends_at_once(
    processes: ProcessExecutor, control: ControlChannel, asked: Control, status: Status, tested: bool
) -> None:
    def ask_once(event: Event) -> None:
        if isinstance(event, Record) and event.step == 10:
            control.send(asked)

    events = run_tasks(processes, list(train_tasks(small_spec(epochs=100_000, repeats=3))), control, ask_once)
    assert sorted(ends(events)) == [(1, status), (2, Status.CANCELLED), (3, Status.CANCELLED)]
    first = next(event for event in of(RunFinished, events) if event.run == 1)
    assert (first.test_accuracy is not None) is tested


@pytest.mark.long
def test_a_child_can_be_used_again_after_a_control(processes: ProcessExecutor, control: ControlChannel) -> None:
    assert ends(run_tasks(processes, list(train_tasks(small_spec())), control)) == [(1, Status.FINISHED)]


@pytest.mark.long
def test_starting_again_keeps_the_warm_children(processes: ProcessExecutor) -> None:
    before = children()
    assert processes.start(1) == 1
    assert children() == before


@pytest.mark.long
@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
def test_children_killed_and_stopped_as_they_train_take_only_their_runs_with_them(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TensorFlow leaves files in the temporary folder when it is killed; they are removed with the child."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    executor, before = ProcessExecutor(1, tmp_path / "logs", hang_seconds=2.0), children()
    signals = {(1, 10): signal.SIGKILL, (2, 10): signal.SIGSTOP}
    left_by_tensorflow: list[int] = []

    def harm(event: Event) -> None:
        if isinstance(event, Record) and (number := signals.get((event.run, event.step))) is not None:
            (child,) = children() - before
            left_by_tensorflow.append(len(list(temporary.glob("*/__autograph*"))))
            child.send_signal(number)

    try:
        outcome, _ = run_session(store, executor, small_spec(epochs=2, repeats=3), harm)
    finally:
        executor.close()
    killed, stopped, trained = store.runs(1)
    assert [run.status for run in (killed, stopped, trained)] == [Status.CRASHED, Status.CRASHED, Status.FINISHED]
    assert "was killed" in killed.reason
    assert f"signal {signal.SIGKILL:d}" in killed.reason
    assert "neither said nor computed anything for 2 seconds" in stopped.reason
    for run in (killed, stopped):
        assert str(tmp_path / "logs" / "worker-1.log") in run.reason
        assert store.records(run.id)
    assert outcome.reason.startswith("2 of 3 runs did not finish: The training process was killed")
    assert all(left_by_tensorflow)
    assert not list(temporary.iterdir())


@pytest.fixture
def cold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ProcessExecutor]:
    """An executor whose one child loads no TensorFlow, and no data set either."""
    if sys.platform == "win32":
        pytest.skip("what children do otherwise than TensorFlow is scripted for POSIX")
    from tests.engine.executors.processes.scripted_worker import scripted

    scripted(tmp_path, monkeypatch)
    executor = ProcessExecutor(1, tmp_path / "logs")
    yield executor
    executor.close()


def test_closing_leaves_no_process(cold: ProcessExecutor, control: ControlChannel, tmp_path: Path) -> None:
    before = children()
    assert of(DatasetReady, run_tasks(cold, [PrepareTask(DataSpec())], control))
    (child,) = children() - before
    assert (tmp_path / "logs" / "worker-1.log").is_file()
    cold.close()
    assert not child.is_running()
    cold.close()


def test_a_child_that_died_while_it_had_nothing_to_do_is_replaced(
    cold: ProcessExecutor, control: ControlChannel
) -> None:
    before = children()
    run_tasks(cold, [PrepareTask(DataSpec())], control)
    (child,) = children() - before
    kill_and_wait(child)
    assert of(DatasetReady, run_tasks(cold, [PrepareTask(DataSpec())], control))


def test_starting_replaces_a_child_that_died_meanwhile(cold: ProcessExecutor, control: ControlChannel) -> None:
    before = children()
    cold.start(1)
    (child,) = children() - before
    kill_and_wait(child)
    cold.start(1)
    assert of(DatasetReady, run_tasks(cold, [PrepareTask(DataSpec())], control))


def test_an_error_of_whoever_takes_the_events_is_not_taken_for_the_death_of_a_child(
    cold: ProcessExecutor, control: ControlChannel
) -> None:
    """A progress line written to a closed pipe is an OSError too."""

    errors = [BrokenPipeError("nobody reads the progress")]

    def fail_once(event: Event) -> None:
        if errors:
            raise errors.pop()

    with pytest.raises(BrokenPipeError, match="nobody reads"):
        run_tasks(cold, [PrepareTask(DataSpec())], control, fail_once)


def test_an_error_of_whoever_takes_the_events_leaves_no_process(cold: ProcessExecutor, control: ControlChannel) -> None:
    def fail(event: Event) -> None:
        raise ValueError("a defect in a view")

    before = children()
    with pytest.raises(ValueError, match="a defect in a view"):
        run_tasks(cold, [PrepareTask(DataSpec())], control, fail)
    assert children() == before


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
def test_a_child_never_hears_of_ctrl_c_not_even_while_it_starts(cold: ProcessExecutor) -> None:
    """Ctrl-C reaches every process of a terminal; it must not kill a child that is still importing."""
    before = children()
    cold.start(1)
    (child,) = children() - before
    status = Path(f"/proc/{child.pid}/status").read_text(encoding="utf-8")
    masks = [int(line.split()[1], 16) for line in status.splitlines() if line.startswith(("SigIgn:", "SigBlk:"))]
    assert any(mask >> (signal.SIGINT - 1) & 1 for mask in masks)


def kill_and_wait(child: psutil.Process) -> None:
    """Kill a child without reaping it, which its owner does."""
    child.send_signal(signal.SIGKILL)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)

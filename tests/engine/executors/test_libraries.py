"""The choice of oneDNN or Eigen: measured once, remembered, and kept when a run is resumed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from engine.devices import libraries
from engine.devices.cache import DeviceCache, PartTimes
from engine.devices.calibration import (
    CONVOLUTIONAL,
    DENSE,
    Calibration,
    likely_library,
    machine,
    needs_calibration,
    read_calibration,
)
from engine.devices.libraries import EIGEN, ONEDNN
from engine.events.channel import ControlChannel
from engine.events.commands import Command, Control, SkipRun
from engine.events.devices import Calibrated, Device, MachineCalibrated
from engine.events.runs import Checkpoint, RunFinished, RunStarted, Status
from engine.events.tasks import Emit, Event, Progress, TaskFailed
from engine.executors.libraries import deciding_kind, kind_of, library_for
from engine.executors.processes import calibration, pool
from engine.executors.processes.calibration import FEW_ROUNDS, MANY_ROUNDS, KeptCommands, calibrate
from engine.executors.processes.pool import ProcessExecutor
from engine.executors.tasks import CalibrateMachineTask, CalibrateTask, Task, TrainTask
from engine.experiments.architectures import ARCHITECTURES_EXPERIMENT
from engine.session import Session
from engine.storage.store import Store
from engine.training.reference import reference_seconds
from engine.utils.errors import Cancelled
from engine.utils.paths import devices_file
from engine.workspace.planning import plan_further_runs, plan_resume
from tests.engine.support import finished, small_run, started
from tests.stored import store_experiment

FAST, SLOW = PartTimes(0.001, 0.01), PartTimes(0.002, 0.02)
SIMILAR = PartTimes(0.0011, 0.011)


@pytest.fixture
def no_request(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine on which nothing was measured and no library is asked for."""
    monkeypatch.setattr(libraries, "_FROM_USER", "")
    monkeypatch.delenv(libraries.VARIABLE)  # what child processes inherit
    monkeypatch.setenv("TRAINSCOPE_CACHE", str(tmp_path / "cache"))


@dataclass
class Measuring:
    """An executor whose process computes with ``library`` in ``times``; a time of None ends it."""

    library: str
    times: PartTimes | None
    asked: list[str] = field(default_factory=list)
    is_closed: bool = False

    def start(self, runs: int, threads: int | None = None) -> int:
        return 1

    def run(self, tasks: Sequence[Task], emit: Emit, control: ControlChannel) -> None:
        for task in tasks:
            assert isinstance(task, CalibrateTask)
            self.asked.append(task.kind)
            if self.times is None:
                emit(task.failed(Status.CRASHED, "Illegal instruction."))
            else:
                emit(Calibrated(task.kind, self.library, *self.times))
                if control.connection.poll():  # as a pool may, read once the result is there
                    control.poll()

    def close(self) -> None:
        self.is_closed = True


@pytest.fixture
def control() -> Iterator[ControlChannel]:
    with closing(ControlChannel()) as channel:
        yield channel


def test_networks_with_and_without_convolutions_are_measured_apart() -> None:
    runs = [small_run(architectures=[name]) for name in ("mlp_1", "cnn_3", "mine[FC-8, ReLU]")]
    assert [kind_of(run) for run in runs] == [DENSE, CONVOLUTIONAL, DENSE]
    rounded = small_run(architectures=["mlp_1"], validation_precision="bfloat16")
    assert kind_of(rounded) == "dense, bfloat16"
    assert deciding_kind(runs) == CONVOLUTIONAL, "an experiment has one library"
    assert deciding_kind(runs[::2]) == DENSE
    assert deciding_kind([]) == ""


def test_the_faster_library_is_chosen_unless_one_is_asked_for() -> None:
    times = {DENSE: {ONEDNN: SLOW, EIGEN: FAST}, CONVOLUTIONAL: {ONEDNN: FAST}}
    found = Calibration(times)
    assert (found.library(DENSE), found.library(CONVOLUTIONAL), found.library("else")) == (EIGEN, ONEDNN, "")
    assert (found.seconds(DENSE), found.seconds("else")) == (FAST[:2], None)
    asked = Calibration(times, EIGEN)
    assert asked.library(DENSE) == asked.library("else") == EIGEN
    assert asked.seconds(CONVOLUTIONAL) is None, "it can't be computed so"


@pytest.mark.parametrize(
    ("value", "library"), [("", ""), ("1", ONEDNN), ("true", ONEDNN), ("0", EIGEN), ("false", EIGEN)]
)
def test_tensorflows_own_variable_asks_for_a_library(value: str, library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libraries, "_FROM_USER", value)
    assert libraries.requested_library() == library


@pytest.mark.usefixtures("no_request")
def test_both_libraries_are_measured_once_in_turns(control: ControlChannel) -> None:
    assert needs_calibration()
    cache, told = DeviceCache(devices_file()), list[Event]()
    executors = {ONEDNN: Measuring(ONEDNN, SIMILAR), EIGEN: Measuring(EIGEN, FAST)}
    assert calibrate((DENSE, CONVOLUTIONAL), cache, executors.__getitem__, told.append, control) == []
    for executor in executors.values():
        assert executor.asked == MANY_ROUNDS * [DENSE] + MANY_ROUNDS * [CONVOLUTIONAL], "as they are close"
        assert executor.is_closed
    assert told, "a user who waits is told"
    known = read_calibration()
    assert known.times == {kind: {ONEDNN: SIMILAR, EIGEN: FAST} for kind in (DENSE, CONVOLUTIONAL)}
    assert known.library(DENSE) == likely_library() == EIGEN
    assert not needs_calibration()
    calibrate((DENSE,), cache, lambda _library: pytest.fail("measured again"), told.append, control)


@pytest.mark.usefixtures("no_request")
def test_a_clear_difference_takes_few_rounds_of_which_the_first_does_not_count(control: ControlChannel) -> None:
    executors = {ONEDNN: Measuring(ONEDNN, FAST), EIGEN: Measuring(EIGEN, SLOW)}
    calibrate((DENSE,), DeviceCache(devices_file()), executors.__getitem__, lambda _event: None, control)
    assert executors[EIGEN].asked == FEW_ROUNDS * [DENSE]


@pytest.mark.usefixtures("no_request")
def test_a_library_that_ends_its_process_is_never_chosen(control: ControlChannel) -> None:
    executors = {ONEDNN: Measuring(ONEDNN, None), EIGEN: Measuring(EIGEN, SLOW)}
    calibrate((DENSE,), DeviceCache(devices_file()), executors.__getitem__, lambda _event: None, control)
    assert read_calibration().times == {DENSE: {EIGEN: SLOW}}
    assert executors[ONEDNN].asked == [DENSE, DENSE], "not a third time"


@pytest.mark.usefixtures("no_request")
def test_a_build_without_onednn_has_one_library(control: ControlChannel) -> None:
    executors = {library: Measuring(EIGEN, FAST) for library in (ONEDNN, EIGEN)}
    calibrate((DENSE,), DeviceCache(devices_file()), executors.__getitem__, lambda _event: None, control)
    assert read_calibration().times == {DENSE: {EIGEN: FAST}}


@pytest.mark.usefixtures("no_request")
def test_who_cancels_a_measurement_is_heard_and_nothing_of_it_is_kept(control: ControlChannel) -> None:
    executors = {ONEDNN: Measuring(ONEDNN, FAST), EIGEN: Measuring(EIGEN, FAST)}

    def cancel(_progress: Event) -> None:
        control.send(Control.PAUSE)  # concerns what comes after it
        control.send(Control.SUSPEND)

    kept = calibrate((DENSE,), DeviceCache(devices_file()), executors.__getitem__, cancel, control)
    assert kept == [Control.PAUSE, Control.SUSPEND]
    assert read_calibration().times == {}
    assert all(executor.is_closed for executor in executors.values())


@pytest.mark.usefixtures("no_request")
def test_what_cannot_be_stored_is_kept_in_mind(
    control: ControlChannel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("TRAINSCOPE_CACHE", str(tmp_path / "file"))
    cache = DeviceCache(devices_file())
    make: Callable[[str], Measuring] = lambda library: Measuring(library, FAST)  # noqa: E731
    calibrate((DENSE,), cache, make, lambda _event: None, control)
    assert read_calibration(cache).times[DENSE] == {ONEDNN: FAST, EIGEN: FAST}
    assert read_calibration().times == {}


@pytest.mark.parametrize("kind", [DENSE, "dense, bfloat16"])
def test_reference_times_are_those_of_a_step_and_a_validation(kind: str) -> None:
    step, validation, compilation = reference_seconds(kind, lambda: None)
    assert reference_seconds(kind, lambda: None)[2] == compilation, "compiled once"
    assert 0 < step < validation, "5,000 images take longer than 50"


def test_an_experiment_keeps_its_library(workspace: Path) -> None:
    def answer(task: TrainTask) -> list[Event]:
        device = Device("CPU", "a processor", 1, library=EIGEN)
        begun = [replace(started(task.run), device=device), Checkpoint(task.run, 1, b"")]
        return [*begun, finished(task.run, Status.FINISHED if task.run == 1 else Status.INTERRUPTED)]

    store_experiment(workspace, answer=answer, architectures=["mlp_1"], repeats=2)
    with closing(Store(workspace)) as store:
        resumed = plan_resume(store, ARCHITECTURES_EXPERIMENT, 1)
        spec = ARCHITECTURES_EXPERIMENT.spec.from_json(store.experiment(1).spec)
        extended = plan_further_runs(store, ARCHITECTURES_EXPERIMENT, spec.replace(repeats=3), 1)
    assert resumed.library == extended.library == EIGEN
    tasks = [TrainTask(1, small_run(), None), TrainTask(2, small_run(), None, library=EIGEN)]
    faster = Calibration({DENSE: {ONEDNN: FAST, EIGEN: SLOW}})
    assert library_for(tasks, faster) == EIGEN
    assert library_for(tasks[:1], faster) == ONEDNN
    assert library_for(tasks, Calibration({}, ONEDNN)) == ONEDNN, "who asks for one gets it"


@pytest.mark.long
@pytest.mark.usefixtures("no_request")
def test_processes_compute_with_the_library_that_was_measured_or_stored(workspace: Path, tmp_path: Path) -> None:
    cache = DeviceCache(devices_file())
    cache.store_part_times(machine(), DENSE, {ONEDNN: SLOW, EIGEN: FAST})
    seen: list[Event] = []
    executor = ProcessExecutor(1, tmp_path / "logs")
    spec = ARCHITECTURES_EXPERIMENT.preset("quick", architectures=["mlp_1"], repeats=1, epochs=1)
    try:
        with closing(Store(workspace)) as store, closing(ControlChannel()) as control:
            session = Session(store, executor, seen.append, control)
            session.run(ARCHITECTURES_EXPERIMENT, spec)
            cache.store_part_times(machine(), DENSE, {ONEDNN: FAST, EIGEN: SLOW})  # as if measured anew
            Session(store, executor, seen.append, control).run(ARCHITECTURES_EXPERIMENT, spec)
            Session(store, executor, seen.append, control).run(ARCHITECTURES_EXPERIMENT, spec.replace(repeats=2), 1)
    finally:
        executor.close()
    devices = [event.device.library for event in seen if isinstance(event, RunStarted)]
    assert devices == [EIGEN, ONEDNN, EIGEN], "the first experiment goes on as it began"
    assert all(event.status is Status.FINISHED for event in seen if isinstance(event, RunFinished))


@pytest.mark.long
@pytest.mark.usefixtures("no_request")
def test_a_machine_is_calibrated_with_a_process_for_each_library(
    tmp_path: Path, control: ControlChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calibration, "MANY_ROUNDS", 1 + 1)  # how many there are otherwise is tested above
    seen: list[Event] = []
    executor = ProcessExecutor(1, tmp_path / "logs")
    try:
        executor.run([CalibrateMachineTask()], seen.append, control)
    finally:
        executor.close()
    assert isinstance(seen[-1], MachineCalibrated)
    for kind in (DENSE, CONVOLUTIONAL):
        assert read_calibration().seconds(kind) is not None
        assert set(read_calibration().times[kind]) <= {ONEDNN, EIGEN}


@pytest.fixture
def endless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calibrations never end by themselves."""

    def wait(_kinds: object, _cache: object, _make: object, _emit: object, control: ControlChannel) -> list[Command]:
        commands = KeptCommands(control)
        with suppress(Cancelled):
            while True:
                control.connection.poll(None)
                commands.check_cancelled()
        return commands.kept

    monkeypatch.setattr(pool, "calibrate", wait)


@pytest.mark.usefixtures("no_request", "endless")
def test_runs_whose_calibration_is_ended_do_not_start(tmp_path: Path, control: ControlChannel) -> None:
    seen: list[Event] = []
    executor = ProcessExecutor(1, tmp_path / "logs")
    for command in (Control.PAUSE, SkipRun(1), Control.STOP):
        control.send(command)
    tasks = [TrainTask(number, small_run(), None) for number in (1, 2)]
    assert executor.run(tasks, seen.append, control) is Control.STOP
    executor.close()
    ended = {event.run: event.status for event in seen if isinstance(event, RunFinished)}
    assert ended == {1: Status.SKIPPED, 2: Status.CANCELLED}
    assert not control.connection.poll(), "nothing is left for the next job"


@pytest.mark.usefixtures("no_request", "endless")
def test_a_cancelled_calibration_is_no_result(tmp_path: Path, control: ControlChannel) -> None:
    seen: list[Event] = []
    executor = ProcessExecutor(1, tmp_path / "logs")
    control.send(Control.CANCEL)
    executor.run([CalibrateMachineTask()], seen.append, control)
    executor.close()
    assert [event.cancelled for event in seen if isinstance(event, TaskFailed)] == [True]
    assert not any(isinstance(event, MachineCalibrated) for event in seen)


@pytest.mark.long
@pytest.mark.usefixtures("no_request")
def test_processes_that_measure_are_killed_by_the_first_command_that_ends(
    tmp_path: Path, control: ControlChannel
) -> None:
    seen: list[Event] = []
    executor = ProcessExecutor(1, tmp_path / "logs")

    def emit(event: Event) -> None:
        seen.append(event)
        control.send(Control.STOP)  # at the first message, as TensorFlow begins to load

    assert executor.run([TrainTask(1, small_run(), None)], emit, control) is Control.STOP
    executor.close()
    assert [type(event) for event in seen] == [Progress, RunFinished]
    assert read_calibration().times == {}

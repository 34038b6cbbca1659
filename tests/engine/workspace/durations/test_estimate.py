"""engine.workspace.durations.estimate: what an experiment is expected to take."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest

from engine.config.specs import ExperimentSpec
from engine.devices.cache import DeviceCache, Verification
from engine.devices.hardware import cpu_name, gpu_software
from engine.devices.names import AUTO, CPU, Allocation
from engine.events.devices import Device
from engine.events.runs import Checkpoint, RunStarted, Status
from engine.executors.tasks import TrainTask
from engine.experiments import EXPERIMENTS
from engine.experiments.architectures import ARCHITECTURES_EXPERIMENT
from engine.experiments.base import Experiment
from engine.experiments.basics import BASICS_EXPERIMENT
from engine.experiments.continuation import CONTINUATION_EXPERIMENT
from engine.experiments.schedule import SCHEDULE_EXPERIMENT
from engine.storage.store import Store
from engine.utils.paths import devices_file, store_file
from engine.workspace.durations.estimate import Estimate, estimate
from engine.workspace.durations.measurements import DurationStore
from engine.workspace.queue import QueueEntry
from tests.engine.support import ScriptedExecutor, finished, record, run_session, small_spec, started

HERE = Device("CPU", cpu_name(), 1, CPU)
STEP = 0.01  # seconds, of mlp_1 in the stored experiments


def started_on(run: int, device: Device = HERE) -> RunStarted:
    return replace(started(run), device=device)


def whole(task: TrainTask, device: Device = HERE, step: float = STEP) -> list[Any]:
    """A run of 260 steps with 26 records."""
    records = [record(task.run, 10 * n, seconds=10 * n * step) for n in range(1, 27)]
    return [started_on(task.run, device), *records, finished(task.run, seconds=260 * step)]


def train(workspace: Path, answer: Callable[[TrainTask], Sequence[Any]] = whole, **changes: Any) -> None:
    with closing(Store(workspace)) as store:
        run_session(store, ScriptedExecutor(answer), small_spec(**{"epochs": 10, **changes}))


def shown(
    workspace: Path,
    spec: ExperimentSpec,
    experiment: Experiment = ARCHITECTURES_EXPERIMENT,
    allocation: Allocation | None = Allocation(1, 1),  # noqa: B008 - frozen
    **entry: Any,
) -> Estimate:
    (found,) = estimate(workspace, [QueueEntry(0, experiment, spec, **entry)], lambda _runs, _threads: allocation)
    return found


def middle(found: Estimate) -> float:
    assert found.seconds is not None
    return (found.seconds.low * found.seconds.high) ** 0.5


@pytest.fixture(autouse=True)
def unknown_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine without a GPU, on which nothing was measured."""
    monkeypatch.setenv("TRAINSCOPE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("engine.workspace.durations.step_times.may_have_gpu", lambda: False)
    calibrate(monkeypatch)


class Calibrated:
    """Seconds of a step and of a validation of the reference networks."""

    def __init__(self, **seconds: tuple[float, float]) -> None:
        self._seconds = seconds

    def seconds(self, kind: str) -> tuple[float, float] | None:
        return self._seconds.get(kind)

    def compilation_seconds(self, kind: str) -> float | None:
        return 1.0 if kind in self._seconds else None


def calibrate(monkeypatch: pytest.MonkeyPatch, **seconds: tuple[float, float]) -> None:
    monkeypatch.setattr("engine.workspace.durations.step_times.read_calibration", lambda: Calibrated(**seconds))


def test_where_nothing_was_measured_only_runs_steps_and_records_are_shown(workspace: Path) -> None:
    found = shown(workspace, ARCHITECTURES_EXPERIMENT.preset("quick"))
    assert str(found) == "10 runs of 260 steps and 26 records"
    assert not store_file(workspace).exists(), "no store is made to look into"


def test_runs_of_different_lengths_are_shown_with_the_shortest_and_the_longest(workspace: Path) -> None:
    experiment = EXPERIMENTS["learning-rate"]
    found = shown(workspace, experiment.preset("quick", epochs=10), experiment)
    assert str(found) == "4 runs of 200 to 260 steps and 26 to 200 records"


def test_with_early_stopping_steps_and_time_are_an_upper_bound(workspace: Path) -> None:
    experiment = EXPERIMENTS["learning-rate"]
    spec = experiment.preset("quick", epochs=10, early_stopping="val_loss")
    assert str(shown(workspace, spec, experiment)) == "4 runs of up to 260 steps and 200 records"
    train(workspace)
    stops = small_spec(epochs=10, repeats=60, early_stopping="val_loss")
    assert str(shown(workspace, stops)).startswith("60 runs of up to 260 steps and 26 records, about ")
    assert str(shown(workspace, stops)) == f"{shown(workspace, stops.replace(early_stopping='off'))} or less".replace(
        "of 260", "of up to 260"
    )


def test_a_data_set_of_ones_own_that_was_never_decoded_leaves_steps_open(workspace: Path, tmp_path: Path) -> None:
    course = ARCHITECTURES_EXPERIMENT.preset("course", repeats=1)
    assert str(shown(workspace, course)) == "5 runs of 13,500 steps and 1,350 records"
    assert str(shown(workspace, course.replace(dataset=str(tmp_path)))) == "5 runs"


def test_runs_of_the_same_work_decide_the_time(workspace: Path) -> None:
    train(workspace, repeats=2)
    assert middle(shown(workspace, small_spec(epochs=10, repeats=3))) == pytest.approx(3 * 2.6, rel=0.1)
    assert middle(shown(workspace, small_spec(epochs=20, repeats=3))) == pytest.approx(6 * 2.6, rel=0.1)
    parallel = shown(workspace, small_spec(epochs=10, repeats=3), allocation=Allocation(2, 1))
    assert middle(parallel) == pytest.approx(2 * 2.6, rel=0.1)


def test_the_newest_experiment_of_another_machine_is_no_basis(workspace: Path) -> None:
    train(workspace, lambda task: whole(task, replace(HERE, name="another processor")))
    assert shown(workspace, small_spec(epochs=10)).seconds is None


def test_a_cluster_has_no_time(workspace: Path) -> None:
    train(workspace)
    found = shown(workspace, small_spec(epochs=10), allocation=None)
    assert (found.seconds, found.steps) == (None, (260, 260))


def verify_gpu(state: Literal["begun", "sound", "wrong"], software: str | None = None) -> None:
    """Store that gpu:0 was verified, with the present software unless another is given."""
    description = f"gpu:0: H100, {software or gpu_software('gpu:0')}"
    DeviceCache(devices_file()).store_verification(description, Verification(state=state))


def test_a_gpu_is_judged_only_by_runs_of_the_same_work_on_it(workspace: Path) -> None:
    gpu = Device("GPU", "H100", 1, "gpu:0")
    train(workspace, lambda task: whole(task, gpu))
    same, other = small_spec(epochs=10), small_spec(epochs=10, batch_size=25)
    assert shown(workspace, same).seconds is None, "this machine has none"
    verify_gpu("sound")
    for device in (AUTO, "gpu:0"):
        allocation = Allocation(1, 1, device)
        assert middle(shown(workspace, same, allocation=allocation)) == pytest.approx(2.6, rel=0.1)
        assert shown(workspace, other, allocation=allocation).seconds is None
    assert shown(workspace, same, allocation=Allocation(1, 1, CPU)).seconds is None


@pytest.mark.parametrize(
    ("state", "software", "is_estimated"),
    [
        ("sound", None, False),
        ("begun", None, False),  # it is verified again before the next run
        ("wrong", None, True),
        ("sound", "driver 1, TensorFlow 2.0, Trainscope 0.1", True),
        ("wrong", "driver 1, TensorFlow 2.0, Trainscope 0.1", True),
    ],
)
def test_only_a_gpu_that_may_be_used_leaves_the_time_of_other_work_open(
    workspace: Path, state: Any, software: str | None, is_estimated: bool
) -> None:
    train(workspace)
    verify_gpu(state, software)
    found = shown(workspace, small_spec(epochs=10, batch_size=25), allocation=Allocation(1, 1, AUTO))
    assert (found.seconds is not None) == is_estimated


@pytest.mark.parametrize("has_gpu", [False, True])
def test_before_the_first_run_a_gpu_that_was_never_verified_may_be_used(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, has_gpu: bool
) -> None:
    calibrate(monkeypatch, dense=(0.0004, 0.002))
    monkeypatch.setattr("engine.workspace.durations.step_times.may_have_gpu", lambda: has_gpu)
    spec, auto = small_spec(epochs=10), Allocation(1, 1, AUTO)
    assert (shown(workspace, spec, allocation=auto).seconds is None) == has_gpu
    assert shown(workspace, spec, allocation=Allocation(1, 1, CPU)).seconds is not None
    train(workspace)  # by auto on the processor, so there is none
    assert shown(workspace, spec, allocation=auto).seconds is not None


def test_after_an_update_a_gpu_that_trained_may_be_used_again(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.workspace.durations.step_times.may_have_gpu", lambda: True)
    train(workspace, lambda task: whole(task, Device("GPU", "H100", 1, "gpu:0")))
    train(workspace)
    verify_gpu("sound", "driver 1, TensorFlow 2.0, Trainscope 0.1")
    assert shown(workspace, small_spec(epochs=10, batch_size=25), allocation=Allocation(1, 1, AUTO)).seconds is None


def test_other_work_of_the_same_kind_is_scaled_by_its_operations(workspace: Path) -> None:
    train(workspace)
    double = shown(workspace, small_spec(epochs=10, batch_size=100))
    assert double.seconds is not None
    assert double.seconds.low <= 130 * STEP, "all of a step's time is fixed"
    assert double.seconds.high >= 130 * 2 * STEP, "none of it is"
    assert shown(workspace, small_spec(epochs=10, architectures=["cnn_3"])).seconds is None, "of another kind"


def test_the_calibration_is_the_basis_of_the_first_estimate(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calibrate(monkeypatch, dense=(0.0004, 0.002), convolutional=(0.014, 0.14))
    found = shown(workspace, small_spec(epochs=100))
    assert found.seconds is not None
    # 2,600 steps of 0.4 ms, and 260 records of 144 images, after half a second of compilation or more.
    assert found.seconds.low == pytest.approx(1.07 / 1.5 + 0.5, rel=0.1)
    large = shown(workspace, small_spec(epochs=100, architectures=["cnn_4"]))
    assert str(large) == "1 run of 2,600 steps and 260 records, 25 s to 1 min 30 s"
    assert shown(workspace, small_spec(), allocation=Allocation(1, 1, "gpu:0")).seconds is None
    threads = shown(workspace, small_spec(epochs=100, architectures=["cnn_4"]), allocation=Allocation(1, 2))
    assert threads.seconds is not None
    assert large.seconds is not None
    assert threads.seconds.low - 0.5 == pytest.approx((large.seconds.low - 0.5) / 2)


def test_a_slow_first_interval_and_what_a_run_takes_besides_its_steps_count_once_per_run(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr("engine.utils.clock.SteadyClock.now", lambda _clock: now)

    def slowly(task: TrainTask) -> Iterator[Any]:
        nonlocal now
        now += 1.0  # until the process is ready
        yield started_on(task.run)
        now += 2.0  # compilation
        for count in range(1, 27):
            now += 0.1 + (3.0 if count == 1 else 0.0)
            yield record(task.run, 10 * count, seconds=3.0 + 0.1 * count)
        now += 0.5  # test
        yield finished(task.run, seconds=3.0 + 2.6)

    train(workspace, slowly, repeats=3)
    with closing(DurationStore(workspace)) as store:
        measured = store.measurements()
    assert [run.step_seconds for run in measured.runs] == pytest.approx([0.01] * 3)
    # The first run's gap is part of the experiment's start.
    assert [run.overhead for run in measured.runs] == pytest.approx([6.5, 6.5, 5.5])
    found = shown(workspace, small_spec(epochs=20, repeats=2))
    assert middle(found) == pytest.approx(2 * (5.2 + 6.5) + 1.0, rel=0.1)


def test_an_interrupted_experiment_has_the_steps_left_that_are_missing(workspace: Path) -> None:
    train(workspace)

    def interrupted(task: TrainTask) -> list[Any]:
        if task.spec.repeat == 1:
            return whole(task)
        ended = finished(task.run, Status.INTERRUPTED, seconds=None, test_accuracy=None, confusion=None)
        return [*whole(task)[:14], Checkpoint(task.run, 130, b""), ended]

    spec = small_spec(epochs=10, repeats=2)
    train(workspace, interrupted, repeats=2)
    rest = shown(workspace, spec, extends=2, resumes=True)
    assert str(rest) == "1 run of 260 steps and 26 records, about 1 s"
    assert middle(rest) == pytest.approx(1.3, rel=0.15)


def test_further_repeats_are_those_that_are_missing(workspace: Path) -> None:
    train(workspace, repeats=2)
    more = shown(workspace, small_spec(epochs=10, repeats=5), extends=1)
    assert more.runs == 3
    assert middle(more) == pytest.approx(3 * 2.6, rel=0.1)


def test_stages_that_follow_count_one_after_the_other(workspace: Path) -> None:
    """Two searches, as there are three rates, then two repeats of the schedule; Adam is trained beside the first."""
    train(workspace)
    spec = SCHEDULE_EXPERIMENT.preset("quick", architecture="mlp_1", epochs=10)
    found = shown(workspace, spec, SCHEDULE_EXPERIMENT, Allocation(2, 1))
    assert str(found).startswith("6 runs of 260 steps and 26 records, ")
    one = shown(workspace, spec.replace(switches=(3, 6), compare=(), repeats=1), SCHEDULE_EXPERIMENT)
    assert middle(found) == pytest.approx((2 + 1 + 1) * middle(one), rel=0.05)


def test_what_can_not_be_planned_has_no_estimate(workspace: Path) -> None:
    assert str(shown(workspace, CONTINUATION_EXPERIMENT.preset("quick"), CONTINUATION_EXPERIMENT)) == ""


def test_a_computed_experiment_is_judged_by_equal_ones(workspace: Path) -> None:
    spec = BASICS_EXPERIMENT.preset("quick")
    with closing(Store(workspace)) as store:
        number = store.add_experiment("basics", spec.to_json(), 0, None, 1)
        store.finish_experiment(number, Status.FINISHED, "")
        store.connection.execute("UPDATE experiments SET created=finished-12, device=?", (device_json(),))
    assert str(shown(workspace, spec, BASICS_EXPERIMENT)) == "about 10 s"
    assert str(shown(workspace, spec.replace(steps=50), BASICS_EXPERIMENT)) == ""


def device_json() -> str:
    return f'{{"kind": "CPU", "name": "{cpu_name()}", "threads": 1, "key": "cpu"}}'

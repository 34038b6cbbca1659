"""engine.executors.placement: each run is assigned to a device that computes correctly, by auto to the fastest."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from engine.config.specs import RunSpec
from engine.datasets import PreparedData
from engine.devices.cache import DeviceCache, Verification
from engine.devices.names import AUTO, CPU, AssignedDevice
from engine.devices.verification import Deviation
from engine.events.devices import Device, DeviceChoice
from engine.events.runs import Status
from engine.executors import placement as placement_module
from engine.executors.placement import Placement
from engine.experiments.architectures.experiment import ARCHITECTURES_EXPERIMENT
from engine.storage.store import Store
from engine.training.benchmark import seconds_per_step
from engine.utils.errors import Cancelled
from engine.workspace.planning import plan_resume
from tests.engine.support import finished, small_run, started
from tests.stored import store_experiment

SOUND = [Deviation("a layer", "output", 1e-7, 1e-6)]
WRONG = [Deviation("a layer", "output", 0.25, 1e-6)]
REFUSAL = (
    "gpu:0 computes 1 of 1 pattern wrongly, furthest off: a layer, output, by 0.25 (rounding explains 1.0·10⁻⁶); the "
    "processor is used instead; update its driver, then look again (Help > Devices)."
)


def never_cancelled() -> None:
    """Nothing cancels."""


@dataclass
class Machine:
    """Devices with their deviations and speeds, and which of them were verified and measured."""

    file: Path
    gpus: dict[str, list[Deviation] | Exception] = field(default_factory=lambda: {"gpu:0": SOUND})
    seconds: dict[str, float] = field(default_factory=lambda: {CPU: 0.004, "gpu:0": 0.001, "gpu:1": 0.001})
    driver: str = "driver 1"
    hidden: set[str] = field(default_factory=set)
    verified: list[str] = field(default_factory=list)
    measured: list[tuple[str, str]] = field(default_factory=list)

    def deviations(self, device: str) -> list[Deviation]:
        self.verified.append(device)
        found = SOUND if device == CPU else self.gpus[device]
        if isinstance(found, Exception):
            raise found
        return found

    def seconds_per_step(self, run: RunSpec, _data: PreparedData, device: str, _look: object) -> float:
        self.measured.append((run.architecture, device))
        return self.seconds[device]

    def placement(self, wanted: str = AUTO, processes: int = 1) -> Placement:
        """The placement of a new process."""
        return Placement(wanted, processes, threads=1, cache=DeviceCache(self.file))


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    found = Machine(tmp_path / "cache" / "devices.json")
    names = lambda: {CPU: "a processor"} | dict.fromkeys(found.gpus, "a card")  # noqa: E731
    monkeypatch.setattr(placement_module, "available_devices", names)
    monkeypatch.setattr("engine.devices.hardware.driver_version", lambda: found.driver)
    monkeypatch.setattr(placement_module, "hidden_devices", lambda: found.hidden)
    monkeypatch.setattr(placement_module, "device_memory", lambda device: 8 * 2**30 if device == CPU else None)
    monkeypatch.setattr(placement_module.check, "deviations", found.deviations)
    monkeypatch.setattr("engine.training.benchmark.seconds_per_step", found.seconds_per_step)
    return found


@pytest.fixture
def place(few_digits: PreparedData) -> Callable[..., AssignedDevice]:
    """Places a run."""

    def find(placement: Placement, architecture: str = "mlp_1", before: str = "") -> AssignedDevice:
        run = small_run(architectures=[architecture])
        return placement.for_run(run, few_digits, before, lambda *_told: None, never_cancelled)

    return find


def test_a_processor_alone_is_neither_verified_nor_measured(
    machine: Machine, place: Callable[..., AssignedDevice]
) -> None:
    machine.gpus = {}
    assert place(machine.placement()) == AssignedDevice(CPU)
    assert machine.verified == machine.measured == []
    assert not machine.file.exists()


def test_auto_measures_each_network_once_and_remembers(machine: Machine, place: Callable[..., AssignedDevice]) -> None:
    assert place(machine.placement()) == AssignedDevice("gpu:0")
    assert machine.measured == [("mlp_1", CPU), ("mlp_1", "gpu:0")]
    assert place(machine.placement()) == AssignedDevice("gpu:0")
    assert (machine.verified, len(machine.measured)) == (["gpu:0"], 2), "another process knows already"
    machine.seconds = {CPU: 0.001, "gpu:0": 0.002}
    assert place(machine.placement(), "cnn_4") == AssignedDevice(CPU), "a network of its own"
    assert machine.measured[2:] == [("cnn_4", CPU), ("cnn_4", "gpu:0")]


@pytest.mark.parametrize(("processes", "device"), [(1, "gpu:0"), (3, "gpu:0"), (4, CPU), (8, CPU)])
def test_processes_share_a_gpu_but_have_a_core_each(
    processes: int, device: str, machine: Machine, place: Callable[..., AssignedDevice]
) -> None:
    assert place(machine.placement(processes=processes)).device == device


def test_what_cannot_be_trained_on_a_card_goes_to_the_processor(
    machine: Machine, place: Callable[..., AssignedDevice]
) -> None:
    machine.seconds["gpu:0"] = math.inf
    assert [place(machine.placement()).device for _ in range(2)] == [CPU, CPU]
    assert len(machine.measured) == 2, "that is remembered too"


def test_a_new_driver_is_found_out_anew(machine: Machine, place: Callable[..., AssignedDevice]) -> None:
    machine.gpus = {"gpu:0": WRONG}
    assert place(machine.placement()) == AssignedDevice(CPU, REFUSAL)
    assert place(machine.placement()) == AssignedDevice(CPU, REFUSAL)
    assert machine.verified == ["gpu:0"]
    machine.gpus, machine.driver = {"gpu:0": SOUND}, "driver 2"
    assert place(machine.placement()) == AssignedDevice("gpu:0")


def test_a_wrong_device_is_refused_though_it_was_asked_for(
    machine: Machine, place: Callable[..., AssignedDevice]
) -> None:
    machine.gpus = {"gpu:0": WRONG, "gpu:1": SOUND}
    assert place(machine.placement("gpu:0")) == AssignedDevice(CPU, REFUSAL)
    assert machine.placement("gpu:0").for_task(never_cancelled) == AssignedDevice(CPU, REFUSAL)
    assert place(machine.placement("gpu:1")) == AssignedDevice("gpu:1")
    assert machine.measured == [], "who asks for a device is given it"
    assert place(machine.placement()) == AssignedDevice("gpu:1", REFUSAL)
    assert {device for _, device in machine.measured} == {CPU, "gpu:1"}


def test_a_device_that_fails_is_refused_with_its_words(machine: Machine, place: Callable[..., AssignedDevice]) -> None:
    machine.gpus = {"gpu:0": RuntimeError("no kernel image\nmore")}
    refusal = place(machine.placement()).refusal
    assert refusal.startswith("gpu:0 can't be computed on (RuntimeError: no kernel image); the processor is used")


def test_a_device_that_ends_the_process_twice_is_not_verified_again(
    machine: Machine, place: Callable[..., AssignedDevice]
) -> None:
    class Died(BaseException):
        """The process is gone: nothing more is written."""

    def die(_device: str) -> list[Deviation]:
        raise Died

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(placement_module.check, "deviations", die)
        for _ in range(2):
            with pytest.raises(Died):
                place(machine.placement())
    refusal = place(machine.placement()).refusal
    assert refusal.startswith("gpu:0 ends every process that looks whether it computes as it should; the processor")
    assert machine.verified == []


def test_one_that_was_closed_while_it_looked_looks_again(
    machine: Machine, place: Callable[..., AssignedDevice]
) -> None:
    placement = machine.placement()
    DeviceCache(machine.file).store_verification(placement.identity("gpu:0"), Verification(state="begun", tries=1))
    assert place(placement) == AssignedDevice("gpu:0")


def test_a_process_that_was_ended_by_hand_is_no_mark_against_a_device(
    machine: Machine, place: Callable[..., AssignedDevice]
) -> None:
    identity = machine.placement().identity("gpu:0")
    cache = DeviceCache(machine.file)
    cache.store_verification(identity, Verification(state="begun", tries=2))
    cache.store_step_seconds(identity, "some network", math.inf)
    cache.discard_pending()
    assert cache.step_seconds(identity, "some network") is None
    assert place(machine.placement()) == AssignedDevice("gpu:0")


def test_what_is_found_out_anew_is_not_tried_again_and_again(machine: Machine) -> None:
    cache = DeviceCache(machine.file)
    cache.store_verification(machine.placement().identity("gpu:0"), Verification(state="begun", tries=2))
    assert (
        machine.placement().appraise((), refresh=True, check_cancelled=never_cancelled).reports[1].is_correct is False
    )
    assert machine.verified == [CPU]


def test_a_device_that_ends_the_process_as_it_trains_is_left_for_that_network(
    machine: Machine, place: Callable[..., AssignedDevice], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Died(BaseException):
        """The process is gone: nothing more is written."""

    def die(_run: RunSpec, _data: PreparedData, device: str, _look: object) -> float:
        if device != CPU:
            raise Died
        return 0.004

    monkeypatch.setattr("engine.training.benchmark.seconds_per_step", die)
    with pytest.raises(Died):
        place(machine.placement())
    assert place(machine.placement()) == AssignedDevice(CPU)


def test_who_cancels_while_devices_are_measured_is_heard(
    machine: Machine, few_digits: PreparedData, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def cancel() -> None:
        asked.append(1)
        if len(asked) > 4:
            raise Cancelled("Cancelled.")

    def measure(run: RunSpec, data: PreparedData, _device: str, check_cancelled: Callable[[], None]) -> float:
        return seconds_per_step(run, data, CPU, check_cancelled)

    monkeypatch.setattr("engine.training.benchmark.seconds_per_step", measure)
    with pytest.raises(Cancelled):
        machine.placement().for_run(small_run(), few_digits, "", lambda *_told: None, cancel)
    assert "Infinity" not in machine.file.read_text(encoding="utf-8"), "no device is to blame"


def test_who_waits_for_another_process_is_heard(tmp_path: Path) -> None:
    def cancel() -> None:
        raise Cancelled("Cancelled.")

    with (
        DeviceCache(tmp_path / "devices.json").locked(never_cancelled),
        pytest.raises(Cancelled),
        DeviceCache(tmp_path / "devices.json").locked(cancel),
    ):
        raise AssertionError


@pytest.mark.parametrize("before", [CPU, "gpu:0"])
def test_a_run_goes_on_where_it_was(before: str, machine: Machine, place: Callable[..., AssignedDevice]) -> None:
    assert place(machine.placement(), before=before) == AssignedDevice(before)
    assert place(machine.placement("gpu:0"), before=before) == AssignedDevice("gpu:0"), (
        "unless another one is asked for"
    )
    assert machine.measured == []
    assert place(machine.placement(), before="gpu:7") == AssignedDevice("gpu:0"), "a card that is gone"


def test_all_else_is_computed_on_the_processor_unless_a_gpu_is_asked_for(machine: Machine) -> None:
    assert machine.placement().for_task(never_cancelled) == AssignedDevice(CPU)
    assert machine.placement("gpu:0").for_task(never_cancelled) == AssignedDevice("gpu:0")


def test_the_page_says_what_there_is_and_where_runs_would_go(
    machine: Machine, place: Callable[..., AssignedDevice]
) -> None:
    machine.gpus = {"gpu:0": SOUND, "gpu:1": WRONG}
    place(machine.placement(), "cnn_4")
    runs = tuple(small_run(architectures=[name]) for name in ("mlp_1", "cnn_4"))
    found = machine.placement().appraise(runs, refresh=False, check_cancelled=never_cancelled)
    facts = [(each.key, each.name, each.memory, each.is_correct) for each in found.reports]
    assert facts == [
        (CPU, "a processor", 8 * 2**30, True),
        ("gpu:0", "a card", None, True),
        ("gpu:1", "a card", None, False),
    ]
    assert found.reports[2].findings == REFUSAL.replace("gpu:0", "gpu:1")
    measured = DeviceChoice("cnn_4", "gpu:0", {CPU: 0.004, "gpu:0": 0.001})
    assert found.choices == (DeviceChoice("mlp_1", "", {}), measured)
    assert machine.placement(CPU).appraise(runs[1:], refresh=False, check_cancelled=never_cancelled).choices == (
        DeviceChoice("cnn_4", CPU, {}),
    )
    machine.verified.clear()
    assert machine.placement().appraise(runs, refresh=True, check_cancelled=never_cancelled).choices[1].device == "", (
        "it was forgotten"
    )
    assert sorted(machine.verified) == [CPU, "gpu:0", "gpu:1"]


def test_a_device_that_this_start_leaves_out_is_named_but_not_judged(machine: Machine) -> None:
    machine.hidden = {"gpu:0"}
    found = machine.placement(CPU).appraise((), refresh=False, check_cancelled=never_cancelled)
    assert [(each.key, each.is_correct, each.findings) for each in found.reports][1:] == [("gpu:0", None, "")]
    assert machine.verified == [CPU]
    machine.hidden = set()
    assert machine.placement().appraise((), refresh=False, check_cancelled=never_cancelled).reports[1].is_correct


@pytest.mark.parametrize("content", [b"", b"{", b'{"judgements": 3}', b"\xff", b'{"seconds": {"cpu": {"a": "x"}}}'])
def test_a_damaged_cache_counts_as_empty(
    content: bytes, machine: Machine, place: Callable[..., AssignedDevice]
) -> None:
    machine.file.parent.mkdir()
    machine.file.write_bytes(content)
    assert place(machine.placement()) == AssignedDevice("gpu:0")
    assert place(machine.placement()) == AssignedDevice("gpu:0")
    assert len(machine.measured) == 2


def test_a_cache_that_cannot_be_written_is_kept_in_mind(machine: Machine, place: Callable[..., AssignedDevice]) -> None:
    machine.file.parent.write_text("a file where the folder should be")
    placement = machine.placement()
    assert [place(placement).device for _ in range(2)] == ["gpu:0", "gpu:0"]
    assert len(machine.measured) == 2


def test_a_process_waits_while_another_one_measures(tmp_path: Path) -> None:
    with DeviceCache(tmp_path / "devices.json").locked(never_cancelled) as is_locked:
        assert is_locked
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("engine.devices.cache.LOCK_SECONDS", 0)
            with DeviceCache(tmp_path / "devices.json").locked(never_cancelled) as other:
                assert not other
    with DeviceCache(tmp_path / "devices.json").locked(never_cancelled) as is_locked:
        assert is_locked


@pytest.mark.long
def test_a_run_is_timed_by_training_it(few_digits: PreparedData) -> None:
    slow = seconds_per_step(small_run(architectures=["cnn_4"]), few_digits, CPU, never_cancelled)
    fast = seconds_per_step(small_run(optimizer="sgd", learning_rate=1000), few_digits, CPU, never_cancelled)
    assert 0 < fast < slow < 1, "a few milliseconds"
    assert seconds_per_step(small_run(), few_digits, "gpu:7", never_cancelled) == math.inf


def test_a_run_that_goes_on_stays_on_its_own_device_and_a_new_one_goes_to_that_of_its_variant(
    workspace: Path,
) -> None:
    places = {1: Device("CPU", "a processor", 1), 2: Device("GPU", "a card", 1, "gpu:0"), 3: Device("GPU", "old", 1)}

    def answer(task):
        return [replace(started(task.run), device=places[task.run]), finished(task.run, Status.CRASHED)]

    store_experiment(workspace, answer=answer, architectures=["mlp_1"], repeats=3)
    with closing(Store(workspace)) as store:
        plan = plan_resume(store, ARCHITECTURES_EXPERIMENT, 1)
        of_runs = {run.id: plan.device_of(run.planned) for run in store.runs(1)}
        of_a_new_one = plan.device_of(replace(store.run(3).planned, run=4))
    assert of_runs == {1: CPU, 2: "gpu:0", 3: ""}
    assert of_a_new_one == CPU

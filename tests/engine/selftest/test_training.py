"""engine.selftest.training: with executors that need no TensorFlow."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from engine.devices import verification
from engine.devices.verification import Deviation
from engine.events.devices import WorkerReady
from engine.events.runs import Checkpoint, Status
from engine.events.tasks import Event, TaskFailed
from engine.executors.tasks import TrainTask
from engine.selftest import training
from engine.selftest.check import CheckContext, CheckState, failed, skipped
from engine.selftest.training import (
    check_child,
    check_devices,
    check_gpus,
    check_processor,
    check_repetition,
    check_resuming,
    check_training,
)
from engine.storage.store import Store
from engine.utils.errors import DeviceError
from engine.utils.versions import installed_version
from tests.engine.support import ScriptedExecutor, finished, record, started, weights


def use(monkeypatch: pytest.MonkeyPatch, answer: Any) -> None:
    """Let checks train with an executor that answers as ``answer`` does."""
    monkeypatch.setattr(training, "ProcessExecutor", lambda *_given, **_named: ScriptedExecutor(answer))


def ready(**versions: str) -> list[Event]:
    return [WorkerReady(versions, {"cpu": "a processor"})]


def test_a_child_with_other_libraries_is_found(context: CheckContext, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, lambda _task: ready(keras=installed_version("keras")))
    assert check_child(context).state is CheckState.OK
    use(monkeypatch, lambda _task: ready(keras="2.15.0", numpy=installed_version("numpy")))
    found = check_child(context)
    assert found.state is CheckState.FAILED
    assert f"loads keras 2.15.0, not {installed_version('keras')}: " in found.sentence
    assert "numpy" not in found.sentence


def test_what_a_child_says_of_its_failure_is_passed_on(context: CheckContext, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, lambda _task: [TaskFailed("The training process was ended by signal 4.")])
    with pytest.raises(Exception, match=r"^The training process was ended by signal 4\.$"):
        check_child(context)


def test_devices_are_named_and_one_that_is_not_there_is_refused(context: CheckContext) -> None:
    found = check_devices(context)
    assert found.state is CheckState.OK
    assert found.facts["Devices"].startswith("cpu: ")
    with pytest.raises(DeviceError, match=r"There is no gpu:9 on this machine"):
        check_devices(replace(context, device="gpu:9"))


def with_gpu(monkeypatch: pytest.MonkeyPatch, **largest: float) -> None:
    """A machine with a GPU, whose devices are off by so much where 1e-6 would be rounding."""
    monkeypatch.setattr(training, "available_devices", lambda: {"cpu": "a processor", "gpu:0": "a card"})
    names = {"cpu": "cpu", "gpu:0": "gpu"}
    monkeypatch.setattr(
        verification,
        "deviations",
        lambda device: [Deviation("convolution", "output", largest[names[device]], 1e-6)],
    )


def test_a_device_that_computes_wrongly_is_refused_with_figures(
    context: CheckContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_gpu(monkeypatch, cpu=1e-7, gpu=0.25)
    assert check_processor(context).state is CheckState.OK
    found = check_gpus(context)
    assert found == failed(
        "gpu:0 computes 1 of 1 pattern wrongly, furthest off: convolution, output, by 0.25 (rounding explains "
        "1.0·10⁻⁶); train on another device (cpu), and update its driver."
    )
    with_gpu(monkeypatch, cpu=0.5, gpu=1e-7)
    assert check_gpus(context).state is CheckState.OK
    assert check_processor(context).sentence.endswith("; install TensorFlow again.")


def test_only_the_gpu_that_was_asked_for_is_looked_at(context: CheckContext, monkeypatch: pytest.MonkeyPatch) -> None:
    with_gpu(monkeypatch, cpu=0, gpu=0.25)
    assert check_gpus(replace(context, device="cpu")) == skipped("Only cpu was asked for.")
    assert check_gpus(replace(context, device="gpu:0")).state is CheckState.FAILED
    monkeypatch.setattr(training, "available_devices", lambda: {"cpu": "a processor"})
    assert check_gpus(context) == skipped("No GPU.")


@pytest.mark.parametrize("differs", ["record", "weights", ""])
def test_a_training_that_does_not_repeat_is_found(
    context: CheckContext, monkeypatch: pytest.MonkeyPatch, differs: str
) -> None:
    def answer(task: TrainTask) -> list[Any]:
        other = task.run == 2
        loss = 2.25 + 1e-12 if other and differs == "record" else 2.25
        kernel = weights(task.run, step=1 if other and differs == "weights" else 0)
        # Wall time is another one each time, of course.
        return [started(task.run), record(task.run, training_loss=loss, seconds=task.run), kernel, finished(task.run)]

    use(monkeypatch, answer)
    found = check_repetition(context)
    assert found.state is (CheckState.FAILED if differs else CheckState.OK)
    assert ("from the same seed differ" in found.sentence) == bool(differs)


@pytest.mark.parametrize("differs", ["record", "weights", ""])
def test_a_run_that_goes_on_to_another_end_is_found(
    context: CheckContext, monkeypatch: pytest.MonkeyPatch, differs: str
) -> None:
    def answer(task: TrainTask) -> list[Any]:
        loss = 2.25 + 1e-12 if task.interrupted and differs == "record" else 2.25
        step = 20 if task.interrupted and differs == "weights" else 21
        before = [] if task.interrupted else [record(task.run, 10), Checkpoint(task.run, 15, b"as it was at 15")]
        after = [record(task.run, 20, training_loss=loss), weights(task.run, step=step)]
        return [started(task.run), *before, *after, finished(task.run)]

    use(monkeypatch, answer)
    found = check_resuming(context)
    assert found.state is (CheckState.FAILED if differs else CheckState.OK)
    assert ("to another end" in found.sentence) == bool(differs)


def trained(task: TrainTask, *losses: float, **end: Any) -> list[Any]:
    records = [record(task.run, 10 * position, training_loss=loss) for position, loss in enumerate(losses, start=1)]
    assert task.model_file is not None
    task.model_file.parent.mkdir(parents=True, exist_ok=True)
    task.model_file.write_text("a network")
    return [started(task.run), *records, finished(task.run, model=str(task.model_file), **end)]


def test_a_network_must_learn(context: CheckContext, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, lambda task: trained(task, 2.3, 1.1))
    found = check_training(context)
    assert found.sentence.startswith("mlp_1 on digits, 20 steps: loss 2.30 → 1.10, 50 % of the test images right; ")
    assert found.state is CheckState.OK
    use(monkeypatch, lambda task: trained(task, 2.3, 2.3))
    found = check_training(context)
    assert found.state is CheckState.FAILED
    assert "loss 2.30 → 2.30" in found.sentence
    assert "it does not learn" in found.sentence


def test_a_training_that_fails_says_why(context: CheckContext, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, lambda task: [finished(task.run, Status.CRASHED, reason="It was ended by signal 9.")])
    found = check_training(context)
    assert found.state is CheckState.FAILED
    assert "It was ended by signal 9." in found.sentence


def test_a_store_that_lost_a_record_of_the_training_is_found(
    context: CheckContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, lambda task: trained(task, 2.3, 1.7, 1.1))
    records = Store.records
    monkeypatch.setattr(Store, "records", lambda store, run: records(store, run)[1:])
    assert check_training(context).sentence.startswith("The store does not hold what was trained; ")

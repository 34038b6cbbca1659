"""Resumed runs give the same results as runs that were never interrupted."""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from functools import cache
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest

from engine.config.rate_schedule import ScheduleSpec
from engine.config.specs import DataSpec, RunSpec
from engine.datasets import PreparedData, prepare
from engine.devices.libraries import EIGEN, use_library
from engine.events.commands import Control, SetLearningRate
from engine.events.runs import (
    Checkpoint,
    Interrupted,
    Intervention,
    InterventionKind,
    Record,
    RunFinished,
    RunStarted,
    Status,
    Weights,
)
from engine.events.tasks import Event
from engine.executors.runner import TaskRunner
from engine.executors.tasks import TrainTask
from engine.utils.errors import StoreError
from tests.engine.support import (
    Asking,
    few,
    of,
    python,
    small_run,
    timeless,
    train_here,
)

# Of 130 images in batches of 50 an epoch has 3 steps; recorded every 2, records and epochs meet at every sixth.
EPOCHS, EVERY = 8, 2

EVERYTHING: dict[str, Any] = {
    **{"weight_decay": 0.01, "clip_norm": 0.5, "label_smoothing": 0.1, "class_weights": "balanced"},
    **{"ema_momentum": 0.9, "validation_precision": "bfloat16"},
}
OF_SGD: dict[str, Any] = {"optimizer": "sgd", "learning_rate": 0.05, "momentum": 0.9, "nesterov": True}
OF_ADAM: dict[str, Any] = {"beta_1": 0.8, "beta_2": 0.99, "epsilon": 1e-8}
AUGMENTED = {
    **{"shift": 2, "rotation": 10, "zoom": 0.1, "brightness": 0.2, "contrast": 0.2, "cutout": 5, "mixup": 0.4},
    "flip": True,
}

# Every layer that has state, or draws, in training, and those that are computed otherwise than alone.
LAYERS = (
    "all[Conv-3x3x4(stride 2, no bias, L2 0.01), BatchNorm(momentum 0.9), Act, SpatialDropout-0.2, "
    "Skip[DepthwiseConv-3x3(same, stride 2), LayerNorm | Conv-1x1x4(stride 2)], AvgPool-2x2, Skip[BatchNorm, Act], "
    "GlobalAvgPool, FC-8(L2 0.01), Dropout-0.5]"
)

RUNS: dict[str, Callable[[], RunSpec]] = {
    "adam": lambda: small_run(epochs=EPOCHS, record_every=EVERY),
    "a convolution": lambda: small_run(architectures=["cnn_3"], epochs=EPOCHS, record_every=EVERY),
    "every setting of sgd": lambda: small_run(epochs=EPOCHS, record_every=EVERY, **EVERYTHING, **OF_SGD),
    "every setting of adam": lambda: small_run(
        architectures=["cnn_3"], epochs=EPOCHS, record_every=EVERY, **EVERYTHING, **OF_ADAM, **AUGMENTED
    ),
    "every layer and setting": lambda: small_run(
        architectures=[LAYERS], epochs=EPOCHS, record_every=EVERY, **EVERYTHING, **OF_ADAM, **AUGMENTED
    ),
    "cosine": lambda: scheduled(kind="cosine", rates=(0.5,)),
    "plateau": lambda: scheduled(kind="plateau", rates=(0.5,), patience=1, delta=0.5),
    "warm-up, one cycle": lambda: small_run(
        epochs=EPOCHS, record_every=EVERY, rate_over_time="one-cycle", warm_up=1.5, learning_rate=0.01
    ),
    "warm-up, restarts": lambda: small_run(
        epochs=EPOCHS, record_every=EVERY, rate_over_time="cosine-restarts", restart_period=1, warm_up=1
    ),
    "warm-up, plateau": lambda: scheduled({"warm_up": 2}, kind="plateau", rates=(0.5,), patience=1, delta=0.5),
    "augmented": lambda: small_run(epochs=EPOCHS, record_every=EVERY, **AUGMENTED),
}


def scheduled(training: dict[str, Any] | None = None, **schedule: Any) -> RunSpec:
    run = small_run(epochs=EPOCHS, record_every=EVERY, optimizer="sgd", **training or {})
    return run.replace(schedule=ScheduleSpec(**schedule))


def after(step: int, events: list[Event]) -> list[Any]:
    """Records, weights, checkpoints and end after ``step``, as plain values without wall time."""
    kept = [
        event
        for event in events
        if (isinstance(event, Record | Weights | Checkpoint) and event.step > step) or isinstance(event, RunFinished)
    ]
    return timeless(kept)


@pytest.fixture(scope="module")
def whole(few_digits: PreparedData) -> Callable[[str], list[Event]]:
    """All events of an uninterrupted run of a kind; trained once."""

    @cache
    def trained(kind: str) -> list[Event]:
        return train_here(RUNS[kind](), few_digits)

    return trained


@pytest.fixture(scope="module")
def rest(few_digits: PreparedData, whole: Callable[[str], list[Event]]) -> Callable[[str, int], list[Event]]:
    """All events of the same run from its checkpoint of a number on; trained once."""

    @cache
    def trained(kind: str, number: int) -> list[Event]:
        checkpoint = of(Checkpoint, whole(kind))[number]
        return train_here(RUNS[kind](), few_digits, interrupted=Interrupted(checkpoint.data))

    return trained


LONG = pytest.mark.long


@pytest.mark.parametrize(
    "kind",
    [
        "adam",
        "every setting of sgd",
        pytest.param("every setting of adam", marks=LONG),
        pytest.param("every layer and setting", marks=LONG),
        pytest.param("augmented", marks=LONG),
        pytest.param("plateau", marks=LONG),
        pytest.param("warm-up, one cycle", marks=LONG),
        pytest.param("warm-up, restarts", marks=LONG),
        pytest.param("warm-up, plateau", marks=LONG),
        pytest.param("a convolution", marks=LONG),
        pytest.param("cosine", marks=LONG),
    ],
)
def test_a_run_that_goes_on_equals_one_that_was_never_interrupted(
    kind: str, whole: Callable[[str], list[Event]], rest: Callable[[str, int], list[Event]]
) -> None:
    """To the bit: records, weights, all variables of network and optimiser, the test; after any epoch."""
    checkpoints = of(Checkpoint, whole(kind))
    assert [each.step for each in checkpoints] == [3 * epoch for epoch in range(1, EPOCHS + 1)]
    for number in (4, -1):
        checkpoint, found = checkpoints[number], rest(kind, number)
        assert after(checkpoint.step, found) == after(checkpoint.step, whole(kind))
        assert of(RunStarted, found)[0].after == checkpoint.step
        assert of(RunFinished, found)[0].steps == 3 * EPOCHS
        assert [(note.step, note.kind) for note in of(Intervention, found)] == [
            (checkpoint.step, InterventionKind.CONTINUED)
        ]


@pytest.mark.parametrize(
    ("kind", "interval"),
    [
        ("adam", 3),
        pytest.param("every layer and setting", 4, marks=LONG),
        pytest.param("augmented", 4, marks=LONG),
        pytest.param("cosine", 6, marks=LONG),
        pytest.param("plateau", 9, marks=LONG),
    ],
)
def test_a_run_stopped_anywhere_goes_on_from_there(
    kind: str, interval: int, few_digits: PreparedData, whole: Callable[[str], list[Event]]
) -> None:
    run = RUNS[kind]()
    stopped = train_here(run, few_digits, Asking(interval, Control.STOP))
    (end,) = of(RunFinished, stopped)
    checkpoint = of(Checkpoint, stopped)[-1]
    assert end.status is Status.STOPPED
    assert end.steps == checkpoint.step < 3 * EPOCHS
    rest = train_here(run, few_digits, interrupted=Interrupted(checkpoint.data))
    assert after(checkpoint.step, rest) == after(checkpoint.step, whole(kind))
    before = timeless(each for each in of(Record, whole(kind)) if each.step <= checkpoint.step)
    assert timeless(of(Record, stopped)) == before


def check_folded_convolutions() -> None:
    """Interrupt and resume a run whose training steps fold convolutions, in a process without TensorFlow as yet."""
    use_library(EIGEN)
    from engine.devices.hardware import configure

    configure(threads=2)
    from engine.training import forward

    run, data = RUNS["a convolution"](), few(prepare(DataSpec(), lambda _message, _done, _total: None))
    with patch.object(forward, "fold", wraps=forward.fold) as fold:
        whole = train_here(run, data)
    assert of(RunStarted, whole)[0].device.library == EIGEN
    assert forward.folding_for(EIGEN).in_training
    assert fold.called
    stopped = train_here(run, data, Asking(3, Control.STOP))
    for checkpoint in (of(Checkpoint, stopped)[-1], of(Checkpoint, whole)[4]):
        rest = train_here(run, data, interrupted=Interrupted(checkpoint.data))
        assert after(checkpoint.step, rest) == after(checkpoint.step, whole)
        assert [note.kind for note in of(Intervention, rest)] == [InterventionKind.CONTINUED]


@pytest.mark.long
def test_folded_convolutions_go_on_to_the_bit_too() -> None:
    """With Eigen, whatever library this process has."""
    ended = python("-c", f"import {__name__} as tests; tests.check_folded_convolutions()")
    assert ended.returncode == 0, ended.stderr


def check_shares_of_a_batch() -> None:
    """Interrupt and resume a run whose batches are computed in two shares, in a process without TensorFlow as yet."""
    from engine.devices.hardware import configure

    configure(threads=2)
    run, data = RUNS["every layer and setting"](), few(prepare(DataSpec(), lambda _message, _done, _total: None))
    run = run.replace(training=run.training.replace(epochs=4))
    whole = train_here(run, data)
    assert of(RunStarted, whole)[0].device.threads == 2
    stopped = train_here(run, data, Asking(3, Control.STOP))
    checkpoint = of(Checkpoint, stopped)[-1]
    rest = train_here(run, data, interrupted=Interrupted(checkpoint.data))
    assert after(checkpoint.step, rest) == after(checkpoint.step, whole)


@pytest.mark.long
def test_shares_of_a_batch_with_every_layer_go_on_to_the_bit() -> None:
    ended = python("-c", f"import {__name__} as tests; tests.check_shares_of_a_batch()")
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize("control", [Control.CANCEL, Control.SUSPEND])
def test_a_run_ended_without_a_test_can_go_on_too(control: Control, few_digits: PreparedData) -> None:
    ended = train_here(RUNS["adam"](), few_digits, Asking(4, control))
    status = Status.CANCELLED if control is Control.CANCEL else Status.INTERRUPTED
    assert [(end.status, end.test_accuracy) for end in of(RunFinished, ended)] == [(status, None)]
    assert of(Checkpoint, ended)[-1].step == of(RunFinished, ended)[0].steps


@pytest.mark.parametrize("kind", ["adam", pytest.param("cosine", marks=LONG)])
def test_a_rate_set_by_hand_is_kept_and_one_set_after_the_checkpoint_is_set_again(
    kind: str, few_digits: PreparedData
) -> None:
    run = RUNS[kind]()
    whole = train_here(run, few_digits, Asking(2, SetLearningRate(0.25), 8, SetLearningRate(0.125)))
    first, second = of(Intervention, whole)
    checkpoint = next(each for each in of(Checkpoint, whole) if first.step < each.step < second.step)
    rest = train_here(run, few_digits, interrupted=Interrupted(checkpoint.data, ((second.step, 0.125),)))
    assert after(checkpoint.step, rest) == after(checkpoint.step, whole)
    assert {each.learning_rate for each in of(Record, rest)} == {0.25, 0.125}
    assert len(of(Intervention, rest)) == 1, "that it was set is stored already"


def test_the_clock_goes_on_from_where_it_stood(
    whole: Callable[[str], list[Event]], rest: Callable[[str, int], list[Event]]
) -> None:
    checkpoint, found = of(Checkpoint, whole("adam"))[4], rest("adam", 4)
    last = [each for each in of(Record, whole("adam")) if each.step <= checkpoint.step][-1]
    assert last.seconds < of(Record, found)[0].seconds < (of(RunFinished, found)[0].seconds or 0.0)


def test_going_on_with_other_libraries_is_noted(
    few_digits: PreparedData, whole: Callable[[str], list[Event]], monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = of(Checkpoint, whole("adam"))[0]
    monkeypatch.setattr("engine.training.trainer.library_versions", lambda: {"keras": "3.99"})
    rest = train_here(RUNS["adam"](), few_digits, interrupted=Interrupted(checkpoint.data))
    assert [note.kind for note in of(Intervention, rest)] == [InterventionKind.MOVED]


def archive(**arrays: Any) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


class Dangerous:
    def __reduce__(self) -> tuple[Any, ...]:
        return (pytest.fail, ("a pickle ran",))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is damaged"),
        (b"PK\x03\x04 no archive", "is damaged"),
        (pickle.dumps(Dangerous()), "is damaged"),
        (archive(header=np.array([Dangerous()], dtype=object)), "is damaged"),
        (archive(header=np.array("{}")), "is damaged"),
    ],
    ids=["empty", "torn", "a pickle", "a pickle within", "nothing in it"],
)
def test_a_damaged_checkpoint_runs_nothing_and_is_named(data: bytes, said: str, few_digits: PreparedData) -> None:
    with pytest.raises(StoreError, match=rf"^The checkpoint of this run {said}.*\.$"):
        train_here(RUNS["adam"](), few_digits, interrupted=Interrupted(data))


def test_a_checkpoint_of_another_network_is_refused(
    few_digits: PreparedData, whole: Callable[[str], list[Event]], monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = of(Checkpoint, whole("adam"))[0]
    events: list[Event] = []
    runner = TaskRunner()
    task = TrainTask(1, small_run(architectures=["mlp_2"]), None, Interrupted(checkpoint.data))
    monkeypatch.setattr("engine.executors.images.prepare", lambda *_spec: few_digits)
    runner.execute(task, events.append, poll=Asking())
    (end,) = of(RunFinished, events)
    assert end.status is Status.FAILED
    assert "of another network" in end.reason

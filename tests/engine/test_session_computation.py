"""engine.session with computed experiments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from engine.config.specs import ExperimentSpec
from engine.datasets.base import ProgressCallback
from engine.events.channel import ControlChannel
from engine.events.commands import Control
from engine.events.experiments import Computation, Computed, ComputedPart, ExperimentFinished
from engine.events.runs import Status
from engine.events.tasks import Emit, Event
from engine.executors.inline import InlineExecutor
from engine.experiments.base import ComputedExperiment
from engine.storage.store import Store
from engine.utils.errors import Cancelled, SpecError
from tests.engine.session_support import event_names
from tests.engine.support import run_session


def computing(compute: Callable[..., Computation]) -> ComputedExperiment:
    return ComputedExperiment(
        name="computed",
        title="Computed",
        summary="What a test computes.",
        lesson="",
        spec=ExperimentSpec,
        presets={"quick": {}},
        compute=compute,
    )


def test_a_computation_emits_its_parts_and_is_stored_before_its_end(store: Store) -> None:
    def compute(_spec: ExperimentSpec, emit: Emit, progress: ProgressCallback) -> Computation:
        progress("Computing", 1, 2)
        emit(ComputedPart("half", {"value": 1}))
        return Computation({"value": 2}, {"output": np.arange(3.0)})

    stored: list[bool] = []

    def look(event: Event) -> None:
        if isinstance(event, Computed):
            stored.append(store.computation(1) is not None)

    spec = ExperimentSpec()
    outcome, events = run_session(store, InlineExecutor(), spec, look, experiment=computing(compute))
    assert event_names(events) == ["ComputationStarted", "Progress", "ComputedPart", "Computed", "ExperimentFinished"]
    assert outcome == ExperimentFinished(1, Status.FINISHED)
    assert stored == [True]
    found = store.computation(1)
    assert found is not None
    assert (found.findings, found.arrays["output"].tolist()) == ({"value": 2}, [0.0, 1.0, 2.0])
    experiment = store.experiment(1)
    assert (experiment.status, experiment.dataset) == (Status.FINISHED, None)
    assert experiment.device is not None


@pytest.mark.parametrize(
    ("error", "status", "reason"),
    [
        (SpecError("The kernel is larger than the image; choose another."), Status.FAILED, "The kernel is larger"),
        (MemoryError(), Status.FAILED, "There is not enough memory"),
        (ZeroDivisionError("by zero"), Status.FAILED, "An unexpected ZeroDivisionError ended it (by zero)"),
        (Cancelled("Cancelled before it was done."), Status.CANCELLED, "Cancelled before it was done."),
    ],
)
def test_a_computation_that_fails_ends_with_its_sentence_and_stores_nothing(
    store: Store, error: Exception, status: Status, reason: str
) -> None:
    def compute(*_arguments: Any) -> Computation:
        raise error

    outcome, events = run_session(store, InlineExecutor(), ExperimentSpec(), experiment=computing(compute))
    assert (outcome.experiment, outcome.status) == (1, status)
    assert outcome.reason.startswith(reason)
    assert event_names(events) == ["ComputationStarted", "TaskFailed", "ExperimentFinished"]
    assert store.computation(1) is None
    assert store.experiment(1).status is status


@pytest.mark.parametrize("asked", [Control.STOP, Control.CANCEL])
def test_a_control_cancels_a_computation_at_its_next_progress(
    store: Store, control: ControlChannel, asked: Control
) -> None:
    def compute(_spec: ExperimentSpec, _emit: Emit, progress: ProgressCallback) -> Computation:
        progress("Computing", 1, 2)
        control.send(asked)
        progress("Computing", 2, 2)
        return Computation()

    experiment = computing(compute)
    outcome, _ = run_session(store, InlineExecutor(), ExperimentSpec(), control=control, experiment=experiment)
    assert outcome.status is Status.CANCELLED
    assert store.computation(1) is None

"""engine.workspace.replay: computed experiments emit the events of their intermediate results from the store."""

from __future__ import annotations

from typing import Any

import pytest

from engine.events.experiments import Computed, ComputedPart
from engine.executors.inline import InlineExecutor
from engine.experiments import EXPERIMENTS
from engine.storage.store import Store
from engine.workspace.replay import experiment_events
from tests.engine.support import of, run_session


def comparable(part: ComputedPart) -> Any:
    """Whether each single step was within rounding is not stored, only whether all were."""
    values = {key: dict(value) if isinstance(value, dict) else value for key, value in part.values.items()}
    for value in values.values():
        if isinstance(value, dict):
            value.pop("within", None)
    return part.name, values


@pytest.mark.parametrize(("name", "changes"), [("convolution", {"images": 1, "repeats": 1}), ("basics", {"steps": 4})])
def test_parts_come_back_as_they_were(store: Store, name: str, changes: dict[str, Any]) -> None:
    experiment = EXPERIMENTS[name]
    outcome, events = run_session(store, InlineExecutor(), experiment.preset("quick", **changes), experiment=experiment)
    assert outcome.experiment is not None
    again = list(experiment_events(store, outcome.experiment))
    told = [comparable(part) for part in of(ComputedPart, events)]
    assert told
    assert [comparable(part) for part in of(ComputedPart, again)] == told
    assert len(of(Computed, again)) == 1


def test_whether_all_steps_were_within_rounding_comes_back(store: Store) -> None:
    experiment = EXPERIMENTS["basics"]
    outcome, events = run_session(store, InlineExecutor(), experiment.preset("quick", steps=4), experiment=experiment)
    again = of(ComputedPart, experiment_events(store, outcome.experiment or 0))
    for optimizer in ("sgd", "momentum", "adam"):
        told = all(part.values[optimizer]["within"] for part in of(ComputedPart, events))
        assert all(part.values[optimizer]["within"] for part in again) == told

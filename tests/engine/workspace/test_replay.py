"""engine.workspace.replay: computed experiments emit the events of their intermediate results from the store."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from functools import cache
from typing import Any

import pytest

from engine.events.experiments import Computed, ComputedPart
from engine.events.tasks import Event
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


CHANGES: dict[str, dict[str, Any]] = {"convolution": {"images": 1, "repeats": 1}, "basics": {"steps": 4}}


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[list[Event], list[Event]]]:
    """The events of an experiment as it was computed, once, and again from the store."""

    @cache
    def computed(name: str) -> tuple[list[Event], list[Event]]:
        experiment = EXPERIMENTS[name]
        spec = experiment.preset("quick", **CHANGES[name])
        with closing(Store(tmp_path_factory.mktemp(name) / "workspace")) as store:
            outcome, events = run_session(store, InlineExecutor(), spec, experiment=experiment)
            assert outcome.experiment is not None
            return events, list(experiment_events(store, outcome.experiment))

    return computed


@pytest.mark.parametrize("name", CHANGES)
def test_parts_come_back_as_they_were(replayed: Callable[[str], tuple[list[Event], list[Event]]], name: str) -> None:
    events, again = replayed(name)
    told = [comparable(part) for part in of(ComputedPart, events)]
    assert told
    assert [comparable(part) for part in of(ComputedPart, again)] == told
    assert len(of(Computed, again)) == 1


def test_whether_all_steps_were_within_rounding_comes_back(
    replayed: Callable[[str], tuple[list[Event], list[Event]]],
) -> None:
    events, again = (of(ComputedPart, each) for each in replayed("basics"))
    for optimizer in ("sgd", "momentum", "adam"):
        told = all(part.values[optimizer]["within"] for part in events)
        assert all(part.values[optimizer]["within"] for part in again) == told

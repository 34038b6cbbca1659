"""engine.workspace.trained_networks: runs available for inference."""

from __future__ import annotations

from pathlib import Path

from engine.events.runs import Status
from engine.storage.store import Store
from engine.utils.paths import model_file
from engine.workspace.trained_networks import trained_runs
from tests.engine.support import INFO, finished, planned, small_spec


def end(store: Store, run: int, experiment: int, kept: bool = True) -> Path:
    """Store the end of a run, with a dummy network file."""
    file = model_file(store.workspace, experiment, "mlp_1", run)
    file.parent.mkdir(parents=True, exist_ok=True)
    if kept:
        file.touch()
    store.add(finished(run, model=str(file), test_accuracy=0.9725))
    return file


def test_none_in_a_new_workspace(store: Store) -> None:
    assert trained_runs(store) == []


def test_the_newest_come_first(store: Store) -> None:
    first, runs = planned(store, small_spec(repeats=2, normalization="bytes"))
    second, others = planned(store)
    order = [(runs[1].run, first), (others[0].run, second), (runs[0].run, first)]
    files = [end(store, *run) for run in order]
    found = trained_runs(store)
    assert [(run.run, run.experiment) for run in found] == order[::-1]
    assert [run.model for run in found] == files[::-1]
    assert [run.data.normalization for run in found] == ["bytes", "half", "bytes"]
    assert {run.info for run in found} == {INFO}


def test_a_run_is_called_by_all_that_tells_it_apart(store: Store) -> None:
    number, runs = planned(store, small_spec(repeats=2))
    end(store, runs[1].run, number)
    assert [run.label for run in trained_runs(store)] == ["mlp_1 #2 · Digits · 97.2 % · experiment 1"]


def test_runs_without_a_network_are_left_out(store: Store) -> None:
    number, runs = planned(store, small_spec(repeats=3))
    store.add(finished(runs[0].run, Status.CANCELLED, test_accuracy=None, test_loss=None, confusion=None))
    store.add(finished(runs[1].run))  # tested, but its network was not saved
    end(store, runs[2].run, number, kept=False)  # its file is deleted
    assert trained_runs(store) == []

"""engine.storage.store: an SQLite file that any tool can read while it is written."""

from __future__ import annotations

import json
import math
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from engine.analysis.results import load_results
from engine.events.devices import Device
from engine.events.experiments import Computed
from engine.events.runs import KeptWeights, Status
from engine.storage.schema import SCHEMA_VERSION
from engine.storage.store import Store
from engine.utils.errors import StoreError
from engine.utils.paths import store_file
from tests.engine.support import (
    INFO,
    ROOT,
    finished,
    opened_by_many,
    planned,
    record,
    small_spec,
    started,
    timeless,
    weights,
)

COLUMNS = {
    "experiments": {"id", "name", "spec", "seed", "dataset", "versions", "device", "workers", "status", "created"},
    "runs": {
        "id",
        "experiment",
        "variant",
        "repeat",
        "seed",
        "spec",
        "versions",
        "device",
        "status",
        "seconds",
        "model",
    },
    "points": {
        *("run", "step", "epoch", "wall_time", "training_loss", "training_accuracy"),
        *("validation_loss", "validation_accuracy", "gradient_norm", "learning_rate", "dead_units"),
    },
    "weights": {"run", "step", "epoch", "layer", "shape", "data"},
    "computations": {"experiment", "findings"},
    "arrays": {"experiment", "name", "dtype", "shape", "data"},
}


@pytest.fixture
def reader(store: Store) -> Iterator[sqlite3.Connection]:
    """A second connection to the file of ``store``, as of any other tool."""
    with closing(sqlite3.connect(store.file)) as connection:
        yield connection


def count(reader: sqlite3.Connection, table: str) -> int:
    return reader.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608


@pytest.mark.parametrize("table", COLUMNS)
def test_the_tables_have_the_columns_that_tools_count_on(reader: sqlite3.Connection, table: str) -> None:
    columns = {row[1] for row in reader.execute(f"PRAGMA table_info({table})")}
    assert columns >= COLUMNS[table]


def test_the_file_is_in_the_workspace_under_its_name(store: Store, workspace: Path) -> None:
    assert store.file == workspace / "trainscope.sqlite3"
    assert store.file.read_bytes().startswith(b"SQLite format 3")


def test_each_event_is_there_for_others_as_soon_as_it_was_added(store: Store, reader: sqlite3.Connection) -> None:
    _, (run,) = planned(store)
    assert (count(reader, "experiments"), count(reader, "runs")) == (1, 1)
    store.add(started(run.run))
    assert reader.execute("SELECT status FROM runs").fetchone()[0] == "running"
    for number, step in enumerate((10, 20, 30), start=1):
        store.add(record(run.run, step))
        assert count(reader, "points") == number
    store.add(weights(run.run))
    assert count(reader, "weights") == 1
    store.add(finished(run.run))
    assert reader.execute("SELECT status, test_accuracy FROM runs").fetchone() == ("finished", 0.5)


def test_an_experiment_is_read_back_as_it_was_stored(store: Store) -> None:
    spec = small_spec(seed=7)
    number, (run,) = planned(store, spec)
    store.add(started(run.run))
    store.finish_experiment(number, Status.STOPPED, "as asked")
    stored = store.experiment(number)
    assert (stored.name, stored.seed, stored.workers) == ("architectures", 7, 1)
    assert type(spec).from_json(stored.spec) == spec
    assert stored.dataset == INFO
    assert (stored.device, stored.versions) == (started().device, started().versions)
    assert (stored.status, stored.reason) == (Status.STOPPED, "as asked")
    assert stored.finished is not None
    assert stored.finished >= stored.created


def test_a_run_is_read_back_as_it_was_stored(store: Store) -> None:
    number, (plan,) = planned(store)
    model = store.workspace / "models" / "experiment-1" / "mlp_1-1.keras"
    store.add(started(plan.run))
    store.add(finished(plan.run, model=str(model)))
    (run,) = store.runs(number)
    assert (run.spec, run.parameters, run.total_steps) == (plan.spec, plan.parameters, plan.total_steps)
    assert (run.layers, run.status) == (("dense_1", "prediction"), Status.FINISHED)
    assert (run.seconds, run.test_loss, run.test_accuracy) == (2.0, 0.75, 0.5)
    assert np.array_equal(run.confusion, np.eye(10))
    assert run.model == model
    assert run.is_tested


def test_a_model_is_stored_by_its_place_in_the_workspace(store: Store, reader: sqlite3.Connection) -> None:
    _, (plan,) = planned(store)
    store.add(finished(plan.run, model=str(store.workspace / "models" / "a.keras")))
    assert reader.execute("SELECT model FROM runs").fetchone()[0] == "models/a.keras"


def test_records_are_read_back_by_step(store: Store) -> None:
    _, (run,) = planned(store)
    records = [record(run.run, step, training_loss=step / 3, dead_units=(step, 0)) for step in (10, 20, 30)]
    for item in records:
        store.add(item)
    assert store.records(run.run) == records


def test_the_newest_weights_of_every_layer_are_read_back(store: Store) -> None:
    _, (run,) = planned(store)
    assert store.last_weights(run.run) == {}
    for step in (0, 26, 52):
        store.add(weights(run.run, step, epoch=step // 26))
        store.add(weights(run.run, step, epoch=step // 26, layer="prediction"))
    newest = {layer: weights(run.run, 52, epoch=2, layer=layer) for layer in ("dense_1", "prediction")}
    assert timeless([store.last_weights(run.run)]) == timeless([newest])


def test_the_weights_of_a_run_that_kept_those_of_an_earlier_epoch_are_these(store: Store) -> None:
    number, (run,) = planned(store)
    kept = KeptWeights(step=26, epoch=1, epochs=3, planned_epochs=9, stopped_early=True)
    for epoch in range(4):
        store.add(weights(run.run, 26 * epoch, epoch=epoch))
    store.add(finished(run.run, kept=kept, steps=78))
    assert store.runs(number)[0].kept == kept
    assert [each.step for each in store.last_weights(run.run).values()] == [26]
    assert store.weight_steps(run.run, "dense_1") == [0, 26, 52, 78], "the others remain to be seen"


def test_weights_are_plain_float32_for_any_reader(store: Store, reader: sqlite3.Connection) -> None:
    _, (run,) = planned(store)
    store.add(weights(run.run, 26, epoch=1))
    shape, data = reader.execute("SELECT shape, data FROM weights").fetchone()
    assert np.array_equal(np.frombuffer(data, "<f4").reshape(json.loads(shape)), weights(step=26).values)


def test_numbers_that_are_not_finite_are_stored_as_null_and_read_as_nan(
    store: Store, reader: sqlite3.Connection
) -> None:
    _, (run,) = planned(store)
    store.add(record(run.run, training_loss=math.nan, validation_loss=math.inf, gradient_norms=(math.nan, 1.5)))
    row = reader.execute("SELECT training_loss, validation_loss, gradient_norm, gradient_norms FROM points").fetchone()
    assert row[:3] == (None, None, None)
    assert np.array_equal(np.frombuffer(row[3], "<f4"), [np.nan, 1.5], equal_nan=True)
    (back,) = store.records(run.run)
    assert [back.training_loss, back.validation_loss, *back.gradient_norms] == pytest.approx(
        [math.nan, math.nan, math.nan, 1.5], nan_ok=True
    )


def test_a_step_recorded_again_takes_the_place_of_the_first(store: Store) -> None:
    _, (run,) = planned(store)
    store.add(record(run.run))
    store.add(record(run.run, training_loss=1.5))
    assert [each.training_loss for each in store.records(run.run)] == [1.5]


def test_an_experiment_that_is_not_there_is_named(store: Store) -> None:
    with pytest.raises(StoreError, match=r"no experiment 9 in .*trainscope\.sqlite3\.$"):
        store.experiment(9)


def test_a_store_opened_again_has_what_was_stored(store: Store) -> None:
    number, (run,) = planned(store)
    store.add(record(run.run))
    with closing(Store(store.workspace)) as again:
        assert again.experiment(number).name == "architectures"
        assert again.records(run.run) == [record(run.run)]


def test_a_store_of_a_newer_program_is_refused(store: Store, reader: sqlite3.Connection) -> None:
    reader.execute(f"PRAGMA user_version={SCHEMA_VERSION + 1}")
    with pytest.raises(StoreError, match=r"newer Trainscope; update the program or choose another workspace\.$"):
        Store(store.workspace)


# Computed experiments


def computed(**arrays: np.ndarray) -> Computed:
    findings = {"best": "im2col", "seconds": [0.5, None], "shape": {"height": 3}}
    return Computed(findings, arrays, Device("CPU", "a processor", 2), {"numpy": "2"})


def test_a_computation_and_its_arrays_are_read_back_as_they_were(store: Store) -> None:
    number = store.add_experiment("convolution", "{}", 0, None, 1)
    assert store.computation(number) is None
    arrays = {
        "z": np.arange(6, dtype=np.float64).reshape(2, 3).T,  # not in C order
        "a": np.array([[1, 2]], dtype=">i4"),  # big-endian
        "bytes": np.arange(4, dtype=np.uint8),
        "empty": np.zeros((0, 3), dtype=np.float32),
    }
    store.add_computation(number, computed(**arrays))
    found = store.computation(number)
    assert found is not None
    assert found.findings == computed().findings
    assert list(found.arrays) == list(arrays), "in order of computation"
    for name, array in arrays.items():
        assert found.arrays[name].dtype == array.dtype.newbyteorder("<")
        assert np.array_equal(found.arrays[name], array)
        assert found.arrays[name].shape == array.shape
        assert found.arrays[name].flags.writeable
    stored = store.experiment(number)
    assert (stored.dataset, stored.device, stored.versions) == (None, Device("CPU", "a processor", 2), {"numpy": "2"})


def test_a_single_number_stays_without_dimension(store: Store) -> None:
    number = store.add_experiment("convolution", "{}", 0, None, 1)
    store.add_computation(number, computed(loss=np.array(2.5)))
    found = store.computation(number)
    assert found is not None
    assert found.arrays["loss"].shape == ()


def test_arrays_are_plain_bytes_for_any_reader(store: Store, reader: sqlite3.Connection) -> None:
    number = store.add_experiment("convolution", "{}", 0, None, 1)
    store.add_computation(number, computed(output=np.array([[1.5, -2.0]])))
    dtype, shape, data = reader.execute("SELECT dtype, shape, data FROM arrays").fetchone()
    assert np.frombuffer(data, dtype).reshape(json.loads(shape)).tolist() == [[1.5, -2.0]]
    assert json.loads(reader.execute("SELECT findings FROM computations").fetchone()[0]) == computed().findings


def test_a_computation_is_stored_as_a_whole_or_not_at_all(store: Store, reader: sqlite3.Connection) -> None:
    number = store.add_experiment("convolution", "{}", 0, None, 1)
    reader.execute("DROP TABLE arrays")
    with pytest.raises(StoreError, match="can't be written"):
        store.add_computation(number, computed(output=np.ones(3)))
    assert store.computation(number) is None
    assert store.experiment(number).device is None


def test_an_experiment_without_runs_has_no_results_of_runs(store: Store) -> None:
    number = store.add_experiment("convolution", "{}", 0, None, 1)
    with pytest.raises(StoreError, match=f"^Experiment {number} has no runs; it was computed\\.$"):
        load_results(store, number)


def refused(workspace: Path) -> str:
    with pytest.raises(StoreError) as error:
        Store(workspace)
    message = str(error.value)
    assert "\n" not in message
    assert message.endswith(".")
    return message


def test_a_file_that_is_no_database_is_refused_by_name(workspace: Path) -> None:
    workspace.mkdir()
    store_file(workspace).write_bytes(b"this is not a database, but long enough to be looked at" * 100)
    assert str(store_file(workspace)) in refused(workspace)


def test_a_folder_in_the_place_of_the_file_is_refused_by_name(workspace: Path) -> None:
    store_file(workspace).mkdir(parents=True)
    assert str(store_file(workspace)) in refused(workspace)


def test_a_file_in_the_place_of_the_workspace_is_refused_by_name(workspace: Path) -> None:
    workspace.write_text("a file")
    assert str(workspace) in refused(workspace)


def test_a_workspace_that_can_not_be_written_is_refused_by_name(workspace: Path) -> None:
    workspace.mkdir()
    workspace.chmod(0o500)
    try:
        (workspace / "probe").touch()
    except PermissionError:
        assert str(store_file(workspace)) in refused(workspace)
    else:
        pytest.skip("this user can write anywhere")
    finally:
        workspace.chmod(0o700)


def test_a_store_that_can_no_longer_be_written_says_so(store: Store, reader: sqlite3.Connection) -> None:
    _, (run,) = planned(store)
    reader.execute("DROP TABLE points")
    with pytest.raises(StoreError, match=r"trainscope\.sqlite3 can't be written .*\.$"):
        store.add(record(run.run))


def test_a_new_workspace_can_be_opened_by_many_at_once(workspace: Path) -> None:
    assert opened_by_many(workspace, planned) == []
    with closing(sqlite3.connect(store_file(workspace))) as reader:
        assert count(reader, "runs") == 8


@pytest.mark.long
def test_a_new_workspace_can_be_opened_by_two_programs_at_once(workspace: Path) -> None:
    script = "import sys; from pathlib import Path; from engine.storage.store import Store; sys.stdin.readline(); "
    script += f"Store(Path({str(workspace)!r})).close()"
    command = [sys.executable, "-c", script]
    for _ in range(3):
        shutil.rmtree(workspace, ignore_errors=True)
        programs = [
            subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)  # noqa: S603
            for _ in range(3)
        ]
        for program in programs:
            program.stdin.write("go\n")
            program.stdin.flush()
        assert [program.communicate()[1] for program in programs] == [""] * 3

"""Damaged rows in a store, or one from another source: unreadable rows are reported by number, all others are used."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from engine.analysis.results import load_results
from engine.devices.names import Allocation
from engine.experiments.architectures import ARCHITECTURES_EXPERIMENT
from engine.storage.store import Store
from engine.utils.errors import StoreError
from engine.utils.paths import model_file, store_file
from engine.workspace.catalogue import UNREADABLE_NAME, Catalogue
from engine.workspace.durations.estimate import estimate
from engine.workspace.queue import QueueEntry, QueueStore
from engine.workspace.replay import experiment_events
from engine.workspace.trained_networks import trained_runs
from tests.engine.support import small_spec
from tests.stored import store_experiment


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace of two experiments, 1 and 2."""
    workspace = tmp_path_factory.mktemp("sound")
    store_experiment(workspace)
    store_experiment(workspace)
    return workspace


@pytest.fixture
def damaged(sound: Path, workspace: Path) -> Iterator[sqlite3.Connection]:
    """A copy of it, in which a test damages the first experiment."""
    shutil.copytree(sound, workspace)
    with closing(sqlite3.connect(store_file(workspace), isolation_level=None)) as database:
        yield database


def spoil(database: sqlite3.Connection, table: str, column: str, value: object) -> None:
    where = {"experiments": "id=1", "runs": "experiment=1"}.get(
        table, "run IN (SELECT id FROM runs WHERE experiment=1)"
    )
    database.execute(f"UPDATE {table} SET {column}=? WHERE {where}", (value,))  # noqa: S608


OF_EXPERIMENTS = [
    ("dataset", "{}"),
    ("dataset", "[" * 5000),
    ("dataset", '{"name": "digits"}'),
    ("device", '{"kind": []}'),
    ("versions", "null"),
    ("status", "unheard of"),
    ("created", "yesterday"),
    ("workers", b"\xff"),
    ("finished", "never"),
    ("deleted", "x"),
]


@pytest.mark.parametrize(
    ("column", "value"), OF_EXPERIMENTS, ids=[f"{c}-{n}" for n, (c, _) in enumerate(OF_EXPERIMENTS)]
)
def test_an_experiment_that_can_not_be_read_says_so_and_hides_no_other(
    damaged: sqlite3.Connection, workspace: Path, column: str, value: object
) -> None:
    spoil(damaged, "experiments", column, value)
    with closing(Catalogue(workspace)) as catalogue:
        sound, other = catalogue.entries()
    assert (sound.number, sound.kind, sound.best) == (2, "Architectures", 0.625)
    assert (other.number, other.kind) == (1, UNREADABLE_NAME)
    assert other.stored.reason.startswith("Experiment 1 in the workspace can't be read (")
    with closing(Store(workspace)) as store:
        with pytest.raises(StoreError, match="Experiment 1 in the workspace can't be read"):
            store.experiment(1)
        assert [stored.id for stored in store.experiments(10)] == [2]
        assert {run.experiment for run in trained_runs(store)} == {2}


def test_an_experiment_that_can_not_be_read_can_be_thrown_away(damaged: sqlite3.Connection, workspace: Path) -> None:
    spoil(damaged, "experiments", "status", "unheard of")
    with closing(Catalogue(workspace)) as catalogue:
        catalogue.delete([1])
        assert catalogue.entry(1).is_deleted
        catalogue.purge([1])
        assert [entry.number for entry in catalogue.entries()] == [2]


@pytest.mark.parametrize("spec", ["", "[]", "null", '"x"', "{", "[" * 5000, '{"epochs": {}}'])
def test_settings_that_can_not_be_read_leave_an_entry_with_its_results(
    damaged: sqlite3.Connection, workspace: Path, spec: str
) -> None:
    spoil(damaged, "experiments", "spec", spec)
    with closing(Catalogue(workspace)) as catalogue:
        entry = catalogue.entries()[1]
    assert (entry.number, entry.kind, entry.best) == (1, "Architectures", 0.625)
    assert entry.difference
    assert entry.search_text


OF_RUNS = [
    ("spec", "{"),
    ("spec", '{"variant": 1}'),
    ("layers", "7"),
    ("units", '["many"]'),
    ("confusion", "[[1, 2], [3]]"),
    ("confusion", '"none"'),
    ("status", "unheard of"),
    ("test_accuracy", "good"),
    ("steps_per_epoch", b"\0"),
    ("model", "/etc/passwd"),
    ("model", "../elsewhere.keras"),
    ("model", "models/../../elsewhere.keras"),
    ("model", "trainscope.sqlite3"),
]


@pytest.mark.parametrize(("column", "value"), OF_RUNS, ids=[f"{c}-{n}" for n, (c, _) in enumerate(OF_RUNS)])
def test_a_run_that_can_not_be_read_is_told_by_its_number_and_hides_no_other(
    damaged: sqlite3.Connection, workspace: Path, column: str, value: object
) -> None:
    spoil(damaged, "runs", column, value)
    with closing(Catalogue(workspace)) as catalogue:
        assert [entry.number for entry in catalogue.entries()] == [2, 1]
        assert next(number for number, _ in catalogue.make_thumbnails()) == 2
        catalogue.trained(1)
    with closing(Store(workspace)) as store:
        assert {run.experiment for run in trained_runs(store)} == {2}
        for read in (lambda: load_results(store, 1), lambda: list(experiment_events(store, 1))):
            with pytest.raises(StoreError, match=r"Run 1 in the workspace can't be read \("):
                read()
        assert load_results(store, 2).variants


@pytest.mark.parametrize("place", ["../precious.keras", "models/../../precious.keras", "{}/precious.keras"])
def test_nothing_outside_of_the_workspace_is_removed_with_an_experiment(
    damaged: sqlite3.Connection, workspace: Path, place: str
) -> None:
    precious = workspace.parent / "precious.keras"
    precious.write_bytes(b"not the program's")
    spoil(damaged, "runs", "model", place.format(workspace.parent))
    with closing(Catalogue(workspace)) as catalogue:
        catalogue.delete([1, 2])
        catalogue.purge([1, 2])
        assert catalogue.entries() == []
    assert precious.exists()
    assert not model_file(workspace, 2, "mlp_1", 1).exists()


def test_networks_are_found_in_a_workspace_that_is_named_in_a_roundabout_way(sound: Path) -> None:
    roundabout = sound / ".." / sound.name
    with closing(Store(roundabout)) as store, closing(Catalogue(roundabout)) as catalogue:
        assert len(trained_runs(store)) == 8
        assert len(catalogue.trained(1)) == 4


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("points", "seconds", "soon"),
        ("points", "gradient_norms", b"\0\0\0"),
        ("points", "validation_loss", b"\xff"),
        ("weights", "shape", "[9999, 9999]"),
        ("weights", "input_shape", "{"),
        ("weights", "data", ""),
    ],
)
def test_records_and_weights_that_can_not_be_read(
    damaged: sqlite3.Connection, workspace: Path, table: str, column: str, value: object
) -> None:
    spoil(damaged, table, column, value)
    with closing(Store(workspace)) as store:
        with pytest.raises(StoreError, match=r"(Run|Experiment) 1 in the workspace can't be read"):
            list(experiment_events(store, 1))
        assert list(experiment_events(store, 2))


def test_a_thumbnail_that_can_not_be_read_is_none(damaged: sqlite3.Connection, workspace: Path) -> None:
    for text in ("{", "7", '[{"name": 1}]', '[{"name": "a", "colour": "#000000", "values": "x"}]'):
        spoil(damaged, "experiments", "thumbnail", text)
        with closing(Catalogue(workspace)) as catalogue:
            assert catalogue.entry(1).thumbnail is None


@pytest.mark.parametrize("spec", [7, None, b"\xff", "{", '{"epochs": 1e999}'])
def test_what_waits_and_can_not_be_read_is_passed_over(
    damaged: sqlite3.Connection, workspace: Path, spec: object
) -> None:
    with closing(QueueStore(workspace)) as queue:
        queue.add(ARCHITECTURES_EXPERIMENT, small_spec())
        queue.add(ARCHITECTURES_EXPERIMENT, small_spec(seed=5))
        damaged.execute("PRAGMA writable_schema=ON")
        damaged.execute("UPDATE queue SET spec=? WHERE id=1", (spec if spec is not None else 0,))
        assert [entry.spec for entry in queue.all()] == [small_spec(seed=5)]
        taken = queue.take("")
    assert taken is not None
    assert taken.spec == small_spec(seed=5)


def test_an_estimate_counts_on_no_number_that_is_none(
    damaged: sqlite3.Connection, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.workspace.durations.measurements.cpu_name", lambda: "a processor")
    entry = QueueEntry(0, ARCHITECTURES_EXPERIMENT, small_spec(repeats=3))

    def is_told() -> bool:
        (found,) = estimate(workspace, [entry], lambda _runs, _threads: Allocation(1, 1))
        return found.seconds is not None

    damaged.execute("UPDATE points SET seconds=step / 100.0")
    assert is_told()
    damaged.execute("UPDATE experiments SET workers='many', created='yesterday' WHERE id=1")
    damaged.execute("UPDATE runs SET spec='{' WHERE experiment=1")
    assert is_told()
    damaged.execute("UPDATE runs SET spec='{'")
    assert not is_told()


def test_text_that_is_no_unicode_is_told_by_the_file(damaged: sqlite3.Connection, workspace: Path) -> None:
    damaged.execute("UPDATE experiments SET title=CAST(x'ff' AS TEXT) WHERE id=1")
    with closing(Catalogue(workspace)) as catalogue:
        for read in (catalogue.entries, lambda: catalogue.entry(1)):
            with pytest.raises(StoreError, match=r"trainscope\.sqlite3 can't be read"):
                read()


def test_a_file_with_pages_of_rubbish_is_told_by_its_name(damaged: sqlite3.Connection, workspace: Path) -> None:
    page = damaged.execute("PRAGMA page_size").fetchone()[0]
    damaged.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    damaged.close()
    content = store_file(workspace).read_bytes()
    store_file(workspace).write_bytes(content[:page] + b"\xa5" * (len(content) - page))
    with pytest.raises(StoreError, match=r"trainscope\.sqlite3 is damaged"), closing(Catalogue(workspace)) as catalogue:
        catalogue.entries()


def test_a_title_that_can_not_be_stored_is_refused(damaged: sqlite3.Connection, workspace: Path) -> None:
    with closing(Catalogue(workspace)) as catalogue:
        with pytest.raises(StoreError, match="can't be written"):
            catalogue.rename(1, "half a character: \ud83d")
        assert catalogue.entry(1).stored.title == ""


@pytest.mark.parametrize("name", ["a\0b", "~nobody-of-this-name/x"])
def test_a_workspace_that_no_folder_can_be_is_refused(name: str) -> None:
    with pytest.raises(StoreError, match=r"can't be opened|a user there is not"):
        Store(Path(name))

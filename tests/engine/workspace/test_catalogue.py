"""engine.workspace.catalogue: the list of experiments, titles and notes, thumbnails, deletion."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from statistics import fmean

import pytest

from engine.analysis.results import load_results
from engine.analysis.styles import colour_of
from engine.config.specs import RunSpec
from engine.events.devices import Device
from engine.events.runs import Intervention, InterventionKind, Status
from engine.experiments.architectures import ARCHITECTURES_EXPERIMENT
from engine.storage.store import Store
from engine.utils.errors import StoreError
from engine.utils.paths import model_file
from engine.workspace.catalogue import Catalogue
from engine.workspace.queue import QueueStore
from engine.workspace.thumbnails import THUMBNAIL_VALUES
from tests.engine.support import finished, record, small_spec, sql, started
from tests.stored import store_experiment, whole_run


@pytest.fixture
def catalogue(workspace: Path) -> Iterator[Catalogue]:
    with closing(Catalogue(workspace)) as opened:
        yield opened


def test_an_entry_says_what_came_of_an_experiment(catalogue: Catalogue, workspace: Path) -> None:
    number = store_experiment(workspace, epochs=3)
    [entry] = catalogue.entries()
    assert (entry.number, entry.kind, entry.dataset, entry.stored.status) == (
        *(number, "Architectures", "digits"),
        Status.FINISHED,
    )
    assert (entry.planned, entry.finished, entry.tested, entry.best, entry.mean) == (4, 4, 4, 0.625, 0.5625)
    assert entry.preset == "quick"
    assert {each.key for each in entry.settings if each.differs} == {"architectures", "epochs"}
    assert entry.difference == "Quick · Architectures mlp_1, mlp_2 · Epochs 3"
    assert entry.seconds is not None
    assert entry.seconds >= 0
    assert catalogue.entry(number) == entry


def test_an_entry_names_every_device_of_its_runs_once(catalogue: Catalogue, workspace: Path) -> None:
    card = Device("GPU", "a card", 1, "gpu:0")

    def answer(task):
        begun = replace(started(task.run), device=card) if task.run == 2 else started(task.run)
        return [begun, record(task.run, 260), finished(task.run)]

    number = store_experiment(workspace, answer=answer, repeats=3)
    assert sorted(catalogue.entry(number).devices) == ["CPU: a processor", "GPU: a card"]
    sql(workspace, "UPDATE runs SET device='{}' WHERE id=1")
    sql(workspace, "UPDATE runs SET device='{' WHERE id > 2")
    assert catalogue.entry(number).devices == ("GPU: a card",)


def test_the_newest_come_first_and_those_without_runs_are_among_them(catalogue: Catalogue, workspace: Path) -> None:
    trained, computed = store_experiment(workspace), store_experiment(workspace, "basics", lambda _task: [])
    entries = catalogue.entries()
    assert [entry.number for entry in entries] == [computed, trained]
    assert (entries[0].kind, entries[0].has_runs, entries[0].dataset, entries[0].best) == ("Basics", False, "", None)


def test_stopped_runs_count_only_where_none_went_through(catalogue: Catalogue, workspace: Path) -> None:
    def stopped(repeats: tuple[int, ...]) -> None:
        def answer(task):
            status = Status.STOPPED if task.spec.repeat in repeats else Status.FINISHED
            accuracy = 0.5 if status is Status.FINISHED else 0.75
            return [started(task.run), record(task.run), finished(task.run, status, test_accuracy=accuracy)]

        store_experiment(workspace, answer=answer)

    stopped((1,))
    stopped((1, 2))
    assert [(entry.best, entry.mean) for entry in catalogue.entries()] == [(0.75, 0.75), (0.5, 0.5)]


def test_accuracies_are_those_of_the_runs_that_the_results_count(catalogue: Catalogue, workspace: Path) -> None:
    accuracies = {("mlp_1", 1): 0.9, ("mlp_1", 2): 0.5, ("mlp_2", 1): 0.7, ("mlp_2", 2): 0.8}

    def answer(task):
        begun, *rest = whole_run(task, lambda spec: accuracies[spec.variant, spec.repeat])
        if (task.spec.variant, task.spec.repeat) == ("mlp_1", 2):
            return [begun, *rest]
        # The learning rate is changed in one run of mlp_1 and in all of mlp_2.
        return [begun, Intervention(task.run, 10, 0.1, InterventionKind.LEARNING_RATE, 0.01), *rest]

    number = store_experiment(workspace, answer=answer)
    with closing(Store(workspace)) as store:
        counted = [each for variant in load_results(store, number).variants for each in variant.test_accuracies]
    entry = catalogue.entry(number)
    assert sorted(counted) == [0.5, 0.7, 0.8]
    assert (entry.best, entry.mean) == (max(counted), pytest.approx(fmean(counted)))


def test_a_run_that_recorded_nothing_counts_nowhere(catalogue: Catalogue, workspace: Path) -> None:
    def answer(task):
        records = [record(task.run)] if task.spec.repeat == 2 else []
        accuracy = 0.5 if records else 0.75
        return [started(task.run), *records, finished(task.run, Status.STOPPED, test_accuracy=accuracy)]

    number = store_experiment(workspace, answer=answer)
    entry = catalogue.entry(number)
    assert (entry.tested, entry.best, entry.mean) == (4, 0.5, 0.5)
    with closing(Store(workspace)) as store:
        assert [each.test_accuracies for each in load_results(store, number).variants] == [[0.5], [0.5]]


def test_probes_are_not_among_the_accuracies(catalogue: Catalogue, workspace: Path) -> None:
    def answer(task):
        return whole_run(task, lambda spec: 0.99 if spec.probe else 0.5)

    store_experiment(workspace, "learning-rate", answer, repeats=1)
    [entry] = catalogue.entries()
    assert (entry.planned, entry.best, entry.mean) == (4, 0.5, 0.5)
    [(_, lines)] = catalogue.make_thumbnails()
    assert "range_test" not in [line.variant for line in lines]


def test_titles_and_notes_are_kept(catalogue: Catalogue, workspace: Path) -> None:
    number = store_experiment(workspace)
    catalogue.rename(number, "  The first ")
    catalogue.annotate(number, "two lines\nof notes")
    with closing(Catalogue(workspace)) as other:
        stored = other.entry(number).stored
    assert (stored.title, stored.notes) == ("The first", "two lines\nof notes")
    assert catalogue.entry(number).name == "The first"
    catalogue.rename(number, "")
    assert catalogue.entry(number).name == "Architectures"


def test_an_experiment_there_is_not_is_said(catalogue: Catalogue) -> None:
    with pytest.raises(StoreError, match="no experiment 7"):
        catalogue.entry(7)


def test_what_is_deleted_can_be_taken_back(catalogue: Catalogue, workspace: Path) -> None:
    number = store_experiment(workspace)
    catalogue.delete([number])
    assert catalogue.entry(number).is_deleted
    catalogue.restore([number])
    catalogue.purge([number])
    assert not catalogue.entry(number).is_deleted
    assert len(catalogue.trained(number)) == 4


def test_purging_leaves_nothing_of_what_was_deleted_and_all_of_the_rest(catalogue: Catalogue, workspace: Path) -> None:
    kept, gone = store_experiment(workspace), store_experiment(workspace)
    catalogue.delete([gone])
    catalogue.purge([99, kept, gone])  # 99 was removed by another window
    assert [entry.number for entry in catalogue.entries()] == [kept]
    assert not model_file(workspace, gone, "mlp_1", 1).parent.exists()
    assert model_file(workspace, kept, "mlp_1", 1).exists()
    with closing(Store(workspace)) as store:
        assert store.runs(gone) == []
        assert len(store.records(store.runs(kept)[0].id)) == 5
    counts = [sql(workspace, f"SELECT count(*) FROM {table}") for table in ("runs", "points", "weights")]  # noqa: S608
    assert counts == [[(4,)], [(20,)], [(4,)]]


def test_what_has_not_ended_is_hidden_but_not_removed(catalogue: Catalogue, workspace: Path) -> None:
    number = store_experiment(workspace)
    with closing(Store(workspace)) as store:
        store.reopen_experiment(number, store.experiment(number).spec, 1)  # another program resumes it
        catalogue.delete([number])
        catalogue.purge([number])
        assert catalogue.entry(number).is_deleted
        assert len(store.runs(number)) == 4


def test_what_waits_for_further_runs_is_not_thrown_away(catalogue: Catalogue, workspace: Path) -> None:
    other, number = store_experiment(workspace), store_experiment(workspace)
    with closing(QueueStore(workspace)) as queue:
        waiting = queue.add(ARCHITECTURES_EXPERIMENT, small_spec(repeats=5), extends=number)
        with pytest.raises(StoreError, match=f"Experiment {number} waits in the queue"):
            catalogue.delete([other, number])
        assert not [entry.number for entry in catalogue.entries() if entry.is_deleted]
        queue.remove(waiting.id)
    catalogue.delete([other, number])
    assert all(entry.is_deleted for entry in catalogue.entries())


def test_a_thumbnail_has_the_mean_curves_in_the_colours_of_the_variants(catalogue: Catalogue, workspace: Path) -> None:
    def answer(task):
        last = task.run, 30
        shift = (task.spec.repeat - 1) / 5  # runs of one variant differ: the mean is between them
        events = [started(task.run), *(record(task.run, s, validation_accuracy=s / 100 + shift) for s in (10, 20, 30))]
        return [*events, finished(last[0])]

    number = store_experiment(workspace, answer=answer)
    assert catalogue.entry(number).thumbnail is None
    [(made, lines)] = catalogue.make_thumbnails()
    assert made == number
    assert [(line.variant, line.colour) for line in lines] == [("mlp_1", colour_of(0)), ("mlp_2", colour_of(1))]
    assert lines[0].values == (0.2, 0.3, 0.4)
    assert catalogue.entry(number).thumbnail == lines
    assert list(catalogue.make_thumbnails()) == [], "it is made once"


def test_a_thumbnail_of_many_records_takes_a_few_of_them(catalogue: Catalogue, workspace: Path) -> None:
    # 26 steps an epoch: 400 epochs are 10,400 steps, 1,040 records.
    number = store_experiment(
        workspace, answer=lambda task: whole_run(task, records=1040), epochs=400, repeats=1, architectures=["mlp_1"]
    )
    [(_, [line])] = catalogue.make_thumbnails()
    assert len(line.values) == THUMBNAIL_VALUES
    assert (line.values[0], line.values[-1]) == (0.01, 10.4)
    assert list(line.values) == sorted(line.values)
    assert catalogue.entry(number).thumbnail == (line,)


def test_an_experiment_that_goes_on_gets_a_new_thumbnail(catalogue: Catalogue, workspace: Path) -> None:
    number = store_experiment(workspace)
    list(catalogue.make_thumbnails())
    with closing(Store(workspace)) as store:
        store.reopen_experiment(number, "{}", 1)
        assert list(catalogue.make_thumbnails()) == [], "not while it is under way"
        store.finish_experiment(number, Status.FINISHED, "")
    assert [made for made, _ in catalogue.make_thumbnails()] == [number]


def test_networks_to_go_on_from_come_with_the_best_first(catalogue: Catalogue, workspace: Path) -> None:
    def accuracy(spec: RunSpec) -> float:
        return {("mlp_1", 1): 0.5, ("mlp_2", 1): 0.9, ("mlp_1", 2): 0.7, ("mlp_2", 2): 0.6}[spec.variant, spec.repeat]

    number = store_experiment(workspace, answer=lambda task: whole_run(task, accuracy))
    model_file(workspace, number, "mlp_1", 2).unlink()
    assert [choice.label for choice in catalogue.trained(number)] == [
        *("mlp_2, run 1 · 90.00 %", "mlp_2, run 2 · 60.00 %", "mlp_1, run 1 · 50.00 %")
    ]


def test_settings_of_another_version_are_listed_all_the_same(catalogue: Catalogue, workspace: Path) -> None:
    number = store_experiment(workspace)
    entry = catalogue.entry(number)
    strange = replace(entry.stored, spec=json.dumps(entry.values | {"flux": 88}))
    sql(workspace, "UPDATE experiments SET spec=? WHERE id=?", strange.spec, number)
    assert ("flux", "88", True) in [(s.label, s.value, s.differs) for s in catalogue.entry(number).settings]


def test_the_newest_and_older_ones_that_are_named_are_listed_without_deleted_or_damaged_ones(
    catalogue: Catalogue, workspace: Path
) -> None:
    numbers = [store_experiment(workspace) for _ in range(6)]
    catalogue.delete([numbers[5]])
    sql(workspace, "UPDATE experiments SET dataset='no JSON' WHERE id=?", numbers[4])
    found = catalogue.newest(3, [numbers[0], numbers[3]])
    assert [entry.number for entry in found] == [numbers[3], numbers[2], numbers[0]]
    assert found == [catalogue.entry(entry.number) for entry in found]

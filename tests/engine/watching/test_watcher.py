"""What our logger writes is stored and told as it is written."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from engine.config.logged_runs import LoggedRunSpec
from engine.events.experiments import ExperimentFinished, ExperimentStarted, RunsAdded
from engine.events.runs import Record, RunFinished, RunRestored, RunStarted, Status, Weights
from engine.storage.logged import LoggedStore
from engine.utils.errors import StoreError
from engine.watching.folder import RETRY_SECONDS
from engine.watching.run import SILENT_SECONDS
from tests.engine.watching.support import STARTED, Log, opened, watching


def test_a_run_is_told_from_its_header_to_its_end(tmp_path: Path, folder: Path) -> None:
    log = Log(folder)
    log.header(epochs=2, steps_per_epoch=20, parameters=7, settings={"rate": 0.1}, classes=["a", "b"], seed=3)
    with watching(tmp_path / "ws", folder) as seen:
        log.line(step=10, seconds=1.0, training_loss=0.5, gradient_norms={"conv1": 2.0, "fc": 1.0}, metrics={"f1": 0.3})
        begun = seen.poll()
        assert [type(each) for each in begun] == [ExperimentStarted, RunStarted, Record]
        (planned,), started, record = begun[0].runs, begun[1], begun[2]
        assert (planned.parameters, planned.total_steps, planned.spec.seed) == (7, 40, 3)
        assert (started.layers, started.steps_per_epoch) == (("conv1", "fc"), 20)
        assert (record.training_loss, record.epoch, record.gradient_norms) == (0.5, 1, (2.0, 1.0))
        assert math.isnan(record.validation_loss)
        assert record.metrics == (("f1", 0.3),)
        log.line(step=30, seconds=3.0, training_loss=math.nan, gradient_norms={"fc": math.nan})
        log.weights(30, np.arange(6.0).reshape(2, 1, 1, 3))
        weights, second = seen.poll()
        assert (second.epoch, second.training_loss, second.gradient_norms[1]) == (2, math.inf, math.inf)
        assert isinstance(weights, Weights)
        assert weights.epoch == 2
        log.line(test={"accuracy": 0.75, "confusion": [[3, 1], [0, 2]]})
        log.line(ended="finished")
        ended, over = seen.poll()
        assert isinstance(ended, RunFinished)
        assert (ended.status, ended.test_accuracy, ended.seconds) == (Status.FINISHED, 0.75, 3.0)
        assert over == ExperimentFinished(1, Status.FINISHED, "")
        assert seen.watcher.is_done
    with opened(tmp_path / "ws") as store:
        stored, run = store.experiment(1), store.run(planned.run)
        assert (stored.created, stored.finished) == (STARTED, STARTED + 3)
        assert isinstance(run.spec, LoggedRunSpec)
        assert run.spec.settings == {"rate": "0.1"}
        assert stored.dataset is not None
        assert stored.dataset.class_names == ("a", "b")
        assert [each.step for each in store.records(planned.run)] == [10, 30]
        assert run.confusion is not None
        assert run.confusion.tolist() == [[3, 1], [0, 2]]


def test_numbers_of_one_step_become_one_record(tmp_path: Path, folder: Path) -> None:
    log = Log(folder)
    log.header()
    with watching(tmp_path / "ws", folder) as seen:
        log.steps(10, 20)
        told = seen.poll(after=0.0)
        assert [each.step for each in told if isinstance(each, Record)] == [10]  # more may follow of step 20
        log.line(step=20, validation_loss=0.75)
        (record,) = seen.poll()
        assert (record.training_loss, record.validation_loss) == (1 / 20, 0.75)
        log.line(step=10, validation_loss=0.5)  # late
        (restored,) = seen.poll()
        assert isinstance(restored, RunRestored)
        assert restored.curves["validation_loss"].tolist() == [0.5, 0.75]
        assert restored.curves["training_loss"].tolist() == [1 / 10, 1 / 20]


def test_layers_that_are_known_late_are_blank_before(tmp_path: Path, folder: Path) -> None:
    log = Log(folder)
    log.header()
    log.steps(10)
    with watching(tmp_path / "ws", folder) as seen:
        seen.poll()
        log.line(step=20, gradient_norms={"conv1": 1.0})
        (restored,) = seen.poll()
        assert isinstance(restored, RunRestored)
        assert restored.started is not None
        assert restored.started.layers == ("conv1",)
        assert np.array_equal(restored.layer_curves["gradient_norms"], [[math.nan], [1.0]], equal_nan=True)
        log.line(step=30, gradient_norms={"conv1": 2.0})
        (record,) = seen.poll()
        assert record.gradient_norms == (2.0,)
        log.line(step=40, gradient_norms={"conv1": 3.0, "fc": 4.0})  # such as of a layer that was frozen until now
        (restored,) = seen.poll()
        expected = [[math.nan, math.nan], [1.0, math.nan], [2.0, math.nan], [3.0, 4.0]]
        assert np.array_equal(restored.layer_curves["gradient_norms"], expected, equal_nan=True)


def test_a_silent_program_is_interrupted_and_goes_on_where_it_appends(tmp_path: Path, folder: Path) -> None:
    log = Log(folder)
    log.header()
    log.steps(10, 20, 30)
    with watching(tmp_path / "ws", folder) as seen:
        seen.poll()
        ended, over = seen.poll(after=SILENT_SECONDS + 1)
        assert (ended.status, over.status) == (Status.INTERRUPTED, Status.INTERRUPTED)
        assert seen.state.experiments[0].count(Status.INTERRUPTED) == 1
        log.line(alive=20.0)  # it had only been held
        begun, restored = seen.poll()
        assert isinstance(begun, ExperimentStarted)
        assert restored.status is Status.RUNNING
        assert seen.state.experiments[0].running == 1
        log.header(after=20)  # resumed from a checkpoint
        log.steps(25, 35)
        restored, record = seen.poll()
        assert restored.curves["step"].tolist() == [10, 20, 25]
        assert record.step == 35


def test_several_programs_are_repeats_variants_and_experiments(tmp_path: Path, folder: Path) -> None:
    logs = [Log(folder), Log(folder, repeat=2), Log(folder, "mlp_1"), Log(folder, experiment="other")]
    for log in logs:
        log.header()
        log.steps(10)
    with watching(tmp_path / "ws", folder) as seen:
        seen.poll()
        assert sorted((each.name, each.running) for each in seen.state.experiments) == [("other", 1), ("study", 3)]
        assert set(seen.runs) == {("cnn_4", 1), ("cnn_4", 2), ("mlp_1", 1)}
        Log(folder, "mlp_2").header()
        added = [each for each in seen.poll() if isinstance(each, RunsAdded)]
        assert [run.spec.variant for each in added for run in each.runs] == ["mlp_2"]


def test_a_watcher_goes_on_where_the_former_ended(tmp_path: Path, folder: Path) -> None:
    done, live = Log(folder), Log(folder, repeat=2)
    for log in (done, live):
        log.header(seed=1)
        log.steps(10, 20)
    done.line(ended="finished")
    with watching(tmp_path / "ws", folder) as seen:
        seen.poll()
        before = seen.runs
    with opened(tmp_path / "ws") as store:
        assert store.experiment(1).status is Status.INTERRUPTED
        assert store.run(before["cnn_4", 2]).reason == "It was no longer watched before it ended."
    live.steps(30)
    with watching(tmp_path / "ws", folder) as seen:
        told = seen.poll()
        assert [type(each) for each in told[:3]] == [ExperimentStarted, RunRestored, RunRestored]
        assert told[2].run == before["cnn_4", 2]  # not read to its end before
        assert told[2].curves["step"].tolist() == [10, 20]
        assert [each.step for each in told if isinstance(each, Record)] == [30]
        assert seen.state.experiments[0].number == 1
    with opened(tmp_path / "ws") as store:
        assert len(store.experiments(10)) == 1
        assert [run.status for run in store.runs(1)] == [Status.FINISHED, Status.INTERRUPTED]


def test_a_run_that_begins_again_while_nobody_watches_is_the_same(tmp_path: Path, folder: Path) -> None:
    log = Log(folder)
    log.header()
    log.steps(10, 20, 30)
    with watching(tmp_path / "ws", folder) as seen:
        seen.poll()
    log.header(after=0)
    log.line(step=10, training_loss=7.0)
    with watching(tmp_path / "ws", folder) as seen:
        seen.poll()
    with opened(tmp_path / "ws") as store:
        assert [[each.training_loss for each in store.records(run.id)] for run in store.runs(1)] == [[7.0]]


def test_a_log_of_which_the_reading_is_broken_off_keeps_what_is_stored(tmp_path: Path, folder: Path) -> None:
    log = Log(folder)
    log.header()
    log.steps(10)
    for _ in range(3):
        log.line(unknown="x" * 2**20)
    log.steps(20)
    log.line(ended="finished")

    def broken_off() -> tuple[Status, list[int]]:
        with watching(tmp_path / "ws", folder) as seen:
            assert seen.watcher.poll(), "there is more to read"
        return stored()

    def stored() -> tuple[Status, list[int]]:
        with opened(tmp_path / "ws") as store:
            return store.run(1).status, [each.step for each in store.records(1)]

    assert broken_off() == (Status.INTERRUPTED, [10])
    with watching(tmp_path / "ws", folder) as seen:
        seen.poll()
    assert stored() == (Status.FINISHED, [10, 20])
    log.line(alive=1.0)  # so that it is read again
    assert broken_off() == (Status.FINISHED, [10, 20])


def test_weights_of_a_long_log_are_not_all_held_in_memory(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.watching.run_log.MAX_WEIGHTS_HELD", 20)
    log = Log(folder)
    log.header()
    log.weights(10, np.arange(6.0).reshape(2, 1, 1, 3))
    for _ in range(3):
        log.line(unknown="x" * 2**20)
    with watching(tmp_path / "ws", folder) as seen:
        assert seen.watcher.poll(), "there is more to read"
        with opened(tmp_path / "ws") as store:
            assert [each.step for each in store.last_weights(1).values()] == [10]


def test_the_end_of_a_run_that_could_not_be_stored_is_stored_later(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = Log(folder)
    log.header()
    log.steps(10, 20)
    log.line(test={"accuracy": 0.75})
    log.line(ended="finished")

    def fail(*_of_store: object) -> None:
        raise StoreError("The disk is full.")

    with monkeypatch.context() as patched:
        patched.setattr(LoggedStore, "end_logged", fail)
        with watching(tmp_path / "ws", folder) as seen:
            assert [each.step for each in seen.poll() if isinstance(each, Record)] == [10, 20]
            assert seen.state.problems == ("The disk is full. It is tried again.",)
    with watching(tmp_path / "ws", folder) as seen:
        seen.poll()
        assert seen.finished[0][1] == 1
    with opened(tmp_path / "ws") as store:
        assert store.run(1).test_accuracy == 0.75


def test_a_store_that_can_not_be_written_is_tried_again(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = Log(folder)
    log.header()
    log.steps(10)
    log.line(ended="finished")

    def fail(*_of_run: object) -> None:
        raise StoreError("The disk is full.")

    with watching(tmp_path / "ws", folder) as seen:
        with monkeypatch.context() as patched:
            patched.setattr(LoggedStore, "add_logged_run", fail)
            seen.poll()
        assert seen.state.problems == ("The disk is full. It is tried again.",)
        assert not seen.watcher.is_done
        seen.poll(after=RETRY_SECONDS)
        assert seen.state.problems == ()
        assert seen.watcher.is_done
        assert seen.finished[0][1] == 1


def test_a_long_log_is_told_as_a_whole(tmp_path: Path, folder: Path) -> None:
    log = Log(folder)
    log.header()
    log.steps(*range(10, 3010, 10))
    with watching(tmp_path / "ws", folder) as seen:
        started, restored, last = seen.poll()
        assert isinstance(started, ExperimentStarted)
        assert isinstance(restored, RunRestored)
        assert len(restored.curves["step"]) == 299
        assert last.step == 3000


def test_a_log_that_is_overwritten_by_another_training_is_the_next_repeat(tmp_path: Path, folder: Path) -> None:
    folder.mkdir()
    file = folder / "training.csv"
    with watching(tmp_path / "ws", folder) as seen:
        for losses in ([2.0, 1.5, 1.0], [2.25, 1.75]):
            rows = "".join(f"{epoch},{loss}\n" for epoch, loss in enumerate(losses))
            file.write_text(f"epoch,loss\n{rows}", encoding="utf-8")
            seen.poll()
    with opened(tmp_path / "ws") as store:
        runs = store.runs(1)
        assert [run.spec.repeat for run in runs] == [1, 2]
        assert [[each.training_loss for each in store.records(run.id)] for run in runs] == [
            [2.0, 1.5, 1.0],
            [2.25, 1.75],
        ]
    with watching(tmp_path / "ws", folder) as seen:  # the newest training of a file is followed
        file.write_text(f"{file.read_text(encoding='utf-8')}2,1.25\n", encoding="utf-8")
        seen.poll()
    with opened(tmp_path / "ws") as store:
        assert [len(store.records(run.id)) for run in store.runs(1)] == [3, 3]


def test_a_log_that_begins_anew_replaces_nothing_before_its_first_numbers(tmp_path: Path, folder: Path) -> None:
    log = Log(folder)
    log.header(seed=1)
    log.steps(10, 20)
    log.line(ended="finished")
    with watching(tmp_path / "ws", folder) as seen:
        seen.poll()
        log.file.unlink()
        log.header(seed=2)  # the script was started again
        log.weights(0, np.arange(6.0).reshape(2, 1, 1, 3))
        seen.poll()
        log.line(step=10, training_loss=7.0)
        seen.poll()
        assert sorted(seen.runs) == [("cnn_4", 1), ("cnn_4", 2)]
    with opened(tmp_path / "ws") as store:
        runs = store.runs(1)
        assert [[each.training_loss for each in store.records(run.id)] for run in runs] == [[0.1, 0.05], [7.0]]
        assert [(run.spec.seed, run.status) for run in runs] == [(1, Status.FINISHED), (2, Status.INTERRUPTED)]


@pytest.mark.parametrize("is_watched", [True, False])
def test_a_log_that_was_removed_while_its_program_runs_goes_on(tmp_path: Path, folder: Path, is_watched: bool) -> None:
    log = Log(folder)
    log.header()
    log.steps(10, 20)
    with watching(tmp_path / "ws", folder) as seen:
        seen.poll()
        log.file.unlink()
        if is_watched:
            seen.poll()
            log.header()  # as the logger does, once it sees that
            log.steps(30)
            seen.poll()
    if not is_watched:
        log.header()
        log.steps(30)
    with watching(tmp_path / "ws", folder) as seen:
        seen.poll()
    with opened(tmp_path / "ws") as store:
        (run,) = store.runs(1)
        assert [each.step for each in store.records(run.id)] == [10, 20, 30]

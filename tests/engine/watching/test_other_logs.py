"""Logs that other programs write are followed as those of our logger."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.engine.watching.sources.course.course_support import part3, part5, save
from tests.engine.watching.sources.log_support import append
from tests.engine.watching.sources.tensorboard.event_support import event, file_in, record, unchecked
from tests.engine.watching.support import STARTED, opened, watching


def test_a_log_that_is_understood_otherwise_is_the_same_run(tmp_path: Path, folder: Path) -> None:
    """A step 0 that comes late shifts all steps, so that each has the loss of the one before."""
    file = file_in(folder / "net", *(event(step, 1000 + step, loss=1 / step) for step in (1, 2, 3)))
    with watching(tmp_path / "ws", folder) as seen:
        seen.poll()
        append(file, record(event(0, 1004, val_loss=1.0)))
        seen.poll()
        assert list(seen.runs) == [("net", 1)]
    with opened(tmp_path / "ws") as store:
        assert [(each.step, each.training_loss) for each in store.records(1)][1:] == [
            (step + 1, pytest.approx(1 / step)) for step in (1, 2, 3)
        ]


def test_an_old_log_that_is_read_in_pieces_has_ended(tmp_path: Path, folder: Path) -> None:
    file = file_in(folder / "net", event(1, 1001, loss=1.0))
    for step in range(2, 8):
        append(file, unchecked(bytes(400_000)), record(event(step, 1001, loss=1.0)))
    os.utime(file, (STARTED, STARTED))
    with watching(tmp_path / "ws", folder) as seen:
        seen.poll()
        assert seen.finished[0][1] == 1


def test_results_of_a_test_may_come_one_after_the_other(tmp_path: Path, folder: Path) -> None:
    folder.mkdir()
    table = folder / "metrics.csv"
    table.write_text("epoch,step,train_loss,test_loss,test_acc\n0,9,1.0,,\n0,10,,0.5,\n0,10,,,0.75\n", encoding="utf-8")
    os.utime(table, (STARTED, STARTED))
    with watching(tmp_path / "ws", folder) as seen:
        seen.poll()
    with opened(tmp_path / "ws") as store:
        assert (store.run(1).test_loss, store.run(1).test_accuracy) == (0.5, 0.75)


def test_a_run_that_was_no_longer_watched_is_finished_if_nothing_was_added_since(tmp_path: Path, folder: Path) -> None:
    folder.mkdir()
    table = folder / "net.csv"
    table.write_text("epoch,loss\n0,1.0\n1,0.5\n", encoding="utf-8")
    with watching(tmp_path / "ws", folder) as seen:
        seen.poll()
        assert seen.state.experiments[0].running == 1
    os.utime(table, (STARTED, STARTED))
    for _ in range(2):
        with watching(tmp_path / "ws", folder) as seen:
            told = seen.poll()
            assert seen.finished[0][1] == 1
    assert told == [], "it is not read again"


def test_dictionaries_are_finished_runs(tmp_path: Path, folder: Path) -> None:
    for name in ("mlp_1", "cnn_3"):
        save(folder / f"part3_{name}.pkl", part3(name=name))
    save(folder / "part5_cnn_4.json", part5())
    with watching(tmp_path / "ws", folder) as seen:
        seen.poll()
        assert seen.finished == [
            ("Course dictionaries, part 3", 2),
            ("Course dictionaries, part 5", 3),
        ]
        assert sorted(seen.runs) == [
            (name, 1) for name in sorted(["mlp_1", "cnn_3", "cnn_4/0.1", "cnn_4/0.01", "cnn_4/0.001"])
        ]
        run = seen.runs["mlp_1", 1]
    with opened(tmp_path / "ws") as store:
        assert [each.validation_accuracy for each in store.records(run)] == [0.1, 0.2, 0.3, 0.4]
        assert store.run(run).test_accuracy == 0.375
        assert store.run(run).layers == ("first layer",), (
            "so that its weights are shown, although no gradients are known"
        )
    with watching(tmp_path / "ws", folder) as seen:
        assert seen.poll() == [], "nothing is read again"

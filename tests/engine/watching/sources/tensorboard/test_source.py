"""engine.watching.sources.tensorboard: runs, steps, names and units of event folders."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from engine.watching.sources import base
from engine.watching.sources.base import Description, Measured, Problem, Restarted
from engine.watching.sources.tensorboard import event_folder
from engine.watching.sources.tensorboard.event_folder import RunFolder
from tests.engine.watching.sources.log_support import append, read_all, since_restart
from tests.engine.watching.sources.tensorboard.event_support import (
    VERSION,
    event,
    events,
    field,
    file_in,
    numbers_of,
    only_source,
    plugin,
    problems_of,
    record,
    simple,
    sources_under,
    unchecked,
)

START = field(7, field(1, 1))  # of a program that resumes at the step of its event


def test_tags_of_pytorch_become_standard_numbers(tmp_path: Path) -> None:
    values = {
        "Loss__train": 2.0,
        "Loss__val": 2.5,
        "Accuracy__train": 0.25,
        "Accuracy__val": 0.5,
        "lr": 0.125,
        "f1": 0.75,
    }
    file_in(tmp_path / "cnn_4", event(10, 1002, **values), event(20, 1004, **values))
    source = only_source(tmp_path)
    description, first, second = read_all(source)
    assert isinstance(description, Description)
    assert (description.started, description.steps_per_epoch, description.after) == (1002, 0, None)
    assert isinstance(first, Measured) and isinstance(second, Measured)
    assert (first.step, first.epoch, first.seconds) == (10, 0, 0.0)
    assert (second.step, second.seconds) == (20, 2.0)
    assert first.numbers == {
        "training_loss": 2.0,
        "validation_loss": 2.5,
        "training_accuracy": 0.25,
        "validation_accuracy": 0.5,
        "learning_rate": 0.125,
        "f1": 0.75,
    }
    assert source.key == "cnn_4"
    assert source.grouping.variant == "cnn_4"
    assert source.is_live
    (path,) = (tmp_path / "cnn_4").iterdir()
    assert source.sizes == {f"cnn_4/{path.name}": path.stat().st_size}


def test_runs_are_followed_as_they_grow(tmp_path: Path) -> None:
    path = file_in(tmp_path / "cnn_4")
    source = only_source(tmp_path)
    assert list(source.read()) == []
    for step in (1, 2):
        append(path, record(event(step, 1000 + step, loss=float(step))))
        assert [entry.step for entry in source.read() if isinstance(entry, Measured)] == [step]
        assert list(source.read()) == []


def test_folders_of_parts_belong_to_the_run_that_they_are_in(tmp_path: Path) -> None:
    run = tmp_path / "runs" / "cnn_4"
    file_in(run / "train", event(1, 1001, loss=2.0, gap=0.5))
    file_in(run / "validation", event(1, 1002, loss=3.0, gap=0.25))
    file_in(run / "test", event(1, 1002, accuracy=0.5))
    source = only_source(tmp_path)
    assert source.key == "runs/cnn_4"
    assert numbers_of(source) == {
        1: {
            "training_loss": 2.0,
            "train/gap": 0.5,
            "validation_loss": 3.0,
            "validation/gap": 0.25,
            "test/accuracy": 0.5,
        }
    }


def test_folders_of_add_scalars_belong_to_their_run(tmp_path: Path) -> None:
    run = tmp_path / "cnn_4"
    file_in(run, event(1, 1001, lr=0.5))
    file_in(run / "Loss_train", event(1, 1001, Loss=2.0))
    file_in(run / "Loss_val", event(1, 1001, Loss=3.0))
    file_in(run / "1796061347.893813", event(1, 1001, hparam__loss=3.0))  # of add_hparams
    file_in(tmp_path / "seed_val", event(1, 1001, Loss=9.0))  # in no run
    found = sources_under(tmp_path)
    assert sorted(found) == ["cnn_4", "seed_val"]
    assert numbers_of(found["cnn_4"]) == {1: {"learning_rate": 0.5, "training_loss": 2.0, "validation_loss": 3.0}}


def test_the_watched_folder_may_be_the_run(tmp_path: Path) -> None:
    file_in(tmp_path / "train", event(1, 1001, loss=2.0))
    source = only_source(tmp_path)
    assert source.key == "."
    assert numbers_of(source) == {1: {"training_loss": 2.0}}
    assert sorted(sources_under(tmp_path / "train")) == ["."]


def keras_run(run: Path) -> None:
    """What Keras' callback writes in two epochs with ``update_freq=1``."""
    batches = [event(step, 1001, batch_loss=9.0) for step in range(4)]
    for folder, loss in (("train", 2.0), ("validation", 3.0)):
        epochs = [event(epoch, 1002 + epoch, epoch_loss=loss, epoch_accuracy=0.5) for epoch in (0, 1)]
        checks = [event(step, 1002, evaluation_loss_vs_iterations=9.0) for step in (10, 20)]
        file_in(run / folder, *(batches if folder == "train" else checks), *epochs)


def test_epochs_of_keras_become_steps_from_1(tmp_path: Path) -> None:
    keras_run(tmp_path / "cnn_4")
    source = only_source(tmp_path)
    entries = since_restart(read_all(source))
    assert [entry.steps_per_epoch for entry in entries if isinstance(entry, Description)] == [1]
    assert not [entry for entry in entries if isinstance(entry, Problem)]
    measured = [entry for entry in entries if isinstance(entry, Measured)]
    assert [(entry.step, entry.epoch) for entry in measured] == [(1, 1), (2, 2)]
    assert measured[0].numbers == {
        "training_loss": 2.0,
        "training_accuracy": 0.5,
        "validation_loss": 3.0,
        "validation_accuracy": 0.5,
    }


def test_numbers_by_batch_are_left_out_once_keras_writes_epochs(tmp_path: Path) -> None:
    path = file_in(tmp_path / "train", event(1, 1001, my_loss=7.0), event(2, 1001, my_loss=7.0))
    source = only_source(tmp_path)
    assert [entry.step for entry in source.read() if isinstance(entry, Measured)] == [1, 2]
    append(path, record(event(0, 1002, epoch_loss=2.0)))
    entries = read_all(source)
    assert isinstance(entries[0], Restarted)
    assert [(entry.step, entry.numbers) for entry in entries if isinstance(entry, Measured)] == [
        (1, {"training_loss": 2.0})
    ]
    (sentence,) = (entry.sentence for entry in entries if isinstance(entry, Problem))
    assert sentence == ". has numbers by batch besides those by epoch, which were left out."


@pytest.mark.parametrize("is_late", [False, True])
def test_steps_from_0_are_shifted_together(tmp_path: Path, is_late: bool) -> None:
    path = file_in(tmp_path / "net", *([] if is_late else [event(0, 1001, loss=4.0)]), event(1, 1001, loss=3.0, lr=0.5))
    source = only_source(tmp_path)
    assert sorted(numbers_of(source)) == ([1] if is_late else [1, 2])
    if is_late:
        append(path, record(event(0, 1002, loss=4.0)))
        assert isinstance(source.read()[0], Restarted)
        assert numbers_of(source) == {1: {"training_loss": 4.0}, 2: {"training_loss": 3.0, "learning_rate": 0.5}}


def test_accuracies_in_percent(tmp_path: Path) -> None:
    path = file_in(tmp_path / "net", event(1, 1001, train_acc=0.5, val_acc=0.75))
    source = only_source(tmp_path)
    assert numbers_of(source) == {1: {"training_accuracy": 0.5, "validation_accuracy": 0.75}}
    append(path, record(event(2, 1001, train_acc=50.0, val_acc=0.75)))
    entries = read_all(source)
    assert isinstance(entries[0], Restarted)
    assert [entry.numbers for entry in entries if isinstance(entry, Measured)] == [
        {"training_accuracy": 0.005, "validation_accuracy": 0.75},
        {"training_accuracy": 0.5, "validation_accuracy": 0.75},
    ]
    append(path, record(event(3, 1001, train_acc=500.0)))
    (sentence,) = problems_of(source)
    assert sentence.startswith("net has training accuracy 500")


def test_numbers_that_are_not_finite_are_kept(tmp_path: Path) -> None:
    file_in(tmp_path / "net", event(1, 1001, loss=math.nan, val_loss=math.inf))
    numbers = numbers_of(only_source(tmp_path))[1]
    assert math.isnan(numbers["training_loss"])
    assert numbers["validation_loss"] == math.inf


def test_times_that_are_none_are_unknown(tmp_path: Path) -> None:
    file_in(
        tmp_path / "net",
        *(event(step, time, loss=1.0) for step, time in ((1, 1001), (2, math.nan), (3, 1000), (4, 1003))),
    )
    seconds = [entry.seconds for entry in read_all(only_source(tmp_path)) if isinstance(entry, Measured)]
    assert math.isnan(seconds.pop(1))
    assert seconds == [0.0, 0.0, 2.0]


def test_the_last_accuracy_of_the_test_is_its_result(tmp_path: Path) -> None:
    file_in(tmp_path / "net", event(1, 1001, Accuracy__test=40.0), event(2, 1001, Accuracy__test=60.0))
    entries = read_all(only_source(tmp_path))
    assert [entry for entry in entries if isinstance(entry, base.Tested)] == [base.Tested(0.6)]


def test_a_second_tag_of_the_same_meaning_keeps_its_name(tmp_path: Path) -> None:
    file_in(tmp_path / "net", event(1, 1001, train_loss=2.0), event(1, 1001, Loss__train=3.0))
    assert numbers_of(only_source(tmp_path)) == {1: {"training_loss": 2.0, "Loss/train": 3.0}}


def last(source: Any) -> dict[int, float]:
    """The training loss of each step, as far as no later program replaced it."""
    losses: dict[int, float] = {}
    for entry in since_restart(read_all(source)):
        if isinstance(entry, Description) and entry.after is not None:
            losses = {step: loss for step, loss in losses.items() if step <= entry.after}
        elif isinstance(entry, Measured):
            losses[entry.step] = entry.numbers["training_loss"]
    return losses


def test_files_are_read_in_the_order_of_their_names(tmp_path: Path) -> None:
    for time, step in ((1001, 1), (1002, 2), (1003, 3)):
        file_in(tmp_path / "net", event(step, time, loss=float(step)), time=time)
    entries = read_all(only_source(tmp_path))
    assert [entry.after for entry in entries if isinstance(entry, Description)] == [None]
    assert [entry.step for entry in entries if isinstance(entry, Measured)] == [1, 2, 3]


def test_a_resumed_program_replaces_later_steps(tmp_path: Path) -> None:
    file_in(tmp_path / "net", *(event(step, 1000 + step, loss=1.0) for step in range(1, 6)))
    source = only_source(tmp_path)
    assert last(source) == dict.fromkeys(range(1, 6), 1.0)
    file_in(tmp_path / "net", event(3, 2000, loss=2.0), event(4, 2001, loss=2.0), time=2000)
    entries = read_all(source)
    assert [entry.after for entry in entries if isinstance(entry, Description)] == [2]
    assert last(only_source(tmp_path)) == {1: 1.0, 2: 1.0, 3: 2.0, 4: 2.0}


def test_a_program_says_that_it_resumes(tmp_path: Path) -> None:
    """PyTorch's ``purge_step``."""
    before = [event(step, 1000 + step, loss=1.0) for step in range(5)]
    file_in(tmp_path / "net", *before, event(2, 2000) + START, event(2, 2000, loss=2.0))
    assert last(only_source(tmp_path)) == {1: 1.0, 2: 1.0, 3: 2.0}


def test_a_program_started_again_replaces_the_numbers_of_all_parts(tmp_path: Path) -> None:
    for time, loss in ((1000, 1.0), (2000, 2.0)):
        for folder, delay in (("train", 0), ("validation", 1)):
            count = 3 if loss == 1 else 2
            made = [event(epoch, time + 10 * epoch + delay, epoch_loss=loss) for epoch in range(count)]
            file_in(tmp_path / "net" / folder, *made, time=time + delay)
    entries = since_restart(read_all(only_source(tmp_path)))
    assert [entry.after for entry in entries if isinstance(entry, Description)] == [None, 0]
    begun_again = next(n for n, entry in enumerate(entries) if isinstance(entry, Description) and entry.after == 0)
    after = [entry for entry in entries[begun_again:] if isinstance(entry, Measured)]
    assert [(entry.step, entry.seconds) for entry in after] == [(1, 1.0), (2, 11.0)]
    assert all(entry.numbers == {"training_loss": 2.0, "validation_loss": 2.0} for entry in after)


def test_a_replaced_file_is_read_again(tmp_path: Path) -> None:
    path = file_in(tmp_path / "net", event(0, 1001, acc=50.0), event(1, 1002, acc=50.0))
    source = only_source(tmp_path)
    assert sorted(numbers_of(source)) == [1, 2]
    path.write_bytes(events(event(1, 1003, acc=0.5)))
    assert isinstance(source.read()[0], Restarted)
    assert numbers_of(source) == {1: {"training_accuracy": 0.5}}, "nothing is concluded from the file before"


def test_problems_name_the_file(tmp_path: Path) -> None:
    path = file_in(tmp_path / "net")
    path.write_bytes(VERSION + b"\1" * 20)
    (sentence,) = problems_of(only_source(tmp_path))
    assert sentence == f"net/{path.name} is damaged after {len(VERSION)} bytes, so that the rest of it can't be read."


def test_steps_that_are_none_are_left_out(tmp_path: Path) -> None:
    file_in(tmp_path / "net", event(-1, 1001, loss=1.0), event(2**62, 1001, loss=1.0), event(5, 1001, loss=1.0))
    entries = read_all(only_source(tmp_path))
    assert [entry.step for entry in entries if isinstance(entry, Measured)] == [5]
    assert [entry.sentence for entry in entries if isinstance(entry, Problem)] == [
        "net has steps that are none, which were left out."
    ]


def test_other_kinds_of_values_make_no_run(tmp_path: Path) -> None:
    image = field(4, field(1, 28))
    file_in(tmp_path / "net", event(1, 1001, image=image, pr=simple(0.5)[:0] + plugin(b"pr_curves")))
    (tmp_path / "net" / "events.out.tfevents.5.profile-empty").write_bytes(b"")
    (tmp_path / "net" / "notes.txt").write_bytes(b"tfevents")
    source = only_source(tmp_path)
    assert read_all(source) == []
    assert len(source.sizes) == 1


def test_a_call_reads_about_a_megabyte(tmp_path: Path) -> None:
    for time in (1000, 2000):
        path = file_in(tmp_path / "net", *(event(step, time, loss=1.0) for step in range(time, time + 5)), time=time)
        for step in range(time + 5, time + 10):
            append(path, unchecked(bytes(400_000)), record(event(step, time, loss=1.0)))
    source = only_source(tmp_path)
    read, total = [], 0
    while source.has_more:
        entries = source.read()
        read.append([entry.step for entry in entries if isinstance(entry, Measured)])
        assert 0 < sum(source.sizes.values()) - total <= 2**20 + 2**20
        total = sum(source.sizes.values())
    assert sorted(step for steps in read for step in steps) == [*range(1000, 1010), *range(2000, 2010)]
    assert len(read) > 2


def test_a_folder_is_listed_again_when_it_may_have_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    folder = RunFolder(tmp_path, lambda: now)
    listed = []
    real = Path.iterdir
    monkeypatch.setattr(event_folder.Path, "iterdir", lambda path: listed.append(path) or real(path))
    for seconds in (0.0, 1.0, 4.0, 5.0, 6.0):
        now = seconds
        list(folder.files())
    assert len(listed) == 3, "0 s, and 1 s and 4 s, as the time of modification is too coarse before"
    now = 15.0
    list(folder.files())
    assert len(listed) == 4
    file_in(tmp_path, event(1, 1001, loss=1.0))
    assert len(list(folder.files())) == 1

from __future__ import annotations

import csv
import math
import tempfile
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.events.watching import Grouping
from engine.watching.sources import base
from engine.watching.sources.base import Description, LogEntry, Measured, Problem, Restarted, Source
from engine.watching.sources.csv_log import sources_in
from tests.engine.watching.sources.log_support import append, read_all, since_restart, write

# Written by keras.callbacks.CSVLogger of Keras 3: two calls of fit, the second with append=True.
KERAS = (
    b"epoch,accuracy,loss,val_accuracy,val_loss\r\n"
    b"0,0.2708333432674408,1.2050230503082275,0.4375,1.1765127182006836\r\n"
    b"1,0.2708333432674408,1.2029834985733032,0.4375,1.1745575666427612\r\n"
    b"2,0.2708333432674408,1.2011827230453491,0.4375,1.172827959060669\r\n"
    b"0,0.25,1.199589729309082,0.4375,1.171295404434204\r\n"
    b"1,0.25,1.1981782913208008,0.4375,1.1699352264404297\r\n"
)
# With separator=";" and without validation data; the second call of fit had initial_epoch=2.
KERAS_SEMICOLON = (
    b"epoch;accuracy;loss;val_accuracy;val_loss\r\n"
    b"0;0.296875;1.190187931060791;NA;NA\r\n"
    b"1;0.296875;1.1891157627105713;NA;NA\r\n"
    b"2;0.296875;1.1880557538078857;NA;NA\r\n"
)
# In the format of Lightning's CSVLogger: 3 steps an epoch, log_every_n_steps=2, then Trainer.test.
LIGHTNING: list[dict[str, float]] = [
    {"epoch": 0, "step": 1, "train_loss_step": 2.2},
    {"epoch": 0, "step": 2, "val_loss": 2.1, "val_acc": 0.25},
    {"epoch": 0, "step": 2, "train_loss_epoch": 2.15},
    {"lr-Adam": 0.001, "step": 3},
    {"epoch": 1, "step": 3, "train_loss_step": 2.0},
    {"epoch": 1, "step": 5, "val_loss": 1.9, "val_acc": 0.5},
    {"epoch": 2, "step": 6, "test_loss": 1.8, "test_acc": 0.625},
]


def open_log(path: Path, folder: Path | None = None) -> Source:
    (source,) = sources_in(folder or path.parent, [path])
    return source


def entries_of(path: Path, *content: bytes) -> list[LogEntry]:
    return read_all(open_log(write(path, *content)))


def lightning(path: Path, rows: Sequence[dict[str, float]]) -> Path:
    """Write rows as Lightning's CSVLogger does: all columns, sorted."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=sorted({name for row in rows for name in row}))
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_a_table_of_keras_has_a_row_an_epoch(tmp_path: Path) -> None:
    source = open_log(write(tmp_path / "cnn_4.csv", KERAS))
    assert (source.key, source.grouping.variant, source.grouping.experiment) == ("cnn_4.csv", "cnn_4", tmp_path.name)
    description, first, *others = read_all(source)
    assert description == Description(source.grouping, settings={"recorded": "once an epoch"}, steps_per_epoch=1)
    assert first == Measured(
        1,
        1,
        math.nan if not isinstance(first, Measured) else first.seconds,
        {
            "training_accuracy": 0.2708333432674408,
            "training_loss": 1.2050230503082275,
            "validation_accuracy": 0.4375,
            "validation_loss": 1.1765127182006836,
        },
    )
    assert [entry.step for entry in others if isinstance(entry, Measured)] == [2, 3, 4, 5]
    assert [entry for entry in others if isinstance(entry, Problem)] == [
        Problem("cnn_4.csv, line 5: the epochs begin again at 0, and are counted on; the rest is read.")
    ]


def test_what_keras_did_not_measure(tmp_path: Path) -> None:
    entries = entries_of(tmp_path / "log.csv", KERAS_SEMICOLON)
    assert [entry.numbers for entry in entries if isinstance(entry, Measured)] == [
        {"training_accuracy": 0.296875, "training_loss": loss}
        for loss in (1.190187931060791, 1.1891157627105713, 1.1880557538078857)
    ]


def test_training_that_is_resumed_replaces_later_epochs(tmp_path: Path) -> None:
    entries = entries_of(tmp_path / "log.csv", b"epoch,loss\n0,3\n1,2\n2,1\n1,2.5\n2,1.5\n")
    assert [
        entry.after if isinstance(entry, Description) else entry.step if isinstance(entry, Measured) else None
        for entry in entries
    ] == [None, 1, 2, 3, 1, 2, 3]


def test_epochs_that_begin_again_and_again_do_not_grow_without_limit(tmp_path: Path) -> None:
    entries = entries_of(tmp_path / "log.csv", b"epoch,loss\n" + b"0,1\n999999999998,1\n" * 3)
    assert [entry.step for entry in entries if isinstance(entry, Measured)] == [1, 10**12 - 1, 10**12]


def test_names_of_columns_and_a_table_that_counts_from_1(tmp_path: Path) -> None:
    content = (
        b"\xef\xbb\xbfEpoch\tloss\tlr\ttest_loss\ttest_acc\tf1\tnote\n"
        b"1\t2.5\t0.1\t2.4\t30\t0.2\tgood\n"
        b"2\tnan\t1e-2\tinf\t40\t\t\n"
    )
    _, first, second = entries_of(tmp_path / "log.tsv", content)
    assert isinstance(first, Measured) and isinstance(second, Measured)
    assert (first.step, first.epoch) == (1, 1)
    assert first.numbers == {
        "training_loss": 2.5,
        "learning_rate": 0.1,
        "validation_loss": 2.4,
        "validation_accuracy": 0.3,
        "f1": 0.2,
    }
    assert math.isnan(second.numbers["training_loss"])
    assert {**second.numbers, "training_loss": 0} == {
        "training_loss": 0,
        "learning_rate": 0.01,
        "validation_loss": math.inf,
        "validation_accuracy": 0.4,
    }


def test_a_header_in_the_middle_names_the_columns_anew(tmp_path: Path) -> None:
    content = b"epoch,loss\n0,3\n1,2\nepoch,val_loss,loss\n2,1.5,1\n"
    entries = entries_of(tmp_path / "log.csv", content)
    assert [entry.numbers for entry in entries if isinstance(entry, Measured)] == [
        {"training_loss": 3.0},
        {"training_loss": 2.0},
        {"validation_loss": 1.5, "training_loss": 1.0},
    ]


@pytest.mark.parametrize(
    "wrong",
    [
        b"\xff,1\n",
        b"1\n",
        b"1,2,3\n",
        b"-1,2\n",
        b"1.5,2\n",
        b"nan,2\n",
        b"1e30,2\n",
        b",2\n",
        b"1,high\n",
        b"1,\x00\n",
        b'1,"' + b"a" * 200_000 + b'"\n',
        b"1" + b"," * 2**20 + b"\n",
    ],
)
def test_wrong_rows_are_reported_once(tmp_path: Path, wrong: bytes) -> None:
    *_, last = entries = entries_of(tmp_path / "log.csv", b"epoch,loss\n0,3\n", wrong, wrong.replace(b"1", b"2", 1))
    assert [entry.sentence[:15] for entry in entries if isinstance(entry, Problem)] == ["log.csv, line 3"]
    assert isinstance(last, Problem | Measured)


def test_tables_without_losses_are_no_logs(tmp_path: Path) -> None:
    contents = [
        b"",
        b"epoch,loss",
        b"epoch\n0\n",
        b"epoch,price\n0,3\n",
        b"time,loss\n0,3\n",
        b"step,learning_rate\n0,3\n",
        b"\xff,epoch,loss\n",
        b"variant,repeat,step,training_loss\na,1,10,2.0\nb,1,10,3.0\n",  # of several runs, as we export it
        b"epoch,loss," + b"x," * 2000 + b"\n",
    ]
    files = [write(tmp_path / f"{index}.csv", content) for index, content in enumerate(contents)]
    assert not list(sources_in(tmp_path, [*files, tmp_path, tmp_path / "gone.csv"]))


def test_a_table_of_lightning(tmp_path: Path) -> None:
    folder = tmp_path / "logs" / "cnn_4" / "version_2"
    write(
        folder / "hparams.yaml", b"lr: 0.001\nname: 'a b'\nmodel:\n  width: 3\nx: !!python/object:os.system\nn: &a 3\n"
    )
    source = open_log(lightning(folder / "metrics.csv", LIGHTNING), tmp_path)
    place = Grouping(tmp_path.name, "cnn_4", 3)
    assert (source.key, source.grouping) == ("logs/cnn_4/version_2/metrics.csv", place)
    described = {"lr": "0.001", "name": "a b"}
    entries = read_all(source)
    assert [entry for entry in entries if not isinstance(entry, Measured)] == [
        Description(place, described),
        Description(place, described, steps_per_epoch=3),
        base.Tested(0.625, 1.8),
    ]
    assert [(entry.step, entry.epoch, entry.numbers) for entry in entries if isinstance(entry, Measured)] == [
        (2, 1, {"training_loss": 2.2}),
        (3, 1, {"validation_loss": 2.1, "validation_accuracy": 0.25}),
        (3, 1, {"train_loss_epoch": 2.15}),
        (4, 0, {"learning_rate": 0.001}),
        (4, 2, {"training_loss": 2.0}),
        (6, 2, {"validation_loss": 1.9, "validation_accuracy": 0.5}),
    ]


def test_lightning_writes_its_table_anew_for_a_further_column(tmp_path: Path) -> None:
    path = lightning(tmp_path / "metrics.csv", LIGHTNING[:1])
    source = open_log(path)
    assert len(read_all(source)) == 2
    lightning(path, LIGHTNING[:3])
    restarted, description, *measured = read_all(source)
    assert restarted == Restarted() and isinstance(description, Description)
    assert len(measured) == 3
    with path.open("a", newline="") as file:
        csv.writer(file).writerow([0, 3, "", 2.0, "", ""])
    (appended,) = read_all(source)
    assert isinstance(appended, Measured) and appended.step == 4


def test_a_table_of_steps_from_a_script(tmp_path: Path) -> None:
    content = b"epoch,step,train_loss,test_loss,timestamp\n1,10,2.5,,2025-01-01\n1,20,2.4,2.6,2025-01-01\n2,30,2,,x\n"
    assert [
        (entry.step, entry.epoch, entry.numbers)
        for entry in entries_of(tmp_path / "log.csv", content)
        if isinstance(entry, Measured)
    ] == [
        (10, 1, {"training_loss": 2.5}),
        (20, 1, {"training_loss": 2.4, "validation_loss": 2.6}),
        (30, 2, {"training_loss": 2.0}),
    ]


CELL = st.sampled_from(["", "0", "1", "2", "0.5", "60", "NA", "nan", "x", '"', "1e400", "-3", "epoch", "9" * 400])
ROW = st.lists(CELL, min_size=4, max_size=4).map(lambda cells: ",".join(cells).encode() + b"\n")


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(ROW | st.binary(max_size=20).map(lambda data: data + b"\n"), max_size=8),
    header=st.sampled_from([b"epoch,loss,acc,val_acc\n", b"epoch,step,loss,val_acc\n"]),
    cuts=st.lists(st.integers(0, 200), max_size=5),
)
def test_any_rows_in_any_pieces_give_the_same_entries_as_at_once(
    rows: list[bytes], header: bytes, cuts: list[int]
) -> None:
    content = header + b"".join(rows)
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder) / "log.csv", content)
        whole = read_all(open_log(path))
        source = open_log(path)
        path.write_bytes(b"")
        entries: list[LogEntry] = []
        for start, stop in pairwise([0, *sorted(min(cut, len(content)) for cut in cuts), len(content)]):
            append(path, content[start:stop])
            entries += read_all(source)
    assert repr(since_restart(entries)) == repr(since_restart(whole))
    for entry in whole:
        if isinstance(entry, Measured):
            assert entry.step >= 1
            assert all(
                0 <= entry.numbers.get(name, 0) <= 1 for name in ("training_accuracy", "validation_accuracy")
            ) or any(math.isnan(value) for value in entry.numbers.values())

"""engine.exports.tensorboard: event files, read back; and the formats of an export."""

from __future__ import annotations

import math
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from engine.config.specs import RunSpec
from engine.events.runs import Record
from engine.exports import Format, export_experiment, parse_formats
from engine.storage.store import Store
from engine.utils.errors import ExportError
from tests.engine.stored_results import by_variant, ended
from tests.engine.support import ScriptedExecutor, python, record, run_session, small_spec


def records(_spec: RunSpec, run: int) -> list[Record]:
    lost = record(run, 20, epoch=2, training_loss=math.nan, learning_rate=0.5)
    return [record(run, 10, gradient_norms=(0.25, 1.5)), lost]


def events_of(file: Path) -> list[Any]:
    """The messages in an event file."""
    import tensorflow as tf

    return [tf.compat.v1.Event.FromString(each.numpy()) for each in tf.data.TFRecordDataset(str(file), buffer_size=1)]


@pytest.fixture
def number(store: Store) -> int:
    """Two runs of one network with ReLU, and two with sigmoid."""
    accuracies = by_variant({"mlp_1/relu": [0.5, 0.5], "mlp_1/sigmoid": [0.5, 0.5]})
    return ended(store, "activations", accuracies, records=records, architectures=["mlp_1"], repeats=2)


def test_every_run_has_a_folder_and_a_file(store: Store, number: int, tmp_path: Path) -> None:
    files = export_experiment(store, number, tmp_path, [Format.TENSORBOARD]).files
    folders = {file.parent.relative_to(tmp_path).as_posix() for file in files if file.parent != tmp_path}
    assert folders == {f"tensorboard/mlp_1_{name}/{run}" for name in ("relu", "sigmoid") for run in (1, 2)}
    assert [file.name for file in files if file.parent == tmp_path] == ["settings.toml"]
    assert all(file.name.startswith("events.out.tfevents.") for file in files[1:])


def test_scalars_have_their_steps_and_times(store: Store, number: int, tmp_path: Path) -> None:
    export_experiment(store, number, tmp_path, [Format.TENSORBOARD])
    (file,) = (tmp_path / "tensorboard" / "mlp_1_relu" / "1").iterdir()
    version, first, second = events_of(file)
    assert version.file_version == "brain.Event:2"
    (times,), _ = store.columns(1, ("wall_time",), ())
    assert [(event.step, event.wall_time) for event in (first, second)] == list(zip((10, 20), times, strict=True))
    scalars = {value.tag: value.simple_value for value in first.summary.value}
    assert scalars == {
        "loss/training": 2.25,
        "loss/validation": 2.5,
        "accuracy/training": 0.125,
        "accuracy/validation": 0.25,
        "learning_rate": pytest.approx(0.001),
        "gradient_norm/dense_1": 0.25,
        "gradient_norm/prediction": 1.5,
        "update_ratio/dense_1": 0.015625,
        "update_ratio/prediction": 0.03125,
    }
    later = {value.tag: value.simple_value for value in second.summary.value}
    assert "loss/training" not in later, "what is no number is left out"
    assert later["learning_rate"] == 0.5


def test_an_event_file_replaces_that_of_an_earlier_export(store: Store, number: int, tmp_path: Path) -> None:
    place = tmp_path / "tensorboard" / "mlp_1_relu" / "1"
    place.mkdir(parents=True)
    earlier = "events.out.tfevents.1.trainscope"
    others = {"events.out.tfevents.1.laboratory", "notes.trainscope"}
    for name in (earlier, *others):
        (place / name).write_bytes(b"")
    files = export_experiment(store, number, tmp_path, [Format.TENSORBOARD]).files
    (written,) = (file.name for file in files if file.parent == place)
    assert {path.name for path in place.iterdir()} == {written, *others}


@pytest.mark.parametrize(
    ("chosen", "suffixes"),
    [
        ([Format.PNG], {".toml", ".png"}),
        ([Format.PDF, Format.SVG], {".toml", ".pdf", ".svg"}),
        ([Format.CSV], {".toml", ".csv"}),
        ([Format.JSON], {".toml", ".json"}),
    ],
)
def test_an_export_writes_what_was_chosen(
    store: Store, number: int, tmp_path: Path, chosen: list[Format], suffixes: set[str]
) -> None:
    """The files of the default formats are named in test_exports.py."""
    files = export_experiment(store, number, tmp_path, chosen).files
    assert {file.suffix for file in files} == suffixes
    assert set(files) == {
        file for file in tmp_path.rglob("*") if file.is_file() and file.parent.name != "workspace"
    } - {tmp_path / "export-files.json"}
    assert all(file.read_bytes().startswith(b"%PDF") for file in files if file.suffix == ".pdf")


@pytest.mark.parametrize(
    "formats",
    [
        [each for each in Format if each not in (Format.PNG, Format.PDF)],
        pytest.param(list(Format), marks=pytest.mark.long),
    ],
    ids=["without pixels", "all"],
)
def test_the_same_results_give_the_same_files_in_every_format(
    store: Store, number: int, tmp_path: Path, formats: list[Format]
) -> None:
    first, second = (export_experiment(store, number, tmp_path / name, formats).files for name in ("one", "two"))
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_formats_are_named_once_in_their_order() -> None:
    assert parse_formats(["csv", " PNG", "csv", ""]) == (Format.PNG, Format.CSV)


@pytest.mark.parametrize(
    ("names", "message"), [(["gif"], "no format called 'gif'"), ([""], "Name at least one format")]
)
def test_a_format_there_is_not_is_named(names: list[str], message: str) -> None:
    with pytest.raises(ExportError, match=message) as error:
        parse_formats(names)
    assert "tensorboard" in str(error.value)


@pytest.mark.long
def test_writing_them_prints_nothing(tmp_path: Path) -> None:
    """TensorFlow's native code writes to standard error while it loads."""
    with closing(Store(tmp_path / "workspace")) as store:
        run_session(store, ScriptedExecutor(), small_spec())
    code = (
        "from pathlib import Path; from engine.exports import Format, export_experiment; "
        "from engine.storage.store import Store; "
        f"export_experiment(Store(Path({str(tmp_path / 'workspace')!r})), 1, Path({str(tmp_path / 'out')!r}), "
        "(Format.TENSORBOARD,))"
    )
    ended = python("-c", code)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert list((tmp_path / "out").rglob("events.out.*"))

"""engine.exports and engine.analysis.figures: the files of an export."""

from __future__ import annotations

import csv
import json
import math
import pickle
import pickletools
import shutil
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import balanced_accuracy_score, precision_recall_fscore_support

from engine.analysis.figures import four_panels
from engine.analysis.results import load_results
from engine.config.export_formats import Format
from engine.events.runs import RunStarted, Status
from engine.exports import check_writable, export_experiment, portable_pickle
from engine.exports.course import MAX_JSON_VALUES, write_course
from engine.exports.report import check_report_file
from engine.storage.store import Store
from engine.utils.arrays import Array
from engine.utils.errors import ExportError, ReportError
from tests.engine.stored_results import ended
from tests.engine.support import INFO, finished, planned, record, small_spec, started, weights

COURSE_KEYS = ["name", "loss_curve", "train_acc_curve", "val_acc_curve", "test_acc", "weights"]


@dataclass(frozen=True)
class Exported:
    store: Store
    experiment: int
    folder: Path
    files: list[Path]


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exported]:
    """Two tested repeats of mlp_1, the second the better; mlp_2 diverged once and was cancelled once."""
    folder = tmp_path_factory.mktemp("exported")
    with closing(Store(folder / "workspace")) as store:
        number, runs = planned(store, small_spec(architectures=["mlp_1", "mlp_2"], repeats=2, epochs=2))
        by_name = {(run.spec.variant, run.spec.repeat): run.run for run in runs}
        for repeat, accuracy in ((1, 0.25), (2, 0.75)):
            run = by_name["mlp_1", repeat]
            store.add(started(run))
            for step in (10, 20):
                store.add(record(run, step, training_accuracy=accuracy, validation_accuracy=accuracy / 2))
            store.add(weights(run, 26 * repeat, epoch=1))
            store.add(finished(run, test_accuracy=accuracy, seconds=float(repeat)))
        diverged = by_name["mlp_2", 1]
        layers = ("dense_1", "dense_2", "prediction")
        store.add(RunStarted(diverged, started().device, started().versions, layers, 26))
        store.add(
            record(diverged, training_loss=math.nan, gradient_norms=(math.nan, 1.0, 2.0), update_ratios=(0.1, 0.2, 0.3))
        )
        untested: dict[str, Any] = {"test_loss": None, "test_accuracy": None, "confusion": None}
        store.add(finished(diverged, Status.DIVERGED, **untested, reason="No number."))
        store.add(finished(by_name["mlp_2", 2], Status.CANCELLED, **untested))
        store.finish_experiment(number, Status.STOPPED, "")
        yield Exported(store, number, folder / "out", export_experiment(store, number, folder / "out").files)


def summary_of(exported: Exported) -> dict[str, Any]:
    summary: dict[str, Any] = json.loads((exported.folder / "summary.json").read_text(encoding="utf-8"))
    return summary


def rows_of(exported: Exported) -> list[dict[str, str]]:
    with (exported.folder / "curves.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_every_file_written_is_named_and_no_other_is_there(exported: Exported) -> None:
    there = {path.relative_to(exported.folder).as_posix() for path in exported.folder.rglob("*") if path.is_file()}
    assert there == {path.relative_to(exported.folder).as_posix() for path in exported.files} | {"export-files.json"}
    assert there - {"export-files.json"} == {
        *("summary.json", "settings.toml", "curves.csv", "test_scores.csv", "part3.png", "part3.svg"),
        *("weights_mlp_1.png", "weights_mlp_1.svg", "course/part3_mlp_1.json", "course/part3_mlp_1.pkl"),
        *("network_mlp_1.png", "network_mlp_1.svg", "network_mlp_2.png", "network_mlp_2.svg"),
    }


def test_the_summary_tells_accuracies_as_fractions_over_the_tested_runs(exported: Exported) -> None:
    mlp_1, mlp_2 = summary_of(exported)["variants"]
    assert mlp_1["test_accuracy"] == {"best": 0.75, "mean": 0.5, "std": pytest.approx(math.sqrt(0.125))}
    assert mlp_1["seconds"] == 1.5
    assert mlp_2["test_accuracy"] == {"best": None, "mean": None, "std": None}
    assert [(run["status"], run["reason"]) for run in mlp_2["runs"]] == [("diverged", "No number.")]


def test_every_test_has_scores_in_the_summary_and_as_csv(store: Store, tmp_path: Path) -> None:
    confusion = np.diag([30] * 10)
    confusion[9, 0], confusion[9, 9] = 10, 20
    number, (run,) = planned(store)
    for event in (started(run.run), record(run.run), finished(run.run, confusion=confusion)):
        store.add(event)
    export_experiment(store, number, tmp_path, [Format.JSON, Format.CSV])
    (variant,) = json.loads((tmp_path / "summary.json").read_text(encoding="utf-8"))["variants"]
    scores = variant["runs"][0]["scores"]
    true, predicted = np.repeat(*_cells(confusion, 0)), np.repeat(*_cells(confusion, 1))
    macro = precision_recall_fscore_support(true, predicted, average="macro", zero_division=0)[:3]
    assert (scores["precision"], scores["recall"], scores["f1"]) == pytest.approx(macro)
    assert scores["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(true, predicted))
    with (tmp_path / "test_scores.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["class"] for row in rows] == list(INFO.class_names)
    assert [row["images"] for row in rows] == ["30"] * 10
    assert rows[0] | {"precision": "0.75"} == rows[0], "30 of the 40 taken for it"
    each = precision_recall_fscore_support(true, predicted, zero_division=0)[:3]
    found = [[float(row[name]) for row in rows] for name in ("precision", "recall", "f1")]
    assert np.allclose(found, each)


def _cells(confusion: Array, axis: int) -> tuple[Array, Array]:
    """The true or predicted class of each cell, and the images in it."""
    return np.indices(confusion.shape)[axis].ravel(), confusion.ravel()


def test_the_summary_describes_the_data_set_with_what_is_doubtful_about_it(store: Store, tmp_path: Path) -> None:
    info = replace(
        INFO,
        class_counts=(128,) * 10,
        test_class_counts=(90, *(30,) * 9),
        own_validation=True,
        duplicates=3,
        warnings=("All images are alike.",),
    )
    number = ended(store, "architectures", lambda _spec: 0.5, architectures=["mlp_1"], repeats=1, info=info)
    export_experiment(store, number, tmp_path, [Format.JSON])
    details = json.loads((tmp_path / "summary.json").read_text(encoding="utf-8"))["dataset_details"]
    assert details["training_images_per_class"] == [128] * 10
    assert details["test_images_per_class"] == [90] + [30] * 9
    assert details["validation_source"] == "its own"
    assert details["largest_test_class"] == {"name": "0", "share": 0.25}
    assert (details["duplicates"], details["warnings"]) == (3, ["All images are alike."])


def test_the_summary_is_strict_json_and_says_how_the_experiment_ended(exported: Exported) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    text = (exported.folder / "summary.json").read_text(encoding="utf-8")
    assert json.loads(text, parse_constant=refuse)["status"] == "stopped"
    assert text.endswith("}\n")


def test_the_curves_leave_a_number_that_is_not_finite_empty(exported: Exported) -> None:
    rows = rows_of(exported)
    assert [(row["variant"], row["repeat"], row["step"]) for row in rows] == [
        *(("mlp_1", "1", "10"), ("mlp_1", "1", "20"), ("mlp_1", "2", "10"), ("mlp_1", "2", "20")),
        ("mlp_2", "1", "10"),
    ]
    assert (rows[-1]["training_loss"], rows[-1]["gradient_norm"], rows[-1]["gradient_norm_dense_2"]) == ("", "", "1.0")
    assert rows[0]["gradient_norm_dense_2"] == ""
    assert rows[2]["training_accuracy"] == "0.75"


def test_the_course_dictionary_has_the_courses_keys_and_percent(exported: Exported) -> None:
    with (exported.folder / "course" / "part3_mlp_1.pkl").open("rb") as file:
        found = pickle.load(file)  # noqa: S301
    assert list(found) == COURSE_KEYS
    assert found["name"] == "mlp_1"
    assert found["loss_curve"] == [2.25, 2.25]
    assert found["train_acc_curve"] == [50.0, 50.0]
    assert found["val_acc_curve"] == [25.0, 25.0]
    assert found["test_acc"] == 75.0
    assert np.array_equal(found["weights"], weights(step=52).values)


def test_the_course_dictionary_is_the_same_in_json(exported: Exported) -> None:
    found = json.loads((exported.folder / "course" / "part3_mlp_1.json").read_text(encoding="utf-8"))
    with (exported.folder / "course" / "part3_mlp_1.pkl").open("rb") as file:
        pickled = pickle.load(file)  # noqa: S301
    assert list(found) == COURSE_KEYS
    read = np.array(found.pop("weights"), np.float32)
    np.testing.assert_array_equal(read, pickled.pop("weights"))
    assert found == pickled


def test_the_courses_json_stays_small(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(0, 0.01, MAX_JSON_VALUES).astype(np.float32)
    dictionary = {"name": "mlp_1", "loss_curve": [0.5], "test_acc": math.nan, "weights": values.reshape(2, -1)}
    small, _ = write_course(tmp_path / "small", "part3_mlp_1", dictionary)
    assert small.stat().st_size < 4e6
    read = json.loads(small.read_text(encoding="utf-8"))
    assert (list(read), read["test_acc"]) == (list(dictionary), None)
    np.testing.assert_array_equal(np.array(read["weights"], np.float32), dictionary["weights"])
    dictionary["weights"] = np.append(values, values[:1])
    large, pickled = write_course(tmp_path / "large", "part3_mlp_1", dictionary)
    assert json.loads(large.read_text(encoding="utf-8")) == read | {
        "weights": None,
        "weights_file": "part3_mlp_1.pkl",
    }
    with pickled.open("rb") as file:
        np.testing.assert_array_equal(pickle.load(file)["weights"], dictionary["weights"])  # noqa: S301


@pytest.mark.parametrize("name", ["part3", "weights_mlp_1", "network_mlp_1"])
def test_figures_are_there_as_png_and_svg(exported: Exported, name: str) -> None:
    with Image.open(exported.folder / f"{name}.png") as image:
        image.load()
        assert min(image.size) > 450
        assert len(image.convert("L").getcolors() or [0] * 99) > 10
    root = ET.parse(exported.folder / f"{name}.svg").getroot()  # noqa: S314
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert "mlp_1" in "".join(root.itertext())


def test_the_figure_has_the_courses_four_panels(exported: Exported) -> None:
    figure = four_panels(load_results(exported.store, exported.experiment))
    labels = [(axes.get_xlabel(), axes.get_ylabel()) for axes in figure.axes]
    assert labels == [
        ("step", "loss (nats)"),
        ("step", "accuracy (%)"),
        ("training accuracy (%)", "test accuracy (%)"),
        ("training accuracy (%)", "validation accuracy (%)"),
    ]
    training = figure.axes[0].get_lines()[0]
    assert (training.get_label(), training.get_xdata().tolist()) == ("mlp_1", [10, 20])
    assert figure.axes[2].collections[0].get_offsets().tolist() == [[25.0, 25.0], [75.0, 75.0]]


def test_an_experiment_without_any_record_can_be_exported(store: Store, tmp_path: Path) -> None:
    number, _ = planned(store)
    names = {path.name for path in export_experiment(store, number, tmp_path / "out").files}
    assert names >= {"summary.json", "curves.csv", "part3.png"}


def test_a_run_of_one_record_can_be_exported(store: Store, tmp_path: Path) -> None:
    number, (run,) = planned(store)
    store.add(started(run.run))
    store.add(weights(run.run))
    store.add(record(run.run, 1))
    store.add(finished(run.run))
    assert len(export_experiment(store, number, tmp_path / "out").files) == 12
    loss, accuracy, *_ = four_panels(load_results(store, number)).axes
    assert [line.get_marker() for line in (*loss.get_lines(), *accuracy.get_lines())] == ["o", "o", "o"], "points"
    assert [line.get_markerfacecolor() == "none" for line in accuracy.get_lines()] == [False, True], "told apart"


def test_a_folder_that_can_not_be_written_is_named(exported: Exported, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a file")
    for folder in (tmp_path / "file", tmp_path / "file" / "out"):
        with pytest.raises(ExportError) as error:
            export_experiment(exported.store, exported.experiment, folder)
        assert str(folder) in str(error.value)
        assert str(error.value).endswith(".")


def test_pickles_name_nothing_that_an_older_numpy_lacks() -> None:
    dictionary = {"name": "mlp_1", "weights": np.arange(6, dtype=np.float32).reshape(2, 3), "test_acc": 50.0}
    data = portable_pickle(dictionary)
    named = {argument for _, argument, _ in pickletools.genops(data) if isinstance(argument, str)}
    assert not any("_core" in name or "core." in name for name in named)
    back = pickle.loads(data)  # noqa: S301 - written a line above
    np.testing.assert_array_equal(back["weights"], dictionary["weights"])
    assert back["weights"].dtype == np.float32
    back["weights"][0, 0] = 7  # writable, as any array


@pytest.mark.parametrize("name", ["a\0b", "x" * 300, "\ud800"])
def test_a_name_that_no_file_can_have_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ExportError, match=r"can't be written \(.+\); choose another folder\.$"):
        check_writable(tmp_path / name)
    with pytest.raises(ReportError, match=r"can't be written \(.+\); choose another f"):
        check_report_file(tmp_path / f"{name}/{name}.html")
    with pytest.raises(ReportError, match="can't be written"):
        check_report_file(tmp_path / ("x" * 300 + ".html"))


def test_an_export_that_breaks_off_leaves_every_file_whole(
    exported: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "out"
    shutil.copytree(exported.folder, folder)
    written = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    def full(*_given: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(csv.DictWriter, "writerows", full)  # after the head of the table
        with pytest.raises(ExportError, match="No space left on device"):
            export_experiment(exported.store, exported.experiment, folder)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == written

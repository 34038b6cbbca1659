"""Exports and reports of logged runs, of which much is unknown."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.analysis.ranking import best_variant_claims
from engine.analysis.results import ExperimentResult, load_results
from engine.analysis.significance import compare
from engine.cli.output import report_results
from engine.config.export_formats import Format
from engine.events.runs import RunFinished, Status
from engine.experiments import find_experiment
from engine.exports import export_experiment
from engine.exports.report.build import build_document
from engine.exports.report.html import render_html
from engine.exports.tensorboard import scalars
from engine.storage.store import Store
from gui.observations.stored import Stored, read_experiment
from tests.logged import LAYERS, logged_record, logged_spec, loss_of, store_logged, with_gaps

Load = Callable[..., tuple[Store, int]]


@pytest.fixture
def load(workspace: Path) -> Iterator[Load]:
    """Store an experiment by the arguments of ``store_logged``; return the open store and its number."""
    opened: list[Store] = []

    def store(*arguments: object, **known: object) -> tuple[Store, int]:
        number = store_logged(workspace, *arguments, **known)  # type: ignore[arg-type]
        opened.append(Store(workspace))
        return opened[-1], number

    yield store
    for each in opened:
        each.close()


def result_of(load: Load, *arguments: object, **known: object) -> ExperimentResult:
    store, number = load(*arguments, **known)
    return load_results(store, number)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_window_and_figures_average_alike(load: Load) -> None:
    store, number = load()
    (variant,) = load_results(store, number).variants
    (*_, stored) = read_experiment(number)(store.workspace)
    assert isinstance(stored, Stored)
    for quantity in ("training_loss", "validation_accuracy", "gradient_norm"):
        steps, mean, deviation = variant.mean_curve(quantity)
        seen = stored.observations.variants["net"].mean(quantity)[:3]
        for here, there in zip((steps, mean, deviation), seen, strict=True):
            np.testing.assert_array_equal(here, there)


def test_everything_is_exported_that_is_known(load: Load, tmp_path: Path) -> None:
    store, number = load()
    export = export_experiment(store, number, tmp_path, [Format.JSON, Format.CSV, Format.PNG, Format.ONNX])
    assert export.problems == [
        "Runs of other programs are exported without networks and scripts, as their logs have none."
    ]
    files = {path.relative_to(tmp_path).as_posix() for path in export.files}
    assert {"curves.csv", "summary.json", "test_scores.csv", "own_code.png", "own_code_gradient.png"} <= files
    assert "weights_net.png" in files
    rows = rows_of(tmp_path / "curves.csv")
    assert list(rows[0])[-4:] == ["gradient_norm_layer_2", "update_ratio_layer_1", "update_ratio_layer_2", "perplexity"]
    first, hundredth = rows[0], rows[9]
    assert (first["step"], first["epoch"], first["validation_loss"], first["gradient_norm"]) == ("10", "", "", "")
    assert float(first["training_loss"]) == pytest.approx(loss_of(10))
    assert float(hundredth["gradient_norm_layer_2"]) == pytest.approx(loss_of(100), rel=1e-6)
    assert [bool(row["perplexity"]) for row in rows[:20]] == [False] * 10 + [True] * 10

    summary = json.loads((tmp_path / "summary.json").read_text(encoding="utf-8"))
    assert [summary[key] for key in ("seed", "dataset", "workers", "threads_per_worker")] == [None] * 4
    details = summary["dataset_details"]
    assert {key for key, value in details.items() if value} == set()
    (variant,) = summary["variants"]
    assert (variant["parameters"], variant["epochs"]) == (None, None)
    assert variant["test_accuracy"]["best"] == pytest.approx(0.92)
    run = variant["runs"][0]
    assert (run["seed"], run["recorded_every"], run["metrics"]) == (None, None, ["perplexity"])
    assert (run["source"], run["format"], run["settings"]) == ("net-1", "Trainscope log", {})


def test_course_dictionaries_have_the_steps_of_each_curve(load: Load) -> None:
    def complete(run: object) -> list[object]:
        *events, ended = with_gaps(run)  # type: ignore[arg-type]
        return [*(replace(e, training_accuracy=0.5) if hasattr(e, "training_loss") else e for e in events), ended]

    ((name, dictionary),) = find_experiment("own-code").course_dictionaries(result_of(load, None, complete))
    assert name == "part3_net"
    assert dictionary["val_acc_curve_steps"] == [50, 55, 100, 105, 150, 155, 200]
    for curve in ("loss_curve", "train_acc_curve", "val_acc_curve"):
        assert len(dictionary[curve]) == len(dictionary[f"{curve}_steps"])
    assert dictionary["test_acc"] == pytest.approx(92.0)
    assert dictionary["weights"].shape == (4, 4)


def test_a_dictionary_without_one_of_its_curves_is_not_written(load: Load) -> None:
    assert list(find_experiment("own-code").course_dictionaries(result_of(load))) == []


def test_a_metric_with_the_name_of_a_column_is_told_apart(load: Load, tmp_path: Path) -> None:
    store, number = load(
        [logged_spec()],
        lambda run: [logged_record(run.run, 10, training_loss=1.0, metrics=(("seconds", 7.0), ("learning_rate", 2.0)))],
    )
    export_experiment(store, number, tmp_path, [Format.CSV])
    (row,) = rows_of(tmp_path / "curves.csv")
    assert (row["seconds"], row["metric_seconds"], row["metric_learning_rate"]) == ("", "7.0", "2.0")


def test_event_files_hold_only_numbers_that_exist() -> None:
    record = logged_record(
        1, 10, training_loss=1.0, validation_loss=math.inf, metrics=(("f1", 0.5), ("top5", math.inf))
    )
    assert dict(scalars(record, LAYERS)) == {"loss/training": 1.0, "f1": 0.5}


def test_a_report_names_nothing_that_is_unknown(load: Load) -> None:
    store, number = load(
        [logged_spec(), logged_spec(repeat=2)],
        lambda run: (
            with_gaps(run)
            if run.spec.repeat == 1
            else [*with_gaps(run)[:-1], RunFinished(run.run, Status.INTERRUPTED, "The program ended.")]
        ),
    )
    text = render_html(build_document(store, [number])).decode()
    assert "as logged by Trainscope log (2 runs)" in text
    assert "Interrupted at step 195." in text
    for unknown in ("0 x 0", "0 training", "SHA-256", "Seed", ">nan", " of 0", ">-1", "0 classes"):
        assert unknown not in text.partition("<svg")[0], unknown


def test_claims_do_without_the_number_of_test_images(load: Load) -> None:
    specs = [logged_spec(name, repeat) for name in ("first", "second") for repeat in (1, 2, 3)]

    def tested(run: object) -> list[object]:
        accuracy = (0.9 if run.spec.variant == "first" else 0.6) + run.spec.repeat / 1000  # type: ignore[attr-defined]
        number = run.run  # type: ignore[attr-defined]
        return [
            logged_record(number, 10, training_loss=1.0),
            RunFinished(number, Status.FINISHED, "", 1.0, None, accuracy),
        ]

    (claim,) = best_variant_claims(result_of(load, specs, tested), "test accuracy")
    assert claim.supported
    assert claim.sentence.startswith("first has the best test accuracy")
    assert "on an unknown number of test images" in claim.sentence
    assert claim.numbers["test images"] is None
    assert compare([0.9], [0.8], 0).shortfall == "n = 1"


def test_the_printed_table_has_dashes(load: Load, capsys: pytest.CaptureFixture[str]) -> None:
    store, number = load()
    report_results(store, find_experiment("own-code"), number)
    row = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("net"))
    assert row.split()[:3] == ["net", "-", "2"]

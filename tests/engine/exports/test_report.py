"""engine.exports.report: the document, its sections and their tables."""

from __future__ import annotations

import json
import math
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.analysis.blocks import Facts, Paragraph
from engine.analysis.results import load_results
from engine.config.specs import RunSpec
from engine.events.runs import Intervention, InterventionKind, Record, Status
from engine.events.tasks import Event
from engine.executors.tasks import TrainTask
from engine.experiments import EXPERIMENTS
from engine.experiments.architectures.experiment import plan
from engine.experiments.basics import BASICS_EXPERIMENT
from engine.exports import Format, export_experiment
from engine.exports.report import write_report
from engine.exports.report.build import build_document
from engine.exports.report.document import Document, Table
from engine.exports.report.runs import curve_table, event_table
from engine.storage.store import Store
from tests.engine.exports.report_support import Page, Stored, part, section, table
from tests.engine.stored_results import by_variant, claims_of, ended
from tests.engine.support import INFO, ScriptedExecutor, finished, planned, record, run_session, small_spec, started


def test_experiments_come_in_the_order_of_the_homework(document: Document, stored: Stored) -> None:
    numbers = (stored.basics, stored.convolution, stored.architectures, stored.rates)
    assert [each.anchor for each in document.sections] == [f"experiment-{number}" for number in numbers]


def test_an_experiment_named_twice_is_there_once(stored: Stored) -> None:
    assert len(build_document(stored.store, [stored.basics, stored.basics]).sections) == 1


def test_accuracies_have_mean_deviation_best_and_n(document: Document, stored: Stored) -> None:
    found = table(document, stored.architectures, "Accuracy")
    assert found.rows == (
        ("mlp_1", "33,130", "2", "95.25 ± 0.35 %", "95.50 %", "2.0 s"),
        ("cnn_3", "33,130", "2", "81.00 ± 1.41 %", "82.00 %", "2.0 s"),
        ("always '0'", "–", "–", "10.00 %", "–", "–"),
    )
    assert found.marked == {0}


@pytest.mark.parametrize(("repeats", "marked"), [(1, frozenset()), (3, {0})])
def test_only_a_clear_best_is_marked(store: Store, repeats: int, marked: set[int]) -> None:
    accuracies = by_variant({"mlp_1": [0.95, 0.95, 0.95], "cnn_3": [0.8, 0.8, 0.8]})
    number = ended(store, "architectures", accuracies, architectures=["mlp_1", "cnn_3"], repeats=repeats)
    assert table(build_document(store, [number]), number, "Accuracy").marked == marked


def test_scores_of_each_variant_and_of_each_class_in_the_best_run_are_told(document: Document, stored: Stored) -> None:
    blocks = part(document, stored.architectures, "Accuracy").blocks
    _, means, classes = [block for block in blocks if isinstance(block, Table)]
    assert means.rows == (("mlp_1", *("100.0 %",) * 4), ("cnn_3", *("100.0 %",) * 4))
    assert classes.title == "Each class in run 2 of mlp_1"
    assert classes.rows[0] == ("0", "1", "100.0 %", "100.0 %", "100.0 %")
    assert len(classes.rows) == 10


def test_the_data_set_is_described_with_its_classes_and_warnings(store: Store) -> None:
    warnings = ("All images are alike.", "Seven are broken.")
    info = replace(INFO, class_counts=(128,) * 10, test_class_counts=(36,) * 10, warnings=warnings)
    number = ended(store, "architectures", lambda _spec: 0.5, architectures=["mlp_1"], repeats=1, info=info)
    (facts,) = part(build_document(store, [number]), number, "").blocks
    assert isinstance(facts, Facts)
    assert [value for name, value in facts.pairs if name == "Warning"] == list(info.warnings)
    (classes,) = [value for name, value in facts.pairs if name == "Images of each class"]
    assert classes.startswith("0: 128 / 36, 1: 128 / 36, ")
    assert classes.endswith(" (training / test); validation images held back from training")


def test_a_network_that_answers_one_class_is_not_praised(store: Store) -> None:
    """Two classes of 342 and 18 test images, all taken for the first."""
    names = ("majority", "minority")
    info = replace(INFO, class_names=names, class_counts=(1228, 65), test_class_counts=(342, 18))
    confusion = np.array([[342, 0], [18, 0]])
    number = store.add_experiment("architectures", small_spec().to_json(), 0, info, 1)
    (run,) = store.add_runs(number, plan(small_spec()), [33_130], [26])
    for event in (started(run.run), record(run.run), finished(run.run, test_accuracy=0.95, confusion=confusion)):
        store.add(event)
    document = build_document(store, [number])
    assert [claim.sentence for claim in section(document, number).headlines] == [
        "No test accuracy is clearly above that of always answering 'majority', the largest class of the test images, "
        "95.0 %: 95.0 % (n = 1) for mlp_1."
    ]
    (row,) = table(document, number, "What the curves say").rows
    assert row[0].startswith("mlp_1: every one of the 360 test images was taken for 'majority', which 342 of them are")


def test_a_single_run_has_no_deviation(document: Document, stored: Stored) -> None:
    rows = {row[0]: row for row in table(document, stored.rates, "Accuracy").rows}
    assert rows["cnn_4/0.1"][2:4] == ("1 of 2", "60.00 %")
    assert rows["cnn_4/0.001"][2:4] == ("1 of 2", "50.00 %"), "the other was changed by hand"


def test_what_did_not_go_as_planned_is_named(document: Document, stored: Stored) -> None:
    rows = table(document, stored.rates, "Runs that ended early or were changed").rows
    assert ("cnn_4/0.1", "1", "Diverged at step 52 of 52. No number.") in rows
    assert ("cnn_4/0.001", "2", "Learning rate set to 0.25 by hand after step 26.") in rows
    assert not any(
        each.title == "Runs that ended early or were changed" for each in section(document, stored.basics).parts
    )


def test_the_summary_names_rates_set_by_hand_too(stored: Stored, tmp_path: Path) -> None:
    export_experiment(stored.store, stored.rates, tmp_path, [Format.JSON])
    variants = json.loads((tmp_path / "summary.json").read_text(encoding="utf-8"))["variants"]
    found = {variant["name"]: [run["rates_by_hand"] for run in variant["runs"]] for variant in variants}
    assert found["cnn_4/0.001"] == [[], [{"step": 26, "rate": 0.25}]]
    assert found["cnn_4/0.01"] == [[], []]


def test_runs_resumed_on_another_device_are_named(workspace: Path, tmp_path: Path) -> None:
    with closing(Store(workspace)) as store:
        number = ended(store, "architectures", lambda _spec: 0.5, architectures=["mlp_1"], repeats=1)
        (run,) = store.runs(number)
        store.add(Intervention(run.id, 26, 0.5, InterventionKind.CONTINUED))
        store.add(Intervention(run.id, 52, 1.0, InterventionKind.MOVED))
        found = table(build_document(store, [number]), number, "Runs that ended early or were changed").rows
        assert [(row[0], row[2].partition(",")[0]) for row in found] == [("mlp_1", "Interrupted after step 52")]
        export_experiment(store, number, tmp_path, [Format.JSON])
    (variant,) = json.loads((tmp_path / "summary.json").read_text(encoding="utf-8"))["variants"]
    assert variant["runs"][0]["continued_elsewhere"] == [52]


def test_the_interval_of_a_short_run_is_told_in_report_and_summary(store: Store, tmp_path: Path) -> None:
    number = ended(store, "architectures", lambda _spec: 0.5, architectures=["mlp_1"], repeats=1, record_every=100)
    _, remark = part(build_document(store, [number]), number, "Settings").blocks
    assert remark == Paragraph("Recorded every 5 steps instead of every 100, as a run has only 52 steps.", quiet=True)
    export_experiment(store, number, tmp_path, [Format.JSON])
    (variant,) = json.loads((tmp_path / "summary.json").read_text(encoding="utf-8"))["variants"]
    assert [run["recorded_every"] for run in variant["runs"]] == [5]


def test_settings_that_are_not_the_courses_are_marked(document: Document, stored: Stored) -> None:
    found = table(document, stored.rates, "Settings")
    marked = {found.rows[position][1]: found.rows[position][2:] for position in found.marked}
    assert marked["dataset"] == ("digits", "cifar10")
    assert marked["repeats"] == ("2 runs", "1 run")
    assert marked["seed"] == ("7", "0")
    assert "optimizer" not in marked
    assert "optimizer" in {row[1] for row in found.rows}


def test_device_versions_and_data_set_are_named(page: Page) -> None:
    for expected in (
        "a processor, 1 worker, 2 threads each",
        "keras 3.15, tensorflow 2.21",
        "1,293 training",
        "0" * 64,
    ):
        assert expected in page.text


def test_headlines_are_those_of_the_claims(document: Document, stored: Stored) -> None:
    claims = claims_of(stored.store, stored.architectures)
    assert section(document, stored.architectures).headlines == tuple(claim for claim in claims if claim.headline)
    assert claims[0] in section(document, stored.architectures).headlines


def test_an_experiment_without_results_says_so(store: Store, tmp_path: Path) -> None:
    number = store.add_experiment("basics", BASICS_EXPERIMENT.preset("quick").to_json(), 0, None, 1)
    store.finish_experiment(number, Status.CANCELLED, "Cancelled before it was done.")
    text = write_report(store, [number], tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Nothing was measured that supports a claim." in text
    assert "cancelled after" in text


@pytest.mark.parametrize(
    ("name", "heading"),
    [
        ("basics", "Part 1: Basic concepts"),
        ("convolution", "Part 2: Convolution"),
        ("architectures", "Part 3: Architectures"),
        ("activations", "Part 4: Activations"),
        ("learning-rate", "Part 5: Learning rate"),
        ("schedule", "Part 5: Learning rate schedule"),
        ("train-on", "Further training"),
    ],
)
def test_headings_name_the_parts_of_the_homework(name: str, heading: str) -> None:
    assert EXPERIMENTS[name].heading == heading


def test_findings_in_the_curves_are_in_the_report_and_healthy_runs_have_none(tmp_path: Path) -> None:
    """mlp_1 rests at ln(10) in both of its runs, mlp_2 learns."""

    def answer(task: TrainTask) -> list[Event]:
        rests = task.spec.variant == "mlp_1"
        records = [
            record(
                task.run,
                10 * count,
                training_loss=math.log(10) if rests else 2.3 / count,
                validation_loss=math.log(10) if rests else 2.3 / count,
                validation_accuracy=0.1 if rests else 1 - 0.9 / count,
                update_ratios=(0.001, 0.001),
                dead_units=(0,),
            )
            for count in range(1, 41)
        ]
        return [started(task.run), *records, finished(task.run)]

    with closing(Store(tmp_path / "workspace")) as store:
        run_session(store, ScriptedExecutor(answer), small_spec(architectures=["mlp_1", "mlp_2"], repeats=2))
        parts = {part.title: part for part in build_document(store, [1]).sections[0].parts}
        (table,) = parts["What the curves say"].blocks
        assert isinstance(table, Table)
        ((seen, runs, advice),) = table.rows
        assert seen.startswith("mlp_1: ")
        assert "2.30" in seen
        assert (runs, bool(advice)) == ("1–2", True)
        run_session(store, ScriptedExecutor(answer), small_spec(architectures=["mlp_2"]))
        assert "What the curves say" not in {part.title for part in build_document(store, [2]).sections[0].parts}


def test_a_range_test_is_not_diagnosed(tmp_path: Path) -> None:
    def diverges(spec: RunSpec, run: int) -> list[Record]:
        return [record(run, 26), record(run, 52, training_loss=math.nan if spec.probe else 2.0)]

    with closing(Store(tmp_path / "workspace")) as store:
        number = ended(store, "learning-rate", lambda _spec: 0.5, records=diverges)
        result, runs = load_results(store, number), store.runs(number)
        assert any(run.spec.probe for run in runs)
        assert curve_table(store, result, runs) is None


@pytest.mark.parametrize(
    ("status", "reason", "records", "expected"),
    [
        (Status.SKIPPED, "Skipped.", 0, "Skipped before its first record."),
        (Status.SKIPPED, "Skipped; its records are kept.", 1, "Skipped at step 10 of 26. Its records are kept."),
        (Status.FAILED, "The disk is full.", 0, "Failed before its first record. The disk is full."),
    ],
)
def test_how_a_run_ended_is_said_once(store: Store, status: Status, reason: str, records: int, expected: str) -> None:
    number, (first, *others) = planned(store, small_spec(architectures=["mlp_1"], repeats=2))
    for each in (first, *others):
        store.add(started(each.run))
        if each is not first or records:
            store.add(record(each.run))
        store.add(finished(each.run))
    store.add(finished(first.run, status, test_accuracy=None, confusion=None, reason=reason))
    table = event_table(load_results(store, number), store.runs(number))
    assert table is not None
    assert [row[2] for row in table.rows] == [expected]

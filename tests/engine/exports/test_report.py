"""engine.exports.report: a report of stored experiments as HTML and as PDF."""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

import pytest
from pypdf import PdfReader

import engine.exports.report
from engine.analysis.results import load_results
from engine.config.specs import RunSpec
from engine.events.runs import Intervention, InterventionKind, Record, Status
from engine.events.tasks import Event
from engine.executors.inline import InlineExecutor
from engine.executors.tasks import TrainTask
from engine.experiments import EXPERIMENTS
from engine.experiments.basics import BASICS_EXPERIMENT
from engine.experiments.convolution import CONVOLUTION_EXPERIMENT
from engine.exports import Format, export_experiment
from engine.exports.report import check_report_file, write_report
from engine.exports.report.build import build_document
from engine.exports.report.document import Document, Picture, ReportPart, Section, Table
from engine.exports.report.images import data_uri
from engine.exports.report.runs import curve_table, event_table
from engine.exports.report.typography import nonbreaking
from engine.storage.store import Store
from engine.utils.errors import ReportError, StoreError
from tests.engine.stored_results import by_variant, claims_of, ended
from tests.engine.support import ScriptedExecutor, finished, planned, record, run_session, small_spec, started

RATES = {"cnn_4/0.1": [None, 0.6], "cnn_4/0.01": [0.9, 0.91], "cnn_4/0.001": [0.5, 0.51], "range_test": [None]}
ARCHITECTURES = {"mlp_1": [0.95, 0.955], "cnn_3": [0.80, 0.82]}
TITLE, NOTES = "My <first> & best", "Ran at night.\n\nA second paragraph."


@dataclass(frozen=True)
class Stored:
    """A store with four experiments: their numbers."""

    store: Store
    rates: int
    architectures: int
    basics: int
    convolution: int

    @property
    def all(self) -> list[int]:
        return [self.rates, self.architectures, self.basics, self.convolution]


@dataclass
class Page(HTMLParser):
    """What an HTML file holds."""

    text: str = ""
    tags: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stored]:
    """Not in the order of the homework; one run diverged, one was changed by hand, one experiment has a title."""
    workspace = tmp_path_factory.mktemp("report") / "workspace"
    with closing(Store(workspace)) as store:
        by_hand = lambda spec: 0.25 if (spec.variant, spec.repeat) == ("cnn_4/0.001", 2) else None  # noqa: E731
        rates = ended(store, "learning-rate", by_variant(RATES), by_hand=by_hand, repeats=2, seed=7)
        changes = {"architectures": ["mlp_1", "cnn_3"], "repeats": 2}
        architectures = ended(store, "architectures", by_variant(ARCHITECTURES), **changes)
        computed = []
        for experiment in (BASICS_EXPERIMENT, CONVOLUTION_EXPERIMENT):
            small = {"steps": 3} if experiment is BASICS_EXPERIMENT else {"images": 1, "repeats": 1}
            spec = experiment.preset("quick", **small)
            outcome, _ = run_session(store, InlineExecutor(), spec, experiment=experiment)
            assert outcome.experiment is not None, outcome.reason
            computed.append(outcome.experiment)
        with closing(sqlite3.connect(store.file, isolation_level=None)) as owner:
            owner.execute("UPDATE experiments SET title=?, notes=? WHERE id=?", (TITLE, NOTES, architectures))
        yield Stored(store, rates, architectures, *computed)


@pytest.fixture(scope="module")
def document(stored: Stored) -> Document:
    return build_document(stored.store, stored.all)


@pytest.fixture(scope="module")
def page(stored: Stored, tmp_path_factory: pytest.TempPathFactory) -> Page:
    """The HTML report of all four."""
    file = write_report(stored.store, stored.all, tmp_path_factory.mktemp("html") / "report.html")
    found = Page()
    found.feed(file.read_text(encoding="utf-8"))
    return found


def section(document: Document, number: int) -> Section:
    return next(each for each in document.sections if each.anchor == f"experiment-{number}")


def part(document: Document, number: int, title: str) -> ReportPart:
    return next(each for each in section(document, number).parts if each.title == title)


def table(document: Document, number: int, title: str) -> Table:
    return next(block for block in part(document, number, title).blocks if isinstance(block, Table))


# The document


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
    )
    assert found.marked == {0}


def test_of_one_run_no_deviation_is_told(document: Document, stored: Stored) -> None:
    rows = {row[0]: row for row in table(document, stored.rates, "Accuracy").rows}
    assert rows["cnn_4/0.1"][2:4] == ("1 of 2", "60.00 %")
    assert rows["cnn_4/0.001"][2:4] == ("1 of 2", "50.00 %"), "the other was changed by hand"


def test_what_did_not_go_as_planned_is_named(document: Document, stored: Stored) -> None:
    rows = table(document, stored.rates, "Runs that did not go as planned").rows
    assert ("cnn_4/0.1", "1", "Diverged at step 52 of 52. No number.") in rows
    assert ("cnn_4/0.001", "2", "Learning rate set to 0.25 by hand after step 26.") in rows
    assert not any(each.title == "Runs that did not go as planned" for each in section(document, stored.basics).parts)


def test_the_summary_names_rates_set_by_hand_too(stored: Stored, tmp_path: Path) -> None:
    export_experiment(stored.store, stored.rates, tmp_path, [Format.JSON])
    variants = json.loads((tmp_path / "summary.json").read_text(encoding="utf-8"))["variants"]
    found = {variant["name"]: [run["rates_by_hand"] for run in variant["runs"]] for variant in variants}
    assert found["cnn_4/0.001"] == [[], [{"step": 26, "rate": 0.25}]]
    assert found["cnn_4/0.01"] == [[], []]


def test_runs_that_went_on_elsewhere_are_named(workspace: Path, tmp_path: Path) -> None:
    with closing(Store(workspace)) as store:
        number = ended(store, "architectures", lambda _spec: 0.5, architectures=["mlp_1"], repeats=1)
        (run,) = store.runs(number)
        store.add(Intervention(run.id, 26, 0.5, InterventionKind.CONTINUED))
        store.add(Intervention(run.id, 52, 1.0, InterventionKind.MOVED))
        found = table(build_document(store, [number]), number, "Runs that did not go as planned").rows
        assert [(row[0], row[2].partition(",")[0]) for row in found] == [("mlp_1", "Interrupted after step 52")]
        export_experiment(store, number, tmp_path, [Format.JSON])
    (variant,) = json.loads((tmp_path / "summary.json").read_text(encoding="utf-8"))["variants"]
    assert variant["runs"][0]["continued_elsewhere"] == [52]


def test_settings_that_are_not_the_courses_are_marked(document: Document, stored: Stored) -> None:
    found = table(document, stored.rates, "Settings")
    marked = {found.rows[position][1]: found.rows[position][2:] for position in found.marked}
    assert marked["dataset"] == ("digits", "cifar10")
    assert marked["repeats"] == ("2 runs", "1 run")
    assert marked["seed"] == ("7", "0")
    assert "optimizer" not in marked
    assert "optimizer" in {row[1] for row in found.rows}


def test_circumstances_are_told(page: Page) -> None:
    for told in ("a processor, 1 worker, 2 threads each", "keras 3.15, tensorflow 2.21", "1,293 training", "0" * 64):
        assert told in page.text


def test_headlines_are_those_of_the_claims(document: Document, stored: Stored) -> None:
    claims = claims_of(stored.store, stored.architectures)
    assert section(document, stored.architectures).headlines == tuple(claim for claim in claims if claim.headline)
    assert claims[0] in section(document, stored.architectures).headlines


def test_an_experiment_that_came_to_nothing_says_so(store: Store, tmp_path: Path) -> None:
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


# HTML


def test_the_page_refers_to_nothing_outside_it(page: Page) -> None:
    references = [attributes[key] for _, attributes in page.tags for key in ("src", "href") if key in attributes]
    assert references
    assert all(
        str(each).startswith(("data:image/svg+xml;base64,", "data:image/png;base64,", "#")) for each in references
    )
    assert not {tag for tag, _ in page.tags} & {"script", "link", "iframe", "object"}


def test_links_lead_to_the_sections(page: Page) -> None:
    identifiers = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(set(identifiers)) == len(identifiers)
    links = [str(attributes["href"]) for tag, attributes in page.tags if tag == "a"]
    assert links == [f"#{each}" for each in identifiers]


def test_what_people_typed_is_escaped(page: Page) -> None:
    assert TITLE in page.text, "as text, not as tags"
    assert "Ran at night." in page.text
    assert "first" not in {tag for tag, _ in page.tags}


def test_every_figure_has_its_picture_and_words_for_it(page: Page, document: Document) -> None:
    images = [attributes for tag, attributes in page.tags if tag == "img"]
    # Cross-entropy, recovery; the convolution raw and normalised; the four panels; rates and range test.
    assert len(images) == 7
    assert all(attributes["alt"] for attributes in images)


def test_all_claims_stand_in_the_page(page: Page, stored: Stored) -> None:
    for number in stored.all:
        for claim in claims_of(stored.store, number):
            assert nonbreaking(claim.sentence) in page.text


def test_a_figure_of_many_lines_becomes_pixels(monkeypatch: pytest.MonkeyPatch, document: Document) -> None:
    picture = next(each for each in document.sections[0].parts[3].blocks if isinstance(each, Picture))
    assert data_uri(picture).startswith("data:image/svg+xml;base64,")
    monkeypatch.setattr("engine.exports.report.images.MAX_SVG_BYTES", 1000)
    assert data_uri(picture).startswith("data:image/png;base64,")


def test_numbers_stay_with_their_units() -> None:
    assert nonbreaking("93.4 ± 0.5 % (n = 3)") == "93.4\u00a0±\u00a00.5\u00a0% (n\u00a0=\u00a03)"
    assert nonbreaking("p < 0.001, of 12 runs") == "p\u00a0<\u00a00.001, of 12 runs"


# PDF and files


def test_the_pdf_holds_the_same_words(stored: Stored, tmp_path: Path) -> None:
    reader = PdfReader(write_report(stored.store, stored.all, tmp_path / "REPORT.PDF"))
    text = _words(" ".join(page.extract_text() for page in reader.pages))
    for number in stored.all:
        for claim in claims_of(stored.store, number):
            assert _words(claim.sentence) in text
    for told in (TITLE, NOTES, "95.25 ± 0.35 %", "Learning rate set to 0.25 by hand after step 26."):
        assert _words(told) in text
    assert sum(len(page.images) for page in reader.pages) == 7


def test_the_pdf_has_its_sections_in_the_outline(stored: Stored, tmp_path: Path) -> None:
    reader = PdfReader(write_report(stored.store, [stored.rates, stored.basics], tmp_path / "report.pdf"))
    assert reader.metadata is not None
    assert reader.metadata.title == "Training artificial neural networks"
    first, inner, second, _ = reader.outline
    assert [getattr(each, "title", None) for each in (first, second)] == [
        "Part 1: Basic concepts",
        "Part 5: Learning rate",
    ]
    assert isinstance(inner, list)
    assert inner[0].title == "What the measurements support"


def _words(text: str) -> str:
    """Without what a line's end and a justified line do to it."""
    return "".join(text.split())


@pytest.mark.parametrize("name", ["report", "report.doc", "report.htm", ".html"])
def test_a_report_of_another_kind_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ReportError, match=r"must end in \.html or \.pdf"):
        check_report_file(tmp_path / name)


def test_a_folder_is_no_report(tmp_path: Path) -> None:
    (tmp_path / "report.html").mkdir()
    with pytest.raises(ReportError, match="is a folder"):
        check_report_file(tmp_path / "report.html")


def test_a_folder_that_can_not_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a file")
    with pytest.raises(ReportError, match="file can't be written"):
        check_report_file(tmp_path / "file" / "report.html")


def test_a_report_of_nothing_and_of_what_is_not_there_are_refused(store: Store, tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="choose at least one"):
        write_report(store, [], tmp_path / "report.html")
    with pytest.raises(StoreError, match="no experiment 7"):
        write_report(store, [7], tmp_path / "report.html")


def test_a_file_is_replaced_only_by_a_whole_one(
    stored: Stored, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "report.html"
    file.write_text("the old one")

    def full(_path: Path, contents: bytes) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("engine.exports.report.Path.write_bytes", full)
        with pytest.raises(ReportError, match="No space left on device"):
            write_report(stored.store, [stored.basics], file)
    assert file.read_text() == "the old one"
    assert list(tmp_path.iterdir()) == [file], "nothing half-written stays behind"
    write_report(stored.store, [stored.basics], file)
    assert "Basic concepts" in file.read_text(encoding="utf-8")
    assert list(tmp_path.iterdir()) == [file]
    assert engine.exports.report.SUFFIXES == (".html", ".pdf")


def test_what_the_curves_say_is_in_the_report_and_nothing_where_they_are_sound(tmp_path: Path) -> None:
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


def test_a_range_test_is_not_judged_by_its_curves(tmp_path: Path) -> None:
    def diverges(spec: RunSpec, run: int) -> list[Record]:
        return [record(run, 26), record(run, 52, training_loss=math.nan if spec.probe else 2.0)]

    with closing(Store(tmp_path / "workspace")) as store:
        number = ended(store, "learning-rate", lambda _spec: 0.5, records=diverges)
        result, runs = load_results(store, number), store.runs(number)
        assert any(run.spec.probe for run in runs)
        assert curve_table(store, result, runs) is None


@pytest.mark.parametrize(
    ("status", "reason", "records", "told"),
    [
        (Status.SKIPPED, "Skipped.", 0, "Skipped before its first record."),
        (Status.SKIPPED, "Skipped; its records are kept.", 1, "Skipped at step 10 of 26. Its records are kept."),
        (Status.FAILED, "The disk is full.", 0, "Failed before its first record. The disk is full."),
    ],
)
def test_how_a_run_ended_is_said_once(store: Store, status: Status, reason: str, records: int, told: str) -> None:
    number, (first, *others) = planned(store, small_spec(architectures=["mlp_1"], repeats=2))
    for each in (first, *others):
        store.add(started(each.run))
        if each is not first or records:
            store.add(record(each.run))
        store.add(finished(each.run))
    store.add(finished(first.run, status, test_accuracy=None, confusion=None, reason=reason))
    table = event_table(load_results(store, number), store.runs(number))
    assert table is not None
    assert [row[2] for row in table.rows] == [told]

"""A store with four experiments, and its report as a document and as HTML, shared by the tests of reports."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from engine.executors.inline import InlineExecutor
from engine.experiments.basics import BASICS_EXPERIMENT
from engine.experiments.convolution import CONVOLUTION_EXPERIMENT
from engine.exports.report import write_report
from engine.exports.report.build import build_document
from engine.exports.report.document import Document
from engine.storage.store import Store
from tests.engine.exports.report_support import ARCHITECTURES, NOTES, RATES, TITLE, Page, Stored
from tests.engine.stored_results import by_variant, ended
from tests.engine.support import run_session


@pytest.fixture(scope="package")
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


@pytest.fixture(scope="package")
def document(stored: Stored) -> Document:
    return build_document(stored.store, stored.all)


@pytest.fixture(scope="package")
def page(stored: Stored, tmp_path_factory: pytest.TempPathFactory) -> Page:
    """The HTML report of all four."""
    file = write_report(stored.store, stored.all, tmp_path_factory.mktemp("html") / "report.html")
    found = Page()
    found.feed(file.read_text(encoding="utf-8"))
    return found

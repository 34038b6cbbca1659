"""gui.observations.summary: the sentence at the end of an experiment, which agrees with the report."""

from __future__ import annotations

import re
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.analysis.claims import Claim
from engine.analysis.ranking import best_variant_claims, largest_class_claims
from engine.analysis.results import ExperimentResult, VariantResult, load_results
from engine.storage.store import Store
from gui.observations.summary import best_variant_summary
from tests.engine.stored_results import by_variant, ended
from tests.engine.support import finished, record, started
from tests.gui.support import observed

NAMES = ["mlp_1", "cnn_3"]
REPEATS = 5
PHRASES = [
    "share the best test accuracy",
    "which exceeds the spread over repeats",
    "which does not exceed the spread over repeats",
    "can't be told from n = 1",
    "No test accuracy is clearly above that of always answering '0', one of the largest classes of the test images",
]
# Of 360 test images, as in digits.
ACCURACIES = st.lists(st.integers(0, 360).map(lambda right: right / 360), min_size=1, max_size=REPEATS)
CLOSE = st.lists(st.integers(330, 336).map(lambda right: right / 360), min_size=1, max_size=REPEATS)


def said_in_window(accuracies: dict[str, list[float]]) -> str:
    observations = observed(architectures=NAMES, repeats=REPEATS)
    for name, values in accuracies.items():
        for run, value in zip(observations.variants[name].runs, values, strict=False):
            number = run.planned.run
            for event in (started(number), record(number), finished(number, test_accuracy=value)):
                observations.take(event)
    return best_variant_summary(observations)


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> ExperimentResult:
    """A stored experiment of two architectures."""
    folder: Path = tmp_path_factory.mktemp("workspace")
    every = by_variant({name: [0.5] * REPEATS for name in NAMES})
    with closing(Store(folder)) as store:
        return load_results(store, ended(store, "architectures", every, architectures=NAMES, repeats=REPEATS))


def with_accuracies(variant: VariantResult, values: list[float]) -> VariantResult:
    runs = [
        replace(run, run=replace(run.run, test_accuracy=value))
        for run, value in zip(variant.runs, values, strict=False)
    ]
    return replace(variant, runs=runs)


def claimed(result: ExperimentResult, accuracies: dict[str, list[float]]) -> Claim:
    variants = [with_accuracies(variant, accuracies[variant.name]) for variant in result.variants]
    found = replace(result, variants=variants)
    (claim,) = (*largest_class_claims(found), *best_variant_claims(found, "test accuracy"))
    return claim


@given(ACCURACIES | CLOSE, ACCURACIES | CLOSE)
@example([0.95, 0.93, 0.94], [0.92, 0.93, 0.91])  # further apart than either spreads, yet p is over 0.05
@example([0.5, 0.5], [0.25, 0.25])
@example([0.5], [0.5])
def test_the_window_says_what_the_report_claims(
    result: ExperimentResult, first: list[float], second: list[float]
) -> None:
    accuracies = dict(zip(NAMES, (first, second), strict=True))
    window, report = said_in_window(accuracies), claimed(result, accuracies).sentence
    assert [phrase in window for phrase in PHRASES] == [phrase in report for phrase in PHRASES]
    assert sum(phrase in window for phrase in PHRASES) == 1
    told = re.findall(r"p [=<] [0-9.]+[0-9]|[0-9.]+(?: ± [0-9.]+)? % \(n = \d\)", window)
    assert all(each in report for each in told), "the same test and the same figures"
    if window.startswith("Best: "):
        best = window.removeprefix("Best: ").partition(",")[0]
        assert report.startswith(f"{best} has the best test accuracy")
        assert min(len(first), len(second)) > 1, "one run carries no claim"
    assert ("Best: " in window) is ("has the best" in report)


def test_a_difference_that_may_be_chance_is_not_told_from_the_spread_alone() -> None:
    said = said_in_window({"mlp_1": [0.95, 0.93, 0.94], "cnn_3": [0.92, 0.93, 0.91]})
    assert said == (
        "None is clearly best: mlp_1 has 94.0 ± 1.0 % (n = 3), cnn_3 is 2.0 points behind, which does not exceed the "
        "spread over repeats (p = 0.070)."
    )


def test_of_one_run_each_none_is_called_best() -> None:
    assert said_in_window({"mlp_1": [0.95], "cnn_3": [0.55]}) == (
        "A ranking can't be told from n = 1: 95.0 % (n = 1) for mlp_1, 55.0 % (n = 1) for cnn_3."
    )


def test_of_a_difference_of_a_few_images_none_is_called_best() -> None:
    """With the same accuracies in every repeat the spread is zero, and two of 360 images exceed it."""
    said = said_in_window({"mlp_1": [0.95, 0.95], "cnn_3": [0.95 - 2 / 360, 0.95 - 2 / 360]})
    assert said.startswith("None is clearly best: mlp_1 has 95.0 ± 0.0 % (n = 2), cnn_3 is 0.6 points behind, ")
    assert said.endswith("which exceeds the spread over repeats, but is less than 6 of the 360 test images.")


def test_a_network_that_answers_the_largest_class_is_not_praised() -> None:
    said = said_in_window({"mlp_1": [0.11, 0.12, 0.11], "cnn_3": [0.02, 0.01, 0.02]})
    assert said == (
        "No test accuracy is clearly above that of always answering '0', one of the largest classes of the test "
        "images, 10.0 %: 11.3 ± 0.6 % (n = 3) for mlp_1."
    )


def test_of_a_single_variant_nothing_is_said() -> None:
    assert said_in_window({"mlp_1": [0.9, 0.8]}) == ""

"""engine.analysis.scores and guessing: what scikit-learn gives for the same labels, and what guessing achieves."""

from __future__ import annotations

import math
import warnings
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score, confusion_matrix, precision_recall_fscore_support

from engine.analysis.guessing import guessing_loss, largest_class
from engine.analysis.scores import scores_of
from tests.engine.support import INFO

NAMES = tuple("abcdef")
LABELS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=60)


@given(LABELS)
def test_scores_are_scikit_learns(labels: list[tuple[int, int]]) -> None:
    true, predicted = np.array(labels).T
    scores = scores_of(confusion_matrix(true, predicted, labels=range(6)), NAMES)
    assert scores is not None
    each = precision_recall_fscore_support(true, predicted, labels=range(6), zero_division=0)
    found = [(one.precision, one.recall, one.f1, one.images) for one in scores.classes]
    assert np.allclose(found, np.transpose(each), rtol=1e-12)
    macro = precision_recall_fscore_support(true, predicted, average="macro", zero_division=0)[:3]
    assert (scores.precision, scores.recall, scores.f1) == pytest.approx(macro, rel=1e-12)
    assert [one.predicted for one in scores.classes] == np.bincount(predicted, minlength=6).tolist()


@given(LABELS)
def test_balanced_accuracy_is_scikit_learns(labels: list[tuple[int, int]]) -> None:
    true, predicted = np.array(labels).T
    scores = scores_of(confusion_matrix(true, predicted, labels=range(6)), NAMES)
    assert scores is not None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of one label alone, or of a class without test images, which is left out
        expected = balanced_accuracy_score(true, predicted)
    assert scores.balanced_accuracy == pytest.approx(expected, rel=1e-12)


def test_a_class_without_test_images_is_left_out_of_the_balanced_accuracy() -> None:
    scores = scores_of(np.array([[6, 0, 2], [0, 4, 0], [0, 0, 0]]), NAMES[:3])
    assert scores is not None
    assert scores.balanced_accuracy == pytest.approx((6 / 8 + 1) / 2)
    assert scores.recall == pytest.approx((6 / 8 + 1 + 0) / 3), "as scikit-learn, over all that was predicted"
    assert scores.classes[2].text == "precision 0.0 %, recall 0.0 %, F1 0.0 %"


def test_without_a_test_there_are_no_scores() -> None:
    assert scores_of(None, NAMES) is None
    assert scores_of(np.zeros((6, 6), int), NAMES) is None


@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=12))
def test_the_loss_of_guessing_is_the_entropy(counts: list[int]) -> None:
    assume(sum(counts))
    loss = guessing_loss(len(counts), tuple(counts))
    shares = np.array([count for count in counts if count]) / sum(counts)
    assert loss.nats == pytest.approx(-(shares * np.log(shares)).sum(), rel=1.1e-3)
    drawn = np.repeat(-np.log(shares), [count for count in counts if count])
    assert loss.deviation == pytest.approx(drawn.std(), abs=0.05)


def test_the_loss_of_guessing_is_named_by_what_is_known() -> None:
    uniform = "ln(10) = 2.303"
    assert (
        guessing_loss(10).text == guessing_loss(10, (128, 130, 128, 131, 130, 131, 131, 129, 125, 130)).text == uniform
    )
    assert guessing_loss(10, (50,) * 10).nats == math.log(10)
    assert guessing_loss(2, (570, 30)).text == "0.199, the entropy of the classes"


def test_the_largest_class_is_that_of_the_test_images() -> None:
    info = replace(INFO, class_counts=(9, 1), test_class_counts=(1, 3, 0), class_names=NAMES[:3])
    largest = largest_class(info)
    assert largest is not None
    assert largest.answer == "always answering 'b', the largest class of the test images"
    assert largest.share == 0.75
    older = replace(info, test_class_counts=())
    assert largest_class(older) is None
    assert largest_class(older, [None, np.array([[1, 0, 0], [0, 3, 0], [0, 0, 0]])]) == largest
    assert largest_class(None) is None

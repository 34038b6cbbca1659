"""engine.analysis.confusion: cells of the matrix in words, and the most frequent confusions."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from engine.analysis.confusion import confusion_at, most_frequent

NAMES = ("cat", "dog", "frog")
CONFUSION = np.array([[900, 87, 13], [50, 1950, 0], [0, 0, 0]])


def test_a_cell_in_words() -> None:
    assert confusion_at(CONFUSION, NAMES, 0, 1).text == "cat taken for dog: 87 of 1,000 (8.7 %)"
    assert confusion_at(CONFUSION, NAMES, 1, 1).text == "dog recognised: 1,950 of 2,000 (97.5 %)"
    assert confusion_at(CONFUSION, NAMES, 2, 0).text == "frog taken for cat: 0 of 0"
    assert confusion_at(CONFUSION, NAMES, 2, 0).share == 0


def test_the_most_frequent_confusions_come_first_and_none_that_never_happened() -> None:
    found = most_frequent(CONFUSION, NAMES, 5)
    assert [(each.true, each.predicted, each.count) for each in found] == [
        *(("cat", "dog", 87), ("dog", "cat", 50), ("cat", "frog", 13))
    ]
    assert len(most_frequent(CONFUSION, NAMES, 2)) == 2
    assert most_frequent(np.diag([3, 4, 5]), NAMES, 5) == []


@given(arrays(np.int64, (3, 3), elements=st.integers(0, 1000)))
def test_all_pairs_together_are_all_misclassified_images(confusion: np.ndarray) -> None:
    found = most_frequent(confusion, NAMES, 9)
    assert sum(each.count for each in found) == confusion.sum() - np.trace(confusion)
    assert [each.count for each in found] == sorted((each.count for each in found), reverse=True)

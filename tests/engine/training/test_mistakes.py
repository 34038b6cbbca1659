"""engine.training.mistakes: misclassified test images in order of confidence."""

from __future__ import annotations

import numpy as np

from engine.training.mistakes import MAX_MISTAKES, most_confident_mistakes

LOGITS = np.log(
    np.array(
        [
            [0.7, 0.2, 0.1],  # right
            [0.1, 0.3, 0.6],  # wrong, 0.6
            [0.05, 0.9, 0.05],  # wrong, 0.9
            [0.1, 0.1, 0.8],  # right
            [0.5, 0.4, 0.1],  # wrong, 0.5
        ],
        dtype=np.float32,
    )
)
LABELS = np.array([0, 1, 0, 2, 1])
IMAGES = np.linspace(-1, 1, 5 * 4, dtype=np.float32).reshape(5, 2, 2, 1)


def test_wrong_images_come_surest_first_with_what_was_taken_for_what() -> None:
    found = most_confident_mistakes(IMAGES, LABELS, LOGITS)
    assert [(each.image, each.true, each.predicted) for each in found] == [(2, 0, 1), (1, 1, 2), (4, 1, 0)]
    np.testing.assert_allclose([each.confidence for each in found], [0.9, 0.6, 0.5], rtol=1e-6)


def test_no_more_than_asked_for_are_kept() -> None:
    assert [each.image for each in most_confident_mistakes(IMAGES, LABELS, LOGITS, count=2)] == [2, 1]
    assert MAX_MISTAKES == 24


def test_pixels_go_from_black_to_white_over_the_whole_test_set() -> None:
    found = most_confident_mistakes(IMAGES, LABELS, LOGITS)
    expected = np.rint((IMAGES + 1) / 2 * 255).astype(np.uint8)
    for mistake in found:
        assert mistake.pixels.dtype == np.uint8
        assert np.array_equal(mistake.pixels, expected[mistake.image])


def test_images_of_one_shade_are_black() -> None:
    (first, *_) = most_confident_mistakes(np.full_like(IMAGES, 0.5), LABELS, LOGITS)
    assert first.pixels.max() == 0


def test_nothing_wrong_gives_nothing() -> None:
    assert most_confident_mistakes(IMAGES, LOGITS.argmax(axis=1), LOGITS) == ()


def test_logits_too_large_for_an_exponential_keep_their_order() -> None:
    logits = np.array([[1e4, 0.0], [3.0, 0.0]], np.float32)
    first, _ = most_confident_mistakes(IMAGES[:2], np.array([1, 1]), logits)
    assert (first.image, first.confidence) == (0, 1.0)

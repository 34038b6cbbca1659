"""engine.training.augmentation.draws: what is drawn for the images of an epoch."""

from __future__ import annotations

import numpy as np

from engine.config.augmentation import AugmentationSpec
from engine.training.augmentation.draws import Draws, draw

SHAPE, COUNT = (20, 30, 1), 500
ALL = AugmentationSpec(
    flip=True, shift=2, rotation=30, zoom=0.2, brightness=0.3, contrast=0.4, cutout=6, mixup=0.2, border="black"
)


def rows(drawn: Draws) -> list[list[float]]:
    """Everything drawn for each image."""
    arrays = [each.reshape(COUNT, -1) for each in vars(drawn).values()]
    return np.concatenate(arrays, axis=1).tolist()


def test_draws_depend_on_seed_epoch_and_image_alone() -> None:
    found = rows(draw(ALL, 7, 3, COUNT, SHAPE))
    assert rows(draw(ALL, 7, 3, COUNT, SHAPE)) == found
    assert len({tuple(row) for row in found}) == COUNT, "each image has its own"
    for seed, epoch in ((7, 4), (8, 3), (3, 7)):
        other = rows(draw(ALL, seed, epoch, COUNT, SHAPE))
        assert all(a != b for a, b in zip(found, other, strict=True)), (seed, epoch)


def test_a_setting_changes_no_draw_of_another() -> None:
    alone, together = draw(AugmentationSpec(brightness=0.3), 0, 0, 50, SHAPE), draw(ALL, 0, 0, 50, SHAPE)
    assert np.array_equal(alone.brightness, together.brightness)


def test_draws_are_spread_evenly_over_their_ranges() -> None:
    """Means within five standard errors, extremes close to the bounds and never beyond."""
    count = 20_000
    drawn = draw(ALL, 0, 0, count, SHAPE)
    for values, low, high in (
        (drawn.brightness, -0.3, 0.3),
        (drawn.contrast, 0.6, 1.4),
        (drawn.partners / count, 0.0, 1.0),
    ):
        spread = (high - low) / np.sqrt(12)
        assert abs(values.mean() - (low + high) / 2) < 5 * spread / np.sqrt(count)
        assert abs(values.std() / spread - 1) < 0.03
        assert low - 1e-6 <= values.min() < low + 0.01 * (high - low)
        assert high - 0.01 * (high - low) < values.max() <= high + 1e-6
    # Beta(a, a) has mean 1/2 and variance 1 / (4 (2 a + 1)).
    assert abs(drawn.weights.mean() - 0.5) < 0.02
    assert abs(drawn.weights.var() * 4 * 1.4 - 1) < 0.03
    centres = drawn.cutout + ALL.cutout // 2
    assert (centres.min(axis=0).tolist(), centres.max(axis=0).tolist()) == ([0, 0], [19, 29])


def test_shifts_and_flips_have_equal_probabilities() -> None:
    count = 20_000
    drawn = draw(AugmentationSpec(flip=True, shift=2), 0, 0, count, SHAPE)
    flipped = drawn.transforms[:, 0] == -1
    assert abs(flipped.mean() - 0.5) < 0.02
    down = np.bincount(np.rint(-drawn.transforms[:, 5]).astype(int) + 2) / count
    right = np.bincount(np.rint(-drawn.transforms[~flipped, 2]).astype(int) + 2) / count / (~flipped).mean()
    for shares in (down, right):
        assert len(shares) == 5
        assert np.abs(shares - 0.2).max() < 0.02


def test_zooms_and_angles_keep_to_their_bounds() -> None:
    drawn = draw(AugmentationSpec(rotation=30, zoom=0.2), 0, 0, 5_000, SHAPE).transforms
    zooms = 1 / np.hypot(drawn[:, 0], drawn[:, 3])
    angles = np.rad2deg(np.arctan2(drawn[:, 3], drawn[:, 0]))
    assert (round(zooms.min(), 2), round(zooms.max(), 2)) == (0.8, 1.2)
    assert (round(angles.min()), round(angles.max())) == (-30, 30)

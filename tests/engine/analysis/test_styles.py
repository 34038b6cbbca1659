"""engine.analysis.styles: colour and pattern of a variant depend on the plan alone."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.analysis.styles import COLOURS, Style, colour_of, styles
from engine.config.specs import RunSpec
from engine.experiments.activations import ACTIVATIONS_EXPERIMENT
from tests.engine.support import small_run


def run(variant: str, architecture: str = "cnn_4", activation: str = "relu", repeat: int = 1) -> RunSpec:
    return small_run(activation=activation).replace(variant=variant, architecture=architecture, repeat=repeat)


def luminance(colour: str) -> float:
    """Relative luminance of #RRGGBB by the WCAG 2.1, 0 (black) to 1 (white)."""
    shares = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
    return sum(weight * value for weight, value in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_variants_of_one_kind_have_a_colour_each() -> None:
    assert styles([run("a"), run("b"), run("c")]) == {"a": Style(0), "b": Style(1), "c": Style(2)}


def test_repeats_of_a_variant_share_its_style() -> None:
    runs = [run(variant, repeat=repeat) for repeat in (1, 2) for variant in ("a", "b")]
    assert styles(runs) == {"a": Style(0), "b": Style(1)}


@pytest.mark.parametrize(
    ("architectures", "activations"),
    [(["mlp_1", "cnn_4", "cnn_5"], ["relu"]), (["cnn_4"], ["relu", "sigmoid", "tanh"])],
)
def test_where_only_one_thing_differs_colours_tell_it(architectures: list[str], activations: list[str]) -> None:
    runs = [run(f"{a}/{b}", a, b) for a in architectures for b in activations]
    assert list(styles(runs).values()) == [Style(0), Style(1), Style(2)]


def test_colours_tell_architectures_apart_and_patterns_activations() -> None:
    runs = [run(f"{a}/{b}", a, b) for a in ("mlp_1", "cnn_5") for b in ("relu", "sigmoid", "tanh")]
    assert list(styles(runs).values()) == [Style(colour, pattern) for colour in (0, 1) for pattern in (0, 1, 2)]


def test_the_activations_experiment_draws_the_second_activation_dashed() -> None:
    found = styles(ACTIVATIONS_EXPERIMENT.plan(ACTIVATIONS_EXPERIMENT.preset("course")))
    assert found["mlp_1/relu"] == Style(0, 0)
    assert found["cnn_5/sigmoid"] == Style(4, 1)
    assert len(set(found.values())) == 10


@given(st.lists(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=4, unique=True), min_size=1, max_size=4))
def test_stages_planned_later_change_no_style_of_those_before(stages: list[list[str]]) -> None:
    """A schedule plans stage after stage, each variant in one of them, and its curves keep their colours."""
    runs: list[RunSpec] = []
    before: dict[str, Style] = {}
    for stage, names in enumerate(stages):
        runs += [run(f"{name}{stage}", repeat=repeat) for repeat in (1, 2) for name in names]
        after = styles(runs)
        assert {name: after[name] for name in before} == before
        assert len(set(after.values())) == len(after)
        before = after


def test_a_variant_stands_where_its_first_run_does() -> None:
    assert styles([run("a"), run("b"), run("a", repeat=2)]) == {"a": Style(0), "b": Style(1)}


def test_a_style_gives_its_colour() -> None:
    assert Style(1, 3).hex == COLOURS[1] == colour_of(1)
    assert colour_of(len(COLOURS)) == COLOURS[0], "where there are more, they begin again"


@pytest.mark.parametrize("colour", COLOURS)
def test_every_colour_can_be_seen_on_light_and_on_dark(colour: str) -> None:
    """At least 2 to 1 on the plots' own backgrounds."""
    for background in ("#ffffff", "#16191e"):
        light, dark = sorted((luminance(colour), luminance(background)), reverse=True)
        assert (light + 0.05) / (dark + 0.05) > 2


# Viénot, Brettel and Mollon, "Digital video colourmaps for checking the legibility of displays by dichromats" (1999):
# what is left of linear red, green and blue without the long-wave (protanopia) or middle-wave (deuteranopia) cones.
DICHROMATS = {
    "protanopia": ((0.11238, 0.88762, 0.0), (0.11238, 0.88762, 0.0), (0.00401, -0.00401, 1.0)),
    "deuteranopia": ((0.29275, 0.70725, 0.0), (0.29275, 0.70725, 0.0), (-0.02234, 0.02234, 1.0)),
}
MIN_DIFFERENCE = 10.0  # CIE 1976; 2.3 is just noticeable side by side


def linear(colour: str) -> np.ndarray:
    """Linear red, green and blue of #RRGGBB, 0 to 1 (IEC 61966-2-1)."""
    shares = np.array([int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)])
    return np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)


def lab(rgb: np.ndarray) -> np.ndarray:
    """CIE L*a*b* of linear sRGB under D65."""
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    relative = to_xyz @ rgb / np.array([0.9505, 1.0, 1.089])
    f = np.where(relative > 0.008856, np.cbrt(relative), 7.787 * relative + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("kind", DICHROMATS)
@pytest.mark.parametrize(("first", "second"), list(combinations(COLOURS, 2)))
def test_colours_differ_for_dichromats(kind: str, first: str, second: str) -> None:
    seen = [lab(np.clip(np.array(DICHROMATS[kind]) @ linear(colour), 0, 1)) for colour in (first, second)]
    assert float(np.linalg.norm(seen[0] - seen[1])) > MIN_DIFFERENCE

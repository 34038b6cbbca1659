"""engine.palette: a variant has its colour and pattern from the plan, whatever is drawn."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.experiments.activations import ACTIVATIONS_EXPERIMENT
from engine.palette import COLOURS, Style, colour_of, styles
from engine.spec import RunSpec
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

"""Arithmetic and results of the comparison with PyTorch and Keras."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest

from benchmarks.compare import memory, protocol, results
from benchmarks.compare.child import SIDES
from benchmarks.compare.environment import LIMITS, ONEDNN, environment_of
from benchmarks.compare.protocol import BATCH, NETWORKS, Workload, make_images
from benchmarks.compare.results import AT_LEAST, AT_MOST, GOALS, Found, Measured, last_saved


def test_the_arithmetic_of_a_step_is_that_of_the_formula() -> None:
    """mlp_1: 1024 to 32 to 10 units; the gradient with respect to the images is not needed."""
    first, second = 2 * 1024 * 32, 2 * 32 * 10
    expected = BATCH * (2 * first + 3 * second) + 500 * (first + second)
    assert Workload("mlp_1", Path()).operations_per_step == expected


def test_the_arithmetic_of_a_convolution_counts_every_place_it_is_used_at() -> None:
    first = 2 * 30 * 30 * 16 * 3 * 3
    second = 2 * 28 * 28 * 8 * 3 * 3 * 16
    third = 2 * 24 * 24 * 16 * 5 * 5 * 8
    fourth = 2 * 8 * 8 * 16 * 5 * 5 * 16
    last = 2 * 256 * 10
    forwards = first + second + third + fourth + last
    assert Workload("cnn_4", Path()).operations_per_step == BATCH * (3 * forwards - first) + 500 * forwards


def test_a_ratio_is_that_of_medians_and_its_spread_that_of_rounds() -> None:
    found = Found({}, {"mlp_1": {"a": Measured([4.0, 8.0, 6.0]), "d": Measured([2.0, 2.0, 3.0])}})
    assert found.ratio("mlp_1", "a", "d") == pytest.approx(3.0)
    assert found.spread("mlp_1", "a", "d") == (2.0, 4.0)
    assert found.ratio("mlp_1", "a", "e") is None
    assert found.ratio("cnn_4", "a", "d") is None


def test_every_target_is_about_sides_and_networks_that_are_measured() -> None:
    for network, *sides in (*AT_LEAST, *AT_MOST, *GOALS, *memory.AT_MOST):
        assert set(sides) <= set(NETWORKS[network].sides) <= set(SIDES)


def test_rounds_consist_of_whole_intervals() -> None:
    for network in NETWORKS.values():
        assert network.training_images % (BATCH * protocol.RECORD_EVERY) == 0


def test_onednn_is_forced_for_this_program_only_and_plain_keras_does_as_on_the_imitated_processor(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(ONEDNN, "1")

    def value(module: str, onednn: str, instructions: str | None = None) -> str | None:
        return environment_of(module, onednn, instructions, "cache").get(ONEDNN)

    assert [value("engine", each) for each in ("chosen", "on", "off")] == [None, "1", "0"]
    assert [value("keras_fit", each) for each in ("chosen", "on", "off")] == [None, None, None]
    assert [value("keras_fit", "on", each) for each in LIMITS] == ["0"] * len(LIMITS)


@pytest.mark.skipif(not psutil.LINUX, reason="other systems do not tell which pages are shared")
def test_memory_of_several_processes_counts_files_once_and_what_each_has_of_its_own() -> None:
    me = psutil.Process()
    own = sum(mapped.anonymous for mapped in me.memory_maps(grouped=True))
    once, twice = memory.memory_of([me]), memory.memory_of([me, me])
    assert once == pytest.approx(me.memory_info().rss, rel=0.05)
    assert twice - once == pytest.approx(own, rel=0.05)


def test_the_peak_is_the_largest_sample_the_last_of_which_is_taken_at_the_end() -> None:
    before = memory.memory_of([psutil.Process()])
    with memory.PeakMemory(psutil.Process().pid) as peak:
        held = np.ones(2**23)
    assert peak.bytes > before + held.nbytes / 2


def test_what_is_saved_is_what_the_next_run_compares_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "FOLDER", tmp_path / "results")
    machine = {"processor": "a", "cores": 2, "limited_to": None, "onednn": "off"}
    assert last_saved(machine) is None
    found = Found(machine, {"mlp_1": {"a": Measured([0.25, 0.5], [0.5, 1.0], 1_000)}})
    file = found.save()
    assert last_saved(machine | {"instructions": "AVX"}) == (file.name, found)
    assert last_saved(machine | {"limited_to": "avx2"}) is None


@pytest.mark.parametrize(("name", "channels"), [("mlp_1", 1), ("cnn_4_colour", 3)])
def test_every_side_gets_the_same_images_of_which_as_many_are_validated_as_the_course_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, channels: int
) -> None:
    monkeypatch.setitem(NETWORKS, name, replace(NETWORKS[name], training_images=1_000))
    once, again = (make_images(name, tmp_path).prepared() for _ in range(2))
    assert once.x_train.shape == (1_000, 32, 32, channels)
    assert once.x_validation.shape == (5_000, 32, 32, channels)
    assert np.array_equal(once.x_train, again.x_train)
    assert set(once.y_validation.tolist()) == set(range(10))

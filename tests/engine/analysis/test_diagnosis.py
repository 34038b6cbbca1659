"""engine.analysis.diagnosis: findings in synthetic curves and in real trainings."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.analysis.diagnosis import Finding, FindingKind, RunCurves, diagnose, group_findings, restored_curves
from engine.analysis.diagnosis.rules import MIN_RECORDS, RULES, WINDOW
from engine.config.specs import RunSpec
from engine.datasets import PreparedData
from engine.storage.store import Store
from engine.utils.arrays import Array
from engine.workspace.replay import restored_runs
from tests.engine.support import INFO, few, small_run, train_here

CLASSES = 10
RECORDS = 100
FLAT = math.log(CLASSES)


def falling(start: float, end: float, records: int = RECORDS) -> Array:
    """A curve that falls like a loss, fast at first."""
    return end + (start - end) * np.exp(-np.linspace(0, 5, records))


def curves(records: int = RECORDS, **changes: Any) -> RunCurves:
    """A healthy run of ``records`` records, with ``changes``."""
    values: dict[str, Any] = {
        "run": 1,
        "variant": "cnn_3",
        "repeat": 1,
        "steps": 10.0 * np.arange(1, records + 1),
        "training_loss": falling(2.3, 0.1, records),
        "training_accuracy": 1 - falling(0.9, 0.02, records),
        "validation_loss": falling(2.3, 0.15, records),
        "validation_accuracy": 1 - falling(0.9, 0.05, records),
        "learning_rate": np.full(records, 0.01),
        "layers": ("conv_1", "conv_2", "prediction"),
        "gradient_norms": np.tile([0.2, 0.4, 0.8], (records, 1)),
        "update_ratios": np.tile([1e-3, 2e-3, 3e-3], (records, 1)),
        "activations": ("act_1", "act_2"),
        "units": (16, 8),
        "dead_units": np.tile([1.0, 0.0], (records, 1)),
    }
    return RunCurves(**(values | changes))


def kinds(found: list[Finding]) -> list[FindingKind]:
    return [finding.kind for finding in found]


def only(found: list[Finding], kind: FindingKind) -> Finding:
    (finding,) = [each for each in found if each.kind is kind]
    return finding


STUCK = {"training_loss": np.full(RECORDS, FLAT), "validation_loss": np.full(RECORDS, FLAT)}
ILL: dict[FindingKind, RunCurves] = {
    FindingKind.DIVERGING: curves(training_loss=np.linspace(2.3, 5.0, RECORDS)),
    FindingKind.CHANCE_PLATEAU: curves(**STUCK),
    FindingKind.VANISHING_GRADIENT: curves(gradient_norms=np.tile([2e-6, 1e-3, 1e-1], (RECORDS, 1))),
    FindingKind.DEAD_UNITS: curves(dead_units=np.tile([1.0, 6.0], (RECORDS, 1))),
    FindingKind.OVERFITTING: curves(
        validation_loss=np.concatenate([falling(2.3, 0.5, 50), np.linspace(0.5, 0.9, 50)]),
        validation_accuracy=np.full(RECORDS, 0.8),
        training_accuracy=np.full(RECORDS, 0.95),
    ),
    FindingKind.UPDATES_TOO_LARGE: curves(
        update_ratios=np.full((RECORDS, 3), 0.08), training_loss=np.full(RECORDS, 1.9)
    ),
    FindingKind.UPDATES_TOO_SMALL: curves(
        update_ratios=np.full((RECORDS, 3), 2e-6), training_loss=np.full(RECORDS, 1.9)
    ),
}


def test_a_healthy_run_has_no_finding() -> None:
    assert diagnose(curves(), CLASSES) == []


@pytest.mark.parametrize("kind", FindingKind)
def test_each_problem_is_found_by_its_rule_alone(kind: FindingKind) -> None:
    assert kinds(diagnose(ILL[kind], CLASSES)) == [kind]


def test_every_kind_has_a_rule_and_the_most_severe_comes_first() -> None:
    assert list(RULES) == list(FindingKind)
    both = replace(ILL[FindingKind.DEAD_UNITS], training_loss=np.full(RECORDS, FLAT))
    assert kinds(diagnose(both, CLASSES)) == [FindingKind.CHANCE_PLATEAU, FindingKind.DEAD_UNITS]


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (FindingKind.DIVERGING, "from 2.33 to 4.88"),
        (FindingKind.CHANCE_PLATEAU, "stood at 2.303 from the start, within 0.0 % of ln(10) = 2.303"),
        (FindingKind.VANISHING_GRADIENT, "conv_1 is 2e-06, 50,000 times smaller than the 0.1 of prediction"),
        (FindingKind.DEAD_UNITS, "6 of the 8 units of act_2 (75 %)"),
        (FindingKind.OVERFITTING, "training accuracy is 15.0 points higher"),
        (FindingKind.UPDATES_TOO_LARGE, "by 8 % of their size, where about 0.1 % is usual"),
        (FindingKind.UPDATES_TOO_SMALL, "by 0.0002 % of their size"),
    ],
)
def test_the_sentence_has_the_measured_numbers(kind: FindingKind, message: str) -> None:
    finding = only(diagnose(ILL[kind], CLASSES), kind)
    assert message in finding.sentence
    assert finding.sentence.endswith(".")
    assert finding.advice.endswith(".")
    assert (finding.run, finding.variant, finding.step) == (1, "cnn_3", 1000)


@pytest.mark.parametrize("kind", FindingKind)
def test_too_few_records_give_no_finding(kind: FindingKind) -> None:
    ill = ILL[kind]
    short = {name: getattr(ill, name)[: MIN_RECORDS - 1] for name in _OF_RECORDS}
    assert diagnose(replace(ill, **short), CLASSES) == []


_OF_RECORDS = (
    *("steps", "training_loss", "training_accuracy", "validation_loss", "validation_accuracy", "learning_rate"),
    *("gradient_norms", "update_ratios", "dead_units"),
)


@pytest.mark.parametrize("lost", [math.nan, math.inf])
@pytest.mark.parametrize("where", ["training_loss", "validation_loss", "gradient_norms"])
def test_a_number_that_is_not_finite_is_said_from_the_first_record_on(where: str, lost: float) -> None:
    sick = curves(1)
    getattr(sick, where)[-1] = lost
    finding = only(diagnose(sick, CLASSES), FindingKind.DIVERGING)
    assert "no longer a finite number at step 10" in finding.sentence
    assert "smaller learning rate than 0.01" in finding.advice


def test_a_loss_out_of_all_proportion_is_said_from_the_first_record_on() -> None:
    """A run that diverges at once starts at that loss, and does not exceed its start."""
    found = diagnose(curves(records=1, training_loss=np.array([2.6e22])), CLASSES)
    assert only(found, FindingKind.DIVERGING).sentence.startswith("the training loss is 2.6e+22, where guessing")
    assert diagnose(curves(records=1, training_loss=np.array([60.0])), CLASSES) == []  # pixels from 0 to 255


def test_a_run_without_records_has_no_finding() -> None:
    nothing = {name: getattr(curves(), name)[:0] for name in _OF_RECORDS}
    assert diagnose(curves(**nothing, layers=(), activations=(), units=()), CLASSES) == []


@pytest.mark.parametrize(
    ("kind", "name", "between"),
    [
        (FindingKind.VANISHING_GRADIENT, "gradient_norms", [2e-3, 0.1, 1.0]),
        (FindingKind.DEAD_UNITS, "dead_units", [7.0, 0.0]),
        (FindingKind.DIVERGING, "training_loss", None),
    ],
)
def test_it_takes_less_to_keep_a_finding_than_to_make_it(kind: FindingKind, name: str, between: Any) -> None:
    start = np.full(RECORDS, 2.3)
    start[3:] = 2.6
    values = start if name == "training_loss" else np.tile(between, (RECORDS, 1))
    ill = curves(**{name: values})
    assert kind not in kinds(diagnose(ill, CLASSES))
    assert kind in kinds(diagnose(ill, CLASSES, active={kind}))


def test_since_when_a_plateau_stands_is_said() -> None:
    losses = np.concatenate([np.full(30, 3.0), np.full(70, FLAT)])
    finding = only(diagnose(curves(training_loss=losses), CLASSES), FindingKind.CHANCE_PLATEAU)
    assert "since step 310" in finding.sentence


def test_a_loss_that_only_passes_by_is_no_plateau() -> None:
    last = np.linspace(FLAT + 0.04, FLAT - 0.03, MIN_RECORDS)
    passing = np.concatenate([np.full(RECORDS - MIN_RECORDS, 3.0), last])
    assert diagnose(curves(training_loss=passing), CLASSES) == []


def test_a_network_cut_by_dead_units_is_not_told_to_learn_faster() -> None:
    cut = curves(**STUCK, dead_units=np.tile([0.0, 8.0], (RECORDS, 1)), update_ratios=np.zeros((RECORDS, 3)))
    found = diagnose(cut, CLASSES)
    assert kinds(found) == [FindingKind.CHANCE_PLATEAU, FindingKind.DEAD_UNITS]
    assert all("smaller learning rate" in finding.advice for finding in found)


def test_a_rise_of_hardly_any_loss_is_no_overfitting() -> None:
    validation = np.concatenate([falling(2.3, 0.01, 50), np.linspace(0.01, 0.02, 50)])
    assert diagnose(curves(validation_loss=validation), CLASSES) == []


def test_validation_and_training_loss_that_rise_together_are_no_overfitting() -> None:
    rising = np.concatenate([falling(2.3, 0.5, 50), np.linspace(0.5, 0.9, 50)])
    found = diagnose(curves(validation_loss=rising, training_loss=rising), CLASSES)
    assert FindingKind.OVERFITTING not in kinds(found)


def test_networks_without_activation_and_of_one_layer_can_be_diagnosed() -> None:
    bare = curves(
        layers=("prediction",),
        gradient_norms=np.ones((RECORDS, 1)),
        update_ratios=np.full((RECORDS, 1), 1e-3),
        activations=(),
        units=(),
        dead_units=np.empty((RECORDS, 0)),
    )
    assert diagnose(bare, CLASSES) == []


@given(
    st.integers(0, 3 * WINDOW),
    st.lists(st.floats(allow_nan=True, allow_infinity=True, width=32), min_size=8, max_size=8),
    st.integers(1, 100),
)
def test_arbitrary_numbers_raise_no_error(records: int, numbers: list[float], classes: int) -> None:
    wild = {
        name: np.resize(np.roll(numbers, shift), getattr(curves(records), name).shape).astype(float)
        for shift, name in enumerate(_OF_RECORDS[1:-1])
    }
    for finding in diagnose(curves(records, **wild), classes, active=set(FindingKind)):
        assert finding.sentence


def test_findings_of_a_kind_in_one_variant_are_merged() -> None:
    stuck, dead = ILL[FindingKind.CHANCE_PLATEAU], ILL[FindingKind.DEAD_UNITS]
    other = replace(dead, variant="cnn_4", run=4)
    found = [
        *diagnose(dead, CLASSES),
        *diagnose(other, CLASSES),
        *(finding for run in (1, 2, 3) for finding in diagnose(replace(stuck, run=run, repeat=run), CLASSES)),
    ]
    joined = group_findings(found)
    assert [(each.finding.kind, each.finding.variant, each.repeats) for each in joined] == [
        (FindingKind.CHANCE_PLATEAU, "cnn_3", (1, 2, 3)),
        (FindingKind.DEAD_UNITS, "cnn_3", (1,)),
        (FindingKind.DEAD_UNITS, "cnn_4", (1,)),
    ]
    assert joined[0].text.endswith("it guesses. (2 more runs alike)")
    assert joined[1].text.startswith("cnn_3: 6 of the 8 units")


# Real trainings

Train = Callable[..., list[Finding]]


@pytest.fixture
def trained(digits: PreparedData, workspace: Path) -> Train:
    """Trains a run, stores it, reads it back and diagnoses it."""

    def train(lots: bool = False, **changes: Any) -> list[Finding]:
        run: RunSpec = small_run(**changes)
        data = few(digits, 300, 144, 40) if lots else digits
        if lots:
            data = replace(data, y_train=np.random.default_rng(0).permutation(data.y_train))
        with closing(Store(workspace)) as store:
            experiment = store.add_experiment("architectures", "{}", 0, INFO, 1)
            (planned,) = store.add_runs(experiment, [run], [0], [26])
            train_here(run, data, emit=lambda event: store.add(replace(event, run=planned.run)))
            (restored,) = restored_runs(store, store.runs(experiment))
        return diagnose(restored_curves(planned, restored), CLASSES)

    return train


def test_a_network_that_learns_the_digits_is_healthy(trained: Train) -> None:
    assert trained(epochs=15) == []


@pytest.mark.long
def test_a_deep_sigmoid_network_stands_at_chance_with_a_gradient_that_vanishes(trained: Train) -> None:
    layers = ", ".join(["FC-16, Sigmoid"] * 6)
    found = trained(architectures=[f"deep[{layers}]"], optimizer="sgd", learning_rate=0.01, epochs=10)
    assert {FindingKind.CHANCE_PLATEAU, FindingKind.VANISHING_GRADIENT} <= set(kinds(found))
    assert "dense_1" in only(found, FindingKind.VANISHING_GRADIENT).sentence


@pytest.mark.long
def test_random_labels_are_overfitted(trained: Train) -> None:
    found = trained(lots=True, epochs=100)
    assert FindingKind.OVERFITTING in kinds(found)


@pytest.mark.long
def test_a_rate_far_too_large_diverges_or_kills_all_units(trained: Train) -> None:
    found = trained(optimizer="sgd", learning_rate=50.0, epochs=15)
    assert {FindingKind.DIVERGING, FindingKind.DEAD_UNITS} & set(kinds(found))

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

from engine.analysis.diagnosis import (
    Finding,
    FindingKind,
    RunCurves,
    diagnose,
    group_findings,
    restored_curves,
)
from engine.analysis.diagnosis.rules import MIN_RECORDS, RULES, WINDOW
from engine.config.specs import RunSpec
from engine.datasets import PreparedData
from engine.events.runs import PlannedRun
from engine.storage.store import Store
from engine.utils.arrays import Array
from engine.workspace.replay import restored_runs
from tests.engine.support import INFO, few, small_run, train_here

RECORDS = 100
FLAT = math.log(10)


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
OVERFITTED = {
    "validation_loss": np.concatenate([falling(2.3, 0.5, 50), np.linspace(0.5, 0.9, 50)]),
    "validation_accuracy": np.full(RECORDS, 0.8),
    "training_accuracy": np.full(RECORDS, 0.95),
}
ALL_FIVES = np.zeros((10, 10), np.int64)
ALL_FIVES[:, 5] = 36
ILL: dict[FindingKind, RunCurves] = {
    FindingKind.DIVERGING: curves(training_loss=np.linspace(2.3, 5.0, RECORDS)),
    FindingKind.CHANCE_PLATEAU: curves(**STUCK),
    FindingKind.VANISHING_GRADIENT: curves(gradient_norms=np.tile([2e-6, 1e-3, 1e-1], (RECORDS, 1))),
    FindingKind.DEAD_UNITS: curves(dead_units=np.tile([1.0, 6.0], (RECORDS, 1))),
    FindingKind.ONE_CLASS: curves(confusion=ALL_FIVES),
    FindingKind.RATE_BY_HAND: curves(**OVERFITTED, manual_rates=((500, 0.1),)),
    FindingKind.OVERFITTING: curves(**OVERFITTED),
    FindingKind.UPDATES_TOO_LARGE: curves(
        update_ratios=np.full((RECORDS, 3), 0.08), training_loss=np.full(RECORDS, 1.9)
    ),
    FindingKind.UPDATES_TOO_SMALL: curves(
        update_ratios=np.full((RECORDS, 3), 2e-6), training_loss=np.full(RECORDS, 1.9)
    ),
}


def test_a_healthy_run_has_no_finding() -> None:
    assert diagnose(curves(), INFO) == []


@pytest.mark.parametrize("kind", FindingKind)
def test_each_problem_is_found_by_its_rule_alone(kind: FindingKind) -> None:
    assert kinds(diagnose(ILL[kind], INFO)) == [kind]


def test_every_kind_has_a_rule_and_the_most_severe_comes_first() -> None:
    assert list(RULES) == list(FindingKind)
    both = replace(ILL[FindingKind.DEAD_UNITS], training_loss=np.full(RECORDS, FLAT))
    assert kinds(diagnose(both, INFO)) == [FindingKind.CHANCE_PLATEAU, FindingKind.DEAD_UNITS]


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (FindingKind.DIVERGING, "from 2.33 to 4.88"),
        (FindingKind.CHANCE_PLATEAU, "stood at 2.303 from the start, within 0.0 % of ln(10) = 2.303"),
        (FindingKind.VANISHING_GRADIENT, "conv_1 is 2e-06, 50,000 times smaller than the 0.1 of prediction"),
        (FindingKind.DEAD_UNITS, "6 of the 8 units of act_2 (75 %)"),
        (FindingKind.ONE_CLASS, "every one of the 360 test images was taken for '5', which 36 of them are (10.0 %)"),
        (FindingKind.RATE_BY_HAND, "from 0.52 to 0.863 since the learning rate was set to 0.1 by hand after step 500"),
        (FindingKind.OVERFITTING, "training accuracy is 15.0 points higher"),
        (FindingKind.UPDATES_TOO_LARGE, "by 8 % of their size, where about 0.1 % is usual"),
        (FindingKind.UPDATES_TOO_SMALL, "by 0.0002 % of their size"),
    ],
)
def test_the_sentence_has_the_measured_numbers(kind: FindingKind, message: str) -> None:
    finding = only(diagnose(ILL[kind], INFO), kind)
    assert message in finding.sentence
    assert finding.sentence.endswith(".")
    assert finding.advice.endswith(".")
    assert (finding.run, finding.variant, finding.step) == (1, "cnn_3", 1000)


@pytest.mark.parametrize("kind", [kind for kind in FindingKind if kind is not FindingKind.ONE_CLASS])
def test_too_few_records_give_no_finding_in_the_curves(kind: FindingKind) -> None:
    ill = ILL[kind]
    short = {name: getattr(ill, name)[: MIN_RECORDS - 1] for name in _OF_RECORDS}
    assert diagnose(replace(ill, **short), INFO) == []


_OF_RECORDS = (
    *("steps", "training_loss", "training_accuracy", "validation_loss", "validation_accuracy", "learning_rate"),
    *("gradient_norms", "update_ratios", "dead_units"),
)


@pytest.mark.parametrize("lost", [math.nan, math.inf])
@pytest.mark.parametrize("where", ["training_loss", "validation_loss", "gradient_norms"])
def test_a_number_that_is_not_finite_is_said_from_the_first_record_on(where: str, lost: float) -> None:
    sick = curves(1)
    getattr(sick, where)[-1] = lost
    finding = only(diagnose(sick, INFO), FindingKind.DIVERGING)
    assert "no longer a finite number at step 10" in finding.sentence
    assert "smaller learning rate than 0.01" in finding.advice


def test_a_loss_out_of_all_proportion_is_said_from_the_first_record_on() -> None:
    """A run that diverges at once starts at that loss, and does not exceed its start."""
    found = diagnose(curves(records=1, training_loss=np.array([2.6e22])), INFO)
    assert only(found, FindingKind.DIVERGING).sentence.startswith("the training loss is 2.6e+22, where guessing")
    assert diagnose(curves(records=1, training_loss=np.array([60.0])), INFO) == []  # pixels from 0 to 255


def test_a_run_without_records_has_no_finding() -> None:
    nothing = {name: getattr(curves(), name)[:0] for name in _OF_RECORDS}
    assert diagnose(curves(**nothing, layers=(), activations=(), units=()), INFO) == []


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
    assert kind not in kinds(diagnose(ill, INFO))
    assert kind in kinds(diagnose(ill, INFO, active={kind}))


def test_since_when_a_plateau_stands_is_said() -> None:
    losses = np.concatenate([np.full(30, 3.0), np.full(70, FLAT)])
    finding = only(diagnose(curves(training_loss=losses), INFO), FindingKind.CHANCE_PLATEAU)
    assert "since step 310" in finding.sentence


def test_a_network_that_had_learned_before_is_told_to_learn_slower() -> None:
    collapsed = np.concatenate([falling(2.3, 0.5, 50), np.full(50, FLAT)])
    tiny = np.full((RECORDS, 3), 1e-6)
    found = diagnose(curves(training_loss=collapsed, update_ratios=tiny), INFO)
    (finding,) = found
    assert finding.kind is FindingKind.CHANCE_PLATEAU
    assert "since step 510" in finding.sentence
    assert finding.advice == "It had learned before, down to a loss of 0.52: try a smaller learning rate."
    (again,) = diagnose(curves(training_loss=collapsed, update_ratios=tiny), INFO, active=[finding.kind])
    assert again.sentence == finding.sentence, "whether it was found before changes no text"


def test_a_loss_that_only_passes_by_is_no_plateau() -> None:
    last = np.linspace(FLAT + 0.04, FLAT - 0.03, MIN_RECORDS)
    passing = np.concatenate([np.full(RECORDS - MIN_RECORDS, 3.0), last])
    assert diagnose(curves(training_loss=passing), INFO) == []


def test_a_network_cut_by_dead_units_is_not_told_to_learn_faster() -> None:
    cut = curves(**STUCK, dead_units=np.tile([0.0, 8.0], (RECORDS, 1)), update_ratios=np.zeros((RECORDS, 3)))
    found = diagnose(cut, INFO)
    assert kinds(found) == [FindingKind.CHANCE_PLATEAU, FindingKind.DEAD_UNITS]
    assert all("smaller learning rate" in finding.advice for finding in found)


def test_a_rise_of_hardly_any_loss_is_no_overfitting() -> None:
    validation = np.concatenate([falling(2.3, 0.01, 50), np.linspace(0.01, 0.02, 50)])
    assert diagnose(curves(validation_loss=validation), INFO) == []


def test_validation_and_training_loss_that_rise_together_are_no_overfitting() -> None:
    rising = np.concatenate([falling(2.3, 0.5, 50), np.linspace(0.5, 0.9, 50)])
    found = diagnose(curves(validation_loss=rising, training_loss=rising), INFO)
    assert FindingKind.OVERFITTING not in kinds(found)


def test_validation_that_is_better_than_training_is_no_overfitting() -> None:
    accuracies = {"training_accuracy": np.full(RECORDS, 0.8), "validation_accuracy": np.full(RECORDS, 0.9)}
    assert diagnose(curves(**(OVERFITTED | accuracies)), INFO) == []


@pytest.mark.parametrize("changed_at", [50, 800])
def test_a_rate_set_by_hand_is_no_cause_of_overfitting_that_came_before_it_or_long_after(changed_at: int) -> None:
    """After step 50 the loss still falls for a long time; before step 800 it has long been rising."""
    found = diagnose(curves(**OVERFITTED, manual_rates=((changed_at, 0.1),)), INFO)
    assert kinds(found) == [FindingKind.OVERFITTING]


def test_of_several_rates_set_by_hand_the_one_before_the_rise_is_named() -> None:
    found = diagnose(curves(**OVERFITTED, manual_rates=((50, 0.02), (520, 0.3), (900, 0.001))), INFO)
    assert "set to 0.3 by hand after step 520" in only(found, FindingKind.RATE_BY_HAND).sentence


def test_a_rate_raised_by_hand_is_named_where_training_diverges() -> None:
    losses = np.concatenate([falling(2.3, 0.5, 50), np.full(50, 4.0)])
    rates = np.concatenate([np.full(50, 0.01), np.full(50, 5.0)])
    raised = curves(training_loss=losses, learning_rate=rates, manual_rates=((500, 5.0),))
    (finding,) = diagnose(raised, INFO)
    assert finding.advice == "The learning rate set to 5 by hand after step 500 is the likely cause: try a smaller one."
    lowered = replace(raised, learning_rate=rates[::-1], manual_rates=((500, 0.01),))
    assert diagnose(lowered, INFO)[0].advice == "Try a smaller learning rate than 0.01."


# Classes of different size: the entropy of 570 and 30 images is 0.199, where ln(2) is 0.693.
UNBALANCED = replace(INFO, class_names=("majority", "minority"), class_counts=(570, 30))


def guessing(seed: int, level: Array | float = 1.0) -> RunCurves:
    """A run that answers the shares of the classes, with the losses of ten batches of fifty drawn for each record."""
    minority = np.random.default_rng(seed).binomial(500, 0.05, 200) / 500
    losses = level * (-minority * math.log(0.05) - (1 - minority) * math.log(0.95))
    return curves(200, training_loss=losses, validation_loss=np.full(200, 0.1985), images_per_record=500)


@pytest.mark.parametrize("seed", range(8))
def test_where_classes_differ_in_size_guessing_is_their_entropy(seed: int) -> None:
    finding = only(diagnose(guessing(seed), UNBALANCED), FindingKind.CHANCE_PLATEAU)
    assert "of 0.199, the entropy of the classes: it guesses." in finding.sentence


@pytest.mark.parametrize("seed", range(8))
def test_what_learns_more_than_the_shares_does_not_guess(seed: int) -> None:
    assert diagnose(guessing(seed, np.linspace(3, 0.3, 200)), UNBALANCED) == []
    two = np.full(RECORDS, math.log(2))
    above = curves(training_loss=two, validation_loss=two, images_per_record=500)
    assert FindingKind.CHANCE_PLATEAU not in kinds(diagnose(above, UNBALANCED))
    assert FindingKind.CHANCE_PLATEAU in kinds(diagnose(above, replace(UNBALANCED, class_counts=())))


def test_of_one_class_alone_nothing_is_guessed() -> None:
    one = replace(UNBALANCED, class_counts=(600, 0))
    assert diagnose(curves(training_loss=np.zeros(RECORDS), images_per_record=500), one) == []


def test_a_test_of_one_class_alone_is_taken_for_it_with_right() -> None:
    only_fives = np.zeros((10, 10), np.int64)
    only_fives[5, 5] = 36
    assert diagnose(curves(confusion=only_fives), INFO) == []
    assert diagnose(curves(confusion=np.zeros((10, 10), np.int64)), INFO) == []


def test_networks_without_activation_and_of_one_layer_can_be_diagnosed() -> None:
    bare = curves(
        layers=("prediction",),
        gradient_norms=np.ones((RECORDS, 1)),
        update_ratios=np.full((RECORDS, 1), 1e-3),
        activations=(),
        units=(),
        dead_units=np.empty((RECORDS, 0)),
    )
    assert diagnose(bare, INFO) == []


@given(
    st.integers(0, 3 * WINDOW),
    st.lists(st.floats(allow_nan=True, allow_infinity=True, width=32), min_size=8, max_size=8),
    st.integers(1, 100),
    st.lists(st.integers(0, 1000), min_size=1, max_size=8),
)
def test_arbitrary_numbers_raise_no_error(records: int, numbers: list[float], classes: int, counts: list[int]) -> None:
    wild = {
        name: np.resize(np.roll(numbers, shift), getattr(curves(records), name).shape).astype(float)
        for shift, name in enumerate(_OF_RECORDS[1:-1])
    }
    info = replace(INFO, class_names=("a",) * classes, class_counts=tuple(counts))
    wild["confusion"] = np.resize(np.abs(counts), (classes, classes))
    wild |= {"images_per_record": 500, "manual_rates": tuple((count, 0.1) for count in counts)}
    for finding in diagnose(curves(records, **wild), info, active=set(FindingKind)):
        assert finding.sentence


@pytest.mark.parametrize(("steps", "images"), [(1000, 500), (19, 50)])
def test_a_short_runs_training_loss_is_over_the_images_of_its_own_interval(steps: int, images: int) -> None:
    assert PlannedRun(1, small_run(batch_size=50, record_every=10), 0, steps).images_per_record == images


def test_findings_of_a_kind_in_one_variant_are_merged() -> None:
    stuck, dead = ILL[FindingKind.CHANCE_PLATEAU], ILL[FindingKind.DEAD_UNITS]
    other = replace(dead, variant="cnn_4", run=4)
    found = [
        *diagnose(dead, INFO),
        *diagnose(other, INFO),
        *(finding for run in (1, 2, 3) for finding in diagnose(replace(stuck, run=run, repeat=run), INFO)),
    ]
    joined = group_findings(found)
    assert [(each.finding.kind, each.finding.variant, each.repeats) for each in joined] == [
        (FindingKind.CHANCE_PLATEAU, "cnn_3", (1, 2, 3)),
        (FindingKind.DEAD_UNITS, "cnn_3", (1,)),
        (FindingKind.DEAD_UNITS, "cnn_4", (1,)),
    ]
    assert joined[0].text.endswith("it guesses. (The same in 2 more runs.)")
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
        return diagnose(restored_curves(planned, restored), INFO)

    return train


@pytest.mark.long
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

"""Claims of every experiment."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from statistics import stdev

import pytest
from scipy.stats import ttest_ind

from engine.analysis.claims import Claim
from engine.analysis.ranking import best_variant_claims, clear_best, largest_class_claims
from engine.analysis.results import load_results
from engine.config.specs import NetworkSpec, RunSpec
from engine.events.datasets import DatasetInfo
from engine.events.runs import Record
from engine.executors.inline import InlineExecutor
from engine.experiments.basics import BASICS_EXPERIMENT
from engine.experiments.convolution import CONVOLUTION_EXPERIMENT
from engine.networks.architectures import build_network
from engine.storage.store import Store
from tests.engine.stored_results import by_variant, claims_of, ended
from tests.engine.support import INFO, record, run_session

FIVE = {"mlp_1": 33_130, "mlp_2": 35_498, "cnn_3": 11_106, "cnn_4": 13_522, "cnn_5": 8_346}


def counts(spec: RunSpec) -> int:
    return FIVE[spec.variant]


def with_word(claims: tuple[Claim, ...], word: str) -> Claim:
    """The only claim that contains ``word``."""
    (found,) = [claim for claim in claims if word in claim.sentence]
    return found


def compared(store: Store, first: list[float], second: list[float]) -> Claim:
    """The claim about the best of two architectures."""
    accuracies = by_variant({"mlp_1": first, "cnn_3": second})
    changes = {"architectures": ["mlp_1", "cnn_3"], "repeats": len(first)}
    number = ended(store, "architectures", accuracies, parameters=counts, **changes)
    (claim,) = best_variant_claims(load_results(store, number), "test accuracy")
    return claim


# Architectures


def test_the_best_architecture_is_named_with_its_numbers(store: Store) -> None:
    claim = compared(store, [0.95, 0.95, 0.96], [0.80, 0.82, 0.81])
    assert claim.sentence.startswith("mlp_1 has the best test accuracy: 95.3 ± 0.6 % (n = 3) against 81.0 ± 1.0 %")
    assert "which exceeds the spread over repeats" in claim.sentence
    assert claim.supported
    assert claim.headline
    assert claim.experiments == (1,)
    assert claim.numbers["mlp_1: mean test accuracy"] == pytest.approx(0.9533, abs=1e-4)
    assert claim.numbers["cnn_3: n"] == 3
    welch = ttest_ind([0.95, 0.95, 0.96], [0.80, 0.82, 0.81], equal_var=False).pvalue
    assert claim.numbers["Welch's p"] == pytest.approx(welch)


def test_a_difference_that_may_be_chance_is_said_to_be_one(store: Store) -> None:
    claim = compared(store, [0.95, 0.75, 0.85], [0.94, 0.74, 0.84])
    assert claim.sentence.startswith("None has clearly the best test accuracy: 85.0 ± 10.0 % (n = 3) for mlp_1, 84.0")
    assert "1.0 points apart, which does not exceed the spread over repeats" in claim.sentence
    assert claim.supported, "that is a result, too"


def test_with_one_run_each_nothing_is_claimed(store: Store) -> None:
    claim = compared(store, [0.95], [0.60])
    assert claim.sentence == (
        "A ranking by test accuracy can't be told from n = 1: 95.0 % (n = 1) for mlp_1, 60.0 % (n = 1) for cnn_3, 35.0 "
        "points apart, where 360 test images leave each uncertain by 2.3 points."
    )
    assert not claim.supported


def test_equals_share_the_best_place(store: Store) -> None:
    assert compared(store, [0.5, 0.5], [0.5, 0.5]).sentence.startswith("mlp_1 and cnn_3 share the best test accuracy")


@pytest.mark.parametrize("count", [2, 3, 5])
def test_all_equals_are_named_each_with_its_own_spread(store: Store, count: int) -> None:
    names = list(FIVE)[:count]
    half_apart = {name: 0.01 * place for place, name in enumerate(names)}
    reached = {name: [0.7 - apart, 0.7 + apart] for name, apart in half_apart.items()}
    others = {name: [0.5, 0.6] for name in FIVE if name not in names}
    number = ended(store, "architectures", by_variant(reached | others), architectures=list(FIVE), repeats=2)
    claim = with_word(claims_of(store, number), "best test accuracy")
    named = ", ".join(names[:-1]) + f" and {names[-1]}"
    assert claim.sentence.startswith(f"{named} share the best test accuracy: 70.0 ± 0.0 % (n = 2) for mlp_1")
    for name, values in reached.items():
        assert f"70.0 ± {100 * stdev(values):.1f} % (n = 2) for {name}" in claim.sentence
        assert claim.numbers[f"{name}: mean test accuracy"] == pytest.approx(0.7)
    assert not any(name in claim.sentence for name in others)
    assert claim.supported


def test_equals_of_one_run_may_be_so_by_chance(store: Store) -> None:
    claim = compared(store, [0.5], [0.5])
    assert claim.sentence.endswith("50.0 % (n = 1) for cnn_3; from n = 1 that may be chance.")
    assert not claim.supported


def architectures(store: Store, accuracies: dict[str, float], repeats: int = 2) -> tuple[Claim, ...]:
    """The claims for runs in which each repeat is slightly better than the one before."""
    spread = {name: [value + 0.01 * repeat for repeat in range(repeats)] for name, value in accuracies.items()}
    changes = {"architectures": list(accuracies), "repeats": repeats}
    return claims_of(store, ended(store, "architectures", by_variant(spread), parameters=counts, **changes))


def test_accuracy_that_follows_the_parameters_is_said_to(store: Store) -> None:
    rising = dict(zip(sorted(FIVE, key=FIVE.__getitem__), (0.5, 0.6, 0.7, 0.8, 0.9), strict=True))
    claim = with_word(architectures(store, rising), "Spearman")
    assert claim.sentence.startswith("Accuracy follows the number of parameters (")
    assert claim.sentence.endswith("No pair clearly contradicts it.")
    assert (claim.numbers["rank correlation"], claim.numbers["n"]) == (pytest.approx(1.0), 5)


def test_the_pair_that_contradicts_most_is_named(store: Store) -> None:
    accuracies = {"mlp_1": 0.7, "mlp_2": 0.6, "cnn_3": 0.8, "cnn_4": 0.9, "cnn_5": 0.5}
    claim = with_word(architectures(store, accuracies, repeats=3), "Spearman")
    assert claim.sentence.startswith("These runs do not show that accuracy follows")
    assert "Against it stands cnn_4: with 13,522 parameters it reaches 91.0 %, mlp_2 with 35,498" in claim.sentence


def test_three_architectures_are_too_few_for_an_order(store: Store) -> None:
    claim = with_word(architectures(store, {"cnn_5": 0.5, "cnn_3": 0.6, "mlp_1": 0.7}), "Spearman")
    assert "too few to tell" in claim.sentence
    assert not claim.supported


def gap_claim(store: Store, repeats: int, first: float, second: float) -> Claim:
    """What is claimed of overfitting, with gaps at the end of the last epoch."""

    def records(spec: RunSpec, run: int) -> list[Record]:
        gap = {"mlp_1": first, "cnn_3": second}[spec.variant]
        ends = [record(run, step, epoch=2, training_accuracy=0.9, validation_accuracy=0.9 - gap) for step in (30, 40)]
        return [record(run, 10, training_accuracy=0.99, validation_accuracy=0.0), *ends]

    changes = {"architectures": ["mlp_1", "cnn_3"], "repeats": repeats}
    number = ended(store, "architectures", lambda _spec: 0.5, parameters=counts, records=records, **changes)
    return with_word(claims_of(store, number), "overfit")


def test_the_gap_is_of_the_last_epoch(store: Store) -> None:
    claim = gap_claim(store, 2, 0.3, 0.1)
    assert claim.sentence.startswith("mlp_1 overfits most, by 30.0 points (training 90.0 %, validation 60.0 %")
    assert claim.sentence.endswith("cnn_3 least, by 10.0 points.")
    assert claim.supported
    assert claim.numbers["cnn_3: gap"] == pytest.approx(0.1)


def test_from_one_run_each_nothing_overfits(store: Store) -> None:
    claim = gap_claim(store, 1, 0.3, 0.1)
    assert claim.sentence.startswith("What overfits can't be told from n = 1: the widest gap has mlp_1, 30.0 points (")
    assert not claim.supported
    better = gap_claim(store, 1, -0.1, -0.2)  # validation above training
    assert better.sentence.startswith("What overfits can't be told from n = 1: no training accuracy ends above its")


def test_a_gap_within_the_uncertainty_of_the_validation_images_is_none(store: Store) -> None:
    assert gap_claim(store, 2, 0.02, 0.01).sentence == (
        "No network clearly overfits: the widest gap has mlp_1, 2.0 points (training 90.0 %, validation 88.0 %, means "
        "of the last epoch, n = 2), where 144 validation images leave 5.4 points uncertain."
    )


TEN = replace(INFO, validation_count=5, test_count=10)
WORDS_OF_SUPERIORITY = (
    "has the best",
    "share the best",
    "Against it stands",
    "overfits most",
    "Accuracy follows",
    "steps ends",
)


@pytest.mark.parametrize("name", ["architectures", "learning-rate", "schedule"])
@pytest.mark.parametrize(("info", "repeats"), [(TEN, 3), (INFO, 1), (TEN, 1)])
def test_from_too_few_images_or_runs_none_is_said_to_be_better(
    store: Store, name: str, info: DatasetInfo, repeats: int
) -> None:
    settings = {
        "architectures": {"architectures": list(FIVE)},
        "schedule": {"rates": [0.1, 0.01], "switches": [1], "epochs": 2},
    }.get(name, {})
    order: dict[str, float] = {}

    def falling(spec: RunSpec) -> float:
        return order.setdefault(spec.variant, 0.95 - 0.1 * len(order)) - 0.001 * spec.repeat

    number = ended(store, name, falling, repeats=repeats, info=info, **settings)
    claims = claims_of(store, number)
    assert any("can't be told from" in claim.sentence for claim in claims)
    for claim in claims:
        assert not any(word in claim.sentence for word in WORDS_OF_SUPERIORITY), claim.sentence
        assert not ("can't be told" in claim.sentence and claim.supported)


def test_a_network_no_better_than_the_largest_class_is_not_called_best(store: Store) -> None:
    info = replace(INFO, test_class_counts=(324, *(4,) * 9))
    accuracies = by_variant({"mlp_1": [0.9, 0.9, 0.9], "cnn_3": [0.7, 0.7, 0.7]})
    changes = {"architectures": ["mlp_1", "cnn_3"], "repeats": 3, "info": info}
    number = ended(store, "architectures", accuracies, parameters=counts, **changes)
    assert not any("best" in claim.sentence for claim in claims_of(store, number))
    (claim,) = largest_class_claims(load_results(store, number))
    assert claim.sentence == (
        "No test accuracy is clearly above that of always answering '0', the largest class of the test images, 90.0 %: "
        "90.0 ± 0.0 % (n = 3) for mlp_1."
    )
    assert claim.numbers["largest class"] == 0.9
    assert clear_best(load_results(store, number)) is None


def test_where_nothing_was_tested_nothing_is_claimed(store: Store) -> None:
    number = ended(store, "architectures", lambda _spec: None, parameters=counts)
    assert claims_of(store, number) == ()


def test_runs_changed_by_hand_do_not_count_beside_others(store: Store) -> None:
    accuracies = by_variant({"mlp_1": [0.5, 0.5, 0.9], "cnn_3": [0.6, 0.6, 0.6]})
    by_hand = lambda spec: 0.1 if (spec.variant, spec.repeat) == ("mlp_1", 3) else None  # noqa: E731
    changes = {"architectures": ["mlp_1", "cnn_3"], "repeats": 3}
    number = ended(store, "architectures", accuracies, parameters=counts, by_hand=by_hand, **changes)
    claim = with_word(claims_of(store, number), "best test accuracy")
    assert claim.sentence.startswith("cnn_3 has the best")
    assert (claim.numbers["mlp_1: n"], claim.numbers["mlp_1: mean test accuracy"]) == (2, 0.5)


# Activations


def activations(store: Store, sigmoid_norm: float, sigmoid_loss: float) -> tuple[Claim, ...]:
    def records(spec: RunSpec, run: int) -> list[Record]:
        sigmoid = spec.variant.endswith("sigmoid")
        norm, loss = (sigmoid_norm, sigmoid_loss) if sigmoid else (0.5, 0.25)
        return [record(run, step, gradient_norms=(norm, 1.0), training_loss=loss) for step in (10, 20, 30)]

    number = ended(store, "activations", lambda _spec: 0.5, records=records, architectures=["mlp_1"], repeats=1)
    return claims_of(store, number)


def test_a_gradient_ten_times_smaller_has_vanished(store: Store) -> None:
    claims = activations(store, sigmoid_norm=0.005, sigmoid_loss=math.log(10))
    claim = with_word(claims, "vanishes")
    assert claim.sentence.startswith("Under Sigmoid the gradient vanishes in mlp_1")
    assert claim.sentence.endswith("(n = 1).")
    assert claim.numbers["mlp_1: ReLU over Sigmoid"] == pytest.approx(100)
    measured = with_word(claims, "mlp_1: the first layer's gradient is 0.5 under ReLU and 0.005 under Sigmoid")
    assert measured.numbers["ratio"] == pytest.approx(100)


def test_a_gradient_nearly_as_large_has_not(store: Store) -> None:
    claim = with_word(activations(store, sigmoid_norm=0.25, sigmoid_loss=1.0), "vanishes")
    assert claim.sentence.startswith("Under Sigmoid the gradient vanishes in no architecture (of 1)")


def test_a_loss_near_that_of_guessing_is_named(store: Store) -> None:
    claim = with_word(activations(store, 0.005, sigmoid_loss=2.31), "ln(10)")
    assert claim.sentence.endswith("for mlp_1/sigmoid (2.310).")
    assert claim.numbers["loss of guessing"] == pytest.approx(math.log(10))


def test_where_all_have_learned_none_is_near_guessing(store: Store) -> None:
    claim = with_word(activations(store, 0.005, sigmoid_loss=1.5), "ln(10)")
    assert claim.sentence.startswith("No loss stays at ln(10)")
    assert claim.sentence.endswith("1.500 (mlp_1/sigmoid).")


# Learning rates and schedules


def test_rates_that_diverged_are_named_with_their_steps(store: Store) -> None:
    accuracies = by_variant(
        {"cnn_4/0.1": [None, None], "cnn_4/0.01": [0.9, 0.91], "cnn_4/0.001": [0.5, 0.51], "range_test": [None]}
    )
    claims = claims_of(store, ended(store, "learning-rate", accuracies, repeats=2))
    assert with_word(claims, "best test accuracy").sentence.startswith("cnn_4/0.01 has the best")
    claim = with_word(claims, "diverged")
    assert claim.sentence.startswith("Training diverged at cnn_4/0.1 (2 of 2 runs, from step 52 on)")
    assert claim.numbers["cnn_4/0.1: runs that diverged"] == 2
    assert claim.numbers["cnn_4/0.01: runs that diverged"] == 0


def test_the_schedule_is_held_against_adam(store: Store) -> None:
    accuracies = by_variant({"steps": [0.80, 0.81, 0.80], "adam": [0.90, 0.91, 0.90]})

    def records(spec: RunSpec, run: int) -> list[Record]:
        at = 0.7 if spec.variant == "steps" else 0.95
        return [record(run, step, epoch=step // 26, validation_accuracy=at) for step in (26, 52)]

    changes = {"repeats": 3, "epochs": 2, "rates": [0.1, 0.01], "switches": [1], "target_accuracy": 0.9}
    claims = claims_of(store, ended(store, "schedule", accuracies, records=records, **changes))
    claim = with_word(claims, "below Adam")
    assert claim.sentence.startswith("The schedule in steps ends 10.0 points below Adam in test accuracy")
    assert "at 2 epochs each, which exceeds the spread over repeats" in claim.sentence
    soon = with_word(claims, "is reached by")
    assert "steps never (0 of 3 runs)" in soon.sentence
    assert "adam after 1.0 epochs and 0.5 s (3 of 3 runs)" in soon.sentence
    assert soon.numbers["adam: epochs to target"] == pytest.approx(1.0)


def test_training_on_is_measured_from_its_first_record(store: Store, tmp_path: Path) -> None:
    def records(_spec: RunSpec, run: int) -> list[Record]:
        return [record(run, 10 * n, epoch=n, validation_accuracy=0.4 + 0.2 * n) for n in (1, 2)]

    build_network("mlp_1", INFO.shape, len(INFO.class_names), NetworkSpec(), seed=1).save(tmp_path / "old.keras")
    changes = {"architecture": "mlp_1", "model": str(tmp_path / "old.keras"), "repeats": 1}
    number = ended(store, "train-on", lambda _spec: 0.75, records=records, **changes)
    (claim,) = claims_of(store, number)
    assert claim.sentence.startswith(
        "mlp_1/on: validation accuracy rises by 20.0 points, from 60.0 % at step 10 to 80.0"
    )


def test_a_gain_that_the_validation_images_do_not_carry_is_none(store: Store, tmp_path: Path) -> None:
    def records(_spec: RunSpec, run: int) -> list[Record]:
        return [record(run, 10 * n, epoch=n, validation_accuracy=0.7 + 0.02 * n) for n in (1, 2)]

    build_network("mlp_1", INFO.shape, len(INFO.class_names), NetworkSpec(), seed=1).save(tmp_path / "old.keras")
    changes = {"architecture": "mlp_1", "model": str(tmp_path / "old.keras"), "repeats": 1}
    (claim,) = claims_of(store, ended(store, "train-on", lambda _spec: 0.75, records=records, **changes))
    assert claim.sentence.startswith(
        "mlp_1/on: whether validation accuracy changed can't be told from 144 validation images (uncertain by 10.2 "
        "points), from 72.0 % at step 10 to 74.0 %"
    )
    assert not claim.supported


# What is computed


def test_convolutions_are_compared_with_the_loops(store: Store) -> None:
    spec = CONVOLUTION_EXPERIMENT.preset("quick", images=1, repeats=1)
    outcome, _ = run_session(store, InlineExecutor(), spec, experiment=CONVOLUTION_EXPERIMENT)
    assert outcome.experiment is not None, outcome.reason
    claims = claims_of(store, outcome.experiment)
    computation = store.computation(outcome.experiment)
    assert computation is not None
    methods = computation.findings["methods"]
    same = with_word(claims, "No method differs")
    assert same.numbers["TensorFlow: difference"] == methods["framework"]["largest_difference"]
    fast = with_word(claims, "Plain loops take")
    assert fast.numbers["TensorFlow: times faster"] == methods["framework"]["speedup"]


def test_the_recovered_gradient_is_held_against_rounding(store: Store) -> None:
    spec = BASICS_EXPERIMENT.preset("quick", steps=3, hidden_units=4)
    outcome, _ = run_session(store, InlineExecutor(), spec, experiment=BASICS_EXPERIMENT)
    assert outcome.experiment is not None, outcome.reason
    claims = claims_of(store, outcome.experiment)
    assert "Under SGD two successive weights tell the gradient to within rounding" in claims[0].sentence
    assert with_word(claims, "Under Adam").sentence.startswith("Under Adam two successive weights do not tell")
    order = with_word(claims, "Parameters, counted")
    assert "cnn_5 (8,346) < cnn_3 (11,106) < cnn_4 (13,522) < mlp_1 (33,130) < mlp_2 (35,498)" in order.sentence

"""engine.config.optimization: which settings an optimiser has, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from engine.config.specs import TrainingSpec
from engine.experiments import find_runnable
from engine.utils.errors import SpecError


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (
            {"momentum": 0.9},
            "momentum has an effect with optimizer=sgd or rmsprop only, and optimizer is adam; set momentum back to 0, "
            "or change optimizer.",
        ),
        (
            {"optimizer": "sgd", "beta_1": 0.5},
            "beta_1 has an effect with optimizer=adam or adamw only, and optimizer is sgd; set beta_1 back to 0.9, or "
            "change optimizer.",
        ),
        (
            {"optimizer": "sgd", "epsilon": 1e-8},
            "epsilon has an effect with optimizer=adam, adamw or rmsprop only, and optimizer is sgd; set epsilon back "
            "to 1e-07, or change optimizer.",
        ),
        (
            {"optimizer": "rmsprop", "momentum": 0.9, "nesterov": True},
            "nesterov has an effect with optimizer=sgd only, and optimizer is rmsprop; set nesterov back to false, or "
            "change optimizer.",
        ),
        (
            {"stop_patience": 2},
            "stop_patience has an effect with early_stopping=val_accuracy or val_loss only, and early_stopping is off; "
            "set stop_patience back to 5, or change early_stopping.",
        ),
        (
            {"optimizer": "sgd", "nesterov": True},
            "nesterov needs a momentum above 0, such as 0.9; set momentum, or nesterov to false.",
        ),
        ({"clip_norm": 0}, "clip_norm can't be 0; it takes above 0 to 1000000."),
    ],
)
def test_a_setting_that_does_not_apply_is_refused_in_one_sentence(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SpecError) as refused:
        TrainingSpec.build(settings)
    assert str(refused.value) == sentence


def test_an_optimiser_gets_the_settings_it_has() -> None:
    assert TrainingSpec(optimizer="sgd", momentum=0.9).optimizer_settings == {"momentum": 0.9, "nesterov": False}
    assert TrainingSpec().optimizer_settings == {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7}


def test_what_changes_the_time_of_a_step_is_told_apart_and_nothing_else() -> None:
    assert TrainingSpec(beta_1=0.5, epsilon=0.1, learning_rate=1).step_settings == ("adam",)
    assert TrainingSpec(clip_norm=1, ema_momentum=0.9).step_settings == ("adam", "clipping", "weight average")


@pytest.mark.parametrize("name", ["architectures", "activations", "learning-rate", "schedule"])
def test_every_run_of_an_experiment_has_the_settings_of_the_experiment(name: str) -> None:
    experiment = find_runnable(name)
    settings = {"weight_decay": 0.1, "clip_norm": 2.0, "label_smoothing": 0.25, "ema_momentum": 0.5}
    spec = experiment.preset("quick", class_weights="balanced", **settings)
    runs = experiment.plan(spec)  # type: ignore[attr-defined] # each of these trains
    assert runs
    assert all(run.training.class_weights == "balanced" for run in runs)
    assert all({key: getattr(run.training, key) for key in settings} == settings for run in runs)


def test_the_learning_rates_are_compared_with_the_momentum_asked_for() -> None:
    experiment = find_runnable("learning-rate")
    runs = experiment.plan(experiment.preset("quick", momentum=0.9, nesterov=True))  # type: ignore[attr-defined]
    assert {(run.training.momentum, run.training.nesterov) for run in runs} == {(0.9, True)}

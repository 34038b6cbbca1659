"""Part 5 of the homework, second half: a learning rate lowered at plateaus, compared with Adam and Keras' schedules."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field, field_validator, model_validator

from engine.analysis.blocks import NamedFigure
from engine.analysis.statistics import spread, time_to_target
from engine.config.augmentation import AugmentationSpec
from engine.config.early_stopping import EarlyStoppingSpec
from engine.config.fields import FieldKind, field, field_like
from engine.config.optimization import RegularizationSpec
from engine.config.rate_schedule import ScheduleSpec, WarmUpSpec
from engine.config.specs import (
    DataSpec,
    ExperimentSpec,
    NetworkSpec,
    RepeatSpec,
    RunSpec,
    TrainingLoopSpec,
    TrainingSpec,
)
from engine.events.runs import Status
from engine.experiments.base import TrainingExperiment
from engine.experiments.fields import ArchitectureChoice, Rate
from engine.experiments.schedule.claims import schedule_claims
from engine.experiments.schedule.plateaus import Plateau, epoch_means, find_plateau, plateau_rule
from engine.experiments.schedule.report import batch_lines, report_blocks
from engine.experiments.schedule.variants import BASELINES, STEPS, Baseline, search_name
from engine.utils.errors import TrainscopeError

if TYPE_CHECKING:
    from engine.analysis.results import ExperimentResult, VariantResult

Epoch = Annotated[int, Field(ge=1)]


class LearningScheduleSpec(
    EarlyStoppingSpec,
    WarmUpSpec,
    RegularizationSpec,
    RepeatSpec,
    TrainingLoopSpec,
    ArchitectureChoice,
    NetworkSpec,
    AugmentationSpec,
    DataSpec,
    ExperimentSpec,
):
    """The rates, where they switch, and the baselines."""

    epochs: int = field_like(TrainingLoopSpec, "epochs", 45)
    rates: tuple[Rate, ...] = field(
        (0.1, 0.01, 0.001),
        label="Learning rates",
        group="Schedule",
        kind=FieldKind.NUMBERS,
        help="Rates of plain gradient descent, one after the other, separated by commas.",
    )
    switches: tuple[Epoch, ...] = field(
        (),
        label="Switch after",
        unit="epochs",
        group="Schedule",
        kind=FieldKind.NUMBERS,
        help="Epochs after which the next rate begins, one fewer than rates. Empty: the plateaus of validation "
        "accuracy are found, by training with the first rates and starting again, as the homework does.",
    )
    patience: int = field(
        5,
        label="Patience",
        unit="epochs",
        group="Schedule",
        ge=1,
        le=1000,
        help="A plateau is found when so many epochs in a row bring no rise; it begins after the last one that did.",
    )
    delta: float = field(
        0.005,
        label="Least rise",
        group="Schedule",
        ge=0,
        le=1,
        help="Share of the validation images by which an epoch's mean accuracy must exceed the best before it.",
    )
    compare: tuple[Baseline, ...] = field(
        ("adam",),
        label="Compared with",
        group="Schedule",
        kind=FieldKind.CHOICES,
        choices=tuple(BASELINES),
        help="Trained for as many epochs: Adam at its own rate; or gradient descent from the first rate on: constant, "
        "exponential to the last rate, cosine to 0, cosine with restarts, one cycle up to the first rate and down to "
        "nearly 0, divided by 10 at each plateau (Keras' ReduceLROnPlateau).",
    )
    restart_period: int = field(
        3,
        label="First period",
        unit="epochs",
        group="Schedule",
        ge=1,
        le=100_000,
        help="Epochs before the first restart of cosine-restarts; each further period is twice as long, so that the "
        "rate is near 0 after 1, 3, 7, 15, ... times as many epochs.",
    )
    adam_rate: float = field(0.001, label="Adam's rate", group="Schedule", gt=0, le=1000, help="Adam's learning rate.")
    target_accuracy: float = field(
        0.55,
        label="Target accuracy",
        group="Schedule",
        gt=0,
        le=1,
        help="Validation accuracy (share of the images); the table tells how soon it is reached.",
    )

    @field_validator("rates")
    @classmethod
    def _check_rates(cls, rates: tuple[float, ...]) -> tuple[float, ...]:
        if not rates:
            raise ValueError("name at least one learning rate.")
        return rates

    @model_validator(mode="after")
    def _check_switches(self) -> LearningScheduleSpec:
        if len(self.rates) > self.epochs:
            raise ValueError(f"{len(self.rates)} rates need at least as many epochs.")
        if len(set(self.compare)) < len(self.compare):
            raise ValueError("name each schedule under compare once.")
        if not self.switches:
            if len(self.rates) > 1 and self.warm_up > self.epochs - len(self.rates) + 1:
                raise ValueError("warm_up must leave an epoch for each of the rates; shorten it, or train for longer.")
            return self
        if len(self.switches) != len(self.rates) - 1:
            raise ValueError(
                f"{len(self.rates)} rates switch {len(self.rates) - 1} times, and {len(self.switches)} switches were "
                "given; leave them out to have them found."
            )
        if list(self.switches) != sorted(set(self.switches)) or self.switches[-1] >= self.epochs:
            raise ValueError("switches must rise and lie before the last epoch.")
        if self.warm_up > self.switches[0]:
            raise ValueError("warm_up must end before the first of the switches.")
        return self


def plan(spec: LearningScheduleSpec) -> list[RunSpec]:
    """Plan the schedule if its switches are given, else the search for the first plateau; and the baselines."""
    baselines = [_baseline(spec, name, repeat) for repeat in _repeats(spec) for name in spec.compare]
    if spec.switches or len(spec.rates) == 1:
        return _scheduled(spec, spec.switches) + baselines
    return [_search(spec, ()), *baselines]


def follow_up(spec: LearningScheduleSpec, result: ExperimentResult) -> list[RunSpec]:
    """Plan the search for the next plateau, restarted from the first step; once all are found, the schedule itself.

    Runs that exist already are not started again.

    Raises:
        TrainscopeError: if a search did not finish.
    """
    if spec.switches or len(spec.rates) == 1:
        return []
    switches = tuple(plateau.epoch for plateau in found_plateaus(spec, result))
    if len(switches) == len(spec.rates) - 1:
        return _scheduled(spec, switches)
    search = result.variant(search_name(len(switches)))
    if search is not None:
        how = next((run.run.status.value for run in search.runs), "did not finish")
        raise TrainscopeError(
            f"The search for plateau {len(switches) + 1} at rate {spec.rates[len(switches)]:g} {how}, so the schedule "
            "was not trained; choose other rates, or set switches."
        )
    return [_search(spec, switches)]


def later_stages(spec: LearningScheduleSpec) -> list[list[RunSpec]]:
    """Return the further searches, one after the other, and then the schedule, with any switches."""
    if spec.switches or len(spec.rates) == 1:
        return []
    switches = tuple(range(1, len(spec.rates)))
    searches = [[_search(spec, switches[:number])] for number in range(1, len(switches))]
    return [*searches, _scheduled(spec, switches)]


def found_plateaus(spec: LearningScheduleSpec, result: ExperimentResult) -> list[Plateau]:
    """Return the plateaus found by the searches finished so far; none if the switches were given."""
    plateaus: list[Plateau] = []
    for number in range(0 if spec.switches else len(spec.rates) - 1):
        search = result.variant(search_name(number))
        if search is None or not search.counted_runs or search.counted_runs[0].run.status is not Status.FINISHED:
            break
        records = search.counted_runs[0].records
        accuracies = epoch_means([r.epoch for r in records], [r.validation_accuracy for r in records], spec.epochs)
        latest = spec.epochs - (len(spec.rates) - 1 - number)  # leaves an epoch for each further rate
        start = plateaus[-1].epoch if plateaus else math.ceil(spec.warm_up)  # while the rate rises there is none
        plateaus.append(find_plateau(accuracies, start, spec.patience, spec.delta).at_most(latest))
    return plateaus


def _repeats(spec: LearningScheduleSpec) -> range:
    return range(1, spec.repeats + 1)


def _search(spec: LearningScheduleSpec, switches: tuple[int, ...]) -> RunSpec:
    return _run(spec, search_name(len(switches)), 1, _steps(spec, switches), probe=True)


def _scheduled(spec: LearningScheduleSpec, switches: tuple[int, ...]) -> list[RunSpec]:
    return [_run(spec, STEPS, repeat, _steps(spec, switches)) for repeat in _repeats(spec)]


def _steps(spec: LearningScheduleSpec, switches: tuple[int, ...]) -> ScheduleSpec:
    return ScheduleSpec(kind="step", rates=spec.rates[: len(switches) + 1], switches=switches)


def _baseline(spec: LearningScheduleSpec, name: Baseline, repeat: int) -> RunSpec:
    if name == "adam":
        return _run(spec, name, repeat, ScheduleSpec(), optimizer="adam", learning_rate=spec.adam_rate)
    rates = {"exponential": (spec.rates[0], spec.rates[-1])}.get(name, (spec.rates[0],))
    return _run(
        spec,
        name,
        repeat,
        ScheduleSpec(kind=name, rates=rates, patience=spec.patience, delta=spec.delta, period=spec.restart_period),
    )


def _run(
    spec: LearningScheduleSpec,
    variant: str,
    repeat: int,
    schedule: ScheduleSpec,
    probe: bool = False,
    **training: Any,
) -> RunSpec:
    groups = (TrainingLoopSpec, RegularizationSpec, WarmUpSpec, *(() if probe else (EarlyStoppingSpec,)))
    settings = {key: value for group in groups for key, value in spec.part(group).model_dump().items()}
    values: dict[str, Any] = {"optimizer": "sgd", "learning_rate": spec.rates[0]} | training
    return RunSpec(
        variant=variant,
        architecture=spec.architecture,
        repeat=repeat,
        seed=spec.seed_of(repeat),
        data=spec.part(DataSpec),
        network=spec.part(NetworkSpec),
        training=TrainingSpec(**(settings | values)),
        schedule=schedule,
        augmentation=spec.part(AugmentationSpec),
        probe=probe,
    )


def findings(spec: LearningScheduleSpec, result: ExperimentResult) -> dict[str, Any]:
    """Return ``schedule``, rates and switches, and ``comparison``, each variant's accuracy and time to the target."""
    plateaus = found_plateaus(spec, result)
    return {
        "schedule": {
            "rates": list(spec.rates),
            "switches": list(spec.switches) or [plateau.epoch for plateau in plateaus],
            "found": ["given"] * len(spec.switches) or [plateau.how for plateau in plateaus],
            "rule": None if spec.switches else plateau_rule(spec.delta, spec.patience),
        },
        "target_accuracy": spec.target_accuracy,
        "comparison": {variant.name: _compared(variant, spec.target_accuracy) for variant in result.compared},
    }


def _compared(variant: VariantResult, target: float) -> dict[str, Any]:
    reached = [
        times
        for result in variant.counted_runs
        if (
            times := time_to_target(
                [record.step * variant.epochs / result.run.total_steps for record in result.records],
                [record.seconds for record in result.records],
                [record.validation_accuracy for record in result.records],
                target,
            )
        )
        is not None
    ]
    epochs, seconds = np.mean(reached, axis=0).tolist() if reached else (None, None)
    return {
        "n": len(variant.counted_runs),
        "test_accuracy": spread(variant.test_accuracies),
        "runs_that_reach_target": len(reached),
        "epochs_to_target": epochs,
        "seconds_to_target": seconds,
    }


def figures(result: ExperimentResult) -> Iterator[NamedFigure]:
    """Draw loss and validation accuracy of every variant, with the switches marked."""
    from engine.analysis.figures import loss_and_validation

    spec = LearningScheduleSpec.from_json(result.experiment.spec)
    steps_per_epoch = next((v.runs[0].run.total_steps / v.epochs for v in result.variants if v.runs), 0.0)
    switches = spec.switches or [plateau.epoch for plateau in found_plateaus(spec, result)]
    marks = [epoch * steps_per_epoch for epoch in switches]
    yield NamedFigure(
        "part5_schedule",
        loss_and_validation(result, result.variants, marks),
        "Training loss and validation accuracy; dotted lines mark where the rate of the schedule switches. Curves "
        "called search found the plateaus.",
    )


SCHEDULE_EXPERIMENT = TrainingExperiment(
    name="schedule",
    title="Schedule",
    summary="Lower the learning rate where validation accuracy stops rising, and compare with Adam.",
    lesson="At the first rate accuracy rises fast, then rests: the steps are too large to settle. At each mark a tenth "
    "of the rate begins, often with a jump upwards. Drag a mark to another epoch and press Run to try your own choice. "
    "Compare with Adam at equal epochs and mind n and the spread: one lucky run proves nothing.",
    spec=LearningScheduleSpec,
    homework_part=5,
    report_title="Learning rate schedule",
    presets={
        "quick": {
            "dataset": "digits",
            "epochs": 15,
            "repeats": 2,
            "patience": 3,
            "restart_period": 5,
            "target_accuracy": 0.9,
        },
        "course": {"dataset": "cifar10", "epochs": 45, "repeats": 3},
    },
    plan=plan,
    follow_up=follow_up,
    later_stages=later_stages,
    figures=figures,
    findings=findings,
    claims=schedule_claims,
    batch_lines=batch_lines,
    report_blocks=report_blocks,
)

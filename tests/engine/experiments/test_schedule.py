"""engine.experiments.schedule: plateaus found stage by stage, and the schedule compared with its baselines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from engine.analysis.results import VariantResult, load_results
from engine.config.specs import RunSpec
from engine.events.experiments import ExperimentStarted, RunsAdded
from engine.events.runs import Record, RunFinished, Status, Weights
from engine.events.tasks import Event
from engine.executors.tasks import TrainTask
from engine.experiments.schedule import SCHEDULE_EXPERIMENT
from engine.experiments.schedule.experiment import LearningScheduleSpec, findings, found_plateaus, plan
from engine.experiments.schedule.plateaus import epoch_means, find_plateau
from engine.experiments.schedule.report import batch_lines
from engine.storage.store import Store
from engine.utils.errors import SpecError
from tests.engine.support import (
    CompletedExperiment,
    ScriptedExecutor,
    carry_out,
    finished,
    of,
    record,
    run_session,
    started,
    timeless,
)

EPOCHS = 8
UNTESTED: dict[str, Any] = {"test_loss": None, "test_accuracy": None, "confusion": None}


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> CompletedExperiment:
    """mlp_1 through two searches and the schedule they find, and Adam: 26 steps and five records per epoch."""
    return carry_out(
        SCHEDULE_EXPERIMENT,
        tmp_path_factory.mktemp("schedule"),
        architecture="mlp_1",
        epochs=EPOCHS,
        record_every=5,
        repeats=1,
        patience=1,
        target_accuracy=0.8,
    )


def small(**changes: Any) -> LearningScheduleSpec:
    return LearningScheduleSpec.build({"epochs": 12, "repeats": 2, "seed": 7, "patience": 2} | changes)


def variant(done: CompletedExperiment, name: str) -> VariantResult:
    found = done.result.variant(name)
    assert found is not None, name
    return found


# The plan


def test_at_first_one_search_and_the_baselines_are_planned() -> None:
    assert [(run.variant, run.repeat, run.seed, run.probe) for run in plan(small())] == [
        *(("search_1", 1, 7, True), ("adam", 1, 7, False), ("adam", 2, 8, False))
    ]


def test_with_given_switches_no_search_is_planned() -> None:
    runs = plan(small(switches=[3, 9]))
    assert [(run.variant, run.repeat) for run in runs] == [("steps", 1), ("steps", 2), ("adam", 1), ("adam", 2)]
    assert (runs[0].schedule.rates, runs[0].schedule.switches) == ((0.1, 0.01, 0.001), (3, 9))


def test_a_single_rate_needs_no_search() -> None:
    runs = plan(small(rates=[0.1], repeats=1, compare=[]))
    assert [(run.variant, run.schedule.switches) for run in runs] == [("steps", ())]


def test_each_baseline_is_trained_as_its_name_says() -> None:
    baselines = ["adam", "constant", "exponential", "cosine", "cosine-restarts", "one-cycle", "plateau"]
    spec = small(compare=baselines, adam_rate=0.002, delta=0.25, restart_period=4, warm_up=1.5)
    runs = {run.variant: run for run in plan(spec)[1:8]}
    assert list(runs) == baselines
    assert {name: (run.training.optimizer, run.training.learning_rate) for name, run in runs.items()} == {
        "adam": ("adam", 0.002),
        **dict.fromkeys(baselines[1:], ("sgd", 0.1)),
    }
    assert {name: (run.schedule.kind, run.schedule.rates) for name, run in runs.items()} == {
        "adam": ("constant", ()),
        "constant": ("constant", (0.1,)),
        "exponential": ("exponential", (0.1, 0.001)),
        "cosine": ("cosine", (0.1,)),
        "cosine-restarts": ("cosine-restarts", (0.1,)),
        "one-cycle": ("one-cycle", (0.1,)),
        "plateau": ("plateau", (0.1,)),
    }
    assert (runs["plateau"].schedule.patience, runs["plateau"].schedule.delta) == (2, 0.25)
    assert runs["cosine-restarts"].schedule.period == 4
    assert {run.training.epochs for run in runs.values()} == {12}
    assert {run.training.warm_up for run in plan(spec)} == {1.5}, "the search's too"


def test_the_course_preset_is_the_protocol_of_the_homework() -> None:
    course = SCHEDULE_EXPERIMENT.preset("course")
    assert isinstance(course, LearningScheduleSpec)
    assert (course.dataset, course.architecture, course.batch_size) == ("cifar10", "cnn_4", 50)
    assert (course.rates, course.switches, course.compare) == ((0.1, 0.01, 0.001), (), ("adam",))
    assert course.epochs >= 30


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"rates": []}, "rates: name at least one learning rate."),
        ({"rates": [0.1, -1]}, "rates can't be -1; it takes numbers, each above 0 to 1000."),
        ({"switches": [3]}, "3 rates switch 2 times, and 1 switches were given; leave them out to have them found."),
        (
            {"switches": [3, 6, 9]},
            "3 rates switch 2 times, and 3 switches were given; leave them out to have them found.",
        ),
        ({"switches": [9, 3]}, "switches must rise and lie before the last epoch."),
        ({"switches": [3, 3]}, "switches must rise and lie before the last epoch."),
        ({"switches": [3, 12]}, "switches must rise and lie before the last epoch."),
        ({"switches": [3, 6], "warm_up": 3.5}, "warm_up must end before the first of the switches."),
        (
            {"warm_up": 11, "epochs": 12},
            "warm_up must leave an epoch for each of the rates; shorten it, or train for longer.",
        ),
        ({"epochs": 2}, "3 rates need at least as many epochs."),
        ({"compare": ["adam", "adam"]}, "name each schedule under compare once."),
        (
            {"compare": ["magic"]},
            "compare can't be 'magic'; it takes a list of adam | constant | exponential | cosine | "
            "cosine-restarts | one-cycle | plateau.",
        ),
        ({"target_accuracy": 1.5}, "target_accuracy can't be 1.5; it takes above 0 to 1."),
    ],
)
def test_settings_that_make_no_sense_are_refused_with_a_sentence(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(SpecError) as error:
        small(**changes)
    assert str(error.value) == reason


@pytest.mark.parametrize("switches", [[0, 3], ["three", 6], [1.5, 3]])
def test_switches_are_whole_epochs(switches: list[Any]) -> None:
    with pytest.raises(SpecError, match=r"^switches can't be .* numbers, each 1 or more epochs"):
        small(switches=switches)


# Stages, on synthetic accuracies


def scripted(curve: Callable[[RunSpec, int], float], status: Status = Status.FINISHED) -> ScriptedExecutor:
    """Records each run once an epoch with the accuracy that ``curve(run, epoch)`` gives; searches end so."""

    def answer(task: TrainTask) -> list[Event]:
        spec = task.spec
        records = [
            record(task.run, 26 * epoch, epoch=epoch, validation_accuracy=curve(spec, epoch), seconds=float(epoch))
            for epoch in range(1, spec.training.epochs + 1)
        ]
        end = finished(task.run)
        if spec.probe and status is not Status.FINISHED:
            end = finished(task.run, status, **({} if status is Status.STOPPED else UNTESTED), reason="Because.")
        return [started(task.run), *records, end]

    return ScriptedExecutor(answer)


def planned_stages(executor: ScriptedExecutor) -> list[tuple[str, tuple[int, ...]]]:
    runs = [task.spec for task in executor.tasks if isinstance(task, TrainTask)]
    return [(run.variant, run.schedule.switches) for run in runs]


def rests_after(*epochs: int) -> Callable[[RunSpec, int], float]:
    """Accuracy that rises until the first of ``epochs``, and after each switch, from a higher level, until the next."""

    def curve(run: RunSpec, epoch: int) -> float:
        stage = sum(epoch > switch for switch in run.schedule.switches)
        return 0.3 * stage + 0.02 * min(epoch, epochs[min(stage, len(epochs) - 1)])

    return curve


def test_plateaus_are_searched_one_after_the_other_and_then_the_schedule_is_trained(store: Store) -> None:
    executor = scripted(rests_after(3, 7))
    outcome, events = run_session(store, executor, small(compare=[]), experiment=SCHEDULE_EXPERIMENT)
    assert outcome.status is Status.FINISHED
    assert planned_stages(executor) == [("search_1", ()), ("search_2", (3,)), ("steps", (3, 7)), ("steps", (3, 7))]
    (first,) = of(ExperimentStarted, events)
    assert [run.spec.variant for run in first.runs] == ["search_1"]
    added = [[run.spec.variant for run in event.runs] for event in of(RunsAdded, events)]
    assert added == [["search_2"], ["steps", "steps"]]
    assert [run.run for event in of(RunsAdded, events) for run in event.runs] == [2, 3, 4]


def test_an_accuracy_that_always_rises_leaves_an_epoch_for_each_rate_to_come(store: Store) -> None:
    executor = scripted(lambda _run, epoch: epoch / 100)
    spec = small(rates=[0.1, 0.01, 0.001, 0.0001], repeats=1, compare=[])
    run_session(store, executor, spec, experiment=SCHEDULE_EXPERIMENT)
    assert planned_stages(executor)[-1] == ("steps", (9, 10, 11))


@pytest.mark.parametrize("status", [Status.FAILED, Status.CRASHED, Status.DIVERGED])
def test_a_search_that_did_not_finish_is_not_restarted(store: Store, status: Status) -> None:
    executor = scripted(rests_after(3, 7), status)
    spec = small(repeats=1)
    outcome, _ = run_session(store, executor, spec, experiment=SCHEDULE_EXPERIMENT)
    assert planned_stages(executor) == [("search_1", ()), ("adam", ())]
    assert outcome.status is Status.FAILED
    assert outcome.reason.startswith(f"The search for plateau 1 at rate 0.1 {status}, so the schedule was not")
    assert found_plateaus(spec, load_results(store, 1)) == []


def test_a_search_that_was_stopped_ends_the_experiment(store: Store) -> None:
    executor = scripted(rests_after(3, 7), Status.STOPPED)
    outcome, _ = run_session(store, executor, small(compare=[]), experiment=SCHEDULE_EXPERIMENT)
    assert planned_stages(executor) == [("search_1", ())]
    assert outcome.status is Status.STOPPED


def test_how_soon_the_target_is_reached_is_the_mean_over_the_runs_that_reach_it(store: Store) -> None:
    def curve(run: RunSpec, epoch: int) -> float:
        return 0.1 * epoch if (run.variant, run.repeat) != ("steps", 2) else 0.2

    spec = small(switches=[3, 9], repeats=3, compare=["adam"], target_accuracy=0.45)
    run_session(store, scripted(curve), spec, experiment=SCHEDULE_EXPERIMENT)
    found = findings(spec, load_results(store, 1))
    assert found["schedule"] == {
        "rates": [0.1, 0.01, 0.001],
        "switches": [3, 9],
        "found": ["given", "given"],
        "rule": None,
    }
    assert list(found["comparison"]) == ["steps", "adam"]
    steps = found["comparison"]["steps"]
    assert (steps["n"], steps["test_accuracy"]["mean"], steps["runs_that_reach_target"]) == (3, 0.5, 2)
    assert steps["seconds_to_target"] == 5.0
    assert steps["epochs_to_target"] == pytest.approx(26 * 5 / 26)
    assert list(batch_lines(found)) == [
        "Switched after epochs 3 (given), 9 (given).",
        "steps: 45 % validation accuracy reached by 2 of 3 runs, after 5.0 epochs, 5.0 s",
        "adam: 45 % validation accuracy reached by 3 of 3 runs, after 5.0 epochs, 5.0 s",
    ]


def test_a_target_that_no_run_reaches_is_reported(store: Store) -> None:
    spec = small(switches=[3, 9], repeats=1, compare=[], target_accuracy=0.99)
    run_session(store, scripted(rests_after(3)), spec, experiment=SCHEDULE_EXPERIMENT)
    found = findings(spec, load_results(store, 1))
    assert found["comparison"]["steps"]["epochs_to_target"] is None
    assert list(batch_lines(found))[-1] == "steps: 99 % validation accuracy reached by 0 of 1 runs"


# Trained


@pytest.mark.long
def test_the_stages_run_one_after_the_other(done: CompletedExperiment) -> None:
    assert (done.outcome.status, done.outcome.reason) == (Status.FINISHED, "")
    assert [(found.name, found.probe, len(found.tested)) for found in done.result.variants] == [
        *(("search_1", True, 1), ("adam", False, 1), ("search_2", True, 1), ("steps", False, 1))
    ]
    kinds = [type(event) for event in done.events if isinstance(event, ExperimentStarted | RunsAdded | RunFinished)]
    assert kinds == [ExperimentStarted, RunFinished, RunFinished, RunsAdded, RunFinished, RunsAdded, RunFinished]


@pytest.mark.long
def test_the_switches_are_the_plateaus_of_the_stored_records(done: CompletedExperiment) -> None:
    switches: list[int] = []
    for number in (1, 2):
        records = variant(done, f"search_{number}").runs[0].records
        means = epoch_means([r.epoch for r in records], [r.validation_accuracy for r in records], EPOCHS)
        plateau = find_plateau(means, switches[-1] if switches else 0, done.spec.patience, done.spec.delta).epoch
        switches.append(min(plateau, EPOCHS - 3 + number))
    assert variant(done, "search_2").runs[0].run.spec.schedule.switches == tuple(switches[:1])
    assert variant(done, "steps").runs[0].run.spec.schedule.switches == tuple(switches)
    assert done.summary["schedule"]["switches"] == switches
    assert 1 <= switches[0] < switches[1] < EPOCHS


@pytest.mark.long
def test_each_search_repeats_the_one_before_to_the_bit_until_its_switch(done: CompletedExperiment) -> None:
    first, second = variant(done, "steps").runs[0].run.spec.schedule.switches
    for earlier, later, until in (("search_1", "search_2", first), ("search_2", "steps", second)):
        before, after = (_seen(done, name, until) for name in (earlier, later))
        assert len(before) > 5
        assert before == after
    assert _seen(done, "search_1", EPOCHS) != _seen(done, "search_2", EPOCHS), "then the rate is another"


@pytest.mark.long
def test_the_rate_of_every_record_is_that_of_its_epoch(done: CompletedExperiment) -> None:
    switches = variant(done, "steps").runs[0].run.spec.schedule.switches
    for each in variant(done, "steps").runs[0].records:
        rate = (0.1, 0.01, 0.001)[sum(each.epoch > switch for switch in switches)]
        assert each.learning_rate == pytest.approx(rate)


@pytest.mark.long
def test_the_summary_compares_what_is_no_search(done: CompletedExperiment) -> None:
    summary = done.summary
    assert [each["name"] for each in summary["variants"]] == ["adam", "steps"]
    assert summary["target_accuracy"] == 0.8
    for name in ("adam", "steps"):
        run = variant(done, name).runs[0]
        soon = next((r for r in run.records if r.validation_accuracy >= 0.8), None)
        compared = summary["comparison"][name]
        assert compared["n"] == 1
        assert compared["test_accuracy"] == {"best": run.run.test_accuracy, "mean": run.run.test_accuracy, "std": None}
        assert compared["epochs_to_target"] == (None if soon is None else pytest.approx(soon.step / 26))


@pytest.mark.long
def test_its_figure_is_there_and_no_dictionary_of_the_course(done: CompletedExperiment) -> None:
    assert {path.name for path in done.folder.glob("*.png")} == {"part5_schedule.png", "network_mlp_1.png"}
    assert not (done.folder / "course").exists()


def _seen(done: CompletedExperiment, name: str, until: int) -> list[Any]:
    """Records and weights of a variant's only run up to the end of epoch ``until``, without number and time."""
    run = variant(done, name).runs[0].run.id
    events = [event for event in done.events if isinstance(event, Record | Weights) and event.run == run]
    kept = timeless(event for event in events if event.epoch <= until)
    return [{key: value for key, value in vars(event).items() if key != "run"} for event in kept]

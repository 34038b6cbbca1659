"""engine.experiments.basics: fields, findings, lines, figures and files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import engine.experiments
from engine.config.parsing import parse_assignments
from engine.events.channel import ControlChannel
from engine.events.experiments import Computation, Computed, ComputedPart
from engine.events.runs import Status
from engine.events.tasks import Event
from engine.executors.inline import InlineExecutor
from engine.experiments.basics import BASICS_EXPERIMENT
from engine.experiments.basics.experiment import BasicsSpec, compute, figures
from engine.experiments.basics.report import OPTIMIZERS, batch_lines
from engine.exports import export_experiment
from engine.networks.architectures import COURSE_ARCHITECTURES, count_parameters
from engine.session import Session
from engine.storage.store import Store
from engine.utils.errors import Cancelled, SpecError
from tests.engine.support import of

STEPS = 5
SMALL: dict[str, Any] = {"steps": STEPS, "hidden_units": 4}


def spec_of(**changes: Any) -> BasicsSpec:
    return BasicsSpec.build(SMALL | changes)


@pytest.fixture(scope="module")
def seen() -> tuple[Computation, list[ComputedPart], list[tuple[str, int, int]]]:
    parts: list[ComputedPart] = []
    calls: list[tuple[str, int, int]] = []
    return compute(spec_of(), parts.append, lambda *progress: calls.append(progress)), parts, calls


@pytest.fixture(scope="module")
def found(seen: tuple[Computation, Any, Any]) -> Computation:
    return seen[0]


@pytest.mark.parametrize("name", BASICS_EXPERIMENT.presets)
def test_presets_are_the_courses_numbers(name: str) -> None:
    spec = BASICS_EXPERIMENT.preset(name)
    assert isinstance(spec, BasicsSpec)
    assert (spec.images, spec.batch_size, spec.epochs) == (45_000, 50, 15)
    assert BasicsSpec.from_toml(spec.to_toml()) == spec


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"network": "Conv-3x3x16, Bogus"}, "'Bogus' is no layer"),
        ({"network": "Conv-9x9x4", "input_shape": (8, 8, 1)}, "can't be built on 8x8x1 images"),
        ({"input_shape": (32, 32)}, "input_shape"),
        ({"input_shape": (0, 32, 1)}, "input_shape"),
        ({"learning_rate": 0}, "learning_rate can't be 0"),
        ({"momentum": 1.0}, "momentum can't be 1.0"),
        ({"images": 0}, "images can't be 0"),
    ],
)
def test_what_makes_no_sense_is_refused(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SpecError, match=sentence):
        spec_of(**changes)


def test_any_network_can_be_asked_for_in_a_terminal() -> None:
    given = parse_assignments(BasicsSpec, ["network=conv-3x5x4, relu, fc-7(no bias)", "input_shape=9, 8, 3"])
    spec = spec_of(**given)
    assert spec.network == "Conv-3x5x4, ReLU, FC-7(no bias)"
    assert spec.input_shape == (9, 8, 3)


def test_cross_entropy_of_the_homeworks_examples(found: Computation) -> None:
    cross_entropy = found.findings["cross_entropy"]
    assert cross_entropy["unit"] == "nats"
    rounded = [(e["probability_of_true_class"], round(e["loss"], 4)) for e in cross_entropy["examples"]]
    assert rounded == [(0.85, 0.1625), (0.7, 0.3567)]


def test_batches_of_the_course_and_of_a_short_last_batch(found: Computation) -> None:
    counts = [(b["batches_per_epoch"], b["last_batch"], b["iterations"]) for b in found.findings["batches"]]
    assert counts == [(900, 50, 13_500), (704, 8, 10_560)]


def test_batches_asked_for_come_first() -> None:
    other = compute(
        spec_of(images=101, batch_size=20, epochs=3, steps=1), lambda _part: None, lambda _message, _done, _total: None
    )
    assert other.findings["batches"][0] == {
        "images": 101,
        "batch_size": 20,
        "epochs": 3,
        "batches_per_epoch": 6,
        "last_batch": 1,
        "iterations": 18,
    }
    assert len(other.findings["batches"]) == 3


def test_parameters_of_the_five_and_of_the_network_asked_for(found: Computation) -> None:
    own, *five = found.findings["parameters"]
    totals = {network["name"]: network["total"] for network in five}
    assert totals == {"mlp_1": 33_130, "mlp_2": 35_498, "cnn_3": 11_106, "cnn_4": 13_522, "cnn_5": 8_346}
    assert totals == {name: count_parameters(name, (32, 32, 1), 10) for name in COURSE_ARCHITECTURES}
    assert own["notation"] == "Conv-3x3x16, ReLU, MaxPool-2x2, FC-64(no bias)"
    for network in (own, *five):
        assert sum(layer["parameters"] for layer in network["layers"]) == network["total"]
        for layer in network["layers"]:
            value = eval(layer["formula"].replace("·", "*")) if layer["formula"] else 0  # noqa: S307
            assert value == layer["parameters"], "the formula says what was counted"


def test_the_recovered_gradient_agrees_to_rounding_under_sgd_alone(found: Computation) -> None:
    recovery = found.findings["gradient_recovery"]
    assert recovery["steps"] == STEPS
    by_name = recovery["optimizers"]
    assert {name: values["within_rounding"] for name, values in by_name.items()} == {
        "sgd": True,
        "momentum": False,
        "adam": False,
    }
    assert by_name["sgd"]["largest_difference"] <= by_name["sgd"]["largest_bound"] < 1e-4
    for name in OPTIMIZERS:
        assert by_name[name]["largest_difference"] == found.arrays[f"{name}_difference"].max()


def test_findings_are_json(found: Computation) -> None:
    assert json.loads(json.dumps(found.findings, allow_nan=False)) == found.findings


def test_steps_are_reported_as_they_are_made(
    seen: tuple[Computation, list[ComputedPart], list[tuple[str, int, int]]],
) -> None:
    found, parts, calls = seen
    assert [part.values["step"] for part in parts] == [1, 2, 3, 4, 5]
    assert {part.values["steps"] for part in parts} == {STEPS}
    differences = [part.values["adam"]["difference"] for part in parts]
    np.testing.assert_array_equal(found.arrays["adam_difference"], differences)
    assert calls[-1] == ("Recovering gradients", STEPS, STEPS)


def test_a_cancel_ends_it() -> None:
    def progress(message: str, done: int, _total: int) -> None:
        if message == "Recovering gradients" and done == 2:
            raise Cancelled("Cancelled before it was done.")

    parts: list[ComputedPart] = []
    with pytest.raises(Cancelled):
        compute(spec_of(), parts.append, progress)
    assert len(parts) == 2


def test_the_report_says_it_all(found: Computation) -> None:
    lines = list(batch_lines(found.findings))
    text = "\n".join(lines)
    for piece in ("0.1625 nats", "0.3567 nats", "900 an epoch", "13,500 iterations", "(16·5·5 + 1)·16", "8,346"):
        assert piece in text
    assert [line.rpartition(": ")[2] for line in lines[-3:]] == ["within rounding", *["not the gradient"] * 2]


def test_figures_show_the_examples_and_three_optimisers(found: Computation) -> None:
    drawn = {name: figure for name, figure, _caption in figures(spec_of(), found)}
    assert list(drawn) == ["cross_entropy", "gradient_recovery"]
    loss = drawn["cross_entropy"].axes[0]
    assert [text.get_text() for text in loss.get_legend().get_texts()] == [
        "p = 0.85: 0.1625 nats",
        "p = 0.7: 0.3567 nats",
    ]
    recovery = drawn["gradient_recovery"].axes[0]
    assert recovery.get_yscale() == "log"
    lines = {line.get_label(): line for line in recovery.get_lines()}
    assert set(OPTIMIZERS.values()) < set(lines)
    np.testing.assert_array_equal(lines["Momentum"].get_ydata(), found.arrays["momentum_difference"])


def test_a_session_stores_and_exports_it(
    store: Store, control: ControlChannel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(engine.experiments.EXPERIMENTS, "basics", BASICS_EXPERIMENT)
    events: list[Event] = []
    session = Session(store, InlineExecutor(), events.append, control)
    finished = session.run(BASICS_EXPERIMENT, spec_of())
    assert finished.status is Status.FINISHED, finished.reason
    assert len(of(ComputedPart, events)) == STEPS
    assert len(of(Computed, events)) == 1
    written = export_experiment(store, finished.experiment or 0, tmp_path / "out").files
    assert {path.name for path in written} == {
        *("summary.json", "settings.toml", "gradient_recovery.npz"),
        *(f"{name}.{suffix}" for name in ("cross_entropy", "gradient_recovery") for suffix in ("png", "svg")),
    }
    summary = json.loads((tmp_path / "out" / "summary.json").read_text(encoding="utf-8"))
    assert summary["gradient_recovery"]["optimizers"]["sgd"]["within_rounding"]
    with np.load(tmp_path / "out" / "gradient_recovery.npz", allow_pickle=False) as archive:
        assert archive["step"].tolist() == [1, 2, 3, 4, 5]
        assert archive["sgd_difference"].shape == archive["adam_bound"].shape == (STEPS,)

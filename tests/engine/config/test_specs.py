"""engine.config.specs and parsing: validation, and round trips through TOML and JSON."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError

from engine.config.fields import FieldDescription, FieldKind, describe
from engine.config.parsing import parse_assignments, read_toml, split_list
from engine.config.specs import DataSpec, ExperimentSpec, NetworkSpec, RunSpec, TrainingSpec
from engine.experiments import RUNNABLE_EXPERIMENTS
from engine.experiments.architectures.experiment import ArchitecturesSpec
from engine.networks.architectures import architecture_name
from engine.utils.errors import SpecError
from engine.utils.text import MAX_CHARACTERS
from tests.engine.support import ROOT, small_run

OF_EXPERIMENTS = tuple(experiment.spec for experiment in RUNNABLE_EXPERIMENTS.values())
SPECS = (*OF_EXPERIMENTS, DataSpec, NetworkSpec, TrainingSpec)
FIELDS = {item.key: item for item in describe(ArchitecturesSpec)}

texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
files = texts.map(lambda text: str(Path("/data", "".join(filter(str.isprintable, text)).strip(" /"))))
written = st.builds(
    "net_{}[Conv-3x3x{}, ReLU, MaxPool-2x2, FC-8(no bias)]".format, st.integers(0, 9), st.integers(1, 9)
)


def values_of(item: FieldDescription) -> st.SearchStrategy[Any]:
    """Values accepted according to the field's description."""
    match item.kind:
        case FieldKind.INTEGER:
            values: st.SearchStrategy[Any] = st.integers(int(item.minimum), int(item.maximum))
        case FieldKind.NUMBER:
            values = st.floats(
                item.minimum, item.maximum, exclude_min=item.exclusive_minimum, exclude_max=item.exclusive_maximum
            )
        case FieldKind.SWITCH:
            values = st.booleans()
        case FieldKind.CHOICE:
            values = st.sampled_from(item.choices)
        case FieldKind.CHOICES:
            values = st.lists(st.sampled_from(item.choices), min_size=1, unique=True)
        case FieldKind.ARCHITECTURE:
            values = st.sampled_from(item.choices) | written
        case FieldKind.ARCHITECTURES:
            values = st.lists(st.sampled_from(item.choices) | written, min_size=1, unique_by=architecture_name)
        case FieldKind.FILE | FieldKind.MODEL:
            values = files
        case _:
            values = texts
    return st.none() | values if item.optional else values


rates = st.lists(st.floats(0, 1000, exclude_min=True), min_size=1, max_size=4, unique=True)
# Not covered by descriptions: numbers in a list, and constraints between settings.
BEYOND_DESCRIPTION: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "LearningRateSpec": {"rates": rates, "range_low": st.floats(1e-6, 0.5), "range_high": st.floats(0.75, 1000)},
    "LearningScheduleSpec": {"rates": rates, "switches": st.just(()), "epochs": st.integers(4, 100_000)},
    "BasicsSpec": {
        "network": st.sampled_from(["FC-8", "Conv-3x5x2, ReLU, MaxPool-2x2, FC-64(no bias)"]),
        "input_shape": st.tuples(st.integers(8, 32), st.integers(8, 32), st.integers(1, 3)),
    },
}


@st.composite
def specs(draw: st.DrawFn, spec: type[ExperimentSpec]) -> ExperimentSpec:
    known = BEYOND_DESCRIPTION.get(spec.__name__, {})
    values = {item.key: draw(known[item.key] if item.key in known else values_of(item)) for item in describe(spec)}
    for item in describe(spec):
        if item.only_with is not None and values[item.only_with[0]] not in item.only_with[1]:
            values[item.key] = item.default
    if not values.get("momentum"):
        values |= {"nesterov": False} if "nesterov" in values else {}
    if "switches" in values and draw(st.booleans()):
        values["warm_up"] = draw(st.sampled_from([0, 0.5, 1]))
        count = len(values["rates"]) - 1
        last = values["epochs"] - 1
        values["switches"] = sorted(draw(st.sets(st.integers(1, last), min_size=count, max_size=count)))
    elif "switches" in values:
        values["warm_up"] = min(values["warm_up"], max(values["epochs"] - len(values["rates"]) + 1, 0))
    return spec.build(values)


any_spec = st.sampled_from(OF_EXPERIMENTS).flatmap(specs)


NEVER_RIGHT: dict[FieldKind, list[Any]] = {
    FieldKind.SWITCH: ["perhaps", 7],
    FieldKind.CHOICE: ["nothing of the sort", 7],
    FieldKind.CHOICES: [["nothing of the sort"], 7],
    FieldKind.ARCHITECTURE: ["nothing of the sort", "mlp_9", "small[", "small[FC-0]", 7],
    FieldKind.ARCHITECTURES: [["nothing of the sort"], ["mlp_9"], ["cnn_4[FC-8]"], "", 7],
    FieldKind.NUMBERS: [["much"], [-1], "much", 7],
    FieldKind.FILE: [7, ["a"], True],
    FieldKind.MODEL: [7, ["a"], True],
    FieldKind.TEXT: ["", 7],
    FieldKind.DATASET: ["", 7],
}


def wrong_values(item: FieldDescription) -> list[Any]:
    """Values just outside of what the field's description accepts."""
    if item.kind is FieldKind.INTEGER:
        return [int(item.minimum) - 1, int(item.maximum) + 1, 1.5, "many"]
    if item.kind is FieldKind.NUMBER:
        return [
            item.minimum if item.exclusive_minimum else item.minimum - 1,
            item.maximum if item.exclusive_maximum else item.maximum * 2,
            *(math.nan, math.inf, -math.inf, "much"),
        ]
    return NEVER_RIGHT[item.kind]


# Fields with their own error messages.
SPEAKING = (FieldKind.ARCHITECTURE, FieldKind.ARCHITECTURES, FieldKind.TEXT)


def assert_is_one_sentence(text: str) -> None:
    assert text == text.strip()
    assert "\n" not in text
    assert text.endswith(".")
    assert text[0].isalnum() or text[0] in "'/"


def test_a_spec_is_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        ArchitecturesSpec().epochs = 3


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.__name__)
def test_every_field_says_what_it_is_and_what_it_takes(spec: type[ArchitecturesSpec]) -> None:
    for item in describe(spec):
        assert item.label, item.key
        assert item.help.endswith("."), item.key
        bounded = item.minimum is not None and item.maximum is not None
        assert bounded or item.choices or item.kind not in (FieldKind.INTEGER, FieldKind.NUMBER, FieldKind.CHOICE), (
            item.key
        )


@pytest.mark.parametrize(
    "item",
    [
        pytest.param(item, id=f"{spec.__name__}.{item.key}")
        for spec in OF_EXPERIMENTS
        for item in describe(spec)
        if item.kind is FieldKind.INTEGER
    ],
)
def test_bounds_of_whole_numbers_are_told_exactly(item: FieldDescription) -> None:
    assert item.bounds == f"{item.minimum} to {item.maximum}"


@given(any_spec)
def test_a_spec_read_from_its_own_json_is_equal_to_itself(spec: ExperimentSpec) -> None:
    assert type(spec).from_json(spec.to_json()) == spec


@given(any_spec)
def test_a_spec_read_from_its_own_toml_is_equal_to_itself(spec: ExperimentSpec) -> None:
    assert type(spec).from_toml(spec.to_toml()) == spec


@given(any_spec)
def test_a_spec_given_as_assignments_is_equal_to_itself(spec: ExperimentSpec) -> None:
    values = spec.model_dump()
    if "dataset" in values:  # surrounding spaces are removed
        values["dataset"] = values["dataset"].strip()
        assume(values["dataset"])
    pairs = []
    for key, value in values.items():
        text = ",".join(map(str, value)) if isinstance(value, tuple) else "" if value is None else str(value)
        pairs.append(f"{key}={text}")
    assert type(spec).build(parse_assignments(type(spec), pairs)) == type(spec).build(values)


def test_a_run_read_from_its_own_json_is_equal_to_itself() -> None:
    run = small_run(seed=7, image_size=20)
    assert RunSpec.from_json(run.to_json()) == run


def test_a_damaged_run_is_refused_with_a_sentence() -> None:
    with pytest.raises(SpecError) as error:
        RunSpec.from_json("{}")
    assert_is_one_sentence(str(error.value))


def test_a_part_of_a_spec_carries_the_fields_of_its_group() -> None:
    spec = ArchitecturesSpec(epochs=3, activation="tanh", grayscale=False)
    assert spec.part(TrainingSpec) == TrainingSpec(epochs=3)
    assert spec.part(NetworkSpec) == NetworkSpec(activation="tanh")
    assert spec.part(DataSpec) == DataSpec(grayscale=False)


@pytest.mark.parametrize(
    ("key", "meant"),
    [("epoch", "epochs"), ("batchsize", "batch_size"), ("initialiser", "initializer"), ("Repeats", "repeats")],
)
def test_an_unknown_key_suggests_the_nearest(key: str, meant: str) -> None:
    with pytest.raises(SpecError, match=f"'{key}'; did you mean '{meant}'") as error:
        ArchitecturesSpec.build({key: 1})
    assert_is_one_sentence(str(error.value).replace("?", "."))


def test_a_key_that_resembles_none_lists_them_all() -> None:
    with pytest.raises(SpecError) as error:
        ArchitecturesSpec.build({"xyzzy": 1})
    assert all(key in str(error.value) for key in FIELDS)


@pytest.mark.parametrize("spec", OF_EXPERIMENTS, ids=lambda spec: spec.__name__)
def test_a_wrong_value_is_refused_with_its_key_and_what_it_takes(spec: type[ExperimentSpec]) -> None:
    wrong = [(item, value) for item in describe(spec) for value in wrong_values(item)]
    for item, value in wrong:
        try:
            spec.build({item.key: value})
        except SpecError as error:
            message = str(error)
        else:
            pytest.fail(f"{item.key}={value!r} is accepted")
        assert_is_one_sentence(message)
        if message.startswith(f"{item.key}: "):
            assert item.kind in SPEAKING or isinstance(value, bool), (item.key, value)
        else:
            assert message.startswith(f"{item.key} can't be ")
            assert item.accepted in message


@pytest.mark.parametrize("key", ["input", "kernel"])
def test_a_file_of_a_user_who_is_not_there_is_said_in_a_sentence_or_when_it_is_opened(key: str) -> None:
    spec = RUNNABLE_EXPERIMENTS["convolution"].spec
    try:
        assert "nobody_here" in getattr(spec.build({key: "~nobody_here/x.npy"}), key)
    except SpecError as error:
        assert_is_one_sentence(str(error))


@pytest.mark.parametrize("names", [[], ["mlp_1", "mlp_1"]])
def test_architectures_are_named_once_and_at_least_one(names: list[str]) -> None:
    with pytest.raises(SpecError, match=r"^architectures: ") as error:
        ArchitecturesSpec.build({"architectures": names})
    assert_is_one_sentence(str(error.value))


def test_replace_validates_what_it_changes() -> None:
    assert ArchitecturesSpec().replace(epochs=3).epochs == 3
    with pytest.raises(SpecError, match=r"^epochs"):
        ArchitecturesSpec().replace(epochs=0)


@pytest.mark.parametrize(
    ("pair", "expected"),
    [
        ("epochs=15", {"epochs": "15"}),
        (" epochs = 15 ", {"epochs": "15"}),
        ("architectures=cnn_4,mlp_1", {"architectures": ["cnn_4", "mlp_1"]}),
        ("architectures=cnn_4, mlp_1,", {"architectures": ["cnn_4", "mlp_1"]}),
        ("architectures=a[FC-8, ReLU],cnn_4", {"architectures": ["a[FC-8, ReLU]", "cnn_4"]}),
        ("image_size=none", {"image_size": None}),
        ("image_size=", {"image_size": None}),
        ("dataset=a=b=c", {"dataset": "a=b=c"}),
    ],
)
def test_an_assignment_is_split_at_its_first_equals_sign(pair: str, expected: dict[str, Any]) -> None:
    assert parse_assignments(ArchitecturesSpec, [pair]) == expected


def test_of_two_assignments_of_a_key_the_last_one_counts() -> None:
    assert parse_assignments(ArchitecturesSpec, ["epochs=1", "epochs=2"]) == {"epochs": "2"}


@pytest.mark.parametrize("pair", ["epochs", "epoch=3", "=3", ""])
def test_a_text_that_assigns_no_known_key_is_refused(pair: str) -> None:
    with pytest.raises(SpecError):
        parse_assignments(ArchitecturesSpec, [pair])


@pytest.mark.parametrize("text", ["{", "[1, 2]", "3", '"text"', "[" * 100_000])
def test_text_that_is_no_table_in_json_is_refused(text: str) -> None:
    with pytest.raises(SpecError) as error:
        ArchitecturesSpec.from_json(text)
    assert_is_one_sentence(str(error.value))


def test_a_config_file_is_named_when_it_is_missing_or_broken(tmp_path: Path) -> None:
    missing, broken, binary = tmp_path / "missing.toml", tmp_path / "broken.toml", tmp_path / "binary.toml"
    broken.write_text("epochs = = 3")
    binary.write_bytes(b"\xff\xfe\x00")
    for path in (missing, broken, binary, tmp_path):
        with pytest.raises(SpecError) as error:
            read_toml(path)
        assert str(path) in str(error.value)
        assert_is_one_sentence(str(error.value))


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("", []),
        (" , ,", []),
        ("0.1, 0.01", ["0.1", "0.01"]),
        ("a[FC-8, ReLU], mlp_1,b[Act,FC-4(no bias)]", ["a[FC-8, ReLU]", "mlp_1", "b[Act,FC-4(no bias)]"]),
        ("a[Skip[FC-8, ReLU], Act], mlp_1", ["a[Skip[FC-8, ReLU], Act]", "mlp_1"]),
        ("a[FC-8, ReLU", ["a[FC-8, ReLU"]),
        ("a]FC-8, ReLU[", ["a]FC-8", "ReLU["]),
    ],
)
def test_a_list_is_split_at_commas_outside_of_brackets(text: str, items: list[str]) -> None:
    assert split_list(text) == items


@pytest.mark.parametrize("preset", ["quick", "course"])
def test_a_preset_changes_only_data_set_epochs_and_repeats(preset: str) -> None:
    spec, defaults = RUNNABLE_EXPERIMENTS["architectures"].preset(preset), ArchitecturesSpec()
    differing = {key for key in FIELDS if getattr(spec, key) != getattr(defaults, key)}
    assert differing <= {"dataset", "epochs", "repeats"}


def test_the_course_preset_is_the_protocol_of_the_homework() -> None:
    course = RUNNABLE_EXPERIMENTS["architectures"].preset("course").model_dump()
    assert course == {
        **{"early_stopping": "off", "stop_patience": 5, "stop_delta": 0.0, "warm_up": 0.0},
        **{"rate_over_time": "constant", "restart_period": 5},
        "dataset": "cifar10",
        **{"grayscale": True, "normalization": "half"},
        "image_size": None,
        "skip_broken_images": False,
        **{"validation_fraction": 0.1, "test_fraction": 0.2},
        "flip": False,
        "shift": 0,
        "rotation": 0,
        "zoom": 0.0,
        "border": "reflect",
        "brightness": 0.0,
        "contrast": 0.0,
        "cutout": 0,
        "mixup": 0.0,
        "activation": "relu",
        "initializer": "course",
        "optimizer": "adam",
        "momentum": 0.0,
        "nesterov": False,
        "beta_1": 0.9,
        "beta_2": 0.999,
        "epsilon": 1e-7,
        "learning_rate": 0.001,
        "batch_size": 50,
        "epochs": 15,
        "record_every": 10,
        "validation_precision": "float32",
        "weight_decay": None,
        "clip_norm": None,
        "label_smoothing": 0.0,
        "class_weights": "none",
        "ema_momentum": 0.0,
        "repeats": 10,
        "seed": 0,
        "architectures": ("mlp_1", "mlp_2", "cnn_3", "cnn_4", "cnn_5"),
    }


@pytest.mark.parametrize("path", sorted((ROOT / "resources" / "examples").glob("*.toml")), ids=lambda path: path.stem)
def test_the_example_files_are_read_without_complaint(path: Path) -> None:
    spec = RUNNABLE_EXPERIMENTS[path.stem].preset("quick", **read_toml(path))
    assert spec != RUNNABLE_EXPERIMENTS[path.stem].preset("quick")


@pytest.mark.parametrize(
    "text",
    [
        "epochs = " + "9" * 5000,  # more digits than Python parses
        "epochs = 0x" + "f" * 5000,  # and than it prints
        "epochs = " + "[" * 400 + "]" * 400,  # too deep for repr()
        ".".join("a" * 50_000) + " = 1",  # takes tomllib minutes
        "epochs = {a.b = 1}",
        "epochs = 1979-05-27",
    ],
    ids=["digits", "hexadecimal", "depth", "dots", "table", "date"],
)
def test_extreme_texts_are_refused_in_one_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / "mine.toml").write_text(text, encoding="utf-8")
    with pytest.raises(SpecError) as refused:
        ArchitecturesSpec.build(read_toml(tmp_path / "mine.toml"))
    assert str(refused.value).endswith(".")
    assert len(str(refused.value)) <= MAX_CHARACTERS


def test_json_that_nests_deeper_than_it_can_be_shown_is_refused() -> None:
    with pytest.raises(SpecError, match="epochs can't be"):
        ArchitecturesSpec.from_json('{"epochs": ' + "[" * 900 + "]" * 900 + "}")


@pytest.mark.parametrize("text", [None, 7, b"\xff", "[" * 100_000, " " * 2_000_000])
def test_what_is_no_json_text_is_refused(text: Any) -> None:
    with pytest.raises(SpecError, match="not valid JSON"):
        ArchitecturesSpec.from_json(text)


@pytest.mark.parametrize("value", ["/data/caf\udce9", "\ud83d"])
def test_halves_of_characters_are_refused_as_they_can_not_be_stored(value: str) -> None:
    with pytest.raises(SpecError, match="dataset: it has characters that can't be written as UTF-8"):
        DataSpec.build({"dataset": value})
    with pytest.raises(SpecError, match="UTF-8"):
        ArchitecturesSpec.build(parse_assignments(ArchitecturesSpec, [f"architectures=mlp_1,{value}"]))


def test_a_pipe_in_the_place_of_settings_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "mine.toml")
    with pytest.raises(SpecError, match=r"mine\.toml can't be read \(It is a pipe or a device\)"):
        read_toml(tmp_path / "mine.toml")

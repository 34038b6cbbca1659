"""engine.spec: frozen, validated, and equal to itself after a trip through a file."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from engine.errors import SpecError
from engine.experiments import EXPERIMENTS
from engine.experiments.architectures import ArchitecturesSpec
from engine.fields import FieldDescription, Kind, describe
from engine.spec import DataSpec, NetworkSpec, RunSpec, TrainingSpec, parse_assignments, read_toml
from tests.engine.support import ROOT, small_run

SPECS = (*(experiment.spec for experiment in EXPERIMENTS.values()), DataSpec, NetworkSpec, TrainingSpec)
FIELDS = {item.key: item for item in describe(ArchitecturesSpec)}


def values_of(item: FieldDescription) -> st.SearchStrategy[Any]:
    """Values that the field's own description says are accepted."""
    match item.kind:
        case Kind.INTEGER:
            values: st.SearchStrategy[Any] = st.integers(int(item.minimum), int(item.maximum))
        case Kind.NUMBER:
            values = st.floats(
                item.minimum, item.maximum, exclude_min=item.exclusive_minimum, exclude_max=item.exclusive_maximum
            )
        case Kind.SWITCH:
            values = st.booleans()
        case Kind.CHOICE:
            values = st.sampled_from(item.choices)
        case Kind.CHOICES:
            values = st.lists(st.sampled_from(item.choices), min_size=1, unique=True)
        case _:
            values = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
    return st.none() | values if item.optional else values


specs = st.fixed_dictionaries({key: values_of(item) for key, item in FIELDS.items()}).map(ArchitecturesSpec.build)


def wrong_values(item: FieldDescription) -> list[Any]:
    """Values just outside of what the field's description says is accepted."""
    match item.kind:
        case Kind.INTEGER:
            return [int(item.minimum) - 1, int(item.maximum) + 1, 1.5, "many"]
        case Kind.NUMBER:
            return [
                item.minimum if item.exclusive_minimum else item.minimum - 1,
                item.maximum if item.exclusive_maximum else item.maximum * 2,
                *(math.nan, math.inf, -math.inf, "much"),
            ]
        case Kind.SWITCH:
            return ["perhaps", 7]
        case Kind.CHOICE:
            return ["nothing of the sort", 7]
        case Kind.CHOICES:
            return [["nothing of the sort"], 7]
        case _:
            return ["", 7]


WRONG = [(key, value) for key, item in FIELDS.items() for value in wrong_values(item)]


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
        assert bounded or item.choices or item.kind in (Kind.SWITCH, Kind.DATASET), item.key


@pytest.mark.parametrize("item", [item for item in FIELDS.values() if item.kind is Kind.INTEGER], ids=lambda i: i.key)
def test_bounds_of_whole_numbers_are_told_exactly(item: FieldDescription) -> None:
    assert item.bounds == f"{item.minimum} to {item.maximum}"


@given(specs)
def test_a_spec_read_from_its_own_json_is_equal_to_itself(spec: ArchitecturesSpec) -> None:
    assert ArchitecturesSpec.from_json(spec.to_json()) == spec


@given(specs)
def test_a_spec_read_from_its_own_toml_is_equal_to_itself(spec: ArchitecturesSpec) -> None:
    assert ArchitecturesSpec.from_toml(spec.to_toml()) == spec


@given(specs)
def test_a_spec_given_as_assignments_is_equal_to_itself(spec: ArchitecturesSpec) -> None:
    pairs = []
    for key, value in spec.model_dump().items():
        text = ",".join(value) if isinstance(value, tuple) else "" if value is None else str(value)
        pairs.append(f"{key}={text}")
    expected = spec.replace(dataset=spec.dataset.strip()) if spec.dataset.strip() else None
    if expected is not None:
        assert ArchitecturesSpec.build(parse_assignments(ArchitecturesSpec, pairs)) == expected


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


@pytest.mark.parametrize(("key", "value"), WRONG, ids=[f"{key}={value!r}" for key, value in WRONG])
def test_a_wrong_value_is_refused_with_its_key_and_what_it_takes(key: str, value: Any) -> None:
    with pytest.raises(SpecError) as error:
        ArchitecturesSpec.build({key: value})
    message = str(error.value)
    assert_is_one_sentence(message)
    assert message.startswith(key)
    assert all(choice in message for choice in FIELDS[key].choices)
    assert FIELDS[key].choices or FIELDS[key].bounds in message


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


@pytest.mark.parametrize("preset", ["quick", "course"])
def test_a_preset_changes_only_data_set_epochs_and_repeats(preset: str) -> None:
    spec, defaults = EXPERIMENTS["architectures"].preset(preset), ArchitecturesSpec()
    differing = {key for key in FIELDS if getattr(spec, key) != getattr(defaults, key)}
    assert differing <= {"dataset", "epochs", "repeats"}


def test_the_course_preset_is_the_protocol_of_the_homework() -> None:
    course = EXPERIMENTS["architectures"].preset("course").model_dump()
    assert course == {
        "dataset": "cifar10",
        "grayscale": True,
        "normalization": "half",
        "image_size": None,
        "validation_fraction": 0.1,
        "test_fraction": 0.2,
        "activation": "relu",
        "initializer": "course",
        "optimizer": "adam",
        "learning_rate": 0.001,
        "batch_size": 50,
        "epochs": 15,
        "record_every": 10,
        "repeats": 10,
        "seed": 0,
        "architectures": ("mlp_1", "mlp_2", "cnn_3", "cnn_4", "cnn_5"),
    }


@pytest.mark.parametrize("path", sorted((ROOT / "resources" / "examples").glob("*.toml")), ids=lambda path: path.stem)
def test_the_example_files_are_read_without_complaint(path: Path) -> None:
    spec = EXPERIMENTS[path.stem].preset("quick", **read_toml(path))
    assert spec != EXPERIMENTS[path.stem].preset("quick")

"""engine.config.fields: descriptions derived from declarations."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, Field, ValidationError

from engine.config.fields import FieldDescription, FieldKind, describe, field, field_like


class Declared(BaseModel):
    count: int = field(3, label="Count", unit="images", group="Data", help="How many.", ge=1, le=9)
    share: float = field(0.5, label="Share", help="How much.", gt=0, lt=1)
    side: int | None = field(None, label="Side", help="How large.", ge=4, le=512)
    gray: bool = field(True, label="Gray", help="Without colour.")
    rule: Literal["a", "b"] = field("a", label="Rule", help="Which.")
    names: tuple[str, ...] = field(("x",), label="Names", help="Which of them.", choices=("x", "y"))
    note: str = field("", label="Note", help="Anything.")
    source: str = field("digits", label="Source", help="From where.", kind=FieldKind.DATASET)
    rates: tuple[float, ...] = field((0.1,), label="Rates", help="How fast.")
    epochs: tuple[Annotated[int, Field(ge=1)], ...] = field(
        (), label="Epochs", unit="epochs", kind=FieldKind.NUMBERS, help="After which."
    )
    network: str = field("a", label="Network", help="Which.", kind=FieldKind.ARCHITECTURE, choices=("a", "b"))


DESCRIBED = {item.key: item for item in describe(Declared)}


def test_fields_are_described_in_the_order_of_their_declaration() -> None:
    assert list(DESCRIBED) == [
        "count",
        "share",
        "side",
        "gray",
        "rule",
        "names",
        "note",
        "source",
        "rates",
        "epochs",
        "network",
    ]


def test_a_description_holds_all_that_was_declared() -> None:
    assert DESCRIBED["count"] == FieldDescription(
        key="count",
        label="Count",
        unit="images",
        help="How many.",
        group="Data",
        kind=FieldKind.INTEGER,
        default=3,
        minimum=1,
        maximum=9,
        exclusive_minimum=False,
        exclusive_maximum=False,
        choices=(),
        choice_labels={},
        optional=False,
    )


@pytest.mark.parametrize(
    ("key", "kind", "bounds"),
    [
        ("count", FieldKind.INTEGER, "1 to 9"),
        ("share", FieldKind.NUMBER, "above 0 to below 1"),
        ("side", FieldKind.INTEGER, "4 to 512"),
        ("gray", FieldKind.SWITCH, "true | false"),
        ("rule", FieldKind.CHOICE, "a | b"),
        ("names", FieldKind.CHOICES, "x | y"),
        ("note", FieldKind.TEXT, "text"),
        ("source", FieldKind.DATASET, "text"),
        ("rates", FieldKind.NUMBERS, "numbers"),
        ("epochs", FieldKind.NUMBERS, "1 or more"),
        ("network", FieldKind.ARCHITECTURE, "a | b | name[layers]"),
    ],
)
def test_kind_and_bounds_follow_from_the_annotation(key: str, kind: FieldKind, bounds: str) -> None:
    assert (DESCRIBED[key].kind, DESCRIBED[key].bounds) == (kind, bounds)


@pytest.mark.parametrize(
    ("key", "accepted"),
    [
        ("count", "1 to 9 images"),
        ("rule", "a | b"),
        ("names", "a list of x | y"),
        ("rates", "numbers"),
        ("epochs", "numbers, each 1 or more epochs"),
    ],
)
def test_what_a_field_takes_reads_as_a_sentence_goes_on(key: str, accepted: str) -> None:
    assert DESCRIBED[key].accepted == accepted


def test_only_a_field_that_may_be_none_is_optional() -> None:
    assert [key for key, item in DESCRIBED.items() if item.optional] == ["side"]


class Like(BaseModel):
    count: int = field_like(Declared, "count", 5)
    share: float = field_like(Declared, "share", 0.25, help="How much of it.", label="Part")


def test_a_field_like_another_has_its_bounds_and_a_default_of_its_own() -> None:
    count, share = describe(Like)
    assert count == replace(DESCRIBED["count"], default=5)
    assert share == replace(DESCRIBED["share"], default=0.25, help="How much of it.", label="Part")
    assert DESCRIBED["share"] == describe(Declared)[1], "the other spec keeps its own"
    with pytest.raises(ValidationError):
        Like(count=10)


def test_a_field_declared_another_way_is_refused() -> None:
    class Careless(BaseModel):
        bare: int = 3

    with pytest.raises(TypeError, match="bare"):
        describe(Careless)

"""engine.fields: a declaration read back as a description."""

from __future__ import annotations

from typing import Literal

import pytest
from pydantic import BaseModel

from engine.fields import FieldDescription, Kind, describe, field


class Declared(BaseModel):
    count: int = field(3, label="Count", unit="images", group="Data", help="How many.", ge=1, le=9)
    share: float = field(0.5, label="Share", help="How much.", gt=0, lt=1)
    side: int | None = field(None, label="Side", help="How large.", ge=4, le=512)
    gray: bool = field(True, label="Gray", help="Without colour.")
    rule: Literal["a", "b"] = field("a", label="Rule", help="Which.")
    names: tuple[str, ...] = field(("x",), label="Names", help="Which of them.", choices=("x", "y"))
    note: str = field("", label="Note", help="Anything.")
    source: str = field("digits", label="Source", help="From where.", kind=Kind.DATASET)


DESCRIBED = {item.key: item for item in describe(Declared)}


def test_fields_are_described_in_the_order_of_their_declaration() -> None:
    assert list(DESCRIBED) == ["count", "share", "side", "gray", "rule", "names", "note", "source"]


def test_a_description_holds_all_that_was_declared() -> None:
    assert DESCRIBED["count"] == FieldDescription(
        key="count",
        label="Count",
        unit="images",
        help="How many.",
        group="Data",
        kind=Kind.INTEGER,
        default=3,
        minimum=1,
        maximum=9,
        exclusive_minimum=False,
        exclusive_maximum=False,
        choices=(),
        optional=False,
    )


@pytest.mark.parametrize(
    ("key", "kind", "bounds"),
    [
        ("count", Kind.INTEGER, "1 to 9"),
        ("share", Kind.NUMBER, "above 0 to below 1"),
        ("side", Kind.INTEGER, "4 to 512"),
        ("gray", Kind.SWITCH, "true | false"),
        ("rule", Kind.CHOICE, "a | b"),
        ("names", Kind.CHOICES, "x | y"),
        ("note", Kind.TEXT, "text"),
        ("source", Kind.DATASET, "text"),
    ],
)
def test_kind_and_bounds_follow_from_the_annotation(key: str, kind: Kind, bounds: str) -> None:
    assert (DESCRIBED[key].kind, DESCRIBED[key].bounds) == (kind, bounds)


def test_only_a_field_that_may_be_none_is_optional() -> None:
    assert [key for key, item in DESCRIBED.items() if item.optional] == ["side"]


def test_a_field_declared_another_way_is_refused() -> None:
    class Careless(BaseModel):
        bare: int = 3

    with pytest.raises(TypeError, match="bare"):
        describe(Careless)

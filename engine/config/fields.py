"""Fields declared once, from which the form, the command line and the file formats are derived.

A field of a spec carries a label, a unit, a default and bounds. ``field`` declares one; ``describe`` lists those of a
spec class in a form from which widgets and help texts can be built.
"""

from __future__ import annotations

import types
from collections.abc import Iterable, Mapping
from copy import copy
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, Field
from pydantic.fields import FieldInfo

# Groups of settings that most users leave at their defaults; forms fold them.
ADVANCED = "Advanced"
RATE_AND_STOPPING = "Rate and stopping"


class FieldKind(StrEnum):
    """The type of a field's value; decides which widget and which text syntax it gets."""

    INTEGER = "integer"
    NUMBER = "number"
    SWITCH = "switch"
    TEXT = "text"
    CHOICE = "choice"
    CHOICES = "choices"
    NUMBERS = "numbers"
    DATASET = "dataset"
    FILE = "file"
    MODEL = "model"
    ARCHITECTURE = "architecture"
    ARCHITECTURES = "architectures"


@dataclass(frozen=True)
class FieldDescription:
    """A field, described for the user.

    Attributes:
        minimum: lower bound, inclusive unless ``exclusive_minimum``.
        maximum: upper bound, inclusive unless ``exclusive_maximum``.
        choice_labels: display texts of choices whose names alone are not clear.
        optional: whether the field may be left empty (None).
        empty: display text of an empty value.
        only_with: another field and those of its choices with which this one has an effect; None: with any.
    """

    key: str
    label: str
    unit: str
    help: str
    group: str
    kind: FieldKind
    default: Any
    minimum: float | None
    maximum: float | None
    exclusive_minimum: bool
    exclusive_maximum: bool
    choices: tuple[str, ...]
    choice_labels: Mapping[str, str]
    optional: bool
    empty: str = ""
    only_with: tuple[str, tuple[str, ...]] | None = None

    @property
    def bounds(self) -> str:
        """The accepted values, such as ``1 to 1000`` or ``relu | sigmoid``."""
        if self.choices:
            written = " | name[layers]" if self.kind in (FieldKind.ARCHITECTURE, FieldKind.ARCHITECTURES) else ""
            return " | ".join(self.choices) + written
        if self.kind is FieldKind.SWITCH:
            return "true | false"
        if self.minimum is None and self.maximum is None:
            return "numbers" if self.kind is FieldKind.NUMBERS else "text"
        return f"{self._low}{self._high}"

    @property
    def accepted(self) -> str:
        """The accepted values for use in a sentence: ``bounds``, the unit, and whether it is a list."""
        unit = f" {self.unit}" if self.unit else ""
        several = {
            FieldKind.NUMBERS: "numbers, each ",
            FieldKind.CHOICES: "a list of ",
            FieldKind.ARCHITECTURES: "a list of ",
        }
        if self.bounds == "numbers":
            return f"numbers{unit}"
        return f"{several.get(self.kind, '')}{self.bounds}{unit}"

    @property
    def _low(self) -> str:
        if self.minimum is None:
            return ""
        return f"above {self.minimum}" if self.exclusive_minimum else str(self.minimum)

    @property
    def _high(self) -> str:
        if self.maximum is None:
            return " or more"
        return f" to below {self.maximum}" if self.exclusive_maximum else f" to {self.maximum}"


def field(
    default: Any,
    *,
    label: str,
    help: str,
    unit: str = "",
    group: str = "Training",
    kind: FieldKind | None = None,
    choices: tuple[str, ...] = (),
    choice_labels: Mapping[str, str] | None = None,
    empty: str = "",
    only_with: tuple[str, tuple[str, ...]] | None = None,
    **bounds: Any,
) -> Any:
    """Declare a field of a spec.

    Args:
        default: its default value.
        label: short name shown in the form.
        help: one sentence for the tooltip and ``--help``.
        unit: unit shown behind the value.
        group: heading under which the form shows it.
        kind: type of value; derived from the annotation if None.
        choices: names to choose from; derived from a Literal annotation if empty.
        choice_labels: display texts of some of the choices.
        empty: display text of None, where the field is optional.
        only_with: key of another field and those of its choices with which this one has an effect.
        **bounds: pydantic's ``ge``, ``gt``, ``le``, ``lt``, ``min_length``.

    Returns:
        The pydantic field, to be assigned to an annotated class attribute.
    """
    extra: dict[str, Any] = {
        "unit": unit,
        "group": group,
        "kind": kind,
        "choices": choices,
        "choice_labels": choice_labels or {},
        "empty": empty,
        "only_with": only_with,
    }
    return Field(default, title=label, description=help, json_schema_extra=extra, **bounds)


def field_like(spec: type[BaseModel], key: str, default: Any, help: str | None = None, label: str | None = None) -> Any:
    """Copy the field ``key`` of another spec with another default, help or label; annotate it as there."""
    info = copy(spec.model_fields[key])
    info.default = default
    info.description = help or info.description
    info.title = label or info.title
    return info


def describe(spec: type[BaseModel]) -> tuple[FieldDescription, ...]:
    """Return the fields of a spec class in the order of their declaration."""
    return tuple(_description(key, info) for key, info in spec.model_fields.items())


def _description(key: str, info: FieldInfo) -> FieldDescription:
    if not isinstance(info.json_schema_extra, dict):
        raise TypeError(f"the field {key} was not declared with engine.config.fields.field")
    extra: dict[str, Any] = dict(info.json_schema_extra)
    annotation, optional = _split_optional(info.annotation)
    choices = tuple(extra["choices"] or (get_args(annotation) if get_origin(annotation) is Literal else ()))
    constraints = [*info.metadata, *_item_constraints(annotation)]
    low, high = _bound(constraints, "ge", "gt"), _bound(constraints, "le", "lt")
    return FieldDescription(
        key=key,
        label=info.title or key,
        unit=str(extra["unit"]),
        help=info.description or "",
        group=str(extra["group"]),
        kind=FieldKind(extra["kind"]) if extra["kind"] else _kind(annotation),
        default=info.default,
        minimum=low[0],
        maximum=high[0],
        exclusive_minimum=low[1],
        exclusive_maximum=high[1],
        choices=choices,
        choice_labels=extra["choice_labels"],
        optional=optional,
        empty=str(extra["empty"]),
        only_with=extra["only_with"],
    )


def _split_optional(annotation: Any) -> tuple[Any, bool]:
    if get_origin(annotation) in (Union, types.UnionType):
        kept = [a for a in get_args(annotation) if a is not type(None)]
        return kept[0], len(kept) < len(get_args(annotation))
    return annotation, False


def _item_constraints(annotation: Any) -> list[Any]:
    """Return the constraints on the items of a tuple such as ``tuple[Annotated[float, Field(gt=0)], ...]``."""
    if get_origin(annotation) is not tuple or get_origin(get_args(annotation)[0]) is not Annotated:
        return []
    return [item for info in get_args(get_args(annotation)[0])[1:] for item in info.metadata]


def _kind(annotation: Any) -> FieldKind:
    if get_origin(annotation) is Literal:
        return FieldKind.CHOICE
    if get_origin(annotation) is tuple:
        return FieldKind.NUMBERS if get_args(annotation)[0] in (int, float) else FieldKind.CHOICES
    return {bool: FieldKind.SWITCH, int: FieldKind.INTEGER, float: FieldKind.NUMBER}.get(annotation, FieldKind.TEXT)


def _bound(constraints: Iterable[Any], inclusive: str, exclusive: str) -> tuple[float | None, bool]:
    for item in constraints:
        for name in (inclusive, exclusive):
            value = getattr(item, name, None)
            if value is not None:
                return value, name == exclusive
    return None, False

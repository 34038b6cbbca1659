"""The base class of specs: settings that are frozen, typed and validated."""

from __future__ import annotations

import re
from functools import cache
from typing import Any, ClassVar, Self, TypeVar

import tomli_w
from pydantic import BaseModel, ConfigDict, ValidationError, ValidationInfo, field_validator

from engine.config.fields import FieldDescription, describe
from engine.config.parsing import parse_json, parse_toml, unknown_key
from engine.utils.errors import SpecError
from engine.utils.text import safe_repr

SpecT = TypeVar("SpecT", bound="Spec")

# Lone surrogates, from undecodable file names or broken texts, can't be encoded as UTF-8.
_SURROGATES = re.compile("[\ud800-\udfff]")


class Spec(BaseModel):
    """Base class of specs: frozen, without unknown keys, NaN or infinity.

    Attributes:
        is_internal: whether it is built by the program, not by the user, so that its fields have no descriptions.
    """

    is_internal: ClassVar[bool] = False

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True)

    @field_validator("*", mode="before")
    @classmethod
    def _reject_wrong_types(cls, value: Any, info: ValidationInfo) -> Any:
        """Reject booleans for other fields, as bool is an int in Python, and texts that can't be stored as UTF-8.

        Raises:
            ValueError: with the reason.
        """
        is_bool = isinstance(value, bool) and cls.model_fields[info.field_name or ""].annotation is not bool
        items = value if isinstance(value, list | tuple) else ()
        if is_bool or any(isinstance(each, bool) for each in items):
            raise ValueError("true and false are no value for this setting.")
        if any(isinstance(each, str) and _SURROGATES.search(each) for each in (value, *items)):
            raise ValueError("it has characters that can't be written as UTF-8; rename or replace them.")
        return value

    def part(self, kind: type[SpecT]) -> SpecT:
        """Return the fields of the group ``kind`` as a spec of that group."""
        return kind(**{key: getattr(self, key) for key in kind.model_fields})

    @classmethod
    def build(cls, values: dict[str, Any]) -> Self:
        """Build a validated spec.

        Raises:
            SpecError: with one sentence, if a key is unknown or a value is invalid.
        """
        unknown = [key for key in values if key not in cls.model_fields]
        if unknown:
            raise SpecError(unknown_key(unknown[0], list(cls.model_fields)))
        try:
            return cls(**values)
        except ValidationError as error:
            raise SpecError(_error_message(cls, error)) from None

    def replace(self, **changes: Any) -> Self:
        """Return a validated copy with some fields changed; propagates ``SpecError``."""
        return type(self).build(self.model_dump() | changes)

    def to_json(self) -> str:
        """Return the spec as JSON; ``from_json`` restores it."""
        return self.model_dump_json(indent=2)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Parse a spec from JSON; propagates ``SpecError``."""
        return cls._from_table(parse_json(text))

    def to_toml(self) -> str:
        """Return the spec as TOML without its empty fields (None), as TOML has no null."""
        return tomli_w.dumps(self.model_dump(mode="json", exclude_none=True))

    @classmethod
    def from_toml(cls, text: str) -> Self:
        """Parse a spec from TOML; propagates ``SpecError``."""
        return cls._from_table(parse_toml(text))

    @classmethod
    def _from_table(cls, values: Any) -> Self:
        if not isinstance(values, dict):
            raise SpecError("The settings must be a table of keys and values.")
        return cls.build(values)


@cache
def dependent_fields(group: type[Spec]) -> tuple[tuple[FieldDescription, str, tuple[str, ...]], ...]:
    """Return the fields that have an effect with some choices only: each with the key of the choice and with these."""
    return tuple((item, *item.only_with) for item in describe(group) if item.only_with is not None)


def check_dependent_fields(spec: Spec, group: type[Spec]) -> None:
    """Check that of the fields of ``group`` those without an effect, by the choices made, have their defaults.

    Raises:
        ValueError: with a sentence for the user, if one has not.
    """
    for item, key, choices in dependent_fields(group):
        if (chosen := getattr(spec, key)) not in choices and getattr(spec, item.key) != item.default:
            default = "false" if item.default is False else f"{item.default:g}"
            names = " or ".join((", ".join(choices[:-1]), choices[-1]) if choices[1:] else choices)
            raise ValueError(
                f"{item.key} has an effect with {key}={names} only, and {key} is {chosen}; set {item.key} back to "
                f"{default}, or change {key}."
            )


def _error_message(spec: type[Spec], error: ValidationError) -> str:
    """Return one sentence for pydantic's first error, using the label and bounds of the field."""
    first = error.errors(include_url=False)[0]
    key = str(first["loc"][0]) if first["loc"] else ""
    described = {} if spec.is_internal else {item.key: item for item in describe(spec)}
    if first["type"] == "value_error" and (reason := first.get("ctx", {}).get("error")) is not None:
        return f"{key}: {reason}" if key else str(reason)
    if key not in described:
        return f"The settings are not valid{f' at {key}' if key else ''}: {first['msg']}."
    item = described[key]
    return f"{key} can't be {safe_repr(first['input'])}; it takes {item.accepted}."

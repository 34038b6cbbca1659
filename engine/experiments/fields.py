"""Fields shared by several experiments: the choice of one or more architectures, and learning rates."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator

from engine.config.base import Spec
from engine.config.fields import FieldKind, field
from engine.networks.architectures import (
    ARCHITECTURES,
    COURSE_ARCHITECTURES,
    architecture_name,
    format_network,
    layers_of,
)
from engine.utils.errors import NetworkError

Rate = Annotated[float, Field(gt=0, le=1000)]


class ArchitecturesChoice(Spec):
    """Several architectures, each a built-in name or written as ``name[layers]``."""

    architectures: tuple[str, ...] = field(
        COURSE_ARCHITECTURES,
        label="Architectures",
        group="Network",
        kind=FieldKind.ARCHITECTURES,
        choices=tuple(ARCHITECTURES),
        help="The networks to compare; each is trained as often as Repeats says. Write others as "
        "name[Conv-3x3x16, ReLU, MaxPool-2x2, FC-64].",
    )

    @field_validator("architectures")
    @classmethod
    def _check_architectures(cls, texts: tuple[str, ...]) -> tuple[str, ...]:
        checked = tuple(normalize_architecture(text) for text in texts)
        if not checked:
            raise ValueError("choose at least one architecture.")
        if len({architecture_name(text) for text in checked}) < len(checked):
            raise ValueError("name each architecture once.")
        return checked


class ArchitectureChoice(Spec):
    """One architecture, a built-in name or written as ``name[layers]``."""

    architecture: str = field(
        "cnn_4",
        label="Architecture",
        group="Network",
        kind=FieldKind.ARCHITECTURE,
        choices=tuple(ARCHITECTURES),
        help="The network to train; write one of your own as name[Conv-3x3x16, ReLU, MaxPool-2x2, FC-64].",
    )

    @field_validator("architecture")
    @classmethod
    def _check_architecture(cls, text: str) -> str:
        return normalize_architecture(text)


def normalize_architecture(text: str) -> str:
    """Return an architecture's text in canonical notation.

    Raises:
        ValueError: with a sentence for the user, if the text is not an architecture.
    """
    try:
        name, layers = architecture_name(text), layers_of(text)
    except NetworkError as error:
        raise ValueError(str(error)) from None
    if "[" not in text:
        return name
    if name in COURSE_ARCHITECTURES:  # of others, layers that were stored before the program had them are kept
        raise ValueError(f"'{name}' is the name of a built-in architecture; choose another name.")
    return f"{name}[{format_network(layers)}]"

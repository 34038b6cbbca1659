"""A place where something of a user's comes in, and how it is tried."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, TypeVar

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

Input = TypeVar("Input")
Seed = TypeVar("Seed")

NOTHING_UNUSUAL = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example)


@dataclass(frozen=True)
class Target:
    """Where inputs come from, and what is done with one.

    ``check`` gets an input and a folder of its own, gives whether it was taken, and raises where it fails. Of targets
    that are slow to try a smaller ``share`` of inputs is tried.
    """

    name: str
    inputs: st.SearchStrategy[Any]
    check: Callable[[Any, Path], bool]
    share: float = 1.0


@dataclass
class Tally:
    """How many inputs were really tried, and what became of them."""

    taken: int = 0
    refused: int = 0
    failed: int = 0

    @property
    def tried(self) -> int:
        """All of them."""
        return self.taken + self.refused + self.failed


def explore(target: Target, examples: int, folder: Path, start: int | None = None) -> Tally:
    """Try about ``examples`` inputs, the same ones for the same ``start``; raises for the simplest that fails.

    The exception has the tally until then as ``tally``.
    """
    tally = Tally()

    @settings(
        max_examples=max(2, round(examples * target.share)),
        deadline=None,
        database=None,
        derandomize=start is None,
        suppress_health_check=NOTHING_UNUSUAL,
        phases=(Phase.generate, Phase.shrink),
    )
    @given(target.inputs)
    def one(value: Any) -> None:
        try:
            taken = target.check(value, folder)
        except BaseException:
            tally.failed += 1
            raise
        tally.taken += taken
        tally.refused += not taken

    try:
        (one if start is None else seed(start)(one))()
    except BaseException as error:
        error.tally = tally  # type: ignore[attr-defined]
        raise
    return tally


def spoilt(sound: Callable[[], Sequence[Seed]], change: Callable[[Seed, Random], Input]) -> st.SearchStrategy[Input]:
    """One of the ``sound`` inputs, changed at random."""

    def spoil(place: int, number: int) -> Input:
        found = sound()
        return change(found[place % len(found)], Random(number))  # noqa: S311

    return st.builds(spoil, st.integers(0, 99), st.integers(0, 2**48))

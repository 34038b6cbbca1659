"""engine.devices.verification: wrong results are distinguished from rounding."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

from engine.devices import verification as device_check
from engine.devices.verification import (
    Compute,
    Deviation,
    Outputs,
    Pattern,
    PatternKind,
    compare_patterns,
    describe_agreement,
    deviations,
    refusal_message,
)
from engine.utils.arrays import Array
from engine.utils.errors import DeviceError

PATTERNS = {pattern.name: pattern for pattern in device_check.patterns()}
OUTPUTS = [
    pytest.param(pattern, output, id=f"{pattern.name}-{output}".replace(" ", "_"))
    for pattern in PATTERNS.values()
    for output in pattern.expect(pattern.inputs, {})
]


def perfect(pattern: Pattern) -> dict[str, Array]:
    """The outputs of a device that rounds once, at the end."""
    return dict(_perfect(pattern.name))


@cache
def _perfect(name: str) -> dict[str, Array]:
    pattern = PATTERNS[name]

    def rounded(outputs: Outputs) -> dict[str, Array]:
        found = pattern.expect(pattern.inputs, outputs)
        return {name: np.asarray(expected.values).astype(np.float32) for name, expected in found.items()}

    return rounded(rounded({}))


def wrong_in(name: str, output: str, spoil: Callable[[Array], Array]) -> Compute:
    """A device that spoils one output of one pattern."""

    def compute(pattern: Pattern) -> dict[str, Array]:
        found = perfect(pattern)
        return found | {output: spoil(found[output])} if pattern.name == name else found

    return compute


def wrong(found: list[Deviation]) -> list[tuple[str, str]]:
    return [(each.pattern, each.output) for each in found if each.is_wrong]


def test_rounding_is_no_mistake() -> None:
    found = compare_patterns(perfect)
    assert [each.pattern for each in found] == list(PATTERNS)
    assert wrong(found) == []
    assert refusal_message("gpu:0", found) is None
    assert describe_agreement("gpu:0", found).startswith("gpu:0: 6 patterns as in NumPy; furthest off: ")


@pytest.mark.parametrize(("pattern", "output"), OUTPUTS)
def test_one_wrong_number_is_found_in_every_output(pattern: Pattern, output: str) -> None:
    def spoil(values: Array) -> Array:
        spoilt = np.array(values)
        place = np.unravel_index(np.argmax(np.abs(spoilt)), spoilt.shape)
        spoilt[place] *= 1.25
        return spoilt

    found = compare_patterns(wrong_in(pattern.name, output, spoil))
    # The ReLU mask is unchanged: what was positive still is.
    assert wrong(found) == [(pattern.name, output)]
    sentence = refusal_message("gpu:0", found)
    assert sentence is not None
    assert sentence.startswith(f"gpu:0 computes 1 of 6 patterns wrongly, furthest off: {pattern.name}, {output}, by ")
    assert sentence.endswith("; train on another device (cpu), and update its driver.")


@pytest.mark.parametrize("spoil", [lambda values: values * np.nan, lambda values: values[:1]], ids=["nan", "shape"])
def test_numbers_that_are_none_are_found(spoil: Callable[[Array], Array]) -> None:
    found = compare_patterns(wrong_in("max-pooling", "output", spoil))
    assert wrong(found) == [("max-pooling", "output")]
    assert "max-pooling, output, missing or not finite (nothing is rounded)" in (refusal_message("cpu", found) or "")


def test_a_fused_layer_that_forgets_its_bias_is_found() -> None:
    def compute(pattern: Pattern) -> dict[str, Array]:
        found = perfect(pattern)
        if pattern.kind is PatternKind.DENSE:  # like a faulty driver: right while training, wrong when fused
            found["output"] = np.maximum(pattern.inputs["x"] @ pattern.inputs["kernel"], 0)
        return found

    assert wrong(compare_patterns(compute)) == [("dense layer with bias and ReLU", "output")]


def test_coarser_products_pass_only_where_the_device_is_known_for_them() -> None:
    def coarsely(values: Array) -> Array:
        """Rounded to ten bits behind the leading one, as TensorFloat-32 is."""
        return ((values.view(np.uint32) + 0x1000) & np.uint32(0xFFFFE000)).view(np.float32)

    def compute(pattern: Pattern) -> dict[str, Array]:
        found = perfect(pattern)
        if pattern.kind is PatternKind.DENSE:
            passed = coarsely(pattern.inputs["upstream"]) * (found["output while training"] > 0)
            found["input gradient"] = passed @ coarsely(pattern.inputs["kernel"]).T
        return found

    assert wrong(compare_patterns(compute, tf32=True)) == []
    assert wrong(compare_patterns(compute)) == [("dense layer with bias and ReLU", "input gradient")]


def test_this_processor_computes_as_it_should() -> None:
    found = deviations("cpu")
    assert wrong(found) == []
    assert max(each.largest for each in found) > 0, "TensorFlow does not add up in NumPy's order"


def test_a_device_that_is_not_there_is_refused() -> None:
    with pytest.raises(DeviceError, match=r"There is no gpu:7 for this process"):
        deviations("gpu:7")

"""The lines of Trainscope's own logs, as entries; see docs/your-own-code.md for the format."""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from engine.config.logged_runs import UNKNOWN_SEED
from engine.events.devices import Device
from engine.events.runs import Status
from engine.events.watching import Grouping
from engine.utils.arrays import Array
from engine.watching.sources.base import (
    STANDARD_NUMBERS,
    Description,
    Ended,
    LogEntry,
    LoggedWeights,
    Measured,
    Tested,
)
from engine.watching.sources.values import (
    MAX_TEXT,
    ValueProblem,
    mapping,
    name_of,
    number,
    text,
    whole,
)

VERSION_KEY = "trainscope_log"
VERSION = 1
_MAX_CLASSES = 10_000
_MAX_CONFUSION = 1000  # classes
_MAX_SEED = 2**63 - 1
_MAX_REPEAT = 10**6
_MAX_VALUES = 2**22  # of a layer's weights
# An array of JSON takes up to 100 bytes of memory an element, but a confusion matrix of 1,000 classes has a million.
_MAX_ELEMENTS = 1_200_000
_ENDINGS = {"finished": Status.FINISHED, "failed": Status.FAILED, "stopped": Status.STOPPED}

Complain = Callable[[str], None]


def parse_line(line: bytes) -> Mapping[str, Any]:
    """Parse a line as an object of JSON.

    Raises:
        ValueProblem: if it is none, or would take too much memory.
    """
    if line.count(b",") + line.count(b"[") + line.count(b"{") > _MAX_ELEMENTS:
        raise ValueProblem("it has too many elements")
    try:
        values = json.loads(line)
    except (ValueError, RecursionError):
        raise ValueProblem("it is not valid JSON") from None
    if not isinstance(values, dict):
        raise ValueProblem("it is not an object of JSON")
    return values


def header(values: Mapping[str, Any], complain: Complain) -> Description:
    """Return what a header says.

    Args:
        values: the line.
        complain: called with each value that is ignored as it is wrong, and why.

    Raises:
        ValueProblem: if it doesn't name experiment, variant and repeat, or has another version.
    """
    if values[VERSION_KEY] != VERSION or isinstance(values[VERSION_KEY], bool):
        raise ValueProblem("the log has a format that this version can't read; update Trainscope")
    optional = _Optional(values, complain)
    images = optional.get("images", _image_counts, (0, 0, 0))
    return Description(
        grouping=Grouping(
            _name(values, "experiment"),
            _name(values, "variant"),
            whole(values.get("repeat"), "repeat", 1, _MAX_REPEAT),
        ),
        settings=optional.get("settings", _texts, {}),
        seed=optional.get("seed", lambda value: whole(value, "seed", 0, _MAX_SEED), UNKNOWN_SEED),
        epochs=optional.count("epochs"),
        steps=optional.count("steps"),
        steps_per_epoch=optional.count("steps_per_epoch"),
        images_per_record=optional.count("images_per_record"),
        parameters=optional.count("parameters"),
        dataset=name_of(values.get("dataset") or ""),
        class_names=optional.get("classes", _class_names, ()),
        image_counts=images,
        device=_device(values),
        versions=optional.get("versions", _texts, {}),
        started=optional.get("started", _seconds, 0.0),
        after=optional.get("after", lambda value: whole(value, "after"), None),
    )


class _Optional:
    """Values that a line may lack: wrong ones are complained about, and taken as absent."""

    def __init__(self, values: Mapping[str, Any], complain: Complain) -> None:
        self._values, self._complain = values, complain

    def get(self, key: str, convert: Callable[[Any], Any], absent: Any) -> Any:
        value = self._values.get(key)
        if value is None:
            return absent
        try:
            return convert(value)
        except ValueProblem as problem:
            self._complain(str(problem))
            return absent

    def count(self, key: str) -> int:
        return int(self.get(key, lambda value: whole(value, key), 0))


def _name(values: Mapping[str, Any], key: str) -> str:
    value = values.get(key)
    if not isinstance(value, str) or not value.strip():
        raise ValueProblem(f"'{key}' is not a name")
    return name_of(value.strip())


def _texts(value: object) -> dict[str, str]:
    return {name_of(name): text(item) for name, item in mapping(value, "settings").items()}


def _seconds(value: object) -> float:
    seconds = number(value)
    if seconds is None or not 0 <= seconds < math.inf:
        raise ValueProblem("a time is not a number of seconds")
    return seconds


def _class_names(value: object) -> tuple[str, ...]:
    if isinstance(value, list):
        if len(value) > _MAX_CLASSES:
            raise ValueProblem(f"there are more than {_MAX_CLASSES:,} classes")
        return tuple(name_of(item) for item in value)
    return tuple(map(str, range(whole(value, "classes", 1, _MAX_CLASSES))))


def _image_counts(value: object) -> tuple[int, int, int]:
    if not isinstance(value, list) or len(value) != 3:
        raise ValueProblem("'images' is not a list of three numbers: training, validation, test")
    training, validation, test = (whole(item, "images") for item in value)
    return training, validation, test


def _device(values: Mapping[str, Any]) -> Device | None:
    framework, device, host = (name_of(values.get(key) or "") for key in ("framework", "device", "host"))
    if not (framework or device or host):
        return None
    return Device(kind=framework or "Python", name=device or host, threads=0)


def measured(values: Mapping[str, Any], complain: Complain) -> Measured:
    """Return the numbers of a line; see ``header`` for the arguments.

    Raises:
        ValueProblem: if its step is wrong.
    """
    optional = _Optional(values, complain)
    standard = {name: values[name] for name in STANDARD_NUMBERS if name in values}
    return Measured(
        step=whole(values.get("step"), "step", 1),
        epoch=optional.count("epoch"),
        seconds=optional.get("seconds", _seconds, math.nan),
        numbers={
            **optional.get("metrics", lambda value: _numbers(mapping(value, "metrics"), complain), {}),
            **_numbers(standard, complain),
        },
        gradient_norms=optional.get("gradient_norms", lambda value: _norms(value, "gradient_norms", complain), {}),
        update_ratios=optional.get("update_ratios", lambda value: _norms(value, "update_ratios", complain), {}),
    )


def _norms(value: object, name: str, complain: Complain) -> dict[str, float]:
    return _numbers(mapping(value, name), complain)


def _numbers(values: Mapping[str, Any], complain: Complain) -> dict[str, float]:
    numbers = {}
    for name, value in values.items():
        if value is None:
            continue
        converted = number(value)
        if converted is None or not name.strip():
            complain(f"'{name_of(name)}' is not a number")
        else:
            numbers[name_of(name)] = converted
    return numbers


def logged_weights(values: Mapping[str, Any]) -> LoggedWeights:
    """Return the weights of a line.

    Raises:
        ValueProblem: if they don't fit their shape, or it can't be drawn.
    """
    weights = mapping(values["weights"], "weights")
    shape = _shape(weights.get("shape"), "shape", (2, 4))
    default = list(shape[1:]) if len(shape) == 2 else None
    input_shape = _shape(weights.get("input_shape") or default, "input_shape", (1, 3))
    if math.prod(shape) > _MAX_VALUES:
        raise ValueProblem(f"the weights are more than {_MAX_VALUES:,} numbers")
    if len(shape) == 2 and math.prod(input_shape) != shape[1]:
        raise ValueProblem("'input_shape' does not fit 'shape'")
    if len(shape) == 4 and (len(input_shape) != 3 or input_shape[2] % shape[1]):
        raise ValueProblem("'input_shape' does not fit 'shape'")
    return LoggedWeights(
        step=whole(values.get("step"), "step"),
        layer=_name(weights, "layer"),
        values=_array(weights.get("float32"), shape),
        input_shape=input_shape,
    )


def _shape(value: object, name: str, lengths: tuple[int, int]) -> tuple[int, ...]:
    if not isinstance(value, list) or len(value) not in lengths:
        raise ValueProblem(f"'{name}' does not have {lengths[0]} or {lengths[1]} numbers")
    return tuple(whole(item, name, 1, _MAX_VALUES) for item in value)


def _array(encoded: object, shape: tuple[int, ...]) -> Array:
    size = 4 * math.prod(shape)
    if not isinstance(encoded, str) or len(encoded) != -(-size // 3) * 4:
        raise ValueProblem("'float32' does not fit 'shape'")
    try:
        data = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise ValueProblem("'float32' is not base64") from None
    if len(data) != size:
        raise ValueProblem("'float32' does not fit 'shape'")
    return np.frombuffer(data, "<f4").astype(np.float32).reshape(shape)


def tested(values: Mapping[str, Any], complain: Complain) -> Tested:
    """Return the results of the test; see ``header`` for the arguments.

    Raises:
        ValueProblem: if there are none.
    """
    test = mapping(values["test"], "test")
    numbers = _numbers({key: test[key] for key in ("accuracy", "loss") if key in test}, complain)
    confusion = _Optional(test, complain).get("confusion", _confusion, None)
    if not numbers and confusion is None:
        raise ValueProblem("the test has no results")
    return Tested(numbers.get("accuracy"), numbers.get("loss"), confusion)


def _confusion(value: object) -> Array:
    if not isinstance(value, list) or not 1 <= len(value) <= _MAX_CONFUSION:
        raise ValueProblem(f"'confusion' is not a square of 1 to {_MAX_CONFUSION:,} rows")
    if any(not isinstance(row, list) or len(row) != len(value) for row in value):
        raise ValueProblem("'confusion' is not square")
    return np.array([[whole(count, "confusion") for count in row] for row in value], np.int64)


def ended(values: Mapping[str, Any]) -> Ended:
    """Return how the run ended.

    Raises:
        ValueProblem: if that is not said in one of the known words.
    """
    ending = values["ended"]
    if not isinstance(ending, str) or ending not in _ENDINGS:
        raise ValueProblem(f"'ended' is none of {', '.join(_ENDINGS)}")
    status = _ENDINGS[ending]
    return Ended(status, "" if status is Status.FINISHED else text(values.get("reason") or "", MAX_TEXT))


def entry(values: Mapping[str, Any], complain: Complain) -> LogEntry | None:
    """Return the entry of a line; None for a sign of life, and for what later versions may log.

    Raises:
        ValueProblem: if it is wrong.
    """
    if VERSION_KEY in values:
        return header(values, complain)
    if "weights" in values:
        return logged_weights(values)
    if "test" in values:
        return tested(values, complain)
    if "ended" in values:
        return ended(values)
    return measured(values, complain) if "step" in values else None

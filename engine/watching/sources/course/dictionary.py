"""The runs in the result dictionaries that the course's plotting code takes, as students of several years stored them.

Which part of the homework a dictionary belongs to is told by its keys, since file names and numbers of the parts differ
from year to year. A key is made of words: one of ``loss``, ``acc`` and ``grad``, then ``curve``; before them what was
measured (``train``, ``val``) and an activation, after them the digits of a learning rate behind ``0.``. So
``sigmoid_grad_curve`` and ``val_acc_curve_001`` are the gradient norm with sigmoid and the accuracy at 0.001.

Dictionaries of logged runs, which this program exports, have the steps of each curve under its key with ``_steps``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from engine.datasets.formats.unpickle import UnpickleError
from engine.networks.architectures import ARCHITECTURES
from engine.utils.arrays import Array
from engine.watching.sources.course.unpickle import StoredArray
from engine.watching.sources.values import MAX_NAME, text

MAX_DICTIONARIES = 100  # in one file
MAX_RUNS = 100  # in one dictionary
_MAX_KEYS = 100
_STEPS = "_steps"
_MAX_STEP = 2**53
_MAX_VALUES = 2**22  # in the lists of one file; five dictionaries with weights have less than a million
_ARRAY_VALUES = 16  # of an array take less time than one in a list
_MAX_DIMENSIONS = 4
GRADIENT_NORM = "gradient_norm"  # of the first layer, the only one whose gradient is stored
_QUANTITIES = {"loss": "loss", "acc": "accuracy", "accuracy": "accuracy", "grad": "gradient", "gradient": "gradient"}
_SPLITS = dict.fromkeys(("train", "training"), "training") | dict.fromkeys(("val", "valid", "validation"), "validation")
_OUR_ACTIVATIONS = {"logistic": "sigmoid"}
_TEST_KEYS = ("test_acc", "test_accuracy", "best_test_acc", "test_acc_data")
_OURS = re.compile(r"(mlp|cnn)[ _-]?(\d)(.*)", re.IGNORECASE | re.DOTALL)
_RATE_IN_NAME = re.compile(
    r"((?:mlp|cnn)_\d)[_ -]*(?:lr)?[_ =-]*\d*\.?\d+"
)  # cnn_4_lr001, of the last of the three rates
_IN_NAME = re.compile(r"(?:mlp|cnn|arch)[ _-]?\d", re.IGNORECASE)


class DictionaryError(Exception):
    """Why a value of a dictionary can't be taken, as the end of a sentence."""


@dataclass
class CourseRun:
    """A run, or the average of several as the homework asks for.

    Attributes:
        part: of the homework: 3 architectures, 4 activations, 5 learning rates.
        variant: named as in our own experiment on that part.
        repeat: number of the run if the dictionary holds each run's curves; otherwise 0.
        learning_rate: as the keys tell it.
        curves: values by the name of the quantity, one a record.
        steps: those of each curve, int64, if the dictionary has them.
        test_accuracy: in the dictionary's unit.
        weights: of the first layer, in PyTorch's layout; float32.
        problems: sentences without their beginning, the name of the file.
    """

    part: int
    variant: str
    repeat: int = 0
    learning_rate: float | None = None
    curves: dict[str, Array] = field(default_factory=dict)
    steps: dict[str, Array] = field(default_factory=dict)
    test_accuracy: float | None = None
    weights: Array | None = None
    problems: list[str] = field(default_factory=list)

    @property
    def label(self) -> str:
        """What tells it from the other runs of its file."""
        return f"{self.variant}/{self.repeat}" if self.repeat else self.variant


@dataclass(frozen=True)
class _Key:
    quantity: str
    activation: str = ""
    learning_rate: float | None = None


def _parse_key(key: str) -> _Key | None:
    if len(key) > MAX_NAME or key.endswith(_STEPS):
        return None
    words = key.lower().replace(" ", "_").split("_")
    at = next((n for n, word in enumerate(words) if word in ("curve", "curves")), None)
    named = [_QUANTITIES.get(word) for word in words[:at]]
    quantity = next((each for each in named if each), None)
    if at is None or quantity is None:
        return None
    others = [word for word, each in zip(words, named, strict=False) if not each and word not in ("norm", "")]
    split = next((_SPLITS[word] for word in others if word in _SPLITS), "training")
    activation = "_".join(word for word in others if word not in _SPLITS)
    quantity = GRADIENT_NORM if quantity == "gradient" else f"{split}_{quantity}"
    return _Key(quantity, _OUR_ACTIVATIONS.get(activation, activation), _rate("_".join(words[at + 1 :])))


def _rate(digits: str) -> float | None:
    """Return the learning rate in a key: ``01`` is 0.01; ``0.01``, ``0_01`` and ``2_5`` are as they look."""
    if not re.fullmatch(r"\d{1,12}(?:[._]\d{1,12})?", digits):
        return None
    return float(f"0.{digits}" if digits.isdigit() else digits.replace("_", "."))


def runs_of(found: Any, stem: str) -> list[CourseRun]:
    """Return the runs in what a file holds: a dictionary, or several in a list or in a dictionary by name.

    Args:
        found: as ``json.loads`` or ``read_pickle`` returns it.
        stem: the file's name without suffix, which names an architecture if the dictionary doesn't.
    """
    numbers = _Numbers()
    runs: list[CourseRun] = []
    for name, dictionary in _dictionaries(found, stem):
        given = dictionary.get("name")
        runs += _runs(_our_name(given if isinstance(given, str) and given else name), dictionary, numbers)
    return runs


def _dictionaries(found: Any, stem: str) -> Iterator[tuple[str, dict[str, Any]]]:
    within = _IN_NAME.search(stem)
    name = within.group() if within else stem
    if isinstance(found, dict) and any(isinstance(key, str) and _parse_key(key) for key in found):
        yield name, found
    elif isinstance(found, dict):
        several = [(key, value) for key, value in found.items() if isinstance(value, dict) and isinstance(key, str)]
        yield from several[:MAX_DICTIONARIES]
    elif isinstance(found, list | tuple):
        yield from ((name, value) for value in found[:MAX_DICTIONARIES] if isinstance(value, dict))


def names_architecture(name: str) -> bool:
    """Whether a folder is named after an architecture."""
    return _IN_NAME.search(name) is not None


def _our_name(name: str) -> str:
    """Return an architecture's name as this program writes it, ``cnn_3`` for ``CNN3``; others as they are."""
    match = _OURS.fullmatch(name.strip())
    if match and (ours := f"{match[1].lower()}_{match[2]}") in ARCHITECTURES:
        name = ours + match[3]
    return text(name, MAX_NAME)


def _runs(name: str, dictionary: Mapping[Any, Any], numbers: _Numbers) -> Iterator[CourseRun]:
    """Yield the runs of one dictionary, for each activation and learning rate that its keys name."""
    keys = [(key, parsed) for key in dictionary if isinstance(key, str) and (parsed := _parse_key(key))]
    groups: dict[tuple[str, float | None], list[tuple[str, str]]] = {}
    for key, parsed in keys[:_MAX_KEYS]:
        groups.setdefault((parsed.activation, parsed.learning_rate), []).append((parsed.quantity, key))
    for (activation, rate), named in groups.items():
        problems: list[str] = []
        curves: dict[str, Array] = {}
        steps: dict[str, Array] = {}
        for quantity, key in named:
            try:
                curve = numbers.curves(dictionary[key])
                if f"{key}{_STEPS}" in dictionary:
                    steps[quantity] = _steps(numbers.curves(dictionary[f"{key}{_STEPS}"]), curve)
            except (DictionaryError, UnpickleError) as error:
                problems.append(f"its '{text(key, MAX_NAME)}' was left out, as {error}")
            else:
                if curve.size and len(curve) >= len(curves.get(quantity, ())):  # each run's rather than their average
                    curves[quantity] = curve
        part = 5 if rate is not None else 4 if activation or GRADIENT_NORM in curves else 3
        variant = _variant(name, activation, rate)
        whole = CourseRun(part, variant, learning_rate=rate, steps=steps, problems=problems)
        yield from _split(whole, curves, dictionary, numbers)


def _steps(found: Array, curve: Array) -> Array:
    """Return the steps of a curve, int64.

    Raises:
        DictionaryError: if they are none.
    """
    steps = found[0] if len(found) else np.empty(0)
    if steps.shape != curve.shape[1:] or not (np.diff(steps, prepend=0) >= 1).all() or (steps > _MAX_STEP).any():
        raise DictionaryError("its steps don't rise with its values")
    return steps.astype(np.int64)


def _variant(name: str, activation: str, rate: float | None) -> str:
    """Return the variant's name as in our own experiments: ``cnn_4``, ``cnn_4/sigmoid``, ``cnn_4/0.01``."""
    if activation:
        name = f"{name.removesuffix(f'_{activation}')}/{activation}"
    if rate is None:
        return name
    match = _RATE_IN_NAME.fullmatch(name)
    return f"{match[1] if match else name}/{rate:g}"


def _split(
    whole: CourseRun, curves: Mapping[str, Array], dictionary: Mapping[Any, Any], numbers: _Numbers
) -> Iterator[CourseRun]:
    """Yield the runs whose curves are the rows of ``curves``."""
    count = max((len(curve) for curve in curves.values()), default=0)
    runs = [
        CourseRun(whole.part, whole.variant, number if count > 1 else 0, whole.learning_rate, steps=whole.steps)
        for number in range(1, min(count, MAX_RUNS) + 1)
    ] or ([whole] if whole.problems else [])
    if not runs:
        return
    runs[0].problems = whole.problems
    for quantity, curve in curves.items():
        if len(curve) < len(runs):
            runs[0].problems.append(f"its curve of {quantity.replace('_', ' ')} was left out, as it isn't of every run")
            continue
        for run, values in zip(runs, curve, strict=False):
            run.curves[quantity] = values
    if whole.part == 3:
        _add_test(runs, dictionary, numbers)
    yield from runs


def _add_test(runs: Sequence[CourseRun], dictionary: Mapping[Any, Any], numbers: _Numbers) -> None:
    """Add test accuracies, and the weights to the run that was tested best, as the homework asks for.

    Of several test accuracies beside average curves the best counts, as the homework asks for that, too.
    """
    best = runs[0]
    key = next((key for key in _TEST_KEYS if key in dictionary), None)
    try:
        tested = np.nan_to_num(numbers.array(dictionary[key]).ravel(), nan=-1.0) if key else np.empty(0)
        if len(runs) == 1:
            tested = tested[tested == tested.max(initial=-1.0)][:1]
        if len(tested) == len(runs):
            for run, value in zip(runs, tested.tolist(), strict=True):
                run.test_accuracy = None if value == -1 else value
            best = runs[int(np.argmax(tested))]
        elif len(tested):
            best.problems.append("its test accuracy was left out, as it isn't of every run")
    except (DictionaryError, UnpickleError) as error:
        best.problems.append(f"its '{key}' was left out, as {error}")
    try:
        if (weights := dictionary.get("weights")) is not None:
            best.weights = _pytorch_layout(numbers.array(weights))
    except (DictionaryError, UnpickleError) as error:
        best.problems.append(f"its 'weights' were left out, as {error}")


def _pytorch_layout(weights: Array) -> Array:
    """Return weights as float32 [units, inputs] or [out_channels, in_channels, height, width].

    Raises:
        DictionaryError: if they have other dimensions.
    """
    if weights.ndim not in (2, 4) or not weights.size:
        raise DictionaryError("they are neither of a dense layer nor of a convolution")
    if weights.ndim == 2 and image_shape(weights.shape[1]) is None and image_shape(weights.shape[0]) is not None:
        weights = weights.T  # as Keras stores them
    return np.ascontiguousarray(weights, np.float32)


def image_shape(inputs: int) -> tuple[int, int, int] | None:
    """Return height, width and channels of square images with so many values, gray or RGB; None if there are none."""
    for channels in (1, 3):
        side = round((inputs / channels) ** 0.5)
        if side > 1 and side * side * channels == inputs:
            return side, side, channels
    return None


class _Numbers:
    """Converts nested lists and stored arrays to arrays, up to a number of values in all.

    The lists of a pickle may hold one another many times over, and stand for more values than fit in memory.
    """

    def __init__(self) -> None:
        self._left = _MAX_VALUES

    def curves(self, found: Any) -> Array:
        """Return float64 [runs, records]; a longer list of shorter ones is taken for [records, runs].

        Raises:
            DictionaryError: if ``found`` is no such array.
        """
        array = self.array(found)
        array = array.reshape([side for side in array.shape if side != 1] or [array.size])
        if array.ndim > 2:
            raise DictionaryError("it has more than two dimensions")
        if array.ndim == 1:
            return array[np.newaxis]
        return array.T if len(array) > MAX_RUNS >= array.shape[1] else array

    def array(self, found: Any) -> Array:
        """Return float64 in the shape of ``found``.

        Raises:
            DictionaryError: if it is no array of numbers, or too large.
        """
        shape: list[int] = []
        inner = found
        while isinstance(inner, list | tuple):
            shape.append(len(inner))
            inner = inner[0] if inner else 0.0
            if len(shape) > _MAX_DIMENSIONS:
                raise DictionaryError("it is nested too deeply")
        cost = math.prod(max(1, side) for side in shape)
        if isinstance(inner, StoredArray):
            shape += inner.to_numpy().shape
            cost += math.prod(shape) // _ARRAY_VALUES
        if len(shape) > _MAX_DIMENSIONS:
            raise DictionaryError("it has too many dimensions")
        self._left -= cost
        if self._left < 0:
            raise DictionaryError("it holds too many values")
        return self._filled(found, tuple(shape))

    def _filled(self, found: Any, shape: tuple[int, ...]) -> Array:
        if isinstance(found, StoredArray):
            array = found.to_numpy()
            if array.shape != shape:
                raise DictionaryError("its rows have different lengths")
            return array.astype(np.float64)
        if not shape:
            return np.float64(_number(found))  # type: ignore[return-value]
        if not isinstance(found, list | tuple) or len(found) != shape[0]:
            raise DictionaryError("its rows have different lengths")
        if len(shape) == 1 and not any(isinstance(each, StoredArray) for each in found):
            return np.array([_number(each) for each in found], np.float64)
        rows = [self._filled(each, shape[1:]) for each in found]
        return np.array(rows, np.float64).reshape(shape)


def _number(found: Any) -> float:
    """Convert a number; None, as which pandas and JavaScript write NaN, to NaN.

    Raises:
        DictionaryError: if it is none.
    """
    if found is None:
        return float("nan")
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise DictionaryError("it holds something other than numbers")
    try:
        return float(found)
    except OverflowError:
        raise DictionaryError("it holds something other than numbers") from None

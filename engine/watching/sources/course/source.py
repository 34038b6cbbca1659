"""Result dictionaries of the course's homework: ``.json`` and ``.pkl`` files.

A dictionary holds the average curves of an architecture, recorded every ten steps: the k-th value is that of step 10 k.
The architectures of a part are the variants of one experiment, named as in our own experiment on that part, so that
their curves can be compared with ours. Each folder in the watched one has experiments of its own, as in a collection of
several students' homework, unless it only separates architectures. Further files on the same variant are its repeats.

Of a ``.json`` and a ``.pkl`` of the same name, as this program exports them, only one is read: the pickle if it can be,
as it alone holds large weights.
"""

from __future__ import annotations

import json
import math
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from engine.events.runs import Status
from engine.events.watching import Grouping
from engine.utils.files import open_file
from engine.utils.text import one_line
from engine.watching.sources.accuracies import AccuracyScale
from engine.watching.sources.base import (
    Description,
    Ended,
    LogEntry,
    LoggedWeights,
    Measured,
    Problem,
    Restarted,
    Source,
    Tested,
)
from engine.watching.sources.course.dictionary import GRADIENT_NORM, CourseRun, image_shape, names_architecture, runs_of
from engine.watching.sources.course.unpickle import read_pickle
from engine.watching.sources.values import MAX_NAME, text

FORMAT = "Course dictionary"
FIRST_LAYER = "first layer"
RECORD_EVERY = 10  # steps
MAX_JSON_BYTES = 2**24  # as Python objects it may take twenty times as much
MAX_PICKLE_BYTES = 2**27
_PICKLES = (".pkl", ".pickle", ".p")
_ENDINGS = (*_PICKLES, ".json")
_MARK = b"_curve"  # in a key of every dictionary, in JSON as in any pickle
_MAX_PROBLEMS = 10  # of a run
_SETTLE_SECONDS = 2.0  # a file that can't be read and is younger may still be being written
_ENTRIES_PER_READ = 4096  # of some 200 bytes each
# Records an epoch of batches of 50: CIFAR-10's 45,000 training images, and Fashion-MNIST's 54,000 of earlier years.
_RECORDS_PER_EPOCH = (90, 108)
_EPOCHS = {3: 15, 4: 15, 5: 20}
_ABSENT = (0, 0, 0)
_Stamp = tuple[int, int, int]


def sources_in(folder: Path, files: Sequence[Path]) -> Iterator[Source]:
    """Yield the runs in the result dictionaries among the files of a directory.

    A file that should be one, by its name or its keys, and can't be read yields a source that says so.
    """
    stems = dict.fromkeys(path.with_suffix("") for path in files if path.suffix.lower() in _ENDINGS)
    for stem in stems:
        paths = dict.fromkeys(path for path in _same_name(stem, files) if _stamp(path) != _ABSENT)
        chosen = next((path for path in paths if _contents(path, _stamp(path))), None)
        if chosen is not None:
            yield from _sources(folder, chosen)
        else:
            refused = [path for path in paths if _is_expected(path, _stamp(path))]
            yield from (RefusedFile(folder, path) for path in refused[:1])


def _same_name(stem: Path, files: Sequence[Path]) -> Iterator[Path]:
    """Yield the files that differ in their suffixes only, in the order in which they are to be read."""
    for ending in _ENDINGS:
        yield from (path for path in files if path.with_suffix("") == stem and path.suffix.lower() == ending)
        yield stem.with_name(stem.name + ending)


def _sources(folder: Path, path: Path) -> Iterator[Source]:
    """Yield a source for each run; its key stays the same if further runs are added to the file."""
    for label, grouping in _contents(path, _stamp(path)):
        yield CourseSource(folder, path, label, _located(grouping, path.relative_to(folder)))


def _located(grouping: Grouping, path: Path) -> Grouping:
    """Return a grouping with the first folder of its file in the experiment's name."""
    name = path.parts[0]
    if len(path.parts) == 1 or names_architecture(name):
        return grouping
    return replace(grouping, experiment=f"{grouping.experiment} ({text(name, MAX_NAME // 2)})")


class _FileSource:
    """What all that is read from a dictionary's file has in common; see ``Source``."""

    format = FORMAT

    def __init__(self, folder: Path, path: Path, part: str, grouping: Grouping) -> None:
        self._name = path.relative_to(folder).as_posix()
        self.key, self.grouping = f"{self._name}#{part}", grouping
        self.is_live = False
        self.has_more = True
        self._path = path
        self._stamp: _Stamp = _ABSENT

    @property
    def sizes(self) -> Mapping[str, int]:
        """The size of its file once it was read."""
        return {self._name: self._stamp[1]}

    def _changed(self) -> Mapping[str, CourseRun] | Problem | None:
        """Return the runs in the file if it has changed, or why there are none; None if there is nothing to say."""
        stamp = _stamp(self._path)
        if stamp in (_ABSENT, self._stamp):
            return None
        try:
            runs: Mapping[str, CourseRun] | Problem = _load(self._path, stamp)
        except ValueError as error:
            if 0 <= time.time() - stamp[0] / 1e9 < _SETTLE_SECONDS:
                return None
            runs = Problem(one_line(f"{self._name} can't be read as a result dictionary: {error}."))
        self._stamp = stamp
        return runs


class RefusedFile(_FileSource):
    """A file that should hold dictionaries and can't be read; its runs are found once it can be."""

    def __init__(self, folder: Path, path: Path) -> None:
        super().__init__(folder, path, "", Grouping(_experiment(0), text(path.stem, MAX_NAME)))

    def read(self) -> Sequence[LogEntry]:
        """Return what is wrong with the file, once after each change."""
        self.has_more = False
        found = self._changed()
        return [found] if isinstance(found, Problem) else []


class CourseSource(_FileSource):
    """A run in a result dictionary."""

    def __init__(self, folder: Path, path: Path, label: str, grouping: Grouping) -> None:
        super().__init__(folder, path, label, grouping)
        self._label = label
        self._pending: Iterator[LogEntry] = iter(())

    def read(self) -> Sequence[LogEntry]:
        """Return what was not returned yet of the file as it is now."""
        entries: list[LogEntry] = []
        was_read = self._stamp != _ABSENT
        found = self._changed()
        if isinstance(found, Problem):
            entries.append(found)
        elif found is not None and self._label not in found:
            entries.append(Problem(one_line(f"{self._name} no longer holds {self._label}.")))
        elif found is not None:
            entries += [Restarted()] if was_read else []
            self._pending = self._entries(found[self._label])
        entries += islice(self._pending, _ENTRIES_PER_READ)
        self.has_more = len(entries) >= _ENTRIES_PER_READ
        return entries

    def _entries(self, run: CourseRun) -> Iterator[LogEntry]:
        problems = list(run.problems)
        entries = list(_entries_of(run, self.grouping, problems.append))
        scale = AccuracyScale()
        scale.revised(entries)
        converted = [scale.convert(entry, problems.append) for entry in entries]
        yield from (Problem(one_line(f"{self._name}: {problem}.")) for problem in problems[:_MAX_PROBLEMS])
        yield from converted


def _entries_of(run: CourseRun, grouping: Grouping, complain: Callable[[str], None]) -> Iterator[LogEntry]:
    """Yield what a dictionary says of a run, accuracies in its own unit."""
    records = max((len(curve) for name, curve in run.curves.items() if name not in run.steps), default=0)
    last = max([records * RECORD_EVERY, *(int(steps[-1]) for steps in run.steps.values() if len(steps))])
    epochs = _EPOCHS[run.part]
    per_epoch = next((each for each in _RECORDS_PER_EPOCH if abs(records - epochs * each) <= 1), 0)
    settings = {"homework part": str(run.part)}
    if run.learning_rate is not None:
        settings["learning rate"] = f"{run.learning_rate:g}"
    yield Description(
        grouping,
        settings,
        epochs=epochs if per_epoch else 0,
        steps=last,
        steps_per_epoch=per_epoch * RECORD_EVERY,
    )
    numbers: dict[int, dict[str, float]] = {}
    for quantity, curve in run.curves.items():
        name = quantity.replace("_", " ")
        spacing = 1 if quantity in run.steps else _spacing(len(curve), records)
        if not spacing:
            complain(f"its {name} was left out, as it has {len(curve):,} values and another curve {records:,}")
            continue
        if quantity == GRADIENT_NORM and (curve < 0).any():
            complain(f"its {name} was left out, as a norm is never negative")
            continue
        steps = run.steps.get(quantity, RECORD_EVERY * spacing * np.arange(1, len(curve) + 1))
        for step, value in zip(steps.tolist(), curve.tolist(), strict=True):
            numbers.setdefault(step, {})[quantity] = value
    for step, named in sorted(numbers.items()):
        yield _measured(step, named, run.learning_rate, per_epoch * RECORD_EVERY)
    yield from _results(run, last)
    yield Ended(Status.FINISHED)


def _spacing(values: int, records: int) -> int:
    """Return after how many records each value of a curve was taken; 0 if that can't be told.

    A curve that misses a few values at its end, or has a value an epoch, is still understood.
    """
    if values >= 0.95 * records:
        return 1
    return records // values if values and not records % values else 0


def _measured(step: int, numbers: dict[str, float], learning_rate: float | None, per_epoch: int) -> Measured:
    gradient = numbers.pop(GRADIENT_NORM, None)
    if learning_rate is not None:
        numbers["learning_rate"] = learning_rate
    return Measured(
        step,
        math.ceil(step / per_epoch) if per_epoch else 0,
        numbers=numbers,
        gradient_norms={} if gradient is None else {FIRST_LAYER: gradient},
    )


def _results(run: CourseRun, last_step: int) -> Iterator[LogEntry]:
    if run.weights is not None:
        inputs = run.weights.shape[1]  # or input channels, of images whose size isn't told
        shape = image_shape(inputs) or (inputs,) if run.weights.ndim == 2 else (0, 0, inputs)
        yield LoggedWeights(last_step, FIRST_LAYER, run.weights, shape)
    if run.test_accuracy is not None:
        yield Tested(run.test_accuracy)


def _grouping(run: CourseRun) -> Grouping:
    return Grouping(_experiment(run.part), run.variant, run.repeat)


def _experiment(part: int) -> str:
    return f"Course dictionaries, part {part}" if part else "Course dictionaries"


def _stamp(path: Path) -> _Stamp:
    """Return what changes with the file; ``_ABSENT`` if it is gone or can't be read now."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return _ABSENT
    return status.st_mtime_ns, status.st_size, status.st_ino


# A folder is looked through again whenever anything in it changes; only the names of the runs are kept of each file.
@lru_cache(maxsize=2**12)
def _contents(path: Path, stamp: _Stamp) -> tuple[tuple[str, Grouping], ...]:
    """Return label and grouping of each run in a file; nothing if it is no dictionary or can't be read."""
    try:
        return tuple((label, _grouping(run)) for label, run in _load(path, stamp).items())
    except ValueError:
        return ()


@lru_cache(maxsize=2**12)
def _is_expected(path: Path, _stamp: _Stamp) -> bool:
    """Return whether a file should be a dictionary: by its name, or by what is written in it."""
    if path.stem.lower().startswith(("part3_", "part4_", "part5_")):
        return True
    try:
        return _MARK in _content(path)
    except ValueError:
        return False


@lru_cache(maxsize=4)
def _load(path: Path, _stamp: _Stamp) -> Mapping[str, CourseRun]:
    """Return the runs in a file, by what tells them from one another.

    Raises:
        ValueError: if it is no dictionary; the message is the end of a sentence.
    """
    content = _content(path)
    if _MARK not in content:
        raise ValueError("it has no curves")
    found = read_pickle(content) if path.suffix.lower() in _PICKLES else _parse(content)
    if not (runs := runs_of(found, path.stem)):
        raise ValueError("it has no curves")
    seen: Counter[str] = Counter()
    labelled: dict[str, CourseRun] = {}
    for run in runs:
        seen[run.label] += 1
        number = seen[run.label]
        labelled[run.label if number == 1 else f"{run.label} ({number})"] = run
    return labelled


def _content(path: Path) -> bytes:
    """Read a file.

    Raises:
        ValueError: if it can't be read, or is too large.
    """
    limit = MAX_PICKLE_BYTES if path.suffix.lower() in _PICKLES else MAX_JSON_BYTES
    try:
        with open_file(path) as file:
            content = file.read(limit + 1)
    except OSError as error:
        raise ValueError(error.strerror or "it can't be opened") from None
    if len(content) > limit:
        raise ValueError(f"it is larger than {limit // 2**20} MiB")
    return content


def _parse(content: bytes) -> Any:
    """Parse JSON.

    Raises:
        ValueError: if it is none.
    """
    try:
        return json.loads(content)
    except json.JSONDecodeError as error:
        raise ValueError(f"it is no complete JSON, see its line {error.lineno}") from None
    except (ValueError, RecursionError):
        raise ValueError("it is no JSON") from None

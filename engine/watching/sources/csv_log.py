"""Tables with a row an epoch, as Keras' CSVLogger writes them, and with rows of steps, as Lightning's does.

Both are recognised by their header: a column ``epoch`` or ``step``, and a loss or an accuracy under one of the names
that ``names`` knows. Values are separated by commas, semicolons or tabs; ``NA`` and nothing stand for what was not
logged.
"""

from __future__ import annotations

import csv
import math
import re
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from engine.utils.files import open_file
from engine.watching.sources.base import STANDARD_NUMBERS, Description, LogEntry, Measured, Source, Tested
from engine.watching.sources.line_log import Complain, LineLog
from engine.watching.sources.names import (
    LEARNING_RATE,
    TEST_ACCURACY,
    TEST_LOSS,
    grouping,
    run_path,
    standard_names,
)
from engine.watching.sources.values import MAX_COUNT, MAX_NAMES, ValueProblem, name_of, text

FORMAT = "CSV log"
_MAX_LINE_BYTES = 2**20
_HEADER_BYTES = 2**16
_SEPARATORS = ",;\t"
_NOT_LOGGED = ("", "NA")
_LIGHTNING_FILE = "metrics.csv"
_EPOCH, _STEP = "epoch", "step"
_VALIDATION = frozenset(("validation_loss", "validation_accuracy"))
_TEST_AS_VALIDATION = {TEST_LOSS: "validation_loss", TEST_ACCURACY: "validation_accuracy"}

_SETTINGS_FILE = "hparams.yaml"
_SETTING = re.compile(r"([\w.-]+):[ \t]+([^\s!&*|>].*)")  # tags and anchors of YAML are no values


def sources_in(folder: Path, files: Sequence[Path]) -> Iterator[Source]:
    """Yield the logs among the files of a directory; ``folder`` is the watched one."""
    for file in files:
        columns = _columns_of(file)
        if columns is None:
            continue
        yield StepLog(folder, file) if _STEP in columns else EpochLog(folder, file)


def _columns_of(file: Path) -> Sequence[str] | None:
    try:
        with open_file(file) as opened:
            line, end, _ = opened.read(_HEADER_BYTES).partition(b"\n")
    except OSError:
        return None
    try:
        columns = _header(line)[1] if end else None
    except ValueProblem:
        return None
    if columns is None or (_STEP in columns and file.name == _LIGHTNING_FILE):
        return columns
    return columns if set(standard_names(columns).values()) - {LEARNING_RATE} else None


def _header(line: bytes) -> tuple[str, list[str]]:
    """Return the separator and the columns.

    Raises:
        ValueProblem: if the line is no header of a log.
    """
    for separator in _SEPARATORS:
        columns = [column.strip() for column in _cells(line.removeprefix(b"\xef\xbb\xbf"), separator)]
        columns = [column.lower() if column.lower() in (_EPOCH, _STEP) else column for column in columns]
        if {"variant", "repeat"} <= set(columns):
            raise ValueProblem("it holds several runs")  # a table of ours, curves.csv
        if 2 <= len(columns) <= MAX_NAMES and (_EPOCH in columns or _STEP in columns):
            return separator, columns
    raise ValueProblem("it is no header with a column 'epoch' or 'step'")


def _cells(line: bytes, separator: str) -> list[str]:
    try:
        return next(csv.reader([line.decode("utf-8")], delimiter=separator), [])
    except (csv.Error, UnicodeDecodeError):
        raise ValueProblem("it is no row of a table") from None


def _whole(cells: Mapping[str, str], column: str, low: int = 0) -> int:
    """Return a whole number, which some programs write as ``3.0``.

    Raises:
        ValueProblem: if it is none.
    """
    try:
        value = float(cells[column])
    except ValueError:
        value = math.nan
    if not (low <= value <= MAX_COUNT and value.is_integer()):
        raise ValueProblem(f"'{column}' is not a whole number from {low} to {MAX_COUNT:,}")
    return int(value)


def _numbers(cells: Mapping[str, str], names: Mapping[str, str], complain: Complain) -> dict[str, float]:
    """Return the numbers of a row; columns with dates or texts are no metrics."""
    numbers = {}
    for column, name in names.items():
        cell = cells[column].strip()
        if cell in _NOT_LOGGED:
            continue
        try:
            numbers[name] = float(cell)
        except ValueError:
            if name in STANDARD_NUMBERS:
                complain(f"'{name_of(column)}' is not a number")
    return numbers


class _TableLog(LineLog):
    """A table with a header, which may come again when a program appends."""

    def __init__(self, folder: Path, file: Path) -> None:
        self._path = file
        self.name = run_path(file.relative_to(folder).as_posix())
        super().__init__(folder, file, FORMAT, grouping(self.name, folder.name), _MAX_LINE_BYTES)

    def _forget(self) -> None:
        super()._forget()
        self._separator = ""
        self._columns: list[str] = []
        self._number_names: dict[str, str] = {}

    def _parse(self, line: bytes, complain: Complain) -> Sequence[LogEntry]:
        if not self._columns:
            return self._begun(line)
        cells = _cells(line, self._separator)
        if {_EPOCH, _STEP}.intersection(self._columns) <= {cell.strip().lower() for cell in cells}:
            return self._begun(line)
        if len(cells) != len(self._columns):
            raise ValueProblem(f"it has {len(cells):,} values, but the header has {len(self._columns):,} names")
        return self._row(dict(zip(self._columns, cells, strict=True)), complain)

    def _begun(self, line: bytes) -> Sequence[LogEntry]:
        is_first = not self._columns
        self._separator, self._columns = _header(line)
        standard = standard_names(self._columns)
        self._number_names = {
            column: standard.get(column) or name_of(column)
            for column in self._columns
            if column not in (_EPOCH, _STEP) and column
        }
        return [self._description()] if is_first else []

    @abstractmethod
    def _description(self) -> Description:
        """Return what is known of the run."""

    @abstractmethod
    def _row(self, cells: Mapping[str, str], complain: Complain) -> Sequence[LogEntry]:
        """Return the entries of a row; see ``LineLog._parse``."""


class EpochLog(_TableLog):
    """A table with a row an epoch, as Keras' CSVLogger writes it; see ``Source``.

    A step of such a run is an epoch, as the table doesn't say how many it took. Keras counts epochs from 0; a table
    that begins with epoch 1 counts from 1. Where epochs begin again at the first, ``fit`` was called once more with
    ``append=True``, and they are counted on; where they go back to a later one, training was resumed from there.

    If the table has test results and no validation results, they are taken as such, as a test at every epoch is used
    like a validation.
    """

    def _forget(self) -> None:
        super()._forget()
        self._first: int | None = None
        self._last = -1
        self._offset = 0

    def _begun(self, line: bytes) -> Sequence[LogEntry]:
        entries = super()._begun(line)
        names = self._number_names
        if not _VALIDATION.intersection(names.values()):
            self._number_names = {column: _TEST_AS_VALIDATION.get(name, name) for column, name in names.items()}
        return entries

    def _description(self) -> Description:
        return Description(self.grouping, settings={"recorded": "once an epoch"}, steps_per_epoch=1)

    def _row(self, cells: Mapping[str, str], complain: Complain) -> Sequence[LogEntry]:
        entries: list[LogEntry] = []
        epoch = _whole(cells, _EPOCH, int(self._first == 1))
        if self._first is None:
            self._first = epoch
            self._offset = 0 if epoch == 1 else 1
        elif epoch <= self._last and epoch == self._first:
            self._offset += self._last + 1 - epoch
            complain(f"the epochs begin again at {epoch}, and are counted on")
        elif epoch <= self._last:
            entries.append(replace(self._description(), after=epoch + self._offset - 1))
        self._last = epoch
        step = epoch + self._offset
        if step > MAX_COUNT:
            raise ValueProblem("it has too many epochs")
        return [*entries, Measured(step, step, numbers=_numbers(cells, self._number_names, complain))]


class StepLog(_TableLog):
    """A table with rows of steps, such as the ``metrics.csv`` of Lightning's CSVLogger; see ``Source``.

    Lightning's rows have a column each for all metrics, of which few are filled; several rows may be of the same step.
    Steps and epochs are counted from 0. When a further metric appears, the file is written anew with a further column.
    ``hparams.yaml`` beside it has the settings. Without that file, a table that begins in epoch 1 counts both from 1.

    How many steps an epoch has is told by the last steps of epochs. A row of nothing but test results is the test; in
    other rows they are validation results if the table has none, as in ``EpochLog``.
    """

    def _forget(self) -> None:
        super()._forget()
        self._shift: int | None = None
        self._epoch = 0
        self._steps_per_epoch = self._known_steps = 0

    def _description(self) -> Description:
        return Description(self.grouping, _settings(self._path) or {}, steps_per_epoch=self._known_steps)

    def _row(self, cells: Mapping[str, str], complain: Complain) -> Sequence[LogEntry]:
        numbers = _numbers(cells, self._number_names, complain)
        if not numbers:
            return []
        if numbers.keys() <= _TEST_AS_VALIDATION.keys():
            return [Tested(numbers.get(TEST_ACCURACY), numbers.get(TEST_LOSS))]
        if not _VALIDATION.intersection(self._number_names.values()):
            numbers = {_TEST_AS_VALIDATION.get(name, name): value for name, value in numbers.items()}
        has_epoch = bool(cells.get(_EPOCH, "").strip())
        if self._shift is None:
            counts_from_1 = has_epoch and _whole(cells, _EPOCH) == 1 and _settings(self._path) is None
            self._shift = 0 if counts_from_1 else 1
        step = _whole(cells, _STEP, 1 - self._shift) + self._shift
        epoch = _whole(cells, _EPOCH, 1 - self._shift) + self._shift if has_epoch else 0
        return [*self._learned(step, epoch), Measured(step, epoch, numbers=numbers)]

    def _learned(self, step: int, epoch: int) -> Sequence[LogEntry]:
        """Return the description once an epoch has ended, if it tells more than before how many steps it had."""
        entries = []
        if epoch > self._epoch:
            self._epoch = epoch
            if self._steps_per_epoch != self._known_steps:
                self._known_steps = self._steps_per_epoch
                entries.append(self._description())
        if epoch:
            self._steps_per_epoch = max(self._steps_per_epoch, -(-step // epoch))
        return entries


def _settings(log: Path) -> dict[str, str] | None:
    """Return the simple entries of the settings beside a log, None if there are none; nested ones are left out."""
    try:
        with open_file(log.parent / _SETTINGS_FILE) as file:
            lines = file.read(_HEADER_BYTES).decode("utf-8", "replace").splitlines()
    except OSError:
        return None
    matches = [match for line in lines[:MAX_NAMES] if (match := _SETTING.fullmatch(line.rstrip()))]
    return {name_of(match[1]): text(match[2].strip("'\"")) for match in matches}

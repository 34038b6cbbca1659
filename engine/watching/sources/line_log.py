"""What the readers of logs that are written line by line have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from engine.events.watching import Grouping
from engine.utils.text import one_line
from engine.watching.sources.accuracies import AccuracyScale
from engine.watching.sources.base import STANDARD_NUMBERS, LogEntry, Measured, Problem, Restarted
from engine.watching.sources.growing import MAX_LINE_BYTES, GrowingFile
from engine.watching.sources.values import MAX_NAMES, ValueProblem

Complain = Callable[[str], None]


class LineLog(ABC):
    """A file of lines that is the log of one run; see ``Source``.

    Only the first problem of a file is reported, as one mistake in a script is usually repeated at every step.
    """

    is_live = True

    def __init__(
        self, folder: Path, file: Path, log_format: str, grouping: Grouping, max_line_bytes: int = MAX_LINE_BYTES
    ) -> None:
        self.key = file.relative_to(folder).as_posix()
        self.format = log_format
        self.grouping = grouping
        self._file = GrowingFile(file, max_line_bytes)
        self._scale = AccuracyScale()
        self._forget()

    def _forget(self) -> None:
        """Forget what earlier lines said, as the file is read again."""
        self._has_problem = False
        self._names: set[str] = set()

    @abstractmethod
    def _parse(self, line: bytes, complain: Complain) -> Sequence[LogEntry]:
        """Return the entries of a line that is not blank.

        Args:
            line: without its line ending.
            complain: called with each part that is left out, and why.

        Raises:
            ValueProblem: if the line can't be understood.
        """

    @property
    def has_more(self) -> bool:
        """Whether ``read`` would return more at once."""
        return self._file.has_more

    @property
    def sizes(self) -> Mapping[str, int]:
        """Bytes read of the file."""
        return {self.key: self._file.position}

    def read(self) -> Sequence[LogEntry]:
        """Return what was written since the last call."""
        read = self._file.read()
        if read.restarted:
            self._scale = AccuracyScale()
            self._forget()
        parsed = [(number, *self._parsed(line)) for number, line in read.lines]
        if self._scale.revised(entry for _, entries, _ in parsed for entry in entries):
            self._file.rewind()
            self._forget()
            return [Restarted()]
        result: list[LogEntry] = [Restarted()] if read.restarted else []
        for number, entries, complaints in parsed:
            result += [self._checked(entry, complaints.append) for entry in entries]
            if complaints and not self._has_problem:
                self._has_problem = True
                result.append(Problem(one_line(f"{self.key}, line {number}: {complaints[0]}; the rest is read.")))
        return result

    def _parsed(self, line: bytes | None) -> tuple[Sequence[LogEntry], list[str]]:
        complaints: list[str] = []
        try:
            if line is None:
                raise ValueProblem("it is too long")
            entries = self._parse(line, complaints.append) if line.strip() else ()
        except ValueProblem as problem:
            return (), [*complaints, str(problem)]
        return entries, complaints

    def _checked(self, entry: LogEntry, complain: Complain) -> LogEntry:
        """Return an entry with accuracies as fractions, without names that are too many for a run."""
        entry = self._scale.convert(entry, complain)
        if not isinstance(entry, Measured) or self._names.issuperset(entry.numbers):
            return entry
        further = [name for name in entry.numbers if name not in self._names and name not in STANDARD_NUMBERS]
        room = MAX_NAMES - len(self._names)
        if len(further) > room:
            complain(f"the run has more than {MAX_NAMES:,} metrics")
        self._names.update(further[:room])
        if not (dropped := set(further[room:])):
            return entry
        return replace(entry, numbers={name: value for name, value in entry.numbers.items() if name not in dropped})

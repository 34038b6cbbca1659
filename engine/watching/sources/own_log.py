"""Logs that scripts write with Trainscope's logger: JSON lines, of which the first describes the run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from engine.events.watching import Grouping
from engine.utils.files import open_file
from engine.watching.sources.base import Description, LogEntry, Source
from engine.watching.sources.line_log import Complain, LineLog
from engine.watching.sources.own_entries import VERSION_KEY, entry, header, parse_line
from engine.watching.sources.values import ValueProblem

FORMAT = "Trainscope log"
_HEADER_BYTES = 2**18
_HEADER_LINES = 3  # a program that is killed while it writes the first line may be started again


def sources_in(folder: Path, files: Sequence[Path]) -> Iterator[Source]:
    """Yield the logs among the files of a directory; ``folder`` is the watched one."""
    for file in files:
        grouping = _grouping(file)
        if grouping is not None:
            yield OwnLog(folder, file, grouping)


def _grouping(file: Path) -> Grouping | None:
    """Return what the header says, None if the file has none; names of files say nothing."""
    try:
        with open_file(file) as opened:
            start = opened.read(_HEADER_BYTES)
    except OSError:
        return None
    if VERSION_KEY.encode() not in start:
        return None
    for line in start.split(b"\n", _HEADER_LINES)[:-1]:
        try:
            values = parse_line(line)
            if VERSION_KEY in values:
                return header(values, lambda _: None).grouping
        except ValueProblem:
            continue
    return None


class OwnLog(LineLog):
    """A log of Trainscope's logger; see ``Source``.

    It may always grow, as a script that is resumed appends even to the log of a run that has ended.
    """

    def __init__(self, folder: Path, file: Path, grouping: Grouping) -> None:
        super().__init__(folder, file, FORMAT, grouping)

    def _forget(self) -> None:
        super()._forget()
        self._is_described = False

    def _parse(self, line: bytes, complain: Complain) -> Sequence[LogEntry]:
        found = entry(parse_line(line), complain)
        if isinstance(found, Description):
            self._is_described = True
            self.grouping = found.grouping
        elif not self._is_described:
            raise ValueProblem("there is no header before it that names experiment, variant and repeat")
        return () if found is None else (found,)

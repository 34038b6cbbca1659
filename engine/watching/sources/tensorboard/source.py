"""TensorBoard's event folders, written by PyTorch's SummaryWriter, Keras' callback, TensorFlow or our own export.

As in TensorBoard, each folder with event files is a run, and its files are read in the order of their names. Folders
named after a part of the data, such as Keras' ``train`` and ``validation``, and those that PyTorch's ``add_scalars``
makes for each curve, such as ``Loss_val``, belong to the run of the folder that they are in.

What TensorBoard's files don't say is decided by these rules:

- Steps of this program begin at 1. If any step of a run is 0, all of its steps are shifted by one, so that numbers of
  the same step stay together.
- Keras' callback numbers the epochs from 0; they become steps from 1, of which each is an epoch. What it also writes by
  batch can't be in the same curves, and is left out.
- A further file of a folder that begins at a step that was there before is of a program that was resumed or started
  again: what an earlier file has from this step on is replaced.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from engine.utils.text import one_line
from engine.watching.sources.accuracies import AccuracyScale
from engine.watching.sources.base import (
    STANDARD_NUMBERS,
    Description,
    LogEntry,
    Measured,
    Problem,
    Restarted,
    Source,
    Tested,
)
from engine.watching.sources.names import TEST_ACCURACY, grouping, standard_name
from engine.watching.sources.tensorboard.event_file import EventFile
from engine.watching.sources.tensorboard.event_folder import RunFolder, is_event_file, run_folder
from engine.watching.sources.tensorboard.event_messages import Event
from engine.watching.sources.values import MAX_COUNT, MAX_NAMES, name_of

FORMAT = "TensorBoard"
READ_BYTES = 2**20
_OWN_EXPORT = ".trainscope"  # the end of the names of files that this program exports: they are complete
_KERAS_EPOCH = "epoch_"
_LAYER_GROUPS = ("gradient_norm/", "update_ratio/")  # of our own export


def sources_in(folder: Path, files: Sequence[Path]) -> Iterator[Source]:
    """Yield the run to which the event files among the files of a directory belong."""
    for directory in dict.fromkeys(path.parent for path in files if is_event_file(path.name)):
        if (named := run_folder(folder, directory)) is not None:
            yield TensorBoardSource(folder, named)


@dataclass
class _Part:
    """A folder of a run: the part of the data that its numbers are of, and the last step of each tag."""

    name: str
    steps: dict[str, int] = field(default_factory=dict)
    last_time: float = -math.inf


@dataclass
class _File:
    events: EventFile
    part: _Part
    has_begun: bool = False


class TensorBoardSource:
    """The event files of a run; see ``Source``."""

    format = FORMAT

    def __init__(self, folder: Path, named: Path) -> None:
        self.key = named.relative_to(folder).as_posix()
        self.name = self.key
        self.grouping = grouping(self.name, folder.name)
        self._root, self._folder = folder, RunFolder(named)
        self._forget()
        self._find_files()

    def _forget(self) -> None:
        """Begin anew, as with files never seen."""
        self._scale = AccuracyScale()
        self._shift = 0
        self._is_keras = False
        self._rewind()

    def _rewind(self) -> None:
        """Read everything again, with what is known about steps and accuracies."""
        self._parts: dict[Path, _Part] = {}
        self._files: dict[Path, _File] = {}
        self._description: Description | None = None
        self._began = math.nan
        self._last_restart = -math.inf
        self._names: dict[tuple[str, str], str] = {}
        self._claimed: dict[str, tuple[str, str]] = {}
        self._complaints: set[str] = set()
        self.has_more = True

    @property
    def sizes(self) -> Mapping[str, int]:
        """Bytes read of each of its files."""
        return {path.relative_to(self._root).as_posix(): file.events.position for path, file in self._files.items()}

    def read(self) -> Sequence[LogEntry]:
        """Return what was written since the last call."""
        self._find_files()
        left = READ_BYTES
        collected = _Collected()
        self.has_more = False
        for path, file in sorted(self._files.items(), key=lambda each: (each[0].name, each[0])):
            if left <= 0:
                self.has_more = True
                break
            before = file.events.position
            read = file.events.read(READ_BYTES)
            left -= file.events.position - before
            self.has_more |= file.events.has_more
            if read.was_replaced:
                self._forget()
                return [Restarted()]
            for problem in read.problems:
                collected.entries.append(Problem(self._sentence(path, problem)))
            if self._must_reread(read.events, file.part):
                return [Restarted(is_same=True)]
            collected.is_by_epoch = self._is_keras
            for event in read.events:
                self._take(event, file, collected)
        return self._converted(collected.finished())

    def _sentence(self, path: Path, problem: str) -> str:
        return one_line(f"{path.relative_to(self._root).as_posix()} {problem}.")

    def _find_files(self) -> None:
        for path, part in self._folder.files():
            if path not in self._files:
                self._files[path] = _File(EventFile(path), self._parts.setdefault(path.parent, _Part(part)))
        self.is_live = not self._files or not all(path.name.endswith(_OWN_EXPORT) for path in self._files)

    def _must_reread(self, events: Sequence[Event], part: _Part) -> bool:
        """Learn how steps are numbered; return whether what was returned before is to be understood otherwise."""
        is_keras = self._is_keras or any(_is_keras(part, tag) for event in events for tag, _ in event.scalars)
        shift = 1 if is_keras or any(not event.step for event in events if event.scalars) else self._shift
        if (is_keras, shift) == (self._is_keras, self._shift):
            return False
        self._is_keras, self._shift = is_keras, shift
        if self._description is None:
            return False
        self._rewind()
        return True

    def _take(self, event: Event, file: _File, collected: _Collected) -> None:
        """Add the numbers of an event to ``collected``, and what it says of earlier events."""
        if not 0 <= event.step < MAX_COUNT:
            self._complain("has steps that are none, which were left out", collected)
            return
        if self._description is None:
            self._began = event.wall_time
            self._description = Description(
                self.grouping, steps_per_epoch=int(self._is_keras), started=max(0.0, _finite(event.wall_time))
            )
            collected.entries.append(self._description)
        elif event.is_start or self._begins_again(event, file):
            self._last_restart = event.wall_time
            after = max(0, event.step + self._shift - 1)
            collected.flush()
            collected.entries.append(replace(self._description, after=after))
            if not after:
                self._began = event.wall_time
        file.has_begun |= bool(event.scalars)
        part = file.part
        part.last_time = max(part.last_time, event.wall_time)
        elapsed = event.wall_time - self._began
        seconds = max(0.0, elapsed) if math.isfinite(elapsed) else math.nan
        for tag, value in event.scalars:
            if not (name := self._name(part, tag, collected)):
                continue
            part.steps[tag] = event.step
            collected.add(event.step + self._shift, seconds, name, value)
            if (part.name, tag) == self._claimed.get(TEST_ACCURACY):
                collected.test_accuracy = value

    def _begins_again(self, event: Event, file: _File) -> bool:
        """Whether the first numbers of a file replace those of an earlier one, unless another folder's file said so."""
        part = file.part
        return (
            not file.has_begun
            and any(event.step <= part.steps.get(tag, -1) for tag, _ in event.scalars)
            and event.wall_time > part.last_time > self._last_restart
        )

    def _name(self, part: _Part, tag: str, collected: _Collected) -> str:
        """Return the name of the numbers of a tag; empty if they are left out."""
        key = (part.name, tag)
        if (name := self._names.get(key)) is not None:
            return name
        if len(self._names) >= MAX_NAMES:
            self._complain(f"has more than {MAX_NAMES:,} tags, of which the rest was left out", collected)
            return ""
        self._names[key] = self._new_name(part, tag, collected)
        return self._names[key]

    def _new_name(self, part: _Part, tag: str, collected: _Collected) -> str:
        if self._is_keras:
            if not _is_keras(part, tag):
                if not tag.startswith(("batch_", "evaluation_")):
                    self._complain("has numbers by batch besides those by epoch, which were left out", collected)
                return ""
            tag = tag.removeprefix(_KERAS_EPOCH)
        name = name_of(f"{part.name}/{tag}" if part.name else tag)
        if tag.startswith(_LAYER_GROUPS) and not part.name:
            return name
        standard = standard_name(tag, part.name)
        # A second tag of the same meaning, such as the loss by batch besides that by epoch, keeps its own name.
        if standard and self._claimed.setdefault(standard, (part.name, tag)) == (part.name, tag):
            return standard if standard in STANDARD_NUMBERS else name
        return name

    def _complain(self, problem: str, collected: _Collected) -> None:
        if problem not in self._complaints:
            self._complaints.add(problem)
            collected.entries.append(Problem(self._sentence(self._folder.path, problem)))

    def _converted(self, entries: list[LogEntry]) -> list[LogEntry]:
        """Return entries with accuracies as fractions, or a request to read all again."""
        if self._scale.revised(entries):
            self._rewind()
            return [Restarted(is_same=True)]
        collected = _Collected()
        for entry in entries:
            collected.entries.append(self._scale.convert(entry, self._left_out(collected)))
        return collected.entries

    def _left_out(self, collected: _Collected) -> Callable[[str], None]:
        return lambda problem: self._complain(f"has {problem}, which was left out", collected)


def _is_keras(part: _Part, tag: str) -> bool:
    """Whether Keras' callback wrote a number, by epoch."""
    return part.name in ("train", "validation") and tag.startswith(_KERAS_EPOCH)


def _finite(value: float) -> float:
    return value if math.isfinite(value) else 0.0


@dataclass
class _Collected:
    """Entries to be returned, and the numbers of each step that are not among them yet.

    Attributes:
        is_by_epoch: whether each step is an epoch.
    """

    is_by_epoch: bool = False
    entries: list[LogEntry] = field(default_factory=list)
    numbers: dict[int, dict[str, float]] = field(default_factory=dict)
    seconds: dict[int, float] = field(default_factory=dict)
    test_accuracy: float | None = None

    def add(self, step: int, seconds: float, name: str, value: float) -> None:
        """Add a number; a later one of the same name and step replaces it."""
        self.numbers.setdefault(step, {})[name] = value
        self.seconds[step] = seconds

    def flush(self) -> None:
        """Add the numbers to the entries, in the order of their steps."""
        for step, named in sorted(self.numbers.items()):
            layers: dict[str, dict[str, float]] = {group: {} for group in _LAYER_GROUPS}
            others: dict[str, float] = {}
            for name, value in named.items():
                group = next((each for each in _LAYER_GROUPS if name.startswith(each)), None)
                if group is None:
                    others[name] = value
                else:
                    layers[group][name.removeprefix(group)] = value
            norms, ratios = layers.values()
            epoch = step if self.is_by_epoch else 0
            self.entries.append(Measured(step, epoch, self.seconds[step], others, norms, ratios))
        self.numbers.clear()
        self.seconds.clear()

    def finished(self) -> list[LogEntry]:
        """Return all entries."""
        self.flush()
        if self.test_accuracy is not None:
            self.entries.append(Tested(self.test_accuracy))
        return self.entries

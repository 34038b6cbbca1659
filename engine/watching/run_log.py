"""What was read of the log of one run, until it is stored."""

from __future__ import annotations

from dataclasses import replace

from engine.watching.rows import Row
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

# How long the numbers of the newest step are held back: programs often log training and validation one after the other.
HOLD_SECONDS = 0.3
# While a long log is read, in which the numbers of one step may be far apart.
MAX_ROWS_HELD = 50_000
MAX_WEIGHTS_HELD = 2**25  # bytes


class RunLog:
    """Reads the log of a run.

    Attributes:
        source: the log.
        description: what it says of the run; None if it says nothing so far.
        tested: results of the test so far.
        end: how the program says that the run ended; None as long as it goes on.
        layers: names of the layers with gradients or weights, in the order in which they were logged.
        weights: weights to be stored.
        discard_after: the step after which everything stored is to be removed, as it was logged again; None if nothing.
        is_replaced: whether everything stored is to be removed.
        is_same: whether that is so only as the log is understood otherwise, so that the training is the same.
        problems: sentences on what can't be understood.
        grown_at: when the log was last seen to grow, in seconds since 1970 as every ``now``.
    """

    def __init__(self, source: Source, now: float) -> None:
        self.source = source
        self.description: Description | None = None
        self.tested = Tested()
        self.end: Ended | None = None
        self.layers: tuple[str, ...] = ()
        self.weights: list[LoggedWeights] = []
        self.discard_after: int | None = None
        self.is_replaced = self.is_same = False
        self.problems: list[str] = []
        self.grown_at = self._changed_at = now
        self._rows: dict[int, Row] = {}

    @property
    def has_content(self) -> bool:
        """Whether it says anything of a run."""
        return self.description is not None or bool(self._rows) or bool(self.weights)

    @property
    def is_held(self) -> bool:
        """Whether storing should wait for the rest of a long log."""
        weights = sum(each.values.nbytes for each in self.weights)
        return self.source.has_more and len(self._rows) < MAX_ROWS_HELD and weights < MAX_WEIGHTS_HELD

    def read(self, now: float) -> bool:
        """Read what is new, and return whether there was anything, be it a mere sign of life."""
        before, is_behind = dict(self.source.sizes), self.source.has_more
        entries = self.source.read()
        for entry in entries:
            self._take(entry, now)
        has_grown = bool(entries) or dict(self.source.sizes) != before
        if has_grown and not is_behind:  # else it is the rest of what was there before
            self.grown_at = now
        return has_grown

    def ready(self, now: float, is_last: bool) -> list[Row]:
        """Return the rows to store, by step; the newest one waits for more numbers of its step unless ``is_last``."""
        steps = sorted(self._rows)
        is_newest_held = self.source.is_live and self.end is None and now - self._changed_at < HOLD_SECONDS
        if steps and is_newest_held and not is_last:
            steps.pop()
        return [self._rows[step] for step in steps]

    def stored(self, rows: list[Row]) -> None:
        """Forget rows and weights, which have been stored."""
        for row in rows:
            del self._rows[row.step]
        self.weights, self.discard_after, self.is_replaced, self.is_same = [], None, False, False

    def _take(self, entry: LogEntry, now: float) -> None:
        match entry:
            case Measured():
                self._rows.setdefault(entry.step, Row(entry.step)).add(entry)
                self.layers = tuple(dict.fromkeys((*self.layers, *entry.gradient_norms, *entry.update_ratios)))
                self._changed_at, self.end = now, None
            case LoggedWeights():
                self.weights.append(entry)
                self.layers = tuple(dict.fromkeys((*self.layers, entry.layer)))
            case Description():
                self._describe(entry)
            case Tested():  # programs may log loss and accuracy one after the other
                told = {name: value for name, value in vars(entry).items() if value is not None}
                self.tested = replace(self.tested, **told)
            case Ended():
                self.end = entry
            case Problem(sentence):
                self.problems.append(sentence)
            case Restarted(is_same):
                self._restart(is_same)

    def _describe(self, entry: Description) -> None:
        if entry.after is not None:
            self._rows = {step: row for step, row in self._rows.items() if step <= entry.after}
            self.weights = [each for each in self.weights if each.step <= entry.after]
            before = entry.after if self.discard_after is None else self.discard_after
            self.discard_after = min(entry.after, before)
            self.tested = Tested()
        self.description, self.end = replace(entry, after=None), None

    def _restart(self, is_same: bool) -> None:
        self._rows, self.weights, self.layers = {}, [], ()
        self.tested, self.end, self.discard_after = Tested(), None, None
        self.is_same = is_same and (self.is_same or not self.is_replaced)
        self.is_replaced = True

"""A watched folder: the runs found in it, grouped into experiments."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from engine.events.watching import FolderWatched, Grouping, WatchEvent
from engine.experiments.own_code import OwnCodeSpec
from engine.storage.logged import LoggedStore
from engine.storage.store import StoredRun
from engine.utils.errors import StoreError
from engine.watching.experiment import ExperimentFollower
from engine.watching.run import RunFollower
from engine.watching.sources.base import Source
from engine.watching.sources.discovery import FolderScan

# A folder is searched for new runs this often, and at most for a tenth of the time.
SEARCH_SECONDS = 1.0
SEARCH_SHARE = 10
ENDED_SECONDS = 2.0  # how often the log of a run that has ended is looked at: its program may go on
# Runs are added for this long at once, so that thousands keep neither the window nor their curves waiting.
ADD_SECONDS = 0.5
RETRY_SECONDS = 5.0  # after the store could not be written
MAX_PROBLEMS = 20


class FolderFollower:
    """Follows the runs that are logged in a folder.

    Args:
        store: the store.
        owner: name of the lock of this program.
        folder: path of the folder, or of one file.
        groupings: of runs that the user grouped otherwise, by source.
        emit: receives the events.
        now: the current time, in seconds since 1970 as everywhere.
    """

    def __init__(
        self,
        store: LoggedStore,
        owner: str,
        folder: Path,
        groupings: Mapping[str, Grouping],
        emit: Callable[[WatchEvent], None],
        now: float,
    ) -> None:
        self._store, self._owner, self._folder, self._emit = store, owner, folder, emit
        self._groupings = dict(groupings)
        self._scan = FolderScan(folder)
        self._runs: dict[str, RunFollower] = {}  # by source
        self._experiments: dict[str, ExperimentFollower] = {}  # by name
        self._search_at = self._ended_at = self._retry_at = now
        self._store_problem = ""
        self._is_first = True  # what is there is being read for the first time
        self._has_unassigned = False  # runs that were read and are to be added to an experiment
        self._state: FolderWatched | None = None
        self._stored: dict[str, tuple[ExperimentFollower, StoredRun]] = {}  # by source
        self._dismissed: set[str] = set()
        self._superseded: set[str] = set()  # sources of stored experiments of which a newer one has the name
        self._regrouped: dict[str, Grouping] = {}  # stored runs that the user grouped otherwise before watching again
        self._adopt_stored()

    def poll(self, now: float) -> bool:
        """Read, store and emit what is new; return whether there is more at once."""
        if now < self._retry_at:
            return False
        try:
            self._search(now)
            self._follow(now)
            self._store_problem = ""
        except StoreError as error:
            self._store_problem, self._retry_at = f"{error} It is tried again.", now + RETRY_SECONDS
        is_behind = self._has_unassigned or any(run.is_behind for run in self._runs.values())
        is_behind &= not self._store_problem
        self._is_first &= is_behind
        self._emit_state()
        return is_behind

    def close(self, now: float) -> None:
        """Store what was read, and that runs still under way were no longer watched; propagates ``StoreError``."""
        for experiment, run in self._assigned():
            experiment.follow(run, now, is_last=True)
        for experiment in self._experiments.values():
            experiment.settle()

    @property
    def is_done(self) -> bool:
        """Whether all that is there has been read and stored, and every run has ended."""
        is_stored = not self._is_first and not self._has_unassigned and not self._store_problem
        return is_stored and not any(run.is_active for _, run in self._assigned())

    @property
    def numbers(self) -> list[int]:
        """Numbers of its stored experiments."""
        return [each.number for each in self._experiments.values() if each.number is not None]

    @property
    def sources(self) -> set[str]:
        """The logs that are followed."""
        return {source for source, run in self._runs.items() if run.planned is not None}

    def regroup(self, groupings: Mapping[str, Grouping], now: float) -> None:
        """Group runs otherwise, by source; a repeat of 0 becomes the next free one. Propagates ``StoreError``.

        Raises:
            StoreError: without changes, if two runs would be the same repeat of a variant.
        """
        wanted = {key: run.grouping for key, run in self._runs.items() if run.planned}
        others = [each for experiment in self._experiments.values() for each in experiment.unfollowed]
        for key in sorted(groupings.keys() & wanted.keys(), key=lambda each: groupings[each].repeat == 0):
            wanted[key] = _numbered(groupings[key], wanted[key], {*wanted.values(), *others})
        moved = {key: run for key, run in self._runs.items() if key in wanted and run.grouping != wanted[key]}
        counts = Counter((*wanted.values(), *others))
        if any(counts[wanted[key]] > 1 for key in moved):
            raise StoreError("Two runs can't be the same repeat of a variant; give one of them another number.")
        self._groupings |= groupings
        changed = {each.experiment for key, run in moved.items() for each in (wanted[key], run.grouping)}
        with self._store.together():
            for key, run in moved.items():
                self._move(run, wanted[key], now)
        for name in changed:
            if self._experiments[name].remove_if_empty():
                del self._experiments[name]
            else:
                self._experiments[name].refresh()
                self._experiments[name].settle(has_other_runs=True)

    def _move(self, run: RunFollower, grouping: Grouping, now: float) -> None:
        before, after = self._experiments[run.grouping.experiment], self._experiment(grouping.experiment)
        if before is not after:
            before.runs.remove(run)
            after.take(run, now)
        after.rename(run, grouping)

    def dismiss(self, sources: Collection[str]) -> None:
        """Leave out these runs, of which the experiments were deleted, and no others."""
        self._dismissed = (set(sources) | self._superseded) - self._stored.keys()

    def _adopt_stored(self) -> None:
        """Take over what is stored: of experiments of the same name, as after an undone deletion, the newest."""
        for stored in self._store.experiments_of(str(self._folder)):
            name = OwnCodeSpec.from_json(stored.spec).name
            if (older := self._experiments.pop(name, None)) is not None:
                self._superseded |= self._forget_stored(older)
            experiment = self._experiment(name)
            for source, run in experiment.adopt(stored).items():
                self._stored[source] = experiment, run

    def _forget_stored(self, experiment: ExperimentFollower) -> set[str]:
        """No longer wait for logs of an experiment; return their sources."""
        sources = {source for source, (each, _) in self._stored.items() if each is experiment}
        for source in sources:
            del self._stored[source]
        return sources

    def _drop_deleted(self) -> None:
        """Follow an experiment no more that was deleted; what is logged under its name later is a new one."""
        ended = {each.number: name for name, each in self._experiments.items() if each.number and each.status.is_final}
        for number in ended.keys() - self._store.numbers_of(str(self._folder)):
            experiment = self._experiments.pop(ended[number])
            sources = {run.log.source.key for run in experiment.runs}
            self._runs = {source: run for source, run in self._runs.items() if source not in sources}
            self._dismissed |= sources | self._forget_stored(experiment)

    def _experiment(self, name: str) -> ExperimentFollower:
        known = self._experiments.get(name)
        if known is None:
            known = ExperimentFollower(self._store, self._owner, str(self._folder), name, self._emit)
            self._experiments[name] = known
        return known

    def _search(self, now: float) -> None:
        """Find new runs, and those of which the logs have grown since they were stored."""
        if now < self._search_at:
            return
        began = time.monotonic()
        self._drop_deleted()
        for source in self._scan.discover(self._dismissed | self._runs.keys()):
            self._add(source, now)
        for run in self._runs.values():
            if run.is_asleep and not self._is_unchanged(run):
                self._read(run, now)
        regrouped, self._regrouped = self._regrouped, {}
        self.regroup(regrouped, now)
        self._search_at = now + max(SEARCH_SECONDS, SEARCH_SHARE * (time.monotonic() - began))

    def _add(self, source: Source, now: float) -> None:
        run = self._runs[source.key] = RunFollower(source, now)
        known = self._stored.pop(source.key, None)
        if known is not None:
            experiment, stored = known
            run.stored_sizes = self._store.sizes(stored.id)
            experiment.adopt_run(run, stored, stored.status.is_final and self._is_unchanged(run))
            run.grouping = Grouping(experiment.name, stored.spec.variant, stored.spec.repeat)
            if source.key in self._groupings:
                self._regrouped[source.key] = self._groupings[source.key]
        if not run.is_asleep:
            run.read(now)
            run.log.grown_at = min(now, self._changed_at(source, now))

    def _is_unchanged(self, run: RunFollower) -> bool:
        """Return whether all of a log was stored before, judging by its size; False for a log of several files."""
        (file, size), *others = [*run.stored_sizes.items()] or [("", -1)]
        try:
            return (
                not others
                and file == run.log.source.key.partition("#")[0]
                and (self._root / file).stat().st_size == size
            )
        except OSError:  # gone: what was stored stays
            return True

    def _changed_at(self, source: Source, now: float) -> float:
        """Return when a log was last changed (seconds since 1970)."""
        times = [now] if not source.sizes else []
        for file in source.sizes:
            with suppress(OSError):
                times.append((self._root / file).stat().st_mtime)
        return max(times, default=now)

    @property
    def _root(self) -> Path:
        """The folder to which the names of files are relative."""
        return self._folder.parent if self._folder.is_file() else self._folder

    def _follow(self, now: float) -> None:
        looks_at_ended = now >= self._ended_at
        if looks_at_ended:
            self._ended_at = now + ENDED_SECONDS
        self._has_unassigned, until = False, time.monotonic() + ADD_SECONDS
        for run in self._runs.values():
            if not run.is_asleep and (run.is_active or looks_at_ended or run.is_behind):
                self._read(run, now)
            if run.planned is not None or run.is_copy or not run.log.has_content:
                continue
            self._has_unassigned = time.monotonic() > until
            if not self._has_unassigned:
                self._assign(run, now)
        for experiment, run in self._assigned():
            experiment.follow(run, now)
        if not self._has_unassigned:  # else an experiment would end before its other runs are added
            for experiment in self._experiments.values():
                experiment.settle()

    def _assign(self, run: RunFollower, now: float) -> None:
        """Add a run to its experiment, unless its log is a copy of another one's."""
        key = run.log.source.key
        grouping = self._groupings.get(key) or run.log.source.grouping
        experiment = self._experiment(grouping.experiment)
        if key not in self._groupings and (original := experiment.original_of(run)) is not None:
            run.is_copy = True
            run.log.problems.append(f"{key} is a copy of {original} and is left out; remove one of them.")
            return
        run.grouping = experiment.add(run, grouping, now)

    def _read(self, run: RunFollower, now: float) -> None:
        was_behind = run.is_behind
        run.read(now)
        if was_behind and not run.is_behind:  # what was read last may be old, or have been added meanwhile
            run.log.grown_at = min(now, self._changed_at(run.log.source, now))

    def _assigned(self) -> list[tuple[ExperimentFollower, RunFollower]]:
        return [(each, run) for each in self._experiments.values() for run in each.runs]

    def _emit_state(self) -> None:
        problems = [self._store_problem] if self._store_problem else []
        if not self._folder.exists():
            problems.append(f"{self._folder} is not there now; it is watched again as soon as it is.")
        problems += self._scan.problems
        problems += [problem for run in self._runs.values() for problem in run.log.problems]
        state = FolderWatched(
            str(self._folder),
            tuple(each.state for each in self._experiments.values() if each.number is not None),
            tuple(dict.fromkeys(problems))[:MAX_PROBLEMS],
            self._is_first,
        )
        if state != self._state:
            self._state = state
            self._emit(state)


def _numbered(wanted: Grouping, present: Grouping, taken: Collection[Grouping]) -> Grouping:
    """Return a grouping with the repeat that is wanted, or else the present one, or the next free one."""
    if wanted.repeat:
        return wanted
    if wanted == replace(present, repeat=0):
        return present
    used = [each.repeat for each in taken if replace(each, repeat=0) == wanted]
    return replace(wanted, repeat=max(used, default=0) + 1)

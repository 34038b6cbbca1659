"""The queue of experiments, stored in the workspace so that it outlives the window.

An entry that was taken is removed when its experiment is stored. If the program that took it ends before, the entry
waits again.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass

from engine.config.specs import ExperimentSpec
from engine.experiments import find_experiment
from engine.experiments.base import Experiment
from engine.storage.database import Database
from engine.storage.locks import is_owner_alive
from engine.utils.errors import SpecError
from engine.workspace.planning import check_can_begin


@dataclass(frozen=True)
class QueueEntry:
    """An experiment and its settings.

    Attributes:
        id: 0 for an entry that was never in the queue.
        extends: the stored experiment that gets further runs or is resumed; None for a new one.
        resumes: resume ``extends`` where it was interrupted, regardless of ``spec``.
    """

    id: int
    experiment: Experiment
    spec: ExperimentSpec
    extends: int | None = None
    resumes: bool = False


class QueueStore(Database):
    """The queue of a workspace. Each entry is taken by one program only."""

    def all(self) -> list[QueueEntry]:
        """Return all waiting entries in order; unreadable ones are skipped."""
        return [entry for row in self._waiting() if (entry := _parse_entry(row)) is not None]

    def add(
        self,
        experiment: Experiment,
        spec: ExperimentSpec,
        extends: int | None = None,
        *,
        resumes: bool = False,
        owner: str = "",
    ) -> QueueEntry:
        """Append an experiment that can be planned; ``owner`` names the lock of the program that takes it at once.

        Propagates ``SpecError`` and ``DatasetError`` of ``check_can_begin``; then nothing is appended.
        """
        if not resumes:  # the settings of a resumed one are stored with it
            check_can_begin(experiment, spec)
        with self._transaction():
            last = self._execute("SELECT coalesce(max(place), 0) FROM queue").fetchone()[0]
            number = self._insert(
                "queue",
                place=last + 1,
                experiment=experiment.name,
                spec=spec.to_json(),
                extends=extends,
                added=time.time(),
                resumes=resumes,
                owner=owner,
            )
        return QueueEntry(number, experiment, spec, extends, resumes)

    def take(self, owner: str) -> QueueEntry | None:
        """Take the first waiting entry for as long as the lock ``owner`` is held; None if none waits."""
        with self._transaction():
            for row in self._waiting():
                if (entry := _parse_entry(row)) is not None:
                    self._execute("UPDATE queue SET owner=? WHERE id=?", owner, row["id"])
                    return entry
        return None

    def reorder(self, numbers: Sequence[int]) -> None:
        """Sort the waiting entries by the order of their ids in ``numbers``; all others follow in their order."""
        with self._transaction():
            known = [row["id"] for row in self._waiting()]
            named = [number for number in numbers if number in known]
            for place, number in enumerate((*named, *(each for each in known if each not in named)), start=1):
                self._execute("UPDATE queue SET place=? WHERE id=?", place, number)

    def remove(self, number: int) -> None:
        """Remove an entry if it exists."""
        self._execute("DELETE FROM queue WHERE id=?", number)

    def _waiting(self) -> list[sqlite3.Row]:
        rows = self._execute("SELECT * FROM queue ORDER BY place, id").fetchall()
        return [row for row in rows if not is_owner_alive(self.workspace, row["owner"])]


def _parse_entry(row: sqlite3.Row) -> QueueEntry | None:
    try:
        experiment = find_experiment(row["experiment"])
        spec = experiment.spec.from_json(row["spec"])
        return QueueEntry(row["id"], experiment, spec, row["extends"], bool(row["resumes"]))
    except (SpecError, TypeError):  # of another version of the program, or damaged
        return None

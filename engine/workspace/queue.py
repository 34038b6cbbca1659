"""Experiments that wait for their turn, kept in the workspace so that they outlive the window.

One that was taken leaves the queue when its experiment is stored. Where the program that took it ends before, it waits
again.
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


@dataclass(frozen=True)
class QueueEntry:
    """An experiment and its settings, or further runs for the stored one it ``extends``.

    One that ``resumes`` goes on where that was interrupted, whatever the settings here say. ``id`` is 0 for what never
    was in the queue.
    """

    id: int
    experiment: Experiment
    spec: ExperimentSpec
    extends: int | None = None
    resumes: bool = False


class QueueStore(Database):
    """The queue of a workspace, first to last. Each entry is taken by one, whoever looks at the workspace."""

    def all(self) -> list[QueueEntry]:
        """Every entry that waits, in its order; one that this program can't read is passed over."""
        return [order for row in self._waiting() if (order := _order(row)) is not None]

    def add(
        self,
        experiment: Experiment,
        spec: ExperimentSpec,
        extends: int | None = None,
        *,
        resumes: bool = False,
        owner: str = "",
    ) -> QueueEntry:
        """Put an experiment at the end; ``owner`` is the lock of who has taken it already."""
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
        """The first entry, which waits no longer as long as the lock called ``owner`` is held; None without any."""
        with self._transaction():
            for row in self._waiting():
                if (order := _order(row)) is not None:
                    self._execute("UPDATE queue SET owner=? WHERE id=?", owner, row["id"])
                    return order
        return None

    def reorder(self, order: Sequence[int]) -> None:
        """Put the entries in the order of their numbers; those not named keep their place behind them."""
        with self._transaction():
            known = [row["id"] for row in self._waiting()]
            named = [number for number in order if number in known]
            for place, number in enumerate((*named, *(each for each in known if each not in named)), start=1):
                self._execute("UPDATE queue SET place=? WHERE id=?", place, number)

    def remove(self, number: int) -> None:
        """Take an entry out for good, if it is still there."""
        self._execute("DELETE FROM queue WHERE id=?", number)

    def _waiting(self) -> list[sqlite3.Row]:
        rows = self._execute("SELECT * FROM queue ORDER BY place, id").fetchall()
        return [row for row in rows if not is_owner_alive(self.workspace, row["owner"])]


def _order(row: sqlite3.Row) -> QueueEntry | None:
    try:
        experiment = find_experiment(row["experiment"])
        spec = experiment.spec.from_json(row["spec"])
        return QueueEntry(row["id"], experiment, spec, row["extends"], bool(row["resumes"]))
    except (SpecError, TypeError):  # of another version of the program, or damaged
        return None

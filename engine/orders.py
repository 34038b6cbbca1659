"""Experiments that wait for their turn, kept in the workspace so that they outlive the window."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass

from engine.database import Database
from engine.errors import SpecError
from engine.experiments import find_experiment
from engine.experiments.base import Experiment
from engine.spec import ExperimentSpec


@dataclass(frozen=True)
class Order:
    """One entry of the queue: an experiment and its settings, or further runs for the stored one it ``extends``."""

    id: int
    experiment: Experiment
    spec: ExperimentSpec
    extends: int | None


class Orders(Database):
    """The queue of a workspace, first to last. Each entry is taken once, whoever looks at the workspace."""

    def all(self) -> list[Order]:
        """Every entry in its order; one that this program can't read is passed over."""
        return [order for row in self._rows() if (order := _order(row)) is not None]

    def add(self, experiment: Experiment, spec: ExperimentSpec, extends: int | None = None) -> Order:
        """Put an experiment at the end."""
        with self._transaction():
            last = self._execute("SELECT coalesce(max(place), 0) FROM queue").fetchone()[0]
            number = self._insert(
                "queue",
                place=last + 1,
                experiment=experiment.name,
                spec=spec.to_json(),
                extends=extends,
                added=time.time(),
            )
        return Order(number, experiment, spec, extends)

    def take(self) -> Order | None:
        """The first entry, which is no longer in the queue then; None where it is empty."""
        with self._transaction():
            for row in self._rows():
                self._execute("DELETE FROM queue WHERE id=?", row["id"])
                if (order := _order(row)) is not None:
                    return order
        return None

    def arrange(self, order: Sequence[int]) -> None:
        """Put the entries in the order of their numbers; those not named keep their place behind them."""
        with self._transaction():
            known = [row["id"] for row in self._rows()]
            named = [number for number in order if number in known]
            for place, number in enumerate((*named, *(each for each in known if each not in named)), start=1):
                self._execute("UPDATE queue SET place=? WHERE id=?", place, number)

    def remove(self, number: int) -> None:
        """Take an entry out, if it is still there."""
        self._execute("DELETE FROM queue WHERE id=?", number)

    def _rows(self) -> list[sqlite3.Row]:
        return self._execute("SELECT * FROM queue ORDER BY place, id").fetchall()


def _order(row: sqlite3.Row) -> Order | None:
    try:
        experiment = find_experiment(row["experiment"])
        return Order(row["id"], experiment, experiment.spec.from_json(row["spec"]), row["extends"])
    except (SpecError, TypeError):  # of another version of the program, or damaged
        return None

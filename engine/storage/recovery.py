"""Finds experiments that were interrupted by the end of their program, and those that can be resumed."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable

from engine.config.logged_runs import LOGGED_EXPERIMENT
from engine.events.runs import Status
from engine.storage.database import Database
from engine.storage.locks import is_owner_alive
from engine.storage.rows import ACTIVE_STATUSES

INTERRUPTED_REASON = "The program ended before it did."
DISMISSED_REASON = "Interrupted, and left as it was."

RESUMABLE = tuple(status for status in Status if status.can_resume)


class Recovery(Database):
    """Finds and marks interrupted experiments. Not thread-safe; all methods raise ``StoreError``."""

    def mark_interrupted(self) -> list[int]:
        """Mark every experiment as interrupted that is stored as running, but whose program has ended.

        Its end is the time of its last record. Experiments that another live program is running are left alone.

        Returns:
            The numbers of the experiments marked.
        """
        rows = self._execute(
            "SELECT id, owner FROM experiments WHERE status IN (SELECT value FROM json_each(?))", ACTIVE_STATUSES
        ).fetchall()
        gone = [row for row in rows if not is_owner_alive(self.workspace, row["owner"])]
        return [row["id"] for row in gone if self._mark(row["id"], row["owner"])]

    def newest(
        self, name: str | None = None, statuses: Iterable[Status] = RESUMABLE, exclude: Collection[int] = ()
    ) -> int | None:
        """Return the newest experiment that can be resumed; None if there is none. Logged runs are not resumed here.

        Args:
            name: the kind of experiment; None for any.
            statuses: as one of which the experiment or one of its runs ended.
            exclude: numbers of experiments to skip.
        """
        wanted = json.dumps(list(statuses))
        row = self._execute(
            "SELECT id FROM experiments WHERE deleted IS NULL AND coalesce(name=?, 1) AND name != ? "
            "AND id NOT IN (SELECT value FROM json_each(?)) "
            "AND status NOT IN (SELECT value FROM json_each(?)) "
            "AND (status IN (SELECT value FROM json_each(?)) OR EXISTS (SELECT 1 FROM runs "
            "WHERE experiment=experiments.id AND status IN (SELECT value FROM json_each(?)))) "
            "ORDER BY id DESC LIMIT 1",
            *(name, LOGGED_EXPERIMENT, json.dumps(list(exclude)), ACTIVE_STATUSES, wanted, wanted),
        ).fetchone()
        return None if row is None else int(row["id"])

    def dismiss(self, number: int) -> None:
        """No longer offer an interrupted experiment; it can still be resumed."""
        with self._transaction():
            for table, key in (("experiments", "id"), ("runs", "experiment")):
                self._execute(
                    f"UPDATE {table} SET status=?, reason=? WHERE {key}=? AND status=?",  # noqa: S608 - names from here
                    *(Status.CANCELLED, DISMISSED_REASON, number, Status.INTERRUPTED),
                )

    def _mark(self, number: int, owner: str) -> bool:
        with self._transaction():
            # Unless another program has taken it over since it was read.
            changed = self._execute(
                "UPDATE experiments SET status=?, reason=?, finished=coalesce((SELECT max(wall_time) FROM runs "
                "JOIN points ON points.run=runs.id AND points.step=(SELECT max(step) FROM points WHERE run=runs.id) "
                "WHERE runs.experiment=experiments.id AND wall_time >= coalesce(experiments.resumed, 0)), "
                "experiments.resumed, experiments.created) "
                "WHERE id=? AND owner=? AND status IN (SELECT value FROM json_each(?))",
                *(Status.INTERRUPTED, INTERRUPTED_REASON, number, owner, ACTIVE_STATUSES),
            )
            if changed.rowcount:
                self._execute(
                    "UPDATE runs SET status=?, reason=? WHERE experiment=? "
                    "AND status IN (SELECT value FROM json_each(?))",
                    *(Status.INTERRUPTED, INTERRUPTED_REASON, number, ACTIVE_STATUSES),
                )
        return bool(changed.rowcount)

"""What was under way when its program ended without saying so: found, and offered to go on."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable

from engine.events.runs import Status
from engine.storage.database import Database
from engine.storage.locks import is_owner_alive
from engine.storage.rows import ACTIVE_STATUSES

INTERRUPTED_REASON = "The program ended before it did."
DISMISSED_REASON = "Interrupted, and left as it was."

RESUMABLE = tuple(status for status in Status if status.can_resume)


class Recovery(Database):
    """Looks after interrupted experiments. One object serves one thread; raises :class:`~engine.utils.errors.StoreError`."""

    def mark_interrupted(self) -> list[int]:
        """Say of every experiment that is under way, but whose program is gone, that it was interrupted.

        Its end is that of its last record. Another program may carry one out at this moment: that one is left alone.
        Gives the numbers of those marked.
        """
        rows = self._execute(
            "SELECT id, owner FROM experiments WHERE status IN (SELECT value FROM json_each(?))", ACTIVE_STATUSES
        ).fetchall()
        gone = [row for row in rows if not is_owner_alive(self.workspace, row["owner"])]
        return [row["id"] for row in gone if self._mark(row["id"], row["owner"])]

    def newest(
        self, name: str | None = None, statuses: Iterable[Status] = RESUMABLE, exclude: Collection[int] = ()
    ) -> int | None:
        """The newest experiment that can go on, of those called ``name`` where that is given; None without any.

        Either itself or one of its runs ended as one of ``statuses``; it is none of the numbers ``exclude``.
        """
        wanted = json.dumps(list(statuses))
        row = self._execute(
            "SELECT id FROM experiments WHERE deleted IS NULL AND coalesce(name=?, 1) "
            "AND id NOT IN (SELECT value FROM json_each(?)) "
            "AND status NOT IN (SELECT value FROM json_each(?)) "
            "AND (status IN (SELECT value FROM json_each(?)) OR EXISTS (SELECT 1 FROM runs "
            "WHERE experiment=experiments.id AND status IN (SELECT value FROM json_each(?)))) "
            "ORDER BY id DESC LIMIT 1",
            *(name, json.dumps(list(exclude)), ACTIVE_STATUSES, wanted, wanted),
        ).fetchone()
        return None if row is None else int(row["id"])

    def dismiss(self, number: int) -> None:
        """Offer an interrupted experiment no more; it can still go on."""
        with self._transaction():
            for table, key in (("experiments", "id"), ("runs", "experiment")):
                self._execute(
                    f"UPDATE {table} SET status=?, reason=? WHERE {key}=? AND status=?",  # noqa: S608 - names from here
                    *(Status.CANCELLED, DISMISSED_REASON, number, Status.INTERRUPTED),
                )

    def _mark(self, number: int, owner: str) -> bool:
        with self._transaction():
            # Unless somebody has taken it over since it was looked at.
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

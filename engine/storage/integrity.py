"""A look at the store when the program starts: a damaged one is kept aside, what can be read of it goes on.

While the program runs nothing is ever moved; whoever meets damage says so and leaves a note (``suspect``).
"""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing
from pathlib import Path

from engine.storage.errors import is_damage
from engine.storage.files import (
    SIDECAR_SUFFIXES,
    damage_marker,
    maintenance_lock,
    move_into_place,
    sync_folder,
    timestamped_path,
)
from engine.storage.salvage import salvage
from engine.utils.errors import StoreError
from engine.utils.paths import store_file
from engine.utils.text import pluralise

CHECK_BUSY_SECONDS = 3.0  # how long the look waits for another program

log = logging.getLogger(__name__)


def examine_store(workspace: Path) -> str | None:
    """Keep a damaged store aside, so that the next to open the workspace begins a new one.

    To be called once, before anything else opens the workspace. Gives the sentence to show; None where all is well, or
    where what is wrong is not damage, which whoever opens the store will say. The look costs milliseconds; only after
    damage was met is every page read.
    """
    try:
        file = store_file(workspace.expanduser().absolute())
        if not file.exists():
            _restore_rescued(file)
        if _find_damage(file) is None:
            return None
    except (OSError, RuntimeError):  # no such folder, or one of a user there is not
        return None
    try:
        with maintenance_lock(file):
            damage = _find_damage(file)  # another program may have seen to it by now
            return None if damage is None else _set_aside(file, damage)
    except OSError as error:
        return (
            f"The store {file} is damaged and can't be kept aside ({error}); allow writing to its folder, or choose "
            "another workspace."
        )


def _restore_rescued(file: Path) -> None:
    """Give the newest copy that was rescued from a removed file its name, if nobody came to that."""
    rescued = sorted(file.parent.glob(f"{file.name}.rescued-*"), key=lambda each: each.stat().st_mtime)
    rescued = [each for each in rescued if not each.name.endswith(SIDECAR_SUFFIXES) and ".part" not in each.name]
    if not rescued:
        return
    with maintenance_lock(file):
        if move_into_place(rescued[-1], file):
            log.warning("%s was removed while it was in use; what was rescued of it is in place again.", file)


def _find_damage(file: Path) -> str | None:
    """What is wrong with the file; None where nothing is, or where that can't be found out."""
    log_file = Path(f"{file}{SIDECAR_SUFFIXES[0]}")
    if not file.exists() or file.stat().st_size == 0:
        # SQLite would remove the log, in which everything may be.
        return "its file is gone, its log is not" if log_file.exists() and log_file.stat().st_size else None
    note = damage_marker(file)
    try:
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=rw", uri=True, timeout=CHECK_BUSY_SECONDS)) as db:
            db.execute("SELECT count(*) FROM sqlite_master").fetchone()
            if not note.exists():
                return None
            (answer,) = db.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error as error:
        return str(error) if is_damage(error) else None
    if answer != "ok":
        log.warning("A check of %s says: %s", file, answer)
        return "part of it can't be read"
    note.unlink(missing_ok=True)
    return None


def _set_aside(file: Path, damage: str) -> str:
    """Move the file with what SQLite keeps beside it; gives the sentence that says so."""
    aside = timestamped_path(file, "damaged")
    # The file first: as long as it is in its place, the log belongs to it.
    for side in ("", *SIDECAR_SUFFIXES):
        source = Path(f"{file}{side}")
        if source.exists():
            source.rename(f"{aside}{side}")
    damage_marker(file).unlink(missing_ok=True)
    sync_folder(file.parent)
    log.warning("%s was damaged (%s) and is kept as %s", file, damage, aside)
    try:
        saved = salvage(aside, file.parent)
    except StoreError:
        saved = 0
    rest = f", with the {pluralise(saved, 'experiment')} that could still be read" if saved else ""
    return f"The store of this workspace was damaged ({damage}); it is kept as {aside}, and a new one is in use{rest}."

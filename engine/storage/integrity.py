"""Integrity check of the store at program start: a damaged file is set aside and its readable rows are salvaged.

While the program runs no file is ever moved; code that meets damage reports it and leaves a marker file (``.suspect``).
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

CHECK_BUSY_SECONDS = 3.0  # how long the check waits for another program

log = logging.getLogger(__name__)


def examine_store(workspace: Path) -> str | None:
    """Set a damaged store aside, so that a new one is created when the workspace is opened next.

    To be called once, before anything else opens the workspace. It takes milliseconds; all pages are read only if
    damage was met before.

    Returns:
        The message to show; None if the store is intact. Errors other than damage are left to the code that opens
        the store.
    """
    try:
        file = store_file(workspace.expanduser().absolute())
        if not file.exists():
            _restore_rescued(file)
        if _find_damage(file) is None:
            return None
    except (OSError, RuntimeError):  # no such folder, or the home folder of an unknown user
        return None
    try:
        with maintenance_lock(file):
            damage = _find_damage(file)  # another program may have set it aside by now
            return None if damage is None else _set_aside(file, damage)
    except OSError as error:
        return (
            f"The store {file} is damaged and can't be kept aside ({error}); allow writing to its folder, or choose "
            "another workspace."
        )


def _restore_rescued(file: Path) -> None:
    """Move the newest rescued copy of a removed file into its place, if the program ended before it did so."""
    rescued = sorted(file.parent.glob(f"{file.name}.rescued-*"), key=lambda each: each.stat().st_mtime)
    rescued = [each for each in rescued if not each.name.endswith(SIDECAR_SUFFIXES) and ".part" not in each.name]
    if not rescued:
        return
    with maintenance_lock(file):
        if move_into_place(rescued[-1], file):
            log.warning("%s was removed while it was in use; what was rescued of it is in place again.", file)


def _find_damage(file: Path) -> str | None:
    """Describe the damage of the file; None if there is none, or if that can't be determined."""
    log_file = Path(f"{file}{SIDECAR_SUFFIXES[0]}")
    if not file.exists() or file.stat().st_size == 0:
        # SQLite would remove the write-ahead log, which may hold all the data.
        return "its file is gone, its log is not" if log_file.exists() and log_file.stat().st_size else None
    marker = damage_marker(file)
    try:
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=rw", uri=True, timeout=CHECK_BUSY_SECONDS)) as db:
            db.execute("SELECT count(*) FROM sqlite_master").fetchone()
            if not marker.exists():
                return None
            (answer,) = db.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error as error:
        return str(error) if is_damage(error) else None
    if answer != "ok":
        log.warning("A check of %s says: %s", file, answer)
        return "part of it can't be read"
    marker.unlink(missing_ok=True)
    return None


def _set_aside(file: Path, damage: str) -> str:
    """Rename the file and its sidecar files, and salvage what is readable; return the message that says so."""
    aside = timestamped_path(file, "damaged")
    # The file first: the log belongs to it as long as both have their names.
    for suffix in ("", *SIDECAR_SUFFIXES):
        source = Path(f"{file}{suffix}")
        if source.exists():
            source.rename(f"{aside}{suffix}")
    damage_marker(file).unlink(missing_ok=True)
    sync_folder(file.parent)
    log.warning("%s was damaged (%s) and is kept as %s", file, damage, aside)
    try:
        saved = salvage(aside, file.parent)
    except StoreError:
        saved = 0
    rest = f", with the {pluralise(saved, 'experiment')} that could still be read" if saved else ""
    return f"The store of this workspace was damaged ({damage}); it is kept as {aside}, and a new one is in use{rest}."

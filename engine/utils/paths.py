"""Where the program keeps what it makes."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

from engine.utils.errors import StoreError

RESOURCES = Path(__file__).resolve().parents[2] / "resources"


# SQLite opens no file of a longer path, and no usual file system has longer names; both in bytes.
LONGEST_STORE_PATH = 504
LONGEST_NAME = 255


def check_workspace(workspace: Path) -> None:
    """Raises :class:`StoreError` where no store could ever be at ``workspace``, by its path alone."""
    file = store_file(workspace)
    length, longest = len(os.fsencode(file)), max(len(os.fsencode(part)) for part in file.parts)
    if length > LONGEST_STORE_PATH or longest > LONGEST_NAME:
        most = LONGEST_STORE_PATH - len(file.name) - 1
        raise StoreError(
            f"The path of the workspace …{str(workspace)[-40:]} is too long, {length - len(file.name) - 1} bytes of at "
            f"most {most}, {LONGEST_NAME} a name; choose a shorter one."
        )


def default_workspace() -> Path:
    """The user's data folder for this program; ``--workspace`` names another.

    It is not absolute where the system knows of no home of this user.
    """
    return platformdirs.user_data_path("Trainscope", appauthor=False)


def cache_folder() -> Path:
    """Where what can be had again is kept, decoded images above all: ``TRAINSCOPE_CACHE``, else the user's own."""
    chosen = os.environ.get("TRAINSCOPE_CACHE")
    return (
        Path(chosen).expanduser().absolute() if chosen else platformdirs.user_cache_path("Trainscope", appauthor=False)
    )


def devices_file() -> Path:
    """What was found out about the devices of this machine."""
    return cache_folder() / "devices.json"


def store_file(workspace: Path) -> Path:
    """The SQLite file of a workspace."""
    return workspace / "trainscope.sqlite3"


def model_file(workspace: Path, experiment: int, variant: str, repeat: int) -> Path:
    """Where the trained network of a run is kept."""
    return workspace / "models" / f"experiment-{experiment}" / f"{variant.replace('/', '-')}-{repeat}.keras"


def lock_folder(workspace: Path) -> Path:
    """Where programs lock what they are working on."""
    return workspace / "locks"


def last_numbered_folder(workspace: Path) -> int:
    """The highest number of an experiment that has a folder for its networks; 0 where none has."""
    folders = (folder.name.rpartition("-")[2] for folder in (workspace / "models").glob("experiment-*"))
    return max((int(number) for number in folders if number.isdecimal()), default=0)


def log_folder(workspace: Path) -> Path:
    """Where the child processes' output goes."""
    return workspace / "logs"

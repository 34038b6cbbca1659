"""Locations of the files that the program reads and writes."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

from engine.utils.errors import StoreError

RESOURCES = Path(__file__).resolve().parents[2] / "resources"
# SQLite can't open longer paths, and common file systems have no longer names.
MAX_STORE_PATH_BYTES = 504
MAX_NAME_BYTES = 255


def check_workspace(workspace: Path) -> None:
    """Check that a store can exist at ``workspace``, judging by the length of its path alone.

    Raises:
        StoreError: if the path or one of its names is too long.
    """
    file = store_file(workspace)
    length, longest = len(os.fsencode(file)), max(len(os.fsencode(part)) for part in file.parts)
    if length > MAX_STORE_PATH_BYTES or longest > MAX_NAME_BYTES:
        most = MAX_STORE_PATH_BYTES - len(file.name) - 1
        raise StoreError(
            f"The path of the workspace …{str(workspace)[-40:]} is too long, {length - len(file.name) - 1} bytes of at "
            f"most {most}, {MAX_NAME_BYTES} a name; choose a shorter one."
        )


def default_workspace() -> Path:
    """Return the user's data folder for this program, used unless ``--workspace`` names another.

    The path is relative if the system knows no home folder of this user.
    """
    return platformdirs.user_data_path("Trainscope", appauthor=False)


def cache_folder() -> Path:
    """Return the folder of reproducible files such as decoded images: ``TRAINSCOPE_CACHE``, else the user's cache."""
    chosen = os.environ.get("TRAINSCOPE_CACHE")
    return (
        Path(chosen).expanduser().absolute() if chosen else platformdirs.user_cache_path("Trainscope", appauthor=False)
    )


def devices_file() -> Path:
    """Return the file of verification results and measured speeds of this machine's devices."""
    return cache_folder() / "devices.json"


def store_file(workspace: Path) -> Path:
    """Return the SQLite file of a workspace."""
    return workspace / "trainscope.sqlite3"


def model_file(workspace: Path, experiment: int, variant: str, repeat: int) -> Path:
    """Return the file of a run's trained network."""
    return workspace / "models" / f"experiment-{experiment}" / f"{variant.replace('/', '-')}-{repeat}.keras"


def lock_folder(workspace: Path) -> Path:
    """Return the folder of the lock files by which processes claim experiments."""
    return workspace / "locks"


def highest_experiment_folder(workspace: Path) -> int:
    """Return the highest experiment number that has a folder of trained networks; 0 if there is none."""
    folders = (folder.name.rpartition("-")[2] for folder in (workspace / "models").glob("experiment-*"))
    return max((int(number) for number in folders if number.isdecimal()), default=0)


def log_folder(workspace: Path) -> Path:
    """Return the folder of the child processes' output."""
    return workspace / "logs"

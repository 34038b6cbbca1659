"""Where the program keeps what it makes."""

from __future__ import annotations

from pathlib import Path

import platformdirs

RESOURCES = Path(__file__).resolve().parent.parent / "resources"


def default_workspace() -> Path:
    """The user's data folder for this program; ``--workspace`` names another."""
    return platformdirs.user_data_path("Trainscope", appauthor=False)


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

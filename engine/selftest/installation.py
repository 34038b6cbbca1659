"""What the program is installed from, and the folders it writes to."""

from __future__ import annotations

import platform
import shutil
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from engine.selftest.check import Result, Surroundings, failed, ok, warning
from engine.utils.paths import RESOURCES
from engine.utils.text import pluralise

REQUIREMENTS = RESOURCES.parent / "requirements.txt"
WRITTEN = bytes(range(256)) * 4096  # 1 MB
GIGABYTE = 10**9
LITTLE_SPACE, NO_SPACE = GIGABYTE, GIGABYTE // 10  # CIFAR-10 and its images take most of the first
PREFIX = ".trainscope-selftest-"


def check_packages(_surroundings: Surroundings) -> Result:
    """Every package of requirements.txt is there, in a version that the program was tested with."""
    python = f"Python {platform.python_version()}"
    if getattr(sys, "frozen", False):
        return ok(f"{python}, with the packages that this program was built with.")
    try:
        text = REQUIREMENTS.read_text(encoding="utf-8")
    except OSError as error:
        return warning(f"{python}; {REQUIREMENTS} can't be read ({error.strerror}), so no version was looked at.")
    missing, outside, count = compare(text)
    cure = f"python -m pip install -r {REQUIREMENTS}"
    if missing:
        return failed(f"{', '.join(missing)} not installed; install what is missing: {cure}")
    if outside:
        return warning(f"{', '.join(outside)}: not what the program was tested with; install what was: {cure}")
    return ok(f"{python}; {pluralise(count, 'package')} as requirements.txt wants them.")


def compare(requirements: str) -> tuple[list[str], list[str], int]:
    """Packages that are missing, those outside the range asked for with their version, and how many were looked at.

    ``requirements`` is what such a file holds; what is meant for other systems is left out.
    """
    from packaging.requirements import Requirement  # comes with matplotlib

    missing, outside, count = [], [], 0
    for line in requirements.splitlines():
        text = line.partition("#")[0].strip()
        if not text:
            continue
        wanted = Requirement(text)
        if wanted.marker is not None and not wanted.marker.evaluate():
            continue
        count += 1
        try:
            found = version(wanted.name)
        except PackageNotFoundError:
            missing.append(wanted.name)
            continue
        if not wanted.specifier.contains(found, prereleases=True):
            outside.append(f"{wanted.name} {found} is not {wanted.specifier}")
    return missing, outside, count


def check_temporary_folder(surroundings: Surroundings) -> Result:
    """What is written to the temporary folder can be read again."""
    folder = surroundings.scratch.parent
    if (problem := _write_and_read(surroundings.scratch)) is not None:
        return failed(f"{folder} {problem}; free some space, or name another folder: TMPDIR (on Windows TEMP).")
    return ok(f"1 MB written to {folder} and read again.")


def check_workspace(surroundings: Surroundings) -> Result:
    """The workspace can be written to, or made where there is none yet; it is left as it was."""
    workspace = surroundings.workspace
    folder = nearest_folder(workspace)
    cure = "change its permissions, or choose another workspace: --workspace DIR."
    if folder == workspace or not (workspace.exists() or workspace.is_symlink()):
        problem = _write_and_read(folder) if folder.is_dir() else "is no folder"
        if problem is not None:
            return failed(f"{folder} {problem}; {cure}")
        return ok(f"{workspace} can be written to." if folder == workspace else f"{workspace} can be made.")
    return failed(f"{workspace} is no folder; choose another workspace: --workspace DIR.")


def check_space(surroundings: Surroundings) -> Result:
    """There is room for results and temporary files."""
    folders = (nearest_folder(surroundings.workspace), surroundings.scratch.parent)
    free, folder = min((shutil.disk_usage(folder).free, folder) for folder in folders)
    sentence = f"{in_words(free)} free in {folder}"
    cure = "remove what you don't need, or choose another workspace: --workspace DIR."
    if free < NO_SPACE:
        return failed(f"{sentence}, too little to train; {cure}")
    if free < LITTLE_SPACE:
        return warning(f"{sentence}, too little for large data sets; {cure}")
    return ok(f"{sentence}.")


def nearest_folder(path: Path) -> Path:
    """``path`` if it is there and a folder, else the nearest thing above it that is there."""
    return next(each for each in (path, *path.parents) if each.is_dir() or (each != path and each.exists()))


def in_words(size: float) -> str:
    """A number of bytes, such as ``61.2 GB`` or ``512 MB``."""
    return f"{size / GIGABYTE:.1f} GB" if size >= GIGABYTE else f"{size / 1e6:.0f} MB"


def _write_and_read(folder: Path) -> str | None:
    """What is wrong with files in ``folder``, which begins a sentence after its name."""
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=PREFIX) as file:
            file.write(WRITTEN)
            file.flush()
            file.seek(0)
            return None if file.read() == WRITTEN else "gives back other bytes than were written: the disk is damaged"
    except OSError as error:
        return f"can't be written to ({error.strerror or error})"

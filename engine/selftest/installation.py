"""Checks of installed packages and of the folders that the program writes to."""

from __future__ import annotations

import platform
import shutil
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from engine.selftest.check import CheckContext, CheckResult, failed, ok, warning
from engine.utils.paths import RESOURCES
from engine.utils.text import pluralise

REQUIREMENTS = RESOURCES.parent / "requirements.txt"
TEST_BYTES = bytes(range(256)) * 4096  # 1 MB
GIGABYTE = 10**9
LOW_SPACE_BYTES, MIN_SPACE_BYTES = GIGABYTE, GIGABYTE // 10  # CIFAR-10 and its decoded images take most of the first
PREFIX = ".trainscope-selftest-"


def check_packages(_context: CheckContext) -> CheckResult:
    """Check that every package of requirements.txt is installed in a tested version."""
    python = f"Python {platform.python_version()}"
    if getattr(sys, "frozen", False):
        return ok(f"{python}, with the packages that this program was built with.")
    try:
        text = REQUIREMENTS.read_text(encoding="utf-8")
    except OSError as error:
        return warning(f"{python}; {REQUIREMENTS} can't be read ({error.strerror}), so no version was checked.")
    missing, outside, count = compare(text)
    cure = f"python -m pip install -r {REQUIREMENTS}"
    if missing:
        return failed(f"{', '.join(missing)} not installed; install what is missing: {cure}")
    if outside:
        return warning(f"{', '.join(outside)}: not what the program was tested with; install what was: {cure}")
    return ok(f"{python}; {pluralise(count, 'package')} as requirements.txt wants them.")


def compare(requirements: str) -> tuple[list[str], list[str], int]:
    """Compare installed packages with the text of a requirements file; lines for other systems are ignored.

    Returns:
        The missing packages, the packages in other versions with these, and the number of packages compared.
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


def check_temporary_folder(context: CheckContext) -> CheckResult:
    """Check that the temporary folder can be written to and read from."""
    folder = context.scratch.parent
    if (problem := _write_and_read(context.scratch)) is not None:
        return failed(f"{folder} {problem}; free some space, or name another folder: TMPDIR (on Windows TEMP).")
    return ok(f"1 MB written to {folder} and read again.")


def check_workspace(context: CheckContext) -> CheckResult:
    """Check that the workspace can be written to or created; it is left unchanged."""
    workspace = context.workspace
    folder = nearest_folder(workspace)
    cure = "change its permissions, or choose another workspace: --workspace DIR."
    if folder == workspace or not (workspace.exists() or workspace.is_symlink()):
        problem = _write_and_read(folder) if folder.is_dir() else "is no folder"
        if problem is not None:
            return failed(f"{folder} {problem}; {cure}")
        return ok(f"{workspace} can be written to." if folder == workspace else f"{workspace} can be made.")
    return failed(f"{workspace} is no folder; choose another workspace: --workspace DIR.")


def check_space(context: CheckContext) -> CheckResult:
    """Check that there is space for results and temporary files."""
    folders = (nearest_folder(context.workspace), context.scratch.parent)
    free, folder = min((shutil.disk_usage(folder).free, folder) for folder in folders)
    sentence = f"{format_bytes(free)} free in {folder}"
    cure = "remove what you don't need, or choose another workspace: --workspace DIR."
    if free < MIN_SPACE_BYTES:
        return failed(f"{sentence}, too little to train; {cure}")
    if free < LOW_SPACE_BYTES:
        return warning(f"{sentence}, too little for large data sets; {cure}")
    return ok(f"{sentence}.")


def nearest_folder(path: Path) -> Path:
    """Return ``path`` if it is a folder, else its nearest existing parent."""
    return next(each for each in (path, *path.parents) if each.is_dir() or (each != path and each.exists()))


def format_bytes(size: float) -> str:
    """Format a number of bytes, such as ``61.2 GB`` or ``512 MB``."""
    return f"{size / GIGABYTE:.1f} GB" if size >= GIGABYTE else f"{size / 1e6:.0f} MB"


def _write_and_read(folder: Path) -> str | None:
    """Return what is wrong with files in ``folder``, as a phrase that follows its name; None if nothing."""
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=PREFIX) as file:
            file.write(TEST_BYTES)
            file.flush()
            file.seek(0)
            return (
                None if file.read() == TEST_BYTES else "gives back other bytes than were written: the disk is damaged"
            )
    except OSError as error:
        return f"can't be written to ({error.strerror or error})"

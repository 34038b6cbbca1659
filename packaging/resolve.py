"""Check whether the requirements can be resolved on every supported system, and print a table.

    python packaging/resolve.py

Uses uv, which also evaluates environment markers of other systems, with wheels only. The exit code is 1 if something
can't be resolved, 2 if the package index can't be reached. Nothing is installed.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# The oldest systems with wheels. On Linux PySide6 is the limit: glibc 2.28 is Debian 10 and RHEL 8, 2.39 Ubuntu 24.04.
PLATFORMS = {
    "Linux x86-64": "x86_64-manylinux_2_28",
    "Linux arm64": "aarch64-manylinux_2_39",
    "macOS arm64": "aarch64-apple-darwin",
    "Windows x86-64": "x86_64-pc-windows-msvc",
}
PYTHONS = ("3.11", "3.12", "3.13")
SHOWN = ("tensorflow", "tensorflow-metal", "keras", "numpy", "pyside6-essentials", "h5py")
SECONDS = 300
_WORDS = {False: "NO SOLUTION", None: "not known"}


@dataclass(frozen=True)
class Question:
    """A file to resolve on a platform, with the ``lowest`` versions it permits or else the newest."""

    file: str
    platform: str
    python: str
    lowest: bool = False


@dataclass(frozen=True)
class Answer:
    """Versions by package; otherwise uv's message in ``trouble``. ``is_solved`` is None if there was no answer."""

    question: Question
    versions: dict[str, str]
    trouble: str
    is_solved: bool | None


def questions() -> Iterator[Question]:
    """Yield all questions in the order of the table."""
    for platform in PLATFORMS:
        for python in PYTHONS:
            yield Question("requirements.txt", platform, python)
        for python in PYTHONS[:2]:  # many lowest versions have no wheel for 3.13
            yield Question("requirements.txt", platform, python, lowest=True)
        yield Question("requirements-dev.txt", platform, PYTHONS[1])
        yield Question("requirements-bundle.txt", platform, PYTHONS[1])
        if platform == "Linux x86-64":
            yield Question("requirements-cuda.txt", platform, PYTHONS[1])


def ask(question: Question) -> Answer:
    """Resolve with uv."""
    command = [
        *(sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--no-header", "--no-annotate"),
        *("--python-platform", PLATFORMS[question.platform], "--python-version", question.python),
        *("--only-binary", ":all:", "--resolution", "lowest-direct" if question.lowest else "highest"),
        question.file,
    ]
    try:
        ended = subprocess.run(  # noqa: S603 - a fixed command
            command, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return Answer(question, {}, f"no answer within {SECONDS} s", is_solved=None)
    if ended.returncode == 0:
        return Answer(question, versions_in(ended.stdout), "", is_solved=True)
    trouble = ended.stderr.strip()
    return Answer(question, {}, trouble, is_solved=False if "No solution found" in trouble else None)


def versions_in(text: str) -> dict[str, str]:
    """Return the pinned versions in a resolved list of requirements."""
    return dict(re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;]+)", text, re.MULTILINE))


def table(answers: list[Answer]) -> Iterator[str]:
    """Yield a line for each answer, then the messages of those without a solution."""
    yield "  ".join(("platform      ", "Python", f"{'of':<29}", *(f"{name:<18}" for name in SHOWN), "packages"))
    for answer in answers:
        asked = answer.question
        of = asked.file + (", lowest" if asked.lowest else "")
        cells = [f"{answer.versions.get(name, '-'):<18}" for name in SHOWN]
        found = str(len(answer.versions)) if answer.is_solved else _WORDS[answer.is_solved]
        yield "  ".join((f"{asked.platform:<14}", f"{asked.python:<6}", f"{of:<29}", *cells, found))
    for answer in answers:
        if answer.trouble:
            asked = answer.question
            yield f"\n{asked.file} on {asked.platform}, Python {asked.python}:\n{answer.trouble}"


def main() -> int:
    """Resolve everything and return the exit code."""
    with ThreadPoolExecutor(4) as pool:  # mostly waiting for the package index
        answers = list(pool.map(ask, questions()))
    sys.stdout.write("\n".join(table(answers)) + "\n")
    if any(answer.is_solved is False for answer in answers):
        return 1
    if any(answer.is_solved is None for answer in answers):
        sys.stderr.write(
            "resolve: some requirements could not be checked; check that the package index can be reached.\n"
        )
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

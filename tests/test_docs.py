"""Tests, modules and functions named in the documents exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from engine.networks.notation import LAYER_HELP

ROOT = Path(__file__).parents[1]
FAULTS = "\n".join((ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("reliability.md", "cluster.md"))
DOCUMENTS = [path for path in (ROOT / "docs").glob("*.md") if path.name != "extending.md"]  # which names new files
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


def named_tests() -> list[tuple[str, str]]:
    """Return files and tests named in the tables of faults; ``::name`` alone refers to the file named before it."""
    found = []
    for section in re.split(r"\n##+ ", FAULTS):
        of_section = re.search(r"^All in (\S+\.py)", section, re.MULTILINE)
        for row in (line for line in section.splitlines() if line.startswith("| ")):
            file = of_section[1] if of_section else ""
            for each in re.finditer(r"((?:\w+/)*\w+\.py)?(?:::(\w+))?", row.rsplit(" | ", 1)[-1]):
                file = each[1] or file
                if each[0]:
                    found.append((file, each[2] or ""))
    return found


@pytest.mark.parametrize(("file", "name"), named_tests())
def test_a_test_that_is_named_is_there(file: str, name: str) -> None:
    paths = [path for path in (ROOT / file, *(ROOT / "tests").rglob(file)) if path.is_file()]
    assert paths, f"there is no {file}"
    assert not name or any(f"def {name}(" in path.read_text(encoding="utf-8") for path in paths), f"no {name} in {file}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_modules_that_are_named_exist(document: Path) -> None:
    named = set(re.findall(r"`((?:\w+/)*\w+\.py)`", document.read_text(encoding="utf-8")))
    parts = ("engine", "gui", "resources", "tests", "packaging", "benchmarks")
    there = [path.relative_to(ROOT).as_posix() for part in parts for path in (ROOT / part).rglob("*.py")]
    missing = {name for name in named if not any(f"/{path}".endswith(f"/{name}") for path in [*there, "main.py"])}
    assert not missing


@pytest.mark.parametrize(("file", "name"), re.findall(r"`((?:\w+/)+\w+\.py)`: `(\w+)`", ARCHITECTURE))
def test_functions_on_the_way_of_a_record_and_of_run_exist(file: str, name: str) -> None:
    assert f"def {name}(" in (ROOT / file).read_text(encoding="utf-8")


def test_the_guide_names_every_layer_that_the_program_explains() -> None:
    guide = (ROOT / "docs" / "guide.md").read_text(encoding="utf-8")
    for layer in LAYER_HELP:
        assert f"`{layer.split('-')[0].removesuffix('[…]')}" in guide, layer

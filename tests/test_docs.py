"""Tests named in the documents exist, so that renaming one doesn't leave a fault without its test."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FAULTS = "\n".join((ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("reliability.md", "cluster.md"))


def named_tests() -> list[tuple[str, str]]:
    """Return the tests in the fault tables; ``::name`` alone belongs to the previous file, or the section's."""
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

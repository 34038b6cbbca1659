"""The release workflow names scripts and files that are there, and hands out no more rights than it needs."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / ".github" / "workflows" / "release.yml").read_text(encoding="utf-8")


def test_what_it_runs_is_there() -> None:
    named = re.findall(r"(?:packaging/\w+\.py|requirements[\w-]*\.txt)", TEXT)
    assert {"packaging/bundle.py", "packaging/smoke_test.py", "requirements-bundle.txt"} <= set(named)
    assert [name for name in named if not (ROOT / name).is_file()] == []


def test_it_may_read_and_only_the_release_may_write() -> None:
    assert re.findall(r"contents: (\w+)", TEXT) == ["read", "write"]
    assert set(re.findall(r"secrets\.\w+", TEXT)) == set()
    assert all(re.fullmatch(r"actions/[\w-]+@v\d+", used) for used in re.findall(r"uses: (\S+)", TEXT))

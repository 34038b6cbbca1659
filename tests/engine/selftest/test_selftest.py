"""The whole self-test on this machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.selftest.registry import CHECKS
from tests.engine.support import python


@pytest.mark.long
def test_everything_is_well_here(tmp_path: Path) -> None:
    ended = python("main.py", "--selftest", "--workspace", str(tmp_path / "workspace"), "--device", "cpu")
    lines = ended.stdout.splitlines()
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stderr == ""
    states = {line[9:27].strip(): line.split()[0] for line in lines[: lines.index("")]}
    assert states == {each.name: "ok" for each in CHECKS} | {"GPUs": "skipped", "plots": "ok", "display": "ok"}
    assert not (tmp_path / "workspace").exists()

"""The context of a check."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.selftest import training
from engine.selftest.check import CheckContext


@pytest.fixture
def context(workspace: Path, tmp_path: Path) -> CheckContext:
    """A workspace that does not exist yet, and an empty folder of the test's own."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    return CheckContext(workspace, scratch)


@pytest.fixture(autouse=True)
def one_core(monkeypatch: pytest.MonkeyPatch) -> None:
    """Checks that compute in this process leave it with the one thread that all tests have."""
    monkeypatch.setattr(training, "cpu_count", lambda: 1)

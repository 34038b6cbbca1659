"""Executors whose children follow a script."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.executors.processes.pool import ProcessExecutor

if sys.platform != "win32":
    from tests.engine.executors.processes.scripted_worker import Script, scripted

HANG_SECONDS = 1.0


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Script:
    """What children do; their temporary folders are in ``tmp_path / "temporary"``."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    return scripted(tmp_path, monkeypatch)


@pytest.fixture
def one(tmp_path: Path, script: Script) -> Iterator[ProcessExecutor]:
    """An executor of one child; its temporary folder must be gone in the end."""
    executor = ProcessExecutor(1, tmp_path / "logs", hang_seconds=HANG_SECONDS)
    yield executor
    executor.close()
    assert not list((tmp_path / "temporary").iterdir())


@pytest.fixture
def two(tmp_path: Path, script: Script) -> Iterator[ProcessExecutor]:
    """An executor of two children."""
    executor = ProcessExecutor(2, tmp_path / "logs", hang_seconds=HANG_SECONDS)
    yield executor
    executor.close()

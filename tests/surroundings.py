"""Helpers of the tests of permissions, disk space and other surroundings."""

from __future__ import annotations

import pytest

TINY = ["--set", "architectures=mlp_1", "epochs=1", "repeats=1"]


def no_progress(_message: str, _done: int, _total: int) -> None:
    """Ignore the progress."""


def error_line(capsys: pytest.CaptureFixture[str]) -> str:
    """Return the only line on stderr."""
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("trainscope: ")
    assert line.endswith(".")
    return line

"""Each test of the logger may be warned of everything again."""

from __future__ import annotations

import pytest
import trainscope_log


@pytest.fixture(autouse=True)
def nothing_said_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trainscope_log, "_said", set())

"""Some hundred inputs for every place where one comes in; ``packaging/fuzz.py`` tries thousands.

With the environment variable ``TRAINSCOPE_FUZZ=nightly`` so do these tests, other ones each time.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import pytest

from tests.fuzz.target import explore
from tests.fuzz.targets import TARGETS

EXAMPLES = {"ci": 12, "nightly": 600}  # of a target whose share is 1
PROFILE = os.environ.get("TRAINSCOPE_FUZZ", "ci")


@pytest.mark.parametrize("name", TARGETS)
def test_every_input_is_taken_or_refused_in_one_sentence(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRAINSCOPE_CACHE", str(tmp_path / "cache"))
    start = None if PROFILE == "ci" else secrets.randbits(32)
    tally = explore(TARGETS[name], EXAMPLES[PROFILE], tmp_path, start)
    assert tally.tried >= 2
    assert not tally.failed

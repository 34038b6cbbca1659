"""The table of data sets tried in docs/reliability.md says what really comes of each."""

from __future__ import annotations

import sys
from itertools import takewhile
from pathlib import Path

import pytest

from tests.engine.datasets.inputs_tried import table
from tests.engine.support import ROOT


@pytest.mark.skipif(sys.platform != "linux", reason="one of the names can't exist elsewhere")
def test_the_table_of_data_sets_tried_is_what_comes_of_them(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
    documented = list(takewhile(bool, page.partition("### Data sets\n\n")[2].splitlines()))
    assert documented == table(tmp_path).splitlines(), "python -m tests.engine.datasets.inputs_tried prints the table"

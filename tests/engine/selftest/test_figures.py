"""engine.selftest.figures: a figure is drawn, and an empty one is found."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.selftest.check import CheckContext, CheckState
from engine.selftest.figures import check_figures


def test_a_figure_is_drawn_and_an_empty_one_is_found(context: CheckContext, monkeypatch: pytest.MonkeyPatch) -> None:
    from matplotlib.figure import Figure

    class Small(Figure):
        def savefig(self, path: Path, dpi: float) -> None:
            super().savefig(path, dpi=dpi / 2)

    found = check_figures(context)
    assert found.state is CheckState.OK
    assert found.sentence.startswith("A figure of 700x500 pixels, ")
    monkeypatch.setattr(
        "engine.experiments.learning_rate.figures.range_test_panel", lambda *_given: Figure(figsize=(7, 5))
    )
    assert check_figures(context).sentence.startswith("Only 0 pixels of a figure were drawn; ")
    monkeypatch.setattr(
        "engine.experiments.learning_rate.figures.range_test_panel", lambda *_given: Small(figsize=(7, 5))
    )
    assert check_figures(context).sentence.startswith("A figure of 700x500 pixels was read as 350x250; ")

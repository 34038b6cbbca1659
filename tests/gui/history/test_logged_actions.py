"""Actions on stored experiments of logged runs."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from engine.workspace.catalogue import Catalogue
from gui.history.actions import ACTIONS, Choice
from tests.logged import store_logged

IMPOSSIBLE = {"copy_settings", "run_again", "resume", "add_repeats", "train_on", "restore"}


def test_nothing_can_be_trained_from_them(workspace: Path) -> None:
    number = store_logged(workspace)
    with closing(Catalogue(workspace)) as catalogue:
        entry = catalogue.entry(number)
    possible = {name for name, action in ACTIONS.items() if action.possible(Choice((entry,), (entry, entry)))}
    assert possible == ACTIONS.keys() - IMPOSSIBLE

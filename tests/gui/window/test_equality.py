"""The same spec and seed give the same stored numbers, whether run in the window or by ``--batch``."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from engine.cli.arguments import parse
from engine.cli.batch import run
from engine.executors.processes.pool import ProcessExecutor
from engine.storage.store import Store
from engine.utils.paths import log_folder
from tests.engine.support import timeless
from tests.gui.conftest import MakeWindow
from tests.gui.support import Assistant, tab_of

WORKERS = 1
SETTINGS = {"architectures": ("mlp_1", "cnn_3"), "epochs": 1, "repeats": 1, "seed": 3}
TRAINING_MS = 120_000


@pytest.mark.long
def test_window_and_batch_store_the_same_numbers(
    qtbot: QtBot, make_window: MakeWindow, workspace: Path, tmp_path: Path
) -> None:
    window = make_window(ProcessExecutor(WORKERS, log_folder(workspace), low_priority=True), Assistant())
    tab = tab_of(window)
    tab.form.show_spec(tab.experiment.preset("quick", **SETTINGS))
    with qtbot.waitSignal(window.training_ended, timeout=TRAINING_MS):
        tab.start()
    by_batch = tmp_path / "batch"
    pairs = [f"{key}={','.join(value) if isinstance(value, tuple) else value}" for key, value in SETTINGS.items()]
    arguments = ["--batch", "architectures", "--workspace", str(by_batch), "--workers", str(WORKERS), "--set", *pairs]
    assert run(parse(arguments)) == 0
    assert everything_stored(workspace) == everything_stored(by_batch)


def everything_stored(workspace: Path) -> list[object]:
    """Spec, status, test results, records and last weights of every run, without wall-clock times."""
    store = Store(workspace)
    found: list[object] = [store.experiment(1).spec]
    for stored in store.runs(1):
        confusion = stored.confusion.tolist() if stored.confusion is not None else None
        found += [stored.spec, stored.status, stored.test_loss, stored.test_accuracy, confusion]
        found += timeless([*store.records(stored.id), store.last_weights(stored.id)])
    store.close()
    return found

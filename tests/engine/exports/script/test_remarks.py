"""engine.exports.script: a script says how its run differed from what it does."""

from __future__ import annotations

from pathlib import Path

from engine.datasets import PreparedData
from engine.events.runs import Status
from engine.storage.store import Store
from tests.engine.exports.script.test_scripts import check_style, exported
from tests.engine.support import record


def test_a_script_says_that_its_run_was_stopped(store: Store, tmp_path: Path, digits: PreparedData) -> None:
    remark = "In Trainscope this run was stopped after 26 of 52 steps and then tested; here all epochs are trained."
    for status, is_said in ((Status.STOPPED, True), (Status.FINISHED, False)):
        folder = tmp_path / status
        text = exported(store, folder, digits, status=status, records=lambda _, run: [record(run, 26, epoch=1)])
        assert (remark in text) is is_said
        check_style(folder / "scripts/train_mlp_1.py")

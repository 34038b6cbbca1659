"""engine.cli.output: what ``--batch`` prints about the runs of an experiment."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from engine.cli.output import report_results
from engine.events.runs import Status
from engine.experiments.architectures import ARCHITECTURES_EXPERIMENT
from engine.storage.store import Store
from tests.stored import store_experiment, whole_run


@pytest.mark.parametrize(("skipped", "said"), [((), ""), ((2, 3), "2 of 4 runs finished, 2 skipped.")])
def test_runs_that_did_not_finish_are_counted_and_not_taken_for_finished(
    workspace: Path, capsys: pytest.CaptureFixture[str], skipped: tuple[int, ...], said: str
) -> None:
    def answer(task):
        return [task.failed(Status.SKIPPED, "Skipped.")] if task.run in skipped else whole_run(task)

    number = store_experiment(workspace, answer=answer)
    with closing(Store(workspace)) as store:
        report_results(store, ARCHITECTURES_EXPERIMENT, number)
    counted = [line for line in capsys.readouterr().out.splitlines() if "finished" in line]
    assert counted == ([said] if said else [])

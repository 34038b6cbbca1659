"""gui.experiment.progress_line: what is said of an experiment that has ended."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from engine.events.experiments import ExperimentFinished
from engine.events.runs import Status
from gui.experiment.progress_line import ProgressLine
from tests.engine.support import finished, record, started
from tests.gui.support import find, observed


def test_a_shorter_recording_interval_than_was_set_is_said(qtbot: QtBot) -> None:
    line = ProgressLine()
    qtbot.addWidget(line)
    observations = observed(started(), record(), finished())
    end = ExperimentFinished(1, Status.FINISHED)
    line.show_end(end, observations)
    assert "Recorded" not in find(line, QLabel, "status").text()
    (run,) = observations.runs.values()
    run.planned = replace(run.planned, total_steps=6)
    line.show_end(end, observations)
    said = "Recorded every step instead of every 10, as a run has only 6 steps."
    assert find(line, QLabel, "status").text().endswith(said)

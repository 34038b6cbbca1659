"""Progress of an experiment: status text, progress bar, and the Resume button."""

from __future__ import annotations

from PySide6.QtWidgets import QGridLayout, QLabel, QProgressBar, QSizePolicy, QWidget

from engine.events.experiments import ExperimentFinished
from engine.events.runs import Status, count_finished
from engine.training.timetable import shortened_interval
from engine.utils.text import pluralise
from gui.observations.experiment import Observations
from gui.observations.summary import best_variant_summary
from gui.widgets.actions import KEYS, action_button, make_action

PROGRESS_STEPS = 1000
RESUME_TIP = "Train what is missing: runs that crashed, failed or were ended go on where they were"
_END_TEXTS = {
    Status.FINISHED: "Finished",
    Status.STOPPED: "Stopped; what was learned is kept",
    Status.CANCELLED: "Cancelled; what was recorded is kept",
    Status.INTERRUPTED: "Interrupted; what was recorded is kept",
    Status.FAILED: "Not finished",
}


class ProgressLine(QWidget):
    """Shows status text and progress; the button of ``resume`` is visible if the experiment can be resumed."""

    def __init__(self) -> None:
        super().__init__()
        self._status = QLabel("Ready.")
        self._status.setObjectName("status")
        self._status.setWordWrap(True)
        self.resume = make_action(
            self, "training_resume", "G&o on with what was interrupted", RESUME_TIP, KEYS["resume"], "Resume"
        )
        self._button = action_button(self.resume, "resume")
        self._button.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._bar = QProgressBar()
        self._bar.setObjectName("progress")
        self._bar.setTextVisible(False)
        self._bar.setRange(0, PROGRESS_STEPS)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setColumnStretch(0, 1)
        grid.addWidget(self._status, 0, 0)
        grid.addWidget(self._button, 0, 1)
        grid.addWidget(self._bar, 1, 0, 1, 2)

    def say(self, text: str) -> None:
        """Show a sentence."""
        self._status.setText(text)

    def show_done(self, done: int, total: int) -> None:
        """Show the progress ``done`` of ``total``; a ``total`` of 0 means unknown."""
        self._bar.setRange(0, total)
        self._bar.setValue(done)

    def show_share(self, share: float) -> None:
        """Show the progress as a fraction, 0 to 1."""
        self._bar.setValue(round(PROGRESS_STEPS * share))

    def show_plan(self, has_runs: bool) -> None:
        """Reset the progress bar for a plan; without runs its total is unknown."""
        self._bar.setRange(0, PROGRESS_STEPS if has_runs else 0)

    def show_resume(self, offered: bool) -> None:
        """Show or hide the Resume button."""
        self._button.setVisible(offered)
        self.resume.setEnabled(offered)

    def show_end(self, event: ExperimentFinished, observations: Observations) -> None:
        """Show how the experiment ended, and its result."""
        self._bar.setRange(0, PROGRESS_STEPS)
        if event.status is Status.FINISHED:
            self._bar.setValue(PROGRESS_STEPS)
        self.say(_end_text(event.status, observations))


def _end_text(status: Status, observations: Observations) -> str:
    runs = observations.runs.values()
    if not runs:
        return _END_TEXTS[status].partition(";")[0] + "."
    if status is Status.FINISHED and all(run.status is Status.FINISHED for run in runs):
        came = f", {pluralise(len(runs), 'run')} trained and tested"
    else:
        came = f": {count_finished([run.status for run in runs])}"
    sentences = [f"{_END_TEXTS[status]}{came}."]
    if status not in (Status.FAILED, Status.CANCELLED):
        sentences += [best_variant_summary(observations), shortened_interval(run.planned for run in runs)]
    return " ".join(filter(None, sentences))

"""Determines the status of an experiment from those of its runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from engine.events.commands import Control
from engine.events.runs import PlannedRun, RunFinished, Status
from engine.utils.text import pluralise

# The first of these that any run has is the status of the experiment.
_ENDED_BY_USER = (Status.INTERRUPTED, Status.STOPPED, Status.CANCELLED)


class RunTally:
    """Counts the runs of one experiment by status.

    Attributes:
        open: numbers of the runs that have not ended.
    """

    def __init__(self) -> None:
        self.open: set[int] = set()
        self._planned = 0
        self._statuses: Counter[Status] = Counter()
        self._reasons: list[str] = []  # why runs did not finish
        self._unsaved: list[str] = []  # why trained networks were not saved

    @property
    def was_ended(self) -> bool:
        """Whether the user ended any run; then no follow-up runs are planned."""
        return any(self._statuses[status] for status in _ENDED_BY_USER)

    def expect(self, runs: Sequence[PlannedRun]) -> None:
        """Add runs to be trained."""
        self.open |= {run.run for run in runs}
        self._planned += len(runs)

    def note(self, ended: RunFinished) -> None:
        """Record the end of a run."""
        self.open.discard(ended.run)
        self._statuses[ended.status] += 1
        if ended.status in (Status.FAILED, Status.CRASHED):
            self._reasons.append(ended.reason)
        elif ended.test_accuracy is not None and ended.reason:
            self._unsaved.append(ended.reason)

    def outcome(self, last: Control | None, more_may_follow: bool) -> tuple[Status, str]:
        """Return the status of the experiment and the reason to show.

        Args:
            last: the control that ended its last stage early, if any.
            more_may_follow: whether follow-up runs could have been planned from the results.
        """
        status, reason = self._of_runs()
        is_incomplete = more_may_follow or any(self._statuses[each] for each in Status if each.can_resume)
        if last is Control.SUSPEND and status is not Status.STOPPED and is_incomplete:
            # No run need be interrupted: it was suspended between two runs, or after their processes had ended.
            return Status.INTERRUPTED, ""
        return status, reason

    def _of_runs(self) -> tuple[Status, str]:
        """Return status and reason from the runs; a diverged run is a result, unless all runs diverged."""
        for status in _ENDED_BY_USER:
            if self._statuses[status]:
                return status, ""
        if self._planned and self._statuses[Status.SKIPPED] == self._planned:
            return Status.CANCELLED, "Every run was skipped."
        diverged, bad = self._statuses[Status.DIVERGED], len(self._reasons)
        if self._planned and diverged == self._planned:
            return Status.FAILED, "Every run diverged; try a smaller learning rate."
        if not bad:
            lost = f"{pluralise(len(self._unsaved), 'network')} not kept: {self._unsaved[0]}" if self._unsaved else ""
            return Status.FINISHED, lost
        reason = f"{bad} of {pluralise(self._planned, 'run')} did not finish: {self._reasons[0]}"
        has_no_result = bad + diverged + self._statuses[Status.SKIPPED] == self._planned
        return (Status.FAILED if has_no_result else Status.FINISHED), reason

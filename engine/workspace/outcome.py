"""What becomes of an experiment, from how its runs ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from engine.events.commands import Control
from engine.events.runs import PlannedRun, RunFinished, Status
from engine.utils.text import pluralise

# The first that any run of an experiment has is the experiment's own.
_ENDED_BY_USER = (Status.INTERRUPTED, Status.STOPPED, Status.CANCELLED)


class RunTally:
    """Counts the runs of one experiment: those that have not ended (``open``, by number) and how the others did."""

    def __init__(self) -> None:
        self.open: set[int] = set()
        self._planned = 0
        self._statuses: Counter[Status] = Counter()
        self._reasons: list[str] = []  # why runs did not finish
        self._unsaved: list[str] = []  # why trained networks are not kept

    @property
    def was_ended(self) -> bool:
        """Whether any run was ended by hand: then no further ones are planned."""
        return any(self._statuses[status] for status in _ENDED_BY_USER)

    def expect(self, runs: Sequence[PlannedRun]) -> None:
        """Count runs that are to be trained."""
        self.open |= {run.run for run in runs}
        self._planned += len(runs)

    def note(self, ended: RunFinished) -> None:
        """Count a run that has ended."""
        self.open.discard(ended.run)
        self._statuses[ended.status] += 1
        if ended.status in (Status.FAILED, Status.CRASHED):
            self._reasons.append(ended.reason)
        elif ended.test_accuracy is not None and ended.reason:
            self._unsaved.append(ended.reason)

    def outcome(self, last: Control | None, more_may_follow: bool) -> tuple[Status, str]:
        """The experiment's status and what to say of it.

        Args:
            last: the control that ended its last stage, if one did.
            more_may_follow: whether runs could have been planned from what these found.
        """
        status, reason = self._of_runs()
        is_incomplete = more_may_follow or any(self._statuses[each] for each in Status if each.can_resume)
        if last is Control.SUSPEND and status is not Status.STOPPED and is_incomplete:
            # No run has to be interrupted: it was suspended between two, or where their processes ended too.
            return Status.INTERRUPTED, ""
        return status, reason

    def _of_runs(self) -> tuple[Status, str]:
        """A run that diverged has shown what it was to show; only where all did has the experiment come to nothing."""
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
        came_to_nothing = bad + diverged + self._statuses[Status.SKIPPED] == self._planned
        return (Status.FAILED if came_to_nothing else Status.FINISHED), reason

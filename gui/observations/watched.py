"""Observations of the experiments that other programs train, each kept up to date whether it is shown or not."""

from __future__ import annotations

from engine.events.experiments import ExperimentFinished, ExperimentStarted, RunsAdded
from engine.events.watching import FolderLeft, FolderWatched, WatchedEvent, WatchedExperiment, WatchEvent
from gui.observations.experiment import Observations


class WatchedExperiments:
    """All that was received about watched folders and their experiments.

    Attributes:
        folders: the last state of each watched folder.
        observed: the experiments that have sent events, by number; one that had ended before its folder was watched
            sends none, and is in the store.
        active: numbers of those that have not ended.
        newest: the experiment that began last.
    """

    def __init__(self) -> None:
        self.folders: dict[str, FolderWatched] = {}
        self.observed: dict[int, Observations] = {}
        self.active: set[int] = set()
        self.newest: int | None = None

    def take(self, event: WatchEvent) -> None:
        """Update by an event."""
        match event:
            case FolderWatched(folder):
                self.folders[folder] = event
            case FolderLeft(folder):
                left = self.folders.pop(folder, None)
                for experiment in left.experiments if left else ():
                    self.observed.pop(experiment.number, None)
                    self.active.discard(experiment.number)
            case WatchedEvent(number, what):
                if isinstance(what, ExperimentStarted):
                    self._begin(number)
                if number in self.observed:
                    self.observed[number].take(what)
                if isinstance(what, ExperimentFinished):
                    self.active.discard(number)

    @staticmethod
    def is_plan(event: WatchEvent) -> bool:
        """Whether the event changes which runs an experiment has, so that its views begin anew."""
        return isinstance(event, WatchedEvent) and isinstance(event.event, ExperimentStarted | RunsAdded)

    def experiment(self, number: int) -> WatchedExperiment | None:
        """Return the state of an experiment; None if it is in no watched folder."""
        listed = (each for folder in self.folders.values() for each in folder.experiments)
        return next((each for each in listed if each.number == number), None)

    def _begin(self, number: int) -> None:
        if number not in self.active:
            self.newest = number
        self.active.add(number)
        self.observed.setdefault(number, Observations())

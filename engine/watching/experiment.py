"""An experiment of which the runs are followed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

from engine.config.logged_runs import UNKNOWN_SEED, LoggedRunSpec
from engine.events.datasets import DatasetInfo
from engine.events.experiments import ExperimentFinished, ExperimentStarted, RunsAdded
from engine.events.runs import PlannedRun, Status
from engine.events.tasks import Event
from engine.events.watching import Grouping, WatchedEvent, WatchedExperiment
from engine.experiments.own_code import OWN_CODE_EXPERIMENT, OwnCodeSpec
from engine.storage.logged import LoggedStore
from engine.storage.store import StoredExperiment, StoredRun
from engine.utils.text import pluralise
from engine.watching.run import RunFollower
from engine.watching.sources.base import Description
from engine.workspace.replay import restored_runs

UNKNOWN_DATA = "not logged"
MAX_SETTING = 200  # characters of a setting with its values
_NOTHING = Description(Grouping("", ""))


class ExperimentFollower:
    """Stores an experiment and its runs, and emits its events.

    Args:
        store: the store.
        owner: name of the lock of this program.
        folder: the watched folder.
        name: name of the experiment in the logs.
        emit: receives the events.

    Attributes:
        number: its number in the store; None until it has a run.
        status: of the experiment.
    """

    def __init__(
        self, store: LoggedStore, owner: str, folder: str, name: str, emit: Callable[[WatchedEvent], None]
    ) -> None:
        self._store, self._owner, self._folder, self._emit_event = store, owner, folder, emit
        self.name = name
        self.number: int | None = None
        self.status = Status.RUNNING
        self.runs: list[RunFollower] = []
        self._unfollowed: dict[int, StoredRun] = {}  # by number: their logs were not found, or hold another training
        self._stored_spec, self._info = "", _NO_INFO

    def adopt(self, stored: StoredExperiment) -> dict[str, StoredRun]:
        """Take over a stored experiment that has ended; return its runs by source."""
        self.number, self.status = stored.id, stored.status
        self._stored_spec, self._info = stored.spec, stored.dataset or self._info
        self._unfollowed = {run.id: run for run in self._store.runs(stored.id)}
        specs = [(run.spec, run) for run in self._unfollowed.values()]
        return {spec.source: run for spec, run in specs if isinstance(spec, LoggedRunSpec)}  # the newest of each

    def adopt_run(self, run: RunFollower, stored: StoredRun, is_unchanged: bool) -> None:
        """Follow a stored run in its log; unless it is unchanged, it is read anew from its beginning."""
        del self._unfollowed[stored.id]
        run.adopt(stored.planned, stored.status, stored.layers, is_unchanged)
        self.runs.append(run)

    @property
    def state(self) -> WatchedExperiment:
        """How many of its runs are in which state."""
        counts = Counter(self._statuses)
        running = counts.pop(Status.RUNNING, 0) + counts.pop(Status.QUEUED, 0)
        ended = tuple((status, counts[status]) for status in Status if counts[status])
        return WatchedExperiment(self.number or 0, self.name, running, ended)

    @property
    def _statuses(self) -> list[Status]:
        """The state of every run."""
        return [run.status for run in self.runs] + [run.status for run in self._unfollowed.values()]

    def add(self, run: RunFollower, grouping: Grouping, now: float) -> Grouping:
        """Store a new run, and the experiment if it is the first; propagates ``StoreError``.

        Returns:
            The grouping with the repeat that the run has got.
        """
        grouping = self._free(grouping)
        spec = self._spec(run, grouping)
        self.runs.append(run)
        try:
            with self._store.together():
                is_new, has_ended = self.number is None, self.status.is_final
                number = self._begin(now) if is_new else self._reopen()
                run.planned = self._store.add_logged_run(number, spec, _parameters(run), _total_steps(run))
        except BaseException:  # nothing of it is stored, so it is added again
            self.runs.remove(run)
            run.planned = None
            raise
        self.number, self.status = number, Status.RUNNING
        if is_new:
            self._emit(self._started())
        elif not has_ended:
            self._emit(RunsAdded((run.planned,)))
        self._describe(quietly=has_ended)
        if has_ended:
            self.refresh()
        return grouping

    def original_of(self, run: RunFollower) -> str | None:
        """Return the source of the run of which the log is a copy; None if it is no copy.

        A program logs each of its runs under names of its own, so that no two runs with the same ones begin at the same
        moment. Propagates ``StoreError``.
        """
        said = run.log.description
        if said is None or not said.started:
            return None
        for planned in self._planned:
            spec = planned.spec
            is_same = spec.variant == said.grouping.variant and spec.repeat == said.grouping.repeat
            if is_same and isinstance(spec, LoggedRunSpec):
                known = self._store.beginning(planned.run)
                if known is not None and known[0] == said.started:
                    return spec.source
        return None

    def take(self, run: RunFollower, now: float) -> None:
        """Take over a run of another experiment; propagates ``StoreError``."""
        if self.number is None:
            self.number = self._begin(now)
        self._reopen()
        self.status = Status.RUNNING
        self.runs.append(run)

    def remove_if_empty(self) -> bool:
        """Delete the experiment if it has no runs left; return whether it was. Propagates ``StoreError``."""
        if self.number is None or self._planned:
            return False
        self._store.end_experiment(self.number, Status.FINISHED, "", 0.0)
        self._store.mark_deleted(self.number)
        self._emit(ExperimentFinished(self.number, Status.FINISHED, ""))
        return True

    def follow(self, run: RunFollower, now: float, is_last: bool = False) -> None:
        """Store and emit what was read of a run; propagates ``StoreError``."""
        if run.planned is None:
            return
        if run.is_another_training(self._store):
            self._add_another(run, run.planned, now)
        if not run.awaits_numbers(self._store):
            self._update_plan(run)
        events = run.store(self._store, now, is_last)
        if events and self.status.is_final:
            self._reopen()
            self.status = Status.RUNNING
            self.refresh()  # with these events; whoever began to listen after its end knows nothing of it
            return
        for event in events:
            self._emit(event)

    def _add_another(self, run: RunFollower, planned: PlannedRun, now: float) -> None:
        """Keep a run of which the log was overwritten by another training, which becomes the next repeat."""
        if (ended := run.replace_training(self._store)) is not None:
            self._emit(ended)
        self.runs.remove(run)
        self._unfollowed[planned.run] = self._store.run(planned.run)
        run.planned = None
        run.grouping = self.add(run, Grouping(self.name, planned.spec.variant), now)

    def settle(self, has_other_runs: bool = False) -> None:
        """Store how the experiment has ended, if all its runs have; propagates ``StoreError``.

        Args:
            has_other_runs: whether it has other runs than when it ended.
        """
        has_ended = self.status.is_final and not has_other_runs
        if self.number is None or has_ended or any(run.is_active for run in self.runs):
            return
        statuses = self._statuses
        status = next((each for each in statuses if each is not Status.FINISHED), Status.FINISHED)
        count = sum(each is status for each in statuses)
        reason = "" if status is Status.FINISHED else f"{count} of {pluralise(len(statuses), 'run')} {status}."
        at = max((run.last_at or run.log.grown_at for run in self.runs), default=0.0)
        self._store.end_experiment(self.number, status, reason, at)
        self.status = status
        self._emit(ExperimentFinished(self.number, status, reason))

    def rename(self, run: RunFollower, grouping: Grouping) -> None:
        """Store another variant and repeat of a run of this experiment; propagates ``StoreError``."""
        if run.planned is None or self.number is None:
            return
        spec = run.planned.spec.model_copy(update={"variant": grouping.variant, "repeat": grouping.repeat})
        run.planned, run.grouping = replace(run.planned, spec=spec), grouping
        self._store.change_run(run.planned, self.number)

    def refresh(self) -> None:
        """Emit the experiment with all its runs as stored."""
        if self.number is None:
            return
        self._describe(quietly=True)
        self._emit(self._started())
        for event in restored_runs(self._store, [self._store.run(each.run) for each in self._planned]):
            self._emit(event)
        if self.status.is_final:
            self._emit(ExperimentFinished(self.number, self.status, ""))

    @property
    def unfollowed(self) -> list[Grouping]:
        """Where its runs belong of which the logs were not found, or hold another training."""
        specs = [run.spec for run in self._unfollowed.values()]
        return [Grouping(self.name, spec.variant, spec.repeat) for spec in specs]

    @property
    def _planned(self) -> tuple[PlannedRun, ...]:
        """All runs, in the order in which they were stored."""
        followed = [run.planned for run in self.runs if run.planned is not None]
        return tuple(sorted((*followed, *(run.planned for run in self._unfollowed.values())), key=lambda run: run.run))

    def _free(self, grouping: Grouping) -> Grouping:
        """Return the grouping with the repeat that was asked for, or else the next free one."""
        variant = grouping.variant or "run"
        taken = {(each.spec.variant, each.spec.repeat) for each in self._planned}
        if grouping.repeat > 0 and (variant, grouping.repeat) not in taken:
            return replace(grouping, variant=variant)
        used = {repeat for name, repeat in taken if name == variant}
        return replace(grouping, variant=variant, repeat=max(used, default=0) + 1)

    def _spec(self, run: RunFollower, grouping: Grouping) -> LoggedRunSpec:
        said = run.log.description or _NOTHING
        return LoggedRunSpec(
            variant=grouping.variant,
            repeat=grouping.repeat,
            seed=said.seed if said.seed >= 0 else UNKNOWN_SEED,
            source=run.log.source.key,
            format=run.log.source.format,
            settings=dict(said.settings),
            epochs=said.epochs,
            steps_per_epoch=said.steps_per_epoch,
            images_per_record=said.images_per_record,
        )

    def _update_plan(self, run: RunFollower) -> None:
        """Store what the log has said of a run since it was added."""
        planned, described = run.planned, run.log.description
        if planned is None or self.number is None or described is None or described is run.planned_by:
            return  # a description is compared by its identity, as this is asked of every run five times a second
        grouping = Grouping(self.name, planned.spec.variant, planned.spec.repeat)
        changed = replace(
            planned,
            spec=self._spec(run, grouping),
            parameters=_parameters(run),
            total_steps=_total_steps(run),
        )
        if changed != planned:
            self._store.change_run(changed, self.number)
            run.planned = changed
            self.refresh()
        run.planned_by = described

    def _begin(self, now: float) -> int:
        spec = self._spec_of_all()
        self._info = self._info_of_all()
        number = self._store.add_experiment(OWN_CODE_EXPERIMENT.name, spec, UNKNOWN_SEED, self._info, 0, self._owner)
        self._store.began_at(number, min((each.started for each in self._descriptions if each.started), default=now))
        self._store.entitle(number, self.name)  # until the user calls it otherwise
        self._stored_spec = spec
        return number

    def _reopen(self) -> int:
        """Store that the experiment goes on, if it had ended; return its number."""
        number = self.number or 0
        if self.status.is_final:
            self._store.reopen_experiment(number, self._stored_spec, 0, self._owner)
        return number

    def _describe(self, quietly: bool = False) -> None:
        """Store what the logs say of settings and data, and emit the experiment anew if its data are known better."""
        if self.number is None:
            return
        spec, info = self._spec_of_all(), self._info_of_all()
        if spec == self._stored_spec and info == self._info:
            return
        is_better_known = info != self._info
        self._store.describe(self.number, spec, info)
        self._stored_spec, self._info = spec, info
        if is_better_known and not quietly:
            self.refresh()

    def _started(self) -> ExperimentStarted:
        return ExperimentStarted(self.number or 0, OWN_CODE_EXPERIMENT.name, self._info, self._planned, 0)

    @property
    def _descriptions(self) -> list[Description]:
        return [run.log.description for run in self.runs if run.log.description is not None]

    def _spec_of_all(self) -> str:
        specs = [run.spec for run in self._planned if isinstance(run.spec, LoggedRunSpec)]
        return OwnCodeSpec(folder=self._folder, name=self.name, settings=_settings_of(specs)).to_json()

    def _info_of_all(self) -> DatasetInfo:
        """Return what the logs tell of the data; what is stored, if they tell nothing."""
        told = _info_of(self._descriptions)
        return self._info if told == _NO_INFO else told

    def _emit(self, event: Event) -> None:
        self._emit_event(WatchedEvent(self.number or 0, event))


def _parameters(run: RunFollower) -> int:
    return run.log.description.parameters if run.log.description else 0


def _total_steps(run: RunFollower) -> int:
    said = run.log.description or _NOTHING
    return said.steps or said.epochs * said.steps_per_epoch


def _settings_of(specs: Sequence[LoggedRunSpec]) -> tuple[str, ...]:
    """Return the logged settings as lines; one that differs between runs is followed by all its values."""
    values: dict[str, dict[str, None]] = {}
    for spec in specs:
        for key, value in spec.settings.items():
            values.setdefault(key, {})[value] = None
    lines = (f"{key} = {' / '.join(found)}" for key, found in values.items())
    return tuple(line if len(line) <= MAX_SETTING else f"{line[: MAX_SETTING - 1]}…" for line in lines)


def _info_of(descriptions: Sequence[Description]) -> DatasetInfo:
    """Return what the logs tell of the data; counts and shape that are not logged are 0."""
    dataset = next((each.dataset for each in descriptions if each.dataset), "")
    classes = next((each.class_names for each in descriptions if each.class_names), ())
    train, validation, test = next((each.image_counts for each in descriptions if any(each.image_counts)), (0, 0, 0))
    return DatasetInfo(
        name=dataset or UNKNOWN_DATA,
        title=dataset or UNKNOWN_DATA,
        class_names=classes,
        shape=(0, 0, 0),
        train_count=train,
        validation_count=validation,
        test_count=test,
        fingerprint="",
    )


_NO_INFO = _info_of([])

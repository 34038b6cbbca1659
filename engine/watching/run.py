"""A run that is followed: what its log says becomes records in the store, and events."""

from __future__ import annotations

import math
from collections.abc import Mapping

from engine.events.devices import Device
from engine.events.runs import PlannedRun, Record, RunFinished, RunRestored, RunStarted, Status, Weights
from engine.storage.logged import LoggedStore
from engine.utils.errors import StoreError
from engine.watching.rows import Row, row_of
from engine.watching.run_log import RunLog
from engine.watching.sources.base import Description, Ended, Source
from engine.watching.sources.own_log import FORMAT as OWN_FORMAT
from engine.workspace.replay import restored_runs

# More records at once are sent as a whole run, such as those of a log that is read from its beginning.
MAX_RECORDS_SENT = 100
# Our logger shows a sign of life every five seconds; the rest is for slow network drives.
SILENT_SECONDS = 20.0
# Other logs show none, and an epoch may take minutes.
IDLE_SECONDS = 300.0
INTERRUPTED_REASON = "Its program no longer writes; if it goes on, so does this run."
IDLE_REASON = "Its log doesn't tell whether it ended; nothing was added for five minutes."
LEFT_REASON = "It was no longer watched before it ended."
OVERWRITTEN_REASON = "Its log was overwritten by another training."
MAX_COMPARED = 10  # records, to tell another training
UNKNOWN_DEVICE = Device("Program", "unknown", 0)

FollowedEvent = RunStarted | Record | Weights | RunFinished | RunRestored


class RunFollower:
    """Follows one run. Every ``now`` is in seconds since 1970 and never decreases.

    Attributes:
        log: what was read.
        planned: the stored run; None until it is assigned to an experiment.
        planned_by: the description that ``planned`` was made from; None if unknown.
        status: its state.
        grouping: where it belongs.
        last_at: when something was logged last, in seconds since 1970; 0 if unknown.
        stored_sizes: how many bytes of each file had been stored when it was taken over.
        is_copy: whether its log is a copy of that of another run, so that it is left out.
        is_asleep: whether its log has been stored to its end, and need not be read until it grows.
    """

    def __init__(self, source: Source, now: float) -> None:
        self.log = RunLog(source, now)
        self.planned: PlannedRun | None = None
        self.status = Status.QUEUED
        self.grouping = source.grouping
        self.planned_by: Description | None = None
        self.last_at = 0.0
        self.stored_sizes: Mapping[str, int] = {}
        self.is_asleep = self.is_copy = False
        self._layers: tuple[str, ...] = ()  # that are stored
        self._seconds = math.nan  # training time at the newest record
        self._goes_on = False  # something was written after its end

    def adopt(self, planned: PlannedRun, status: Status, layers: tuple[str, ...], is_unchanged: bool) -> None:
        """Take over a stored run.

        Args:
            planned: the run.
            status: its state.
            layers: names of its layers.
            is_unchanged: whether all of its log is stored, so that it need not be read until it grows.
        """
        self.planned, self.status, self._layers = planned, status, layers
        self.is_asleep = is_unchanged
        self.log.is_replaced = True  # once it is read, from its beginning

    @property
    def is_behind(self) -> bool:
        """Whether there is more to read at once."""
        return not self.is_asleep and self.log.source.has_more

    @property
    def is_active(self) -> bool:
        """Whether its program may still write."""
        return not self.status.is_final

    def is_another_training(self, store: LoggedStore) -> bool:
        """Return whether the log was overwritten by that of another training, judging by the losses of a step.

        Keras' CSVLogger, for one, empties the file when a script is started again. Propagates ``StoreError``.
        """
        if self.planned is None or self.is_asleep or self.log.is_held:
            return False
        if not self.log.is_replaced or self.log.is_same or self.log.discard_after == 0:
            return False  # its program says that it began again, and what that replaces
        for row in self.log.ready(0.0, is_last=True)[:MAX_COMPARED]:
            stored = store.record(self.planned.run, row.step)
            for name in ("training_loss", "validation_loss") if stored is not None else ():
                before, now = getattr(stored, name), row.numbers.get(name, math.nan)
                if not (math.isnan(before) or math.isnan(now)):
                    return bool(before != now)
        return False

    def awaits_numbers(self, store: LoggedStore) -> bool:
        """Return whether the log begins anew and has no numbers yet, so that it may be that of another training.

        What is stored is kept until then. Propagates ``StoreError``.
        """
        if self.planned is None or self.is_asleep or not self.log.is_replaced:
            return False
        return not self.log.ready(0.0, is_last=True) and store.last_step(self.planned.run) > 0

    def replace_training(self, store: LoggedStore) -> RunFinished | None:
        """Begin a new run with what was read since the log was overwritten; return how the former one ended.

        The caller stores the new run. Propagates ``StoreError``.
        """
        ended = None
        if self.planned is not None and self.is_active:
            ended = RunFinished(self.planned.run, Status.INTERRUPTED, OVERWRITTEN_REASON)
            store.end_logged(ended, self.last_at or self.log.grown_at)
        self.status, self._layers, self._seconds, self._goes_on = Status.QUEUED, (), math.nan, False
        self.log.is_replaced = False
        return ended

    def read(self, now: float) -> None:
        """Read what is new; wakes it."""
        self.is_asleep = False
        self._goes_on |= self.log.read(now) and self.status.is_final

    def store(self, store: LoggedStore, now: float, is_last: bool = False) -> list[FollowedEvent]:
        """Store what is complete, and return the events.

        Args:
            store: the store.
            now: the current time.
            is_last: whether nothing more will be read.

        Raises:
            StoreError: if that fails; it is tried again next time.
        """
        must_wait = self.log.is_held and (self.log.is_replaced or not is_last)  # what is stored is not cut short
        if self.planned is None or self.is_asleep or must_wait:
            return []
        events = self._store_rows(store, self.planned, self.log.ready(now, is_last), now)
        end = self._end(now, is_last)
        if end is not None and self.is_active:
            try:
                events.append(self._finish(store, self.planned, end))
            except StoreError:
                if not events:  # else they are stored and must be told; the end is tried again
                    raise
        return events

    def _store_rows(self, store: LoggedStore, planned: PlannedRun, rows: list[Row], now: float) -> list[FollowedEvent]:
        log, must_start = self.log, self.status is Status.QUEUED or self._goes_on
        if log.is_replaced and self._goes_on_in_another_file(store, planned):
            log.is_replaced, log.layers = False, tuple(dict.fromkeys((*self._layers, *log.layers)))
        was_changed = log.is_replaced or log.discard_after is not None
        has_new_layers = bool(rows) and self._layers != log.layers
        must_start |= has_new_layers
        if not (rows or log.weights or must_start or was_changed) or (was_changed and not log.has_content):
            return []
        if self.awaits_numbers(store):
            return []
        with store.together():
            if was_changed:
                store.discard(planned.run, -1 if log.is_replaced or log.discard_after is None else log.discard_after)
            last = store.last_step(planned.run)
            started = self._started(planned.run, last)
            if must_start:
                store.start_logged(started, self._time_of(0.0, now))
            records = [self._record(store, planned, row, last) for row in rows]
            weights = [self._weights(planned.run, position) for position in range(len(log.weights))]
            store.add_measured([(each, self._time_of(each.seconds, now)) for each in records], weights)
        is_whole = was_changed or len(records) > MAX_RECORDS_SENT or (bool(rows) and rows[0].step <= last)
        is_whole |= has_new_layers and last > 0
        self._remember(rows, records, now, must_start)
        if is_whole:
            return list(restored_runs(store, [store.run(planned.run)]))
        return [*([started] if must_start else []), *records, *weights]

    def _goes_on_in_another_file(self, store: LoggedStore, planned: PlannedRun) -> bool:
        """Return whether the log was removed while its program ran, which then began another file.

        What is stored of it stays.
        """
        started = self.log.description.started if self.log.description else 0.0
        rows, known = self.log.ready(0.0, is_last=True), store.beginning(planned.run)
        return bool(rows) and known is not None and known[0] == started and rows[0].step > known[1]

    def _remember(self, rows: list[Row], records: list[Record], now: float, has_started: bool) -> None:
        """Take note of what has been stored."""
        if has_started:
            self.status, self._goes_on = Status.RUNNING, False
            self._layers = self.log.layers
        if records:
            self._seconds = records[-1].seconds
            self.last_at = self._time_of(self._seconds, now)
        self.log.stored(rows)

    def _started(self, run: int, last_step: int) -> RunStarted:
        description = self.log.description
        return RunStarted(
            run,
            (description.device if description else None) or UNKNOWN_DEVICE,
            dict(description.versions) if description else {},
            self.log.layers,
            self._steps_per_epoch,
            after=last_step,
        )

    @property
    def _steps_per_epoch(self) -> int:
        return self.log.description.steps_per_epoch if self.log.description else 0

    def _record(self, store: LoggedStore, planned: PlannedRun, row: Row, last_step: int) -> Record:
        """Return the record of a row, with what is stored of its step already."""
        stored = store.record(planned.run, row.step) if row.step <= last_step else None
        if stored is not None:
            row = row_of(stored, self.log.layers).with_later(row)
        return row.as_record(planned.run, self.log.layers, self._steps_per_epoch)

    def _weights(self, run: int, position: int) -> Weights:
        logged, each = self.log.weights[position], self._steps_per_epoch
        epoch = -(-logged.step // each) if each else 0
        return Weights(run, logged.step, epoch, logged.layer, logged.input_shape, logged.values)

    def _time_of(self, seconds: float, now: float) -> float:
        """Return the time (since 1970) at which training had taken ``seconds``, as far as the log tells."""
        description = self.log.description
        is_known = description is not None and description.started > 0 and not math.isnan(seconds)
        return min(now, description.started + seconds) if is_known and description is not None else now

    def _end(self, now: float, is_last: bool) -> Ended | None:
        """Return how the run ended; None if it goes on."""
        log, silent = self.log, now - self.log.grown_at
        if self.status is Status.QUEUED or self._goes_on or (log.is_held and not is_last):
            return None
        if log.end is not None:
            return log.end
        if is_last:
            return Ended(Status.INTERRUPTED, LEFT_REASON)
        if log.source.format == OWN_FORMAT:
            return Ended(Status.INTERRUPTED, INTERRUPTED_REASON) if silent > SILENT_SECONDS else None
        return Ended(Status.FINISHED, IDLE_REASON) if silent > IDLE_SECONDS or not log.source.is_live else None

    def _finish(self, store: LoggedStore, planned: PlannedRun, end: Ended) -> RunFinished:
        tested = self.log.tested
        finished = RunFinished(
            run=planned.run,
            status=end.status,
            reason=end.reason,
            seconds=None if math.isnan(self._seconds) else self._seconds,
            test_loss=tested.loss,
            test_accuracy=tested.accuracy,
            confusion=tested.confusion,
        )
        with store.together():
            store.end_logged(finished, self.last_at or self.log.grown_at)
            if end.reason != LEFT_REASON:  # else the log is read again next time, as it may tell then how the run ended
                store.set_sizes(planned.run, self.log.source.sizes)
        self.status = end.status
        return finished

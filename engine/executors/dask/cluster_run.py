"""Runs of one call of the executor, from submission to termination."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from multiprocessing.connection import wait

from engine.events.channel import ControlChannel
from engine.events.commands import Command, Control, SkipRun
from engine.events.runs import RunFinished, Status
from engine.events.tasks import Emit, Progress
from engine.executors.base import concerns, ending_control
from engine.executors.dask.connection import Connection
from engine.executors.dask.messages import (
    AttemptId,
    AttemptReady,
    DataRequest,
    Message,
    MessageBatch,
    RunRequest,
    TrainedNetwork,
)
from engine.executors.dask.notifications import (
    MessagesReceived,
    Notification,
    RunDropped,
    RunFailed,
    SchedulerLost,
    Warned,
    WorkerJoined,
    WorkerLost,
    WorkerRejected,
)
from engine.executors.dask.run_state import RunState

MAX_WORKER_LOSSES = 3  # per run
WAIT_SECONDS = 1.0  # maximum wait for a notification or command before the workers are counted again

_STATUS_OF = {
    Control.STOP: Status.STOPPED,
    Control.CANCEL: Status.CANCELLED,
    Control.SUSPEND: Status.INTERRUPTED,
}


class ClusterRun:
    """Submits runs, tracks their attempts and forwards commands to them.

    Args:
        connection: connection to the cluster.
        requests: the runs.
        resources: Dask resources that each run requires.
        emit: called with their events, in the thread that calls ``run``.
    """

    def __init__(
        self, connection: Connection, requests: Sequence[RunRequest], resources: dict[str, float], emit: Emit
    ) -> None:
        self._connection, self._poller, self._sender = connection, connection.poller, connection.sender
        self._submissions, self._notifications = connection.submissions, connection.notifications
        self._resources, self._emit = resources, emit
        self._runs = {request.task.run: RunState(request) for request in requests}  # runs that have not ended
        self._waiting = deque(self._runs)
        self._submitted: set[int] = set()
        self._discarded: set[str] = set()  # tokens of attempts whose messages are ignored
        self._is_waiting_reported = False
        self._is_paused = False
        self._ending: Control | None = None

    def run(self, control: ControlChannel) -> Control | None:
        """Train all runs.

        Returns:
            The last control that ended them, as for ``Executor.run``.
        """
        try:
            self._connection.request_jobs()
            self._reattach()
            while self._runs:
                self._submit()
                ready = wait([self._notifications.reader, control.connection], WAIT_SECONDS)
                if self._notifications.reader in ready:
                    for notification in self._notifications.get_all():
                        self._on_notification(notification)
                if control.connection in ready and (command := control.poll()) is not None:
                    self._on_command(command)
        except BaseException:
            self._submissions.cancel(self._submitted)
            raise
        finally:
            self._connection.release_jobs()
        return self._ending

    def _reattach(self) -> None:
        """Adopt the attempts of an earlier, possibly killed, program that had this workspace open."""
        for worker, batch in self._poller.fetch_all():
            if batch.run not in self._runs:
                continue
            attempt = AttemptId(worker, batch.token)
            if _is_complete(batch) or not batch.is_last:
                self._runs[batch.run].attempt = attempt
                self._submitted.add(batch.run)
            else:
                self._discard(attempt)
        self._waiting = deque(run for run in self._waiting if run not in self._submitted)

    def _submit(self) -> None:
        """Submit up to two runs per worker; the others are queued here, so that the scheduler never holds more."""
        workers = self._poller.count_workers()
        if workers:
            self._is_waiting_reported = False
        elif not self._is_waiting_reported:
            self._is_waiting_reported = True
            self._emit(Progress("Waiting for a worker of the cluster", 0, 0))
        while self._waiting and not self._is_paused and len(self._submitted) < 2 * workers:
            run = self._waiting.popleft()
            self._submitted.add(run)
            self._submissions.submit(self._runs[run].request, self._resources)

    def _on_notification(self, notification: Notification) -> None:
        match notification:
            case MessagesReceived(worker, batch):
                for message in batch.messages:
                    self._on_message(AttemptId(worker, batch.token), batch.run, message)
            case WorkerJoined(worker):
                self._on_worker_joined(worker)
            case WorkerLost(worker):
                self._on_worker_lost(worker)
            case WorkerRejected(worker, reason):
                self._emit(Progress(f"{worker} is not used: {reason}", 0, 0))
            case RunFailed(run, reason) if run in self._runs:
                self._end(RunFinished(run, Status.CRASHED, reason))
            case RunDropped(run) if run in self._submitted:
                self._on_run_dropped(run)
            case Warned(reason):
                self._emit(Progress(reason, 0, 0))
            case SchedulerLost(reason):
                for run in list(self._runs):
                    self._end(RunFinished(run, Status.CRASHED, reason))

    # Messages.

    def _on_message(self, attempt: AttemptId, run: int, message: Message | None) -> None:
        if attempt.token in self._discarded:
            return
        if (state := self._runs.get(run)) is None:
            self._discard(attempt)
            return
        if isinstance(message, AttemptReady):
            self._on_attempt_ready(attempt, run)
            return
        if state.attempt != attempt:
            return  # its worker had been considered lost
        match message:
            case DataRequest(data, fingerprint):
                self._sender.send_data(attempt, data, fingerprint)
            case TrainedNetwork(data):
                state.network = data
            case RunFinished():
                self._end(state.with_network(message))
            case None:
                pass
            case _:
                state.update_resume_point(message)
                self._emit(message)

    def _on_attempt_ready(self, attempt: AttemptId, run: int) -> None:
        """Start an attempt: the first one at its run, or a further one after the loss of a worker."""
        state = self._runs[run]
        if (previous := state.attempt) is not None and previous != attempt:
            self._sender.discard(previous)
            if self._record_loss(run):  # Dask detected the loss before the membership update
                self._sender.discard(attempt)
                return
        state.attempt, state.is_held = attempt, self._is_paused
        if not self._is_paused:
            self._sender.deliver(attempt, state.start_signal)

    def _discard(self, attempt: AttemptId) -> None:
        self._discarded.add(attempt.token)
        self._sender.discard(attempt)

    # Worker and run events.

    def _on_worker_joined(self, worker: str) -> None:
        """Resend its start signals: an unreachable worker may have missed them, and duplicates are harmless."""
        for state in self._runs.values():
            if state.attempt is not None and state.attempt.worker == worker and not state.is_held:
                self._sender.deliver(state.attempt, state.start_signal)

    def _on_worker_lost(self, worker: str) -> None:
        """Record the losses; Dask reassigns the runs to other workers, except those with too many losses."""
        lost = [run for run, state in self._runs.items() if state.attempt and state.attempt.worker == worker]
        for run in lost:
            has_ended = self._record_loss(run)
            if not has_ended and run in self._submitted and not self._submissions.is_submitted(run):
                # It was submitted by an earlier program, so Dask may no longer hold it.
                self._submissions.submit(self._runs[run].request, self._resources)
        for run in list(self._submitted):
            if self._runs[run].attempt is None and self._submissions.is_bound(run):
                self._submissions.cancel([run])  # none of the workers it is bound to may be left
                self._put_back(run)

    def _record_loss(self, run: int) -> bool:
        """Record that the attempt was lost with its worker; return whether this ended the run."""
        state = self._runs[run]
        state.record_loss()
        if self._ending is not None:
            self._end(RunFinished(run, _STATUS_OF[self._ending], "Its worker was lost as it was being ended."))
        elif state.losses >= MAX_WORKER_LOSSES:
            reason = f"It was set aside: {MAX_WORKER_LOSSES} workers were lost while they trained it."
            self._leave_out(run, Status.CRASHED, reason)
        return run not in self._runs

    def _on_run_dropped(self, run: int) -> None:
        """End or requeue a run whose scheduler was lost."""
        if self._ending is not None:
            self._end(RunFinished(run, _STATUS_OF[self._ending], "The scheduler was lost as it was being ended."))
            return
        self._runs[run].is_excused = True
        self._put_back(run)  # a scheduler that still holds the run identifies it by its key

    def _put_back(self, run: int) -> None:
        self._submitted.remove(run)
        self._waiting.appendleft(run)

    def _leave_out(self, run: int, status: Status, reason: str) -> None:
        if run in self._submitted:
            self._submissions.cancel([run])
        self._end(RunFinished(run, status, reason))

    def _end(self, finished: RunFinished) -> None:
        run = finished.run
        self._emit(finished)
        state = self._runs.pop(run)
        if run in self._submitted:
            self._submitted.remove(run)
            self._submissions.release(run)
        else:
            self._waiting.remove(run)
        if state.attempt is not None:
            self._sender.discard(state.attempt)

    # Commands.

    def _on_command(self, command: Command) -> None:
        match command:
            case Control.CANCEL | Control.SUSPEND if self._ending in (Control.CANCEL, Control.SUSPEND):
                for run in list(self._runs):
                    self._end(RunFinished(run, _STATUS_OF[command], "It did not answer."))
            case Control() if command.ends:
                self._ending = ending_control(command)
                for run in [run for run, state in self._runs.items() if not state.is_under_way]:
                    self._leave_out(run, Status.CANCELLED, "Not started.")
            case Control.PAUSE:
                self._is_paused = True
            case Control.RESUME | Control.STEP:
                self._is_paused &= command is Control.STEP
                self._start_held()
            case SkipRun(run) if run in self._runs and not self._runs[run].is_under_way:
                self._leave_out(run, Status.SKIPPED, "Skipped.")
        for state in self._runs.values():
            if state.attempt is not None and concerns(command, state.request.task):
                self._sender.deliver(state.attempt, command)

    def _start_held(self) -> None:
        """Start the held attempts; pause them again after a single step."""
        for state in self._runs.values():
            if state.attempt is not None and state.is_held:
                state.is_held = False
                self._sender.deliver(state.attempt, state.start_signal)
                if self._is_paused:
                    self._sender.deliver(state.attempt, Control.PAUSE)


def _is_complete(batch: MessageBatch) -> bool:
    """Return whether the attempt completed its run, so that no further attempt is needed."""
    return any(isinstance(message, RunFinished) and not message.status.can_resume for message in batch.messages)

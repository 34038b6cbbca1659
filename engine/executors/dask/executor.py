"""Trains runs on a Dask cluster; everything else is done by the executor of this machine.

Dask finds a place for each run, and another one where a worker is lost. What a run says comes back while it trains: for
each worker a listener asks what is new (:mod:`engine.executors.dask.worker`), so nothing is lost or doubled when a
connection is, and the one writer of the store is whoever calls :meth:`DaskExecutor.run`.

Before an attempt trains it asks where to begin, and is told the newest checkpoint that came back. So a run whose worker
was killed goes on elsewhere, and since going on changes no bit, its result is that of an undisturbed run.
"""

from __future__ import annotations

import logging
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from multiprocessing.connection import wait

from engine.config.cluster import ClusterChoice
from engine.config.specs import DataSpec
from engine.datasets.registry import load_raw
from engine.devices.names import AUTO, CPU
from engine.events.channel import ControlChannel
from engine.events.commands import Command, Control, SkipRun
from engine.events.datasets import DatasetReady
from engine.events.runs import Checkpoint, Interrupted, Intervention, InterventionKind, RunFinished, Status
from engine.events.tasks import Emit, Event, Progress
from engine.executors.base import Executor, concerns, ending
from engine.executors.dask import worker as remote
from engine.executors.dask.clusters import check_packages
from engine.executors.dask.connection import (
    LOOK_SECONDS,
    Came,
    Dropped,
    Failed,
    Gone,
    Heard,
    Link,
    Lost,
    News,
    Noted,
    Refused,
)
from engine.executors.tasks import PrepareTask, Task, TrainTask
from engine.networks.files import save_network

log = logging.getLogger(__name__)

MOST_DEATHS = 3  # of workers, during one and the same run


class DaskExecutor:
    """An executor whose runs are trained by the workers of a Dask cluster.

    Args:
        choice: which cluster.
        local: does what is no run: data sets, exports, computations.
        owner: tells this workspace's runs from all others in the cluster.
        device: what workers compute on: auto, cpu or the key of a GPU. A run that wants a GPU takes one of Dask's
            resource ``GPU``, or the share that ``choice`` states.
        is_wanted: asked while a connection is being made, which is given up where it says no.
    """

    def __init__(
        self,
        choice: ClusterChoice,
        local: Executor,
        owner: str,
        device: str = AUTO,
        is_wanted: Callable[[], bool] = lambda: True,
    ) -> None:
        self.choice = choice
        self._local, self._owner, self._device, self._is_wanted = local, owner, device, is_wanted
        self._resources = {"GPU": choice.gpu_share} if device not in (AUTO, CPU) else {}
        self._link: Link | None = None
        self._threads: int | None = None
        self._fingerprints: dict[DataSpec, str] = {}

    def start(self, runs: int, threads: int | None = None) -> int:
        """Connect, unless that was done; gives the number of workers that are there or were asked for.

        Raises :class:`~engine.utils.errors.WorkerError` where the cluster can't be reached or has no worker that can be used.
        """
        self._threads = threads
        link = self._connected()
        return max(1, link.count_workers(), link.jobs)

    def run(self, tasks: Sequence[Task], emit: Emit, control: ControlChannel) -> Control | None:
        """Carry out all tasks; see :class:`~engine.executors.base.Executor`."""
        runs = [task for task in tasks if isinstance(task, TrainTask)]
        if len(runs) < len(tasks) or not runs:
            return self._local.run(tasks, self._noting(tasks, emit), control)
        fingerprints = {data: self._fingerprint(data) for data in {task.spec.data for task in runs}}
        tickets = [
            remote.Ticket(self._owner, task, fingerprints[task.spec.data], self._device, self._threads) for task in runs
        ]
        return _Campaign(self._connected(), tickets, self._resources, emit).carry_out(control)

    def count_workers(self) -> int:
        """Workers that can be used now; from any thread."""
        link = self._link
        return 0 if link is None else link.count_workers()

    def close(self) -> None:
        """Let go of the cluster, and end it if it is this program's own; the local executor is left to its owner."""
        if self._link is not None:
            self._link.close()
            self._link = None

    def _connected(self) -> Link:
        if self._link is not None and self._link.is_lost:
            self._link.close()
            self._link = None
        if self._link is None:
            check_packages(self.choice)
            self._link = Link(self.choice, self._owner, self._is_wanted)
        return self._link

    def _noting(self, tasks: Sequence[Task], emit: Emit) -> Emit:
        """``emit``, which keeps the hash of a data set that was prepared."""
        specs = [task.data for task in tasks if isinstance(task, PrepareTask)]

        def take(event: Event) -> None:
            if isinstance(event, DatasetReady):
                self._fingerprints |= dict.fromkeys(specs, event.info.fingerprint)
            emit(event)

        return take

    def _fingerprint(self, data: DataSpec) -> str:
        if data not in self._fingerprints:
            self._fingerprints[data] = load_raw(data, lambda _message, _done, _total: None).fingerprint
        return self._fingerprints[data]


class _Campaign:
    """The runs of one call: which wait, which are under way where, and what is known of each."""

    def __init__(self, link: Link, tickets: Sequence[remote.Ticket], resources: dict[str, float], emit: Emit) -> None:
        self._link, self._resources, self._emit = link, resources, emit
        self._tickets = {ticket.task.run: ticket for ticket in tickets}
        self._waiting = deque(self._tickets)
        self._submitted: set[int] = set()
        self._attempts: dict[int, tuple[str, str]] = {}  # token and worker of each run's newest attempt
        self._networks: dict[int, bytes] = {}
        self._deaths: Counter[int] = Counter()
        self._excused: set[int] = set()  # runs whose next loss is that of a scheduler
        self._held: list[int] = []  # runs whose attempts wait for the end of a pause
        self._ignored: set[str] = set()  # tokens of attempts that nobody wants any more
        self._was_told_to_wait = False
        self._paused = False
        self._ending: Control | None = None

    def carry_out(self, control: ControlChannel) -> Control | None:
        try:
            self._link.use()
            self._adopt()
            while self._tickets:
                self._submit()
                ready = wait([self._link.connection, control.connection], LOOK_SECONDS)
                if self._link.connection in ready:
                    for news in self._link.news():
                        self._take(news)
                if control.connection in ready and (command := control.poll()) is not None:
                    self._obey(command)
        except BaseException:
            self._link.cancel(self._submitted)
            raise
        finally:
            self._link.spare()
        return self._ending

    def _adopt(self) -> None:
        """Take up what goes on from before: an earlier program with this workspace may have been killed."""
        for worker, post in self._link.attempts():
            if post.run not in self._tickets:
                continue
            if _came_to_its_end(post) or not post.is_over:
                self._attempts[post.run] = post.token, worker
                self._submitted.add(post.run)
            else:
                self._ignored.add(post.token)
                self._link.forget(worker, post.token)
        self._waiting = deque(run for run in self._waiting if run not in self._submitted)

    def _submit(self) -> None:
        """Keep the cluster busy, and no more than that: a plan of many runs lies here, not in its scheduler."""
        workers = self._link.count_workers()
        if workers:
            self._was_told_to_wait = False
        elif not self._was_told_to_wait:
            self._was_told_to_wait = True
            self._emit(Progress("Waiting for a worker of the cluster", 0, 0))
        while self._waiting and not self._paused and len(self._submitted) < 2 * workers:
            run = self._waiting.popleft()
            self._submitted.add(run)
            self._link.submit(self._tickets[run], self._resources)

    def _take(self, news: News) -> None:
        match news:
            case Heard(worker, post):
                for letter in post.letters:
                    self._read(worker, post.token, post.run, letter)
            case Came(worker):
                self._greet(worker)
            case Gone(worker):
                for run in self._runs_at(worker):
                    self._mourn(run)
                self._requeue()
            case Refused(worker, why):
                self._emit(Progress(f"{worker} is not used: {why}", 0, 0))
            case Failed(run, why) if run in self._tickets:
                self._end(RunFinished(run, Status.CRASHED, why))
            case Dropped(run) if run in self._submitted and self._ending is not None:
                self._end(RunFinished(run, _STATUS_OF[self._ending], "The scheduler was lost as it was being ended."))
            case Dropped(run) if run in self._submitted:
                # A scheduler that does know the run takes the same key for the same run.
                self._excused.add(run)
                self._submitted.remove(run)
                self._waiting.appendleft(run)
            case Noted(why):
                self._emit(Progress(why, 0, 0))
            case Lost(why):
                for run in list(self._tickets):
                    self._end(RunFinished(run, Status.CRASHED, why))

    def _runs_at(self, worker: str) -> list[int]:
        return [run for run, (_, place) in self._attempts.items() if place == worker]

    def _greet(self, worker: str) -> None:
        """One that was out of reach may not have been told to begin; one that was told takes no harm."""
        for run in self._runs_at(worker):
            if run not in self._held:
                self._go(run)

    def _read(self, worker: str, token: str, run: int, letter: remote.Letter | None) -> None:
        if run not in self._tickets or token in self._ignored:
            if token not in self._ignored:
                self._ignored.add(token)
                self._link.forget(worker, token)
            return
        if isinstance(letter, remote.Begun):
            self._begin(worker, token, run)
            return
        if self._attempts.get(run) != (token, worker):
            return  # of an attempt that was taken for lost
        match letter:
            case remote.DataWanted(data, fingerprint):
                self._link.send_data(worker, token, data, fingerprint)
            case remote.Network(data):
                self._networks[run] = data
            case RunFinished():
                self._end(self._with_network(letter))
            case None:
                pass
            case _:
                self._note(run, letter)
                self._emit(letter)

    def _begin(self, worker: str, token: str, run: int) -> None:
        """An attempt begins, the first of its run or another one."""
        if (before := self._attempts.get(run)) is not None and before != (token, worker):
            self._link.forget(before[1], before[0])
            if self._bury(run):  # Dask has noticed sooner than the look at which workers there are
                self._link.forget(worker, token)
                return
        self._attempts[run] = token, worker
        if self._paused:
            self._held.append(run)
        else:
            self._go(run)

    def _go(self, run: int) -> None:
        token, worker = self._attempts[run]
        self._link.deliver(worker, token, remote.Go(self._tickets[run].task.interrupted))

    def _note(self, run: int, event: Event) -> None:
        """Keep from where the run could go on."""
        ticket = self._tickets[run]
        known = ticket.task.interrupted
        match event:
            case Checkpoint(_, step, data):
                rates = [rate for rate in (known.rates if known else ()) if rate[0] > step]
                known = Interrupted(data, tuple(rates))
            case Intervention(_, step, _, InterventionKind.LEARNING_RATE, float(rate)):
                known = known or Interrupted(None)
                known = replace(known, rates=(*known.rates, (step, rate)))
            case _:
                return
        self._tickets[run] = replace(ticket, task=replace(ticket.task, interrupted=known))

    def _with_network(self, finished: RunFinished) -> RunFinished:
        """``finished``, its network in the file where it is kept here."""
        network, file = self._networks.pop(finished.run, None), self._tickets[finished.run].task.model_file
        if network is None or file is None:
            return replace(finished, model=None)
        if reason := save_network(file, lambda unfinished: unfinished.write_bytes(network)):
            return replace(finished, model=None, reason=reason)
        return replace(finished, model=str(file))

    def _end(self, finished: RunFinished) -> None:
        run = finished.run
        self._emit(finished)
        del self._tickets[run]
        if run in self._submitted:
            self._submitted.remove(run)
            self._link.release(run)
        else:
            self._waiting.remove(run)
        if (attempt := self._attempts.pop(run, None)) is not None:
            self._link.forget(attempt[1], attempt[0])

    def _mourn(self, run: int) -> None:
        """The worker of a run is gone: Dask gives the run to another, unless too many have died of it."""
        if self._bury(run) or run not in self._submitted or self._link.follows(run):
            return
        # It was taken up from an earlier program, and Dask may have forgotten it.
        self._link.submit(self._tickets[run], self._resources)

    def _bury(self, run: int) -> bool:
        """An attempt was lost with its worker; gives whether the run has ended with it."""
        self._attempts.pop(run, None)
        self._deaths[run] += run not in self._excused
        self._excused.discard(run)
        if self._ending is not None:
            self._end(RunFinished(run, _STATUS_OF[self._ending], "Its worker was lost as it was being ended."))
        elif self._deaths[run] >= MOST_DEATHS:
            self._link.cancel([run])
            why = f"It was set aside: {MOST_DEATHS} workers were lost while they trained it."
            self._end(RunFinished(run, Status.CRASHED, why))
        return run not in self._tickets

    def _requeue(self) -> None:
        """Runs that were to begin on certain workers alone may never begin, now that one of them is gone."""
        for run in self._submitted - set(self._attempts):
            if self._link.is_bound(run):
                self._link.cancel([run])
                self._submitted.remove(run)
                self._waiting.appendleft(run)

    def _obey(self, command: Command) -> None:
        match command:
            case Control.CANCEL | Control.SUSPEND if self._ending in (Control.CANCEL, Control.SUSPEND):
                for run in list(self._tickets):
                    self._end(RunFinished(run, _STATUS_OF[command], "It did not answer."))
                return
            case Control() if command.ends:
                self._ending = ending(command)
                for run in [run for run in self._tickets if run not in self._attempts or run in self._held]:
                    self._leave_out(run, Status.CANCELLED, "Not started.")
            case Control.PAUSE:
                self._paused = True
            case Control.RESUME | Control.STEP:
                self._paused &= command is Control.STEP
                begun, self._held = [run for run in self._held if run in self._attempts], []
                for run in begun:
                    self._go(run)
                    if self._paused:
                        token, worker = self._attempts[run]
                        self._link.deliver(worker, token, Control.PAUSE)
            case SkipRun(run) if run in self._tickets and (run not in self._attempts or run in self._held):
                self._leave_out(run, Status.SKIPPED, "Skipped.")
        for run, (token, worker) in self._attempts.items():
            if concerns(command, self._tickets[run].task):
                self._link.deliver(worker, token, command)

    def _leave_out(self, run: int, status: Status, why: str) -> None:
        if run in self._submitted:
            self._link.cancel([run])
        self._end(RunFinished(run, status, why))


_STATUS_OF = {
    Control.STOP: Status.STOPPED,
    Control.CANCEL: Status.CANCELLED,
    Control.SUSPEND: Status.INTERRUPTED,
}


def _came_to_its_end(post: remote.Post) -> bool:
    """Whether an attempt that is over needs no other one."""
    return any(isinstance(letter, RunFinished) and not letter.status.can_resume for letter in post.letters)

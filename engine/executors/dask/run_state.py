"""State of a run while it is trained on a cluster."""

from __future__ import annotations

from dataclasses import dataclass, replace

from engine.events.runs import Checkpoint, Interrupted, Intervention, InterventionKind, RunFinished
from engine.events.tasks import Event
from engine.executors.dask.messages import AttemptId, RunRequest, StartSignal
from engine.networks.files import save_network


@dataclass
class RunState:
    """A run that has not ended.

    Attributes:
        request: the request, including the point from which the run would be resumed.
        attempt: the current attempt.
        is_held: whether the attempt is held back until the end of a pause.
        network: content of the trained network's file, received before the end of the run.
        losses: number of workers lost while they trained it.
        is_excused: whether the next loss is due to the scheduler and not counted.
    """

    request: RunRequest
    attempt: AttemptId | None = None
    is_held: bool = False
    network: bytes | None = None
    losses: int = 0
    is_excused: bool = False

    @property
    def is_under_way(self) -> bool:
        """Whether the current attempt has been started."""
        return self.attempt is not None and not self.is_held

    @property
    def start_signal(self) -> StartSignal:
        """Signal that starts an attempt at the run."""
        return StartSignal(self.request.task.interrupted)

    def record_loss(self) -> None:
        """Record that the attempt was lost with its worker."""
        self.losses += not self.is_excused
        self.attempt, self.is_held, self.is_excused = None, False, False

    def update_resume_point(self, event: Event) -> None:
        """Store the newest checkpoint and the learning rates set manually since."""
        resume_point = self.request.task.interrupted
        match event:
            case Checkpoint(_, step, data):
                rates = [rate for rate in (resume_point.rates if resume_point else ()) if rate[0] > step]
                resume_point = Interrupted(data, tuple(rates))
            case Intervention(_, step, _, InterventionKind.LEARNING_RATE, float(rate)):
                resume_point = resume_point or Interrupted(None)
                resume_point = replace(resume_point, rates=(*resume_point.rates, (step, rate)))
            case _:
                return
        self.request = replace(self.request, task=replace(self.request.task, interrupted=resume_point))

    def with_network(self, finished: RunFinished) -> RunFinished:
        """Save the trained network on this machine.

        Returns:
            ``finished`` with the path of the saved network; with None, and the reason, if saving failed, or with None
            if there is no network to save.
        """
        network, file = self.network, self.request.task.model_file
        if network is None or file is None:
            return replace(finished, model=None)
        if reason := save_network(file, lambda unfinished: unfinished.write_bytes(network)):
            return replace(finished, model=None, reason=reason)
        return replace(finished, model=str(file))

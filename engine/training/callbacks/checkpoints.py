"""Emits checkpoints, from which a run can be resumed."""

from __future__ import annotations

import keras

from engine.events.commands import Control
from engine.events.runs import Checkpoint
from engine.events.tasks import Emit
from engine.training.callbacks.commands import HandleCommands
from engine.training.callbacks.early_stopping import StopEarly
from engine.training.callbacks.plateau import LowerOnPlateau
from engine.training.callbacks.recorder import Recorder
from engine.training.checkpoints import Environment, pack_checkpoint


class EmitCheckpoints(keras.callbacks.Callback):
    """Emits a ``Checkpoint`` after every epoch, and when the user ends the run.

    Args:
        run: the run's number in the store.
        environment: where it is trained.
        emit: receives the checkpoints.
        recorder: the callback that records.
        commands: the callback that handles commands; this one must come after all others.
        plateau: the callback that lowers the rate, if there is one.
        stopping: the callback that stops early, if there is one.
    """

    def __init__(
        self,
        run: int,
        environment: Environment,
        emit: Emit,
        recorder: Recorder,
        commands: HandleCommands,
        plateau: LowerOnPlateau | None,
        stopping: StopEarly | None,
    ) -> None:
        super().__init__()
        self._run, self._environment, self._send = run, environment, emit
        self._recorder, self._commands, self._plateau, self._stopping = recorder, commands, plateau, stopping
        self._epoch = 0

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Remember the epoch, counted from 0."""
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Emit a checkpoint within an epoch if the user has ended the run.

        It precedes the callbacks' ``on_epoch_end``, which the resumed run calls once it has trained the rest.
        """
        if isinstance(self._commands.received, Control):
            self._emit(self._epoch)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Emit a checkpoint once the epoch has ended for the other callbacks too."""
        if self._commands.received is None and not self.model.stop_training:
            self._emit(epoch + 1)

    def _emit(self, epoch: int) -> None:
        step, data = pack_checkpoint(
            epoch, self.model, self._environment, self._recorder, self._plateau, self._stopping
        )
        self._send(Checkpoint(self._run, step, data))

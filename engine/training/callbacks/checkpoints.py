"""Lets a run be gone on with after whatever may happen."""

from __future__ import annotations

import keras

from engine.events.commands import Control
from engine.events.runs import Checkpoint
from engine.events.tasks import Emit
from engine.training.callbacks.commands import ObeyControls
from engine.training.callbacks.plateau import LowerOnPlateau
from engine.training.callbacks.recorder import Recorder
from engine.training.checkpoints import Origin, packed


class KeepCheckpoints(keras.callbacks.Callback):
    """Emits a :class:`~engine.events.runs.Checkpoint` after every epoch, and where the run is ended by hand.

    Args:
        run: the run's number in the store.
        origin: where it is trained.
        emit: takes the checkpoints.
        recorder: the callback that records.
        controls: the callback that obeys; this one must stand after all others.
        plateau: the callback that lowers the rate, where there is one.
    """

    def __init__(
        self,
        run: int,
        origin: Origin,
        emit: Emit,
        recorder: Recorder,
        controls: ObeyControls,
        plateau: LowerOnPlateau | None,
    ) -> None:
        super().__init__()
        self._run, self._origin, self._emit = run, origin, emit
        self._recorder, self._controls, self._plateau = recorder, controls, plateau
        self._epoch = 0

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Note the epoch, counted from 0."""
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Within an epoch only where the run ends here by hand.

        Before the epoch's end is told to anybody: that comes when the run, gone on with, has made the rest of it.
        """
        if isinstance(self._controls.received, Control):
            self._keep(self._epoch)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """The epoch is over, for the other callbacks too."""
        if self._controls.received is None and not self.model.stop_training:
            self._keep(epoch + 1)

    def _keep(self, epoch: int) -> None:
        step, data = packed(epoch, self.model, self._origin, self._recorder, self._plateau)
        self._emit(Checkpoint(self._run, step, data))

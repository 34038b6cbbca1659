"""Sends copies of the first layer's kernel while it changes."""

from __future__ import annotations

import keras

from engine.events import Emit, Weights
from engine.training.kernels import to_pytorch_layout


class WeightSnapshots(keras.callbacks.Callback):
    """Emits the first layer's kernel before training and after every epoch.

    Args:
        run: the run's number in the store.
        emit: takes the :class:`~engine.events.Weights`.
    """

    def __init__(self, run: int, emit: Emit) -> None:
        super().__init__()
        self._run, self._emit = run, emit

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """Emit the initial values as step 0, epoch 0."""
        self._send(step=0, epoch=0)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Emit the values after ``epoch`` (counted from 0), at the step that was reached."""
        self._send(step=int(self.model.optimizer.iterations.numpy()), epoch=epoch + 1)

    def _send(self, step: int, epoch: int) -> None:
        layer = next(layer for layer in self.model.network.layers if hasattr(layer, "kernel"))
        input_shape = tuple(self.model.network.input_shape[1:])
        values = to_pytorch_layout(layer.kernel.numpy(), input_shape)
        self._emit(Weights(self._run, step, epoch, layer.name, input_shape, values))

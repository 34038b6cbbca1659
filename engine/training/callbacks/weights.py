"""Sends copies of the kernels while they change."""

from __future__ import annotations

from collections.abc import Mapping

import keras

from engine.events import Emit, Weights
from engine.training.kernels import to_pytorch_layout


class WeightSnapshots(keras.callbacks.Callback):
    """Emits every layer's kernel before training and after every epoch.

    Args:
        run: the run's number in the store.
        emit: takes the :class:`~engine.events.Weights`.
        input_shapes: what each layer sees, by the layer's name; see :class:`~engine.events.Weights`.
    """

    def __init__(self, run: int, emit: Emit, input_shapes: Mapping[str, tuple[int, ...]]) -> None:
        super().__init__()
        self._run, self._emit, self._input_shapes = run, emit, input_shapes

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """Emit the initial values as step 0, epoch 0; of a run that goes on they were emitted when it began."""
        if not self.model.first_step:
            self._send(step=0, epoch=0)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Emit the values after ``epoch`` (counted from 0), at the step that was reached."""
        self._send(step=int(self.model.optimizer.iterations.numpy()), epoch=epoch + 1)

    def _send(self, step: int, epoch: int) -> None:
        for layer in self.model.network.layers:
            if hasattr(layer, "kernel"):
                input_shape = self._input_shapes[layer.name]
                values = to_pytorch_layout(layer.kernel.numpy(), input_shape)
                self._emit(Weights(self._run, step, epoch, layer.name, input_shape, values))

"""Snapshots of weights, in the layout that the course's plotting and PyTorch expect."""

from __future__ import annotations

from collections.abc import Mapping

import keras
import numpy as np

from engine.events.runs import Weights
from engine.events.tasks import Emit
from engine.utils.arrays import Array


def to_pytorch_layout(kernel: Array, input_shape: tuple[int, ...]) -> Array:
    """A copy of a Keras kernel, float32, in PyTorch's layout.

    A convolution's (height, width, in, out) becomes (out, in, height, width). A dense layer's (inputs, units) becomes
    (units, inputs); where its inputs are a flattened image of ``input_shape`` (height, width, channels), they are put
    in PyTorch's order (channels, height, width).
    """
    if kernel.ndim == 4:
        ordered = kernel.transpose(3, 2, 0, 1)
    elif len(input_shape) == 3:
        units = kernel.shape[1]
        ordered = kernel.reshape(*input_shape, units).transpose(3, 2, 0, 1).reshape(units, -1)
    else:
        ordered = kernel.T
    return np.array(ordered, dtype=np.float32, order="C")


class WeightSnapshots(keras.callbacks.Callback):
    """Emits every layer's kernel before training and after every epoch.

    Args:
        run: the run's number in the store.
        emit: takes the :class:`~engine.events.runs.Weights`.
        input_shapes: what each layer sees, by the layer's name; see :class:`~engine.events.runs.Weights`.
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

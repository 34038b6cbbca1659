"""Snapshots of weights, in the layout of PyTorch and of the course's plotting."""

from __future__ import annotations

from collections.abc import Mapping

import keras
import numpy as np

from engine.events.runs import KeptWeights, Weights
from engine.events.tasks import Emit
from engine.utils.arrays import Array


def to_pytorch_layout(weights: Array, input_shape: tuple[int, ...]) -> Array:
    """Return a float32 copy of a layer's weights in PyTorch's layout.

    A convolution's (height, width, in, out) becomes (out, in, height, width). A dense layer's (inputs, units) becomes
    (units, inputs); if its input is a flattened image, the inputs are reordered to PyTorch's (channels, height, width).

    Args:
        weights: in Keras' layout.
        input_shape: the layer's input: (height, width, channels), or (inputs,) after a dense layer.
    """
    if weights.ndim == 4:
        ordered = weights.transpose(3, 2, 0, 1)
    elif len(input_shape) == 3:
        units = weights.shape[1]
        ordered = weights.reshape(*input_shape, units).transpose(3, 2, 0, 1).reshape(units, -1)
    else:
        ordered = weights.T
    return np.array(ordered, dtype=np.float32, order="C")


class WeightSnapshots(keras.callbacks.Callback):
    """Emits every layer's weights before training and after every epoch.

    Args:
        run: the run's number in the store.
        emit: receives the ``Weights``.
        input_shapes: each layer's input shape, by the layer's name, as in ``Weights``.
    """

    def __init__(self, run: int, emit: Emit, input_shapes: Mapping[str, tuple[int, ...]]) -> None:
        super().__init__()
        self._run, self._emit, self._input_shapes = run, emit, input_shapes

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """Emit the initial values as step 0, epoch 0, unless the run is resumed: then they were emitted before."""
        if not self.model.first_step:
            self._send(step=0, epoch=0)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Emit the values after ``epoch`` (from 0)."""
        self._send(step=int(self.model.optimizer.iterations.numpy()), epoch=epoch + 1)

    def send_kept(self, kept: KeptWeights) -> None:
        """Emit the weights that the network has after training as those of the epoch that was kept."""
        self._send(kept.step, kept.epoch)

    def _send(self, step: int, epoch: int) -> None:
        for layer in self.model.network.layers:
            if hasattr(layer, "kernel"):
                input_shape = self._input_shapes[layer.name]
                values = to_pytorch_layout(layer.kernel.numpy(), input_shape)
                self._emit(Weights(self._run, step, epoch, layer.name, input_shape, values))

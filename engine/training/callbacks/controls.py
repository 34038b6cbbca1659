"""Ends training when asked to, or when it has diverged."""

from __future__ import annotations

import keras

from engine.events import Control, Poll, is_sound
from engine.training.callbacks.recorder import Recorder


class ObeyControls(keras.callbacks.Callback):
    """Polls for a control after every piece of training; remembers the one that ended it.

    Args:
        poll: gives the next control or None, without waiting.
    """

    def __init__(self, poll: Poll) -> None:
        super().__init__()
        self._poll = poll
        self.received: Control | None = None

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Stop where a control asks for it; each of them ends training."""
        control = self._poll()
        if control is not None:
            self.received = control
            self.model.stop_training = True


class StopOnDivergence(keras.callbacks.Callback):
    """Stops when a loss or gradient of a record is NaN or infinite: nothing can be learned from there on.

    Args:
        recorder: the callback whose records are watched; it must stand before this one.
    """

    def __init__(self, recorder: Recorder) -> None:
        super().__init__()
        self._recorder = recorder

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Stop once the last record is not sound."""
        if self._recorder.last is not None and not is_sound(self._recorder.last):
            self.model.stop_training = True
